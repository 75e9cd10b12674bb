"""Which column of a text input is the text, and which are its id, address and date.

What the recipe's `columns` leaves open is the first of `GUESSES` that a file has. A
name may lead into structs, objects and maps by dots (`metadata.url`); a column that
is called so itself comes first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipelines.recipe.layouts import Columns

MISSING: Final = object()
"""What stands for a value whose column or key is not there; null is None."""

GUESSES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "content", "raw_content", "document", "body", "article", "markdown"),
    "id": ("id", "doc_id", "document_id", "docid", "_id", "uuid", "warc_record_id"),
    "url": (
        "url", "metadata.url", "meta.url", "source_url", "metadata.source_url", "uri", "link",
        "URL",
    ),
    "date": (
        "date", "metadata.date", "meta.date", "timestamp", "metadata.timestamp", "meta.timestamp",
        "date_download", "created", "warc_date",
    ),
}  # fmt: skip
"""Names that are tried, in this order.

They are those of FineWeb, C4, RedPajama, Dolma, The Stack and of datatrove's writers,
which put everything but text and id under `metadata`.
"""

_SHOWN = 12
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Chosen:
    """The columns of one file, by their dotted names; None where it has none."""

    text: str | None
    id: str | None
    url: str | None
    date: str | None

    def paths(self) -> dict[str, str]:
        """Return the names that are there, by what they are."""
        found = {"text": self.text, "id": self.id, "url": self.url, "date": self.date}
        return {field: path for field, path in found.items() if path is not None}


def choose(columns: Columns, has: Callable[[str], bool]) -> Chosen:
    """Return the recipe's columns, and for those that it leaves open the first that a file has."""

    def chosen(field: str, said: str | bool | None) -> str | None:
        if isinstance(said, str):
            return said
        if said is False:
            return None
        return next((name for name in GUESSES[field] if has(name)), None)

    return Chosen(
        text=chosen("text", columns.text),
        id=chosen("id", columns.id),
        url=chosen("url", columns.url),
        date=chosen("date", columns.date),
    )


def choose_from_rows(columns: Columns, rows: Sequence[Mapping[str, Any]]) -> Chosen:
    """Return the columns of rows that have no schema, by what any of these first ones has."""
    return choose(columns, lambda path: any(value_at(row, path) is not MISSING for row in rows))


def value_at(row: Any, path: str) -> Any:
    """Return what stands at a dotted path; MISSING where there is no such place.

    Maps of Parquet come as lists of pairs.
    """
    if isinstance(row, list) and all(isinstance(pair, tuple) for pair in row):
        row = dict(pair for pair in row if isinstance(pair[0], str))
    if not isinstance(row, Mapping):
        return MISSING
    if path in row:
        return row[path]
    head, dot, rest = path.partition(".")
    return value_at(row[head], rest) if dot and head in row else MISSING


def names_in(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the dotted names of everything in some rows, in the order of coming up."""
    return list(dict.fromkeys(name for row in rows for name in _names(row, "", _DEPTH)))


def _names(row: Mapping[str, Any], prefix: str, depth: int) -> Iterator[str]:
    for key, value in row.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping) and depth > 1:
            yield from _names(value, f"{prefix}{key}.", depth - 1)


def longest_text(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the name under which the longest strings stand; None where there is no string."""
    sizes = {
        name: sum(len(value) for row in rows if isinstance(value := value_at(row, name), str))
        for name in names_in(rows)
    }
    best = max(sizes, key=lambda name: sizes[name], default=None)
    return best if best is not None and sizes[best] else None


def listed(names: Sequence[str]) -> str:
    """Return names as a message shows them."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"
