"""A tokenizer as `transformers` loads it from a folder."""

import json
from pathlib import Path

from pipelines.export.ends import read_tokenizer
from pipelines.files import write_whole

TOKENIZER = "tokenizer"
"""Folder of an export with its tokenizer."""


def write_tokenizer(run: Path, end: int | None, folder: Path) -> None:
    """Write a run's `tokenizer.json` and what a `PreTrainedTokenizerFast` needs beside it.

    `end` becomes its end of text and, as models for pretraining have none of their own, its
    padding.
    """
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    if end is not None:
        token = read_tokenizer(run).id_to_token(end)
        config |= {"eos_token": token, "pad_token": token}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "tokenizer.json", (run / "tokenizer.json").read_bytes())
    write_whole(folder / "tokenizer_config.json", json.dumps(config, indent=2).encode())
