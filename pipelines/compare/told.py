"""What a comparison of recipes shows, as renderables and as plain data."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Styled

from pipelines.compare.overlap import Overlap
from pipelines.compare.together import SHARED, Together
from pipelines.terminal import harmless


def compare_facts(ran: Together, found: Overlap) -> dict[str, Any]:
    """Return all of it as plain data."""
    return {
        "pages": found.pages,
        "recipes": {
            name: {
                "run": str(ran.runs[name]),
                "kept": found.kept(name),
                "tokens": found.tokens[name],
                "only": found.only(name),
                "only_tokens": found.only_tokens[name],
                "seconds": ran.seconds[name],
                "kept_with": {other: found.kept(name, other) for other in found.names},
                "examples": [asdict(example) for example in found.examples.get(name, ())],
            }
            for name in found.names
        },
        "kept_by_all": found.all_of_them(),
        "kept_by_any": found.any_of_them(),
        "together": {
            "seconds": ran.seconds[SHARED],
            "cpu_seconds": ran.cpu_seconds,
            "asked": dict(ran.asked),
            "done": dict(ran.done),
        },
    }


def compare_parts(ran: Together, found: Overlap) -> Iterator[RenderableType]:
    """Yield what a person reads."""
    yield _kept(ran, found)
    yield ""
    yield _agreement(found)
    yield ""
    for name in found.names:
        yield from _only(name, found)
    yield from _work(ran)


def _kept(ran: Together, found: Overlap) -> Table:
    table = _table("recipe", "kept", "of all", "tokens", "only it keeps", "tokens", "seconds")
    for name in found.names:
        kept = found.kept(name)
        table.add_row(
            harmless(name),
            f"{kept:,}",
            f"{kept / found.pages:.1%}" if found.pages else "",
            f"{found.tokens[name]:,}",
            f"{found.only(name):,}",
            f"{found.only_tokens[name]:,}",
            f"{ran.seconds[name]:.1f}",
        )
    every, some = found.all_of_them(), found.any_of_them()
    table.caption = (
        f"{found.pages:,} pages; {some:,} are kept by some recipe, {every:,} by every one. Seconds "
        f"are of a recipe alone, after {ran.seconds[SHARED]:.1f} for all."
    )
    return table


def _agreement(found: Overlap) -> Table:
    table = _table("of the pages that it keeps", *map(harmless, found.names))
    table.title = "Also kept by"
    for name in found.names:
        kept = found.kept(name)
        shares = [f"{found.kept(name, other) / kept:.1%}" if kept else "" for other in found.names]
        table.add_row(harmless(name), *shares)
    return table


def _only(name: str, found: Overlap) -> Iterator[RenderableType]:
    examples = found.examples.get(name, ())
    if not examples:
        return
    yield Styled(f"Only {harmless(name)} keeps ({found.only(name):,} pages), for example", "bold")
    for example in examples:
        yield Styled(f"  {harmless(example.url or f'{example.file_path} {example.record}')}")
        why = ", ".join(f"{other}: {rule}" for other, rule in example.others.items())
        yield Styled(f"    {harmless(why)}", "dim")
    yield ""


def _work(ran: Together) -> Iterator[RenderableType]:
    if not ran.asked:
        return
    parts = [f"{kind} {ran.done[kind]:,} of {ran.asked[kind]:,}" for kind in ran.asked]
    yield Styled(f"Done of what the recipes asked for: {', '.join(parts)}.", "dim")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.caption_justify = "left"
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left")
    return table
