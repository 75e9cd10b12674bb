"""A tokenizer of one's own, trained on a sample of a run, beside others.

A document belongs to the sample by the hash of its id, so the same ones are taken each time. One in
twenty is never trained on: on these the tokenizers are compared.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.manifest import load_manifest, run_files
from pipelines.tables import read_batches
from pipelines.tokenizer import END_OF_TEXT, count_tokens, train_tokenizer
from pipelines.tokens.folder import write_folder

_HELD_OUT = 0.05
_COMPARED_BYTES = 10_000_000
"""Bytes of text that tokenizers are compared on, at most."""
_DOCUMENTS = 256


@dataclass(slots=True)
class Group:
    """The texts of one language, and how many tokens each tokenizer makes of them."""

    words: int = 0
    """What white space separates."""
    bytes: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def fertility(self, name: str) -> float:
        """Return a tokenizer's tokens a word."""
        return self.tokens[name] / self.words if self.words else 0.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A new tokenizer, and what it makes of texts beside others."""

    vocab_size: int
    documents: int
    """Documents that it was trained on."""
    bytes: int
    held_out: bool
    """False where the run is so small that the compared texts are those trained on."""
    languages: Mapping[str, Group]
    """Groups by language, most words first."""

    def plain(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "vocab_size": self.vocab_size,
            "sample": {"documents": self.documents, "bytes": self.bytes},
            "held_out": self.held_out,
            "languages": {
                language: {
                    "words": group.words,
                    "bytes": group.bytes,
                    "tokens": dict(group.tokens),
                    "tokens_a_word": {name: group.fertility(name) for name in group.tokens},
                }
                for language, group in self.languages.items()
            },
        }


def train_on_run(
    root: Path,
    output: Path,
    vocab_size: int,
    sample_bytes: int,
    pattern: str,
    beside: Mapping[str, bytes],
    tell: Callable[[str], Any],
) -> Trained:
    """Train a tokenizer on a run's texts, write it to a folder and compare it with others.

    `beside` are a tokenizer.json each, by name; the new one's name is `new`. UsageError where
    there is no finished run, or it has no text.
    """
    manifest = load_manifest(root)
    share = sample_bytes / max(int(manifest["text_bytes"]), 1)
    tell("reading the sample")
    texts = _texts(root, manifest, lambda point: point < min(share, 1 - _HELD_OUT))
    sizes = [0, 0]
    trained = train_tokenizer(_counted(texts, sizes), vocab_size, pattern)
    if not sizes[0]:
        raise UsageError(
            f"{root}: the sample has no document to train on.\n"
            "  Take a larger one: --sample 1GB, or a run that keeps more."
        )
    write_folder(output, trained, END_OF_TEXT, END_OF_TEXT)
    apart = max(1 - _HELD_OUT, 1 - _COMPARED_BYTES / max(int(manifest["text_bytes"]), 1))
    compared = list(_texts(root, manifest, lambda point: point >= apart))
    held_out = bool(compared)
    if not held_out:
        compared = list(_texts(root, manifest, lambda _: True))
    languages = _compared(compared, {"new": trained, **beside}, tell)
    size = len(json.loads(trained)["model"]["vocab"])
    return Trained(size, sizes[0], sizes[1], held_out, languages)


def _texts(
    root: Path, manifest: Mapping[str, Any], wanted: Callable[[float], bool]
) -> Iterator[tuple[str, str]]:
    """Yield language and text of the documents whose hash, from 0 to 1, is wanted."""
    for facts in run_files(root, manifest):
        if str(facts["path"]).startswith("dataset/data/"):
            for batch in read_batches(root / facts["path"], ["id", "language", "text"], _DOCUMENTS):
                for row in batch.to_pylist():
                    if row["text"] and wanted(_point(row["id"])):
                        yield row["language"] or "", row["text"]


def _point(name: str) -> float:
    return int.from_bytes(blake2b(name.encode(), digest_size=6, person=b"train").digest()) / 2**48


def _counted(texts: Iterator[tuple[str, str]], sizes: list[int]) -> Iterator[str]:
    """Yield the texts; `sizes` become their number and bytes."""
    for _, text in texts:
        sizes[0] += 1
        sizes[1] += len(text.encode())
        yield text


def _compared(
    texts: Sequence[tuple[str, str]], tokenizers: Mapping[str, bytes], tell: Callable[[str], Any]
) -> dict[str, Group]:
    groups: defaultdict[str, Group] = defaultdict(Group)
    for language, text in texts:
        groups[language].words += len(text.split())
        groups[language].bytes += len(text.encode())
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, written) in enumerate(tokenizers.items()):
            tell(f"counting with {name}")
            place = Path(folder) / f"{number}.json"
            place.write_bytes(written)
            for language, text in texts:
                groups[language].tokens[name] += count_tokens(str(place), text)
    return dict(sorted(groups.items(), key=lambda item: (-item[1].words, item[0])))
