"""Published rows as lines of other datasets: The Pile's, Dolma's, RedPajama-V2's and C4's.

The fields are theirs, in their order; what a row has and they have no field for (id and address, in
some) stands behind them, where the input format of the same name reads it again. What only
their makers can know (a perplexity, a digest of the page) is left out, never made up. Sources: as
of `pipelines.recipe.layouts`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from filters.hosts import host_of

Line: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row stands, and what the whole is called."""

    source: str
    """Name of the dataset that the lines come from."""
    file: str
    """Path of the file without folder of the kind and ending: `CC-MAIN-2024-10/000_00000`."""
    row: int
    """From 0."""


Maker: TypeAlias = Callable[[Mapping[str, Any], Origin], Line]


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of one sort: their names, with `{file}`, `{number}` and `{count}`, and their lines."""

    name: str
    line: Maker


@dataclass(frozen=True, slots=True)
class Style:
    """The files and lines of one dataset."""

    summary: str
    kinds: tuple[Kind, ...]
    """Documents first, then what stands beside them line by line."""
    packing: Literal["gz", "zst"]


def _without_nulls(**fields: Any) -> Line:
    return {name: value for name, value in fields.items() if value is not None}


def _span(text: str, value: float | None) -> list[list[float]] | None:
    """Return a number of the whole document as both RedPajama-V2 and Dolma have it."""
    return None if value is None else [[0, len(text), value]]


def _pile(row: Mapping[str, Any], origin: Origin) -> Line:
    about = _without_nulls(id=row["id"], url=row["url"], date=row["date"])
    return {"text": row["text"], "meta": {"pile_set_name": origin.source, **about}}


def _dolma(row: Mapping[str, Any], origin: Origin) -> Line:
    date = row["date"]
    names = ("url", "dump", "file_path", "language")
    return {
        "id": row["id"],
        "text": row["text"],
        "source": origin.source,
        **_without_nulls(added=date, created=date),
        "metadata": _without_nulls(**{name: row[name] for name in names}),
    }


def _dolma_attributes(row: Mapping[str, Any], origin: Origin) -> Line:
    names = ("language_score", "token_count", "minhash_cluster_size")
    numbers = {f"cuvee__dataset__{name}": _span(row["text"], row[name]) for name in names}
    return {
        "id": row["id"],
        "source": origin.source,
        "attributes": _without_nulls(**numbers),
    }


def _redpajama2(row: Mapping[str, Any], origin: Origin) -> Line:
    del origin
    return _without_nulls(
        url=row["url"],
        date_download=row["date"],
        length=len(row["text"]),
        nlines=row["text"].count("\n") + 1,
        source_domain=host_of(row["url"]),
        raw_content=row["text"],
        cc_segment=row["file_path"],
        language=row["language"],
        language_score=row["language_score"],
        id=row["id"],
    )


def _redpajama2_signals(row: Mapping[str, Any], origin: Origin) -> Line:
    text = row["text"]
    return {
        "id": f"{origin.file}.json.gz/{origin.row}",
        "metadata": _without_nulls(
            cc_segment=row["file_path"],
            url=row["url"],
            source_domain=host_of(row["url"]),
            language=row["language"],
            snapshot_id=row["dump"],
        ),
        "quality_signals": _without_nulls(
            ccnet_language_score=_span(text, row["language_score"]),
            ccnet_length=_span(text, len(text)),
            ccnet_nlines=_span(text, text.count("\n") + 1),
        ),
    }


def _c4(row: Mapping[str, Any], origin: Origin) -> Line:
    del origin
    return {
        "text": row["text"],
        "timestamp": row["date"] or "",
        "url": row["url"] or "",
        "id": row["id"],
    }


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "pile": Style(
            "The Pile: `text` and `meta.pile_set_name`, in `.jsonl.zst`.",
            (Kind("{file}.jsonl.zst", _pile),),
            "zst",
        ),
        "dolma": Style(
            "Dolma: documents and, as attributes, the numbers of the dataset.",
            (
                Kind("documents/{file}.jsonl.gz", _dolma),
                Kind("attributes/cuvee/{file}.jsonl.gz", _dolma_attributes),
            ),
            "gz",
        ),
        "redpajama2": Style(
            "RedPajama-V2: documents and those quality signals that are known.",
            (
                Kind("documents/{file}.json.gz", _redpajama2),
                Kind("quality_signals/{file}.signals.json.gz", _redpajama2_signals),
            ),
            "gz",
        ),
        "c4": Style(
            "C4: `text`, `timestamp` and `url`, in `.json.gz`.",
            (Kind("c4-train.{number:05d}-of-{count:05d}.json.gz", _c4),),
            "gz",
        ),
    }
)
"""By the name of the input format that reads them."""
