"""What deduplication found, as people read it: for the summary, the status and the card."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

HEAD = ("kind", "removed", "clusters", "pages in them", "largest", "clusters by pages")
_LINES = "lines"
_ALARMING_PAGES = 1_000
_ALARMING_SHARE = 0.01  # of all pages, in one cluster


def dedup_rows(manifest: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row of `HEAD` for each kind that joins pages and has found any, in order."""
    removed = _removed(manifest["funnel"])
    return [
        (
            kind,
            f"{removed.get(kind, 0):,}",
            f"{found['clusters']:,}",
            f"{found['documents']:,}",
            f"{found['largest']:,}",
            _histogram(found["histogram"]),
        )
        for kind, found in (manifest.get("dedup") or {}).items()
        if kind != _LINES and found["clusters"]
    ]


def dedup_notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences on what is no cluster, and on clusters that are worth a look."""
    for kind, found in (manifest.get("dedup") or {}).items():
        if kind == _LINES:
            yield (
                f"{kind}: {found['spans']:,} stretches of text, {found['chars']:,} characters, "
                f"that earlier pages have left {found['pages']:,} pages; "
                f"{found['emptied']:,} of them had nothing else."
            )
        elif found["largest"] > max(_ALARMING_PAGES, _ALARMING_SHARE * manifest["pages"]):
            yield (
                f"{kind}: one cluster has {found['largest']:,} pages. Look at what they share: "
                f"{kind}.max_cluster would have stopped before it."
            )


def _removed(funnel: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {row["rule"]: row["pages"] for row in funnel if row["stage"] == "dedup"}


def _histogram(sizes: Mapping[str, int]) -> str:
    """Write how many clusters there are from 2 to 3 pages, from 4 to 7, and so on."""
    bounds = sorted((int(low), count) for low, count in sizes.items())
    return ", ".join(f"{low}–{2 * low - 1}: {count:,}" for low, count in bounds)
