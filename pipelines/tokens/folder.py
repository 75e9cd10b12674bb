"""A tokenizer as `transformers` loads it from a folder."""

import json
from pathlib import Path

from pipelines.files import write_whole

_LONGEST = 2**31 - 1


def write_folder(folder: Path, tokenizer: bytes, end: str | None, begin: str | None = None) -> None:
    """Write a `tokenizer.json` and what a `PreTrainedTokenizerFast` needs beside it.

    `end` becomes its end of text and, as models for pretraining have none of their own, its
    padding; `begin` its beginning, which some trainers put before each text.
    """
    tokens = {"bos_token": begin, "eos_token": end, "pad_token": end}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{name: token for name, token in tokens.items() if token is not None},
        "clean_up_tokenization_spaces": False,
        "model_max_length": _LONGEST,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "tokenizer.json", tokenizer)
    write_whole(folder / "tokenizer_config.json", json.dumps(config, indent=2).encode())
