"""A classifier of `transformers` of the shape of FineWeb-Edu's, made here: its score and errors."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from filters.errors import UsageError
from pipelines.classifiers.files import find_files
from pipelines.classifiers.opened import check_classifier, open_classifier
from pipelines.recipe.classifier import Classifier
from tests.pipelines.small_run import RECIPE, do_run, edited, made_pages, prose
from tests.pipelines.warc_bytes import gzip_each

WORDS = sorted({word.strip(".").lower() for n in range(30) for word in " ".join(prose(n)).split()})


def make(folder: Path, labels: int) -> Path:
    """Write a tiny BERT with a head of so many outputs, seeded."""
    torch.manual_seed(7)
    vocabulary = {word: n for n, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106  a word
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=labels,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def test_a_regression_gives_its_one_logit_and_cuts_long_texts(tmp_path):
    folder = make(tmp_path / "edu", 1)
    score = open_classifier(Classifier("edu", str(folder)))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    for text in (" ".join(prose(3, 1)), " ".join(prose(4, 40)), "unknown"):
        inputs = tokenizer(text, return_tensors="pt", padding="longest", truncation=True)
        expected = model(**inputs).logits.squeeze(-1).float().detach().numpy().item()
        assert score(text) == expected
    assert "model.safetensors" in find_files(Classifier("edu", str(folder))).names


def test_a_classification_gives_the_probability_of_its_label(tmp_path):
    folder = make(tmp_path / "two", 2)
    scores = [open_classifier(Classifier("x", str(folder), label=f"LABEL_{n}")) for n in (0, 1)]
    text = " ".join(prose(3))
    assert sum(score(text) for score in scores) == pytest.approx(1, abs=1e-6)
    with pytest.raises(UsageError, match="has the labels LABEL_0, LABEL_1"):
        check_classifier(Classifier("x", str(folder)))
    (folder / "config.json").write_text(json.dumps([1]))
    with pytest.raises(UsageError, match="is damaged"):
        check_classifier(Classifier("x", str(folder), label="LABEL_0"))


def test_a_run_reads_its_score_in_the_sandbox(tmp_path):
    folder = make(tmp_path / "edu", 1)
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl/a.warc.gz").write_bytes(gzip_each(made_pages()))
    named = f"classifiers: {{edu: {folder}}}\nstages:"
    recipe = edited(RECIPE, "stages:", named)
    recipe = edited(recipe, "    curly_bracket:", "    dull: edu <= -100\n    curly_bracket:")
    outcome = do_run(recipe, tmp_path / "crawl", tmp_path / "run")
    assert outcome.manifest["assets_sha256"]["classifier:edu"]
    assert outcome.manifest["rows"] > 0
