"""A tiny BERT of the shape of those that embed texts, made with a seed, and its tokenizer."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from tests.pipelines.labelled import SHOP
from tests.pipelines.small_run import prose

WORDS = sorted(
    {word.strip(".").lower() for n in range(30) for word in " ".join(prose(n)).split()} | {*SHOP}
)
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
LONGEST = 64


def make_bert(
    folder: Path, *, labels: int = 1, seed: int = 7, marks: bool = False, bias: float = 0.0
) -> Path:
    """Write a BERT with a head of so many outputs; with `marks` texts stand in [CLS] and [SEP]."""
    torch.manual_seed(seed)
    vocabulary = {word: n for n, word in enumerate([*_SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106  a word
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if marks:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **special)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=LONGEST, num_labels=labels,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    model.classifier.bias.data.fill_(bias)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
