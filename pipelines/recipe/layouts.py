"""The layouts that an input can have by name: which files are documents, and what is where in them.

What a layout says of columns holds where the recipe's `columns` says nothing. Sources: the
cards of The Pile, C4, FineWeb and FineWeb-2; arXiv 2411.12372, appendix B.1.2 (RedPajama-V2); the
Dolma toolkit's docs/data-format.md. Ids that have no place of their own in a layout stand where our
own exports put them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

Reader: TypeAlias = Literal["crawl", "parquet", "jsonl"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Dotted names of a text input's columns: None where they are guessed, False for none."""

    text: str | None = None
    id: str | bool | None = None
    url: str | bool | None = None
    date: str | bool | None = None

    def over(self, other: "Columns") -> "Columns":
        """Return these columns, and the other's where these say nothing."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(other, **said)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which a dataset is laid out."""

    summary: str
    reader: Reader | None = None
    """None: by the ending of each file's name."""
    columns: Columns = field(default_factory=Columns)
    other_folders: tuple[str, ...] = ()
    """Folders beside the documents that hold none, whatever lies in them."""
    other_endings: tuple[str, ...] = ()
    """Endings of files that hold no documents."""


AUTO = "auto"
LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        AUTO: Layout("Each file by the ending of its name."),
        "warc": Layout("WARC, WET or ARC, whatever the files are called.", "crawl"),
        "parquet": Layout("Parquet, whatever the files are called.", "parquet"),
        "jsonl": Layout("JSON lines, whatever the files are called.", "jsonl"),
        "pile": Layout(
            "The Pile: `text` and `meta.pile_set_name`, in `.jsonl.zst`.",
            "jsonl",
            Columns("text", "meta.id", "meta.url", "meta.date"),
        ),
        "redpajama2": Layout(
            "RedPajama-V2: `documents/`, with the quality signals of `quality_signals/`.",
            "jsonl",
            Columns("raw_content", "id", "url", "date_download"),
            ("quality_signals", "duplicates", "minhash", "minhashes"),
            (".signals.json.gz", ".duplicates.parquet", ".minhash.parquet"),
        ),
        "dolma": Layout(
            "Dolma: `documents/`, with those of `attributes/` that are named.",
            "jsonl",
            Columns("text", "id"),
            ("attributes",),
        ),
        "fineweb": Layout(
            "FineWeb and FineWeb-Edu: Parquet.", "parquet", Columns("text", "id", "url")
        ),
        "fineweb2": Layout("FineWeb-2: Parquet.", "parquet", Columns("text", "id", "url")),
        "c4": Layout(
            "C4: `text`, `timestamp` and `url`, in `.json.gz`.",
            "jsonl",
            Columns("text", "id", "url", "timestamp"),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class InputFormat:
    """A layout by name, with its options."""

    name: str = AUTO
    signals: bool = True
    """Whether the quality signals of RedPajama-V2 are read."""
    attributes: tuple[str, ...] = ()
    """Folders of `attributes/` whose files are read beside Dolma's documents."""

    @property
    def layout(self) -> Layout:
        """What the name stands for."""
        return LAYOUTS[self.name]

    @property
    def brings_signals(self) -> bool:
        """Whether rules can read signals that an input of this format brings along."""
        return {"redpajama2": self.signals, "dolma": bool(self.attributes)}.get(
            self.name, self.name in ("pile", "fineweb", "fineweb2")
        )

    def plain(self) -> str | dict[str, dict[str, Any]]:
        """Return it as a recipe writes it."""
        options: Mapping[str, dict[str, Any]] = {
            "redpajama2": {"signals": self.signals},
            "dolma": {"attributes": list(self.attributes)},
        }
        return {self.name: options[self.name]} if self.name in options else self.name
