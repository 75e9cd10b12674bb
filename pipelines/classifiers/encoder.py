"""A frozen transformer whose embeddings a head is trained on: needs the extra `transformers`.

FineWeb-Edu's classifier is a head on the state of the first token, [CLS], of
Snowflake/snowflake-arctic-embed-m (arXiv 2406.17557, section 4; huggingface/cosmopedia,
classification/train_edu_bert.py). A text is embedded by itself, in float32 and with one thread, so
that its embedding does not depend on what comes before or beside it; it is cut off where the
tokenizer says.
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from filters.classifier import Embed, Vector
from filters.errors import UsageError
from pipelines.classifiers.files import ModelFiles, Source, files_of
from pipelines.classifiers.transformer import check_libraries, longest

Pooling: TypeAlias = Literal["cls", "mean"]
POOLINGS: tuple[Pooling, ...] = ("cls", "mean")
KEPT = "encoder"
"""Folder beside a head with a copy of an encoder that came from a folder."""
_NAME_OF_KEPT = "."
_SNAPSHOTS = "snapshots"


@dataclass(frozen=True, slots=True)
class Encoder:
    """Which transformer embeds the texts, as `classifier.json` pins it."""

    model: str
    """A repository of the Hub; `.` for the copy that lies beside the head."""
    revision: str | None
    """Commit of the repository."""
    sha256: str
    """Of the names and digests of its files."""
    pooling: Pooling = "cls"
    """The state of the first token, or the mean of all."""

    def plain(self) -> dict[str, Any]:
        """Return it as classifier.json has it."""
        return asdict(self)


def chosen_encoder(name: str, revision: str | None, pooling: Pooling) -> tuple[Encoder, ModelFiles]:
    """Return the encoder that a person names, pinned, and its files, fetched if need be.

    UsageError where there is none, or where a library is missing.
    """
    source = Source(name, "encoder", "--encoder NAME-OR-FOLDER", revision=revision)
    found = files_of(source)
    if found.kind != "transformer":
        raise UsageError(
            f"encoder: '{name}' is no transformer.\n"
            "  Give a folder with config.json and model.safetensors, or a name of the Hub such as\n"
            "  --encoder Snowflake/snowflake-arctic-embed-m"
        )
    check_libraries("encoder", name)
    if Path(name).is_dir():
        return Encoder(_NAME_OF_KEPT, None, found.sha256, pooling), found
    at = found.path
    commit = at.name if at.parent.name == _SNAPSHOTS else revision
    return Encoder(name, commit, found.sha256, pooling), found


def keep_encoder(encoder: Encoder, found: ModelFiles, folder: Path) -> None:
    """Copy an encoder that came from a folder beside its head; one of the Hub is only named."""
    if encoder.model != _NAME_OF_KEPT:
        return
    (folder / KEPT).mkdir()
    for name in found.names:
        shutil.copyfile(found.path / name, folder / KEPT / name)


def pinned_encoder(plain: dict[str, Any], folder: Path, what: str) -> tuple[Encoder, ModelFiles]:
    """Return the encoder that a head was trained on, and its files, fetched if need be.

    `plain` is what classifier.json in `folder` says. UsageError where it is another by now, is
    not there, or a library is missing; ValueError, KeyError or TypeError for a damaged entry.
    """
    encoder = Encoder(**plain)
    if encoder.pooling not in POOLINGS:
        raise ValueError("another pooling")
    model = str(folder / KEPT) if encoder.model == _NAME_OF_KEPT else encoder.model
    again = "Put it back, or train again: cuvee classifier train --encoder NAME"
    found = files_of(Source(model, what, again, revision=encoder.revision))
    if found.sha256 != encoder.sha256:
        raise UsageError(
            f"{what}: its encoder {model} has another sha256 than it was trained on:\n"
            f"  {found.sha256}, not {encoder.sha256}.\n  {again}"
        )
    check_libraries(what, model)
    return encoder, found


def open_encoder(found: ModelFiles, pooling: Pooling) -> Embed:
    """Load a transformer on the CPU; UsageError for files that make none."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    torch.set_num_threads(1)  # a sandbox's children are forked from here; and sums keep their order
    logging.set_verbosity_error()  # a layer that only training heads need may be missing
    try:
        tokenizer = AutoTokenizer.from_pretrained(found.path, local_files_only=True)
        model = AutoModel.from_pretrained(
            found.path, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"encoder {found.path} cannot be opened: {reason}\n  Fetch it again, whole."
        ) from error
    model.train(mode=False)
    most = longest(tokenizer, model.config)

    def embed(text: str) -> Vector:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=most)
        if not inputs["input_ids"].shape[1]:
            return np.zeros(model.config.hidden_size)
        with torch.inference_mode():
            states = model(**inputs).last_hidden_state[0].double()
        state = states[0] if pooling == "cls" else states.mean(dim=0)
        row: Vector = state.numpy()
        return row

    return embed
