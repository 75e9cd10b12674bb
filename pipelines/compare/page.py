"""The page of a comparison: one HTML file without scripts, in the style of a run's report."""

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from pipelines.compare.overlap import Example, Overlap
from pipelines.compare.together import SHARED, Together
from pipelines.files import write_whole
from pipelines.report.page import assemble_static
from pipelines.terminal import harmless

_DARK = 0.7
"""Share from which a cell of the matrix has so much colour that its text must be that on it."""
_LONGEST = 300
"""Characters of an address that are shown."""
_WIDE, _HIGH = 110, 46
"""Size of a cell."""


def write_comparison(ran: Together, found: Overlap, path: Path) -> Path:
    """Write the page of a comparison, which opens without a network; return its path."""
    some, every = found.any_of_them(), found.all_of_them()
    parts = {
        "{{headline}}": f"Of {found.pages:,} pages <strong>{len(found.names)} recipes</strong> "
        f'keep <strong class="kept">{some:,}</strong>',
        "{{summary}}": f"{every:,} are kept by every recipe, {some:,} by some. Tokens are those of "
        "each recipe's own tokenizer.",
        "{{kept}}": "".join(_kept(found)),
        "{{matrix}}": "".join(_matrix(found)),
        "{{only}}": "".join(_only(found)),
        "{{shared}}": f"{ran.seconds[SHARED]:.1f} seconds went by, and {ran.cpu_seconds:.1f} of "
        "CPU time, for what was done once for all recipes; then each went on by itself.",
        "{{work}}": "".join(_work(ran)),
    }
    write_whole(path, assemble_static("compare.html", ("report.css", "compare.css"), parts))
    return path


def _safe(text: str) -> str:
    return escape(harmless(text))


def _kept(found: Overlap) -> Iterator[str]:
    def rows() -> Iterator[tuple[str, ...]]:
        for name in found.names:
            kept = found.kept(name)
            share = kept / found.pages if found.pages else 0.0
            yield (
                _safe(name), f"{kept:,}", f"{share:.1%}", _bar(share), f"{found.tokens[name]:,}",
                f"{found.only(name):,}", f"{found.only_tokens[name]:,}",
            )  # fmt: skip

    heads = ("recipe", "kept", "of all", "", "tokens", "only it keeps", "tokens")
    yield from _table(heads, rows())


def _bar(share: float) -> str:
    return (
        '<svg viewBox="0 0 120 14" width="120" height="14" aria-hidden="true">'
        '<rect class="removed" width="120" height="14" rx="3"/>'
        f'<rect class="kept" width="{120 * share:.1f}" height="14" rx="3"/></svg>'
    )


def _matrix(found: Overlap) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{_safe(name)}</th>' for name in found.names)
    yield '<div class="scroll"><table class="matrix">'
    yield f"<thead><tr><th></th>{heads}</tr></thead><tbody>"
    for name in found.names:
        kept = found.kept(name)
        yield f'<tr><th scope="row">{_safe(name)}</th>'
        for other in found.names:
            both = found.kept(name, other)
            yield f"<td>{_cell(both, both / kept if kept else 0.0)}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _cell(pages: int, share: float) -> str:
    light = " light" if share >= _DARK else ""
    size = f'width="{_WIDE}" height="{_HIGH}" rx="4"'
    middle = f'x="{_WIDE // 2}" text-anchor="middle"'
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img"><rect class="under" {size}/>'
        f'<rect {size} fill-opacity="{share:.3f}"/>'
        f'<text class="strong{light}" {middle} y="21">{share:.1%}</text>'
        f'<text class="tiny{light}" {middle} y="37">{pages:,}</text></svg>'
    )


def _only(found: Overlap) -> Iterator[str]:
    for name in found.names:
        pages = found.only(name)
        yield f"<h3>{_safe(name)}: {pages:,} {'page' if pages == 1 else 'pages'}</h3>"
        shown = found.examples.get(name, ())
        if shown:
            yield f'<ul class="pages">{"".join(map(_example, shown))}</ul>'


def _example(example: Example) -> str:
    place = (example.url or f"{example.file_path} {example.record}")[:_LONGEST]
    known = example.tokens is not None
    tokens = f' <span class="soft">{example.tokens:,} tokens</span>' if known else ""
    why = "; ".join(f"{_safe(other)}: {_safe(rule)}" for other, rule in example.others.items())
    return f"<li><p>{_safe(place)}{tokens}</p><p>{why}</p></li>"


def _work(ran: Together) -> Iterator[str]:
    names = [name for name in ran.seconds if name != SHARED]
    seconds = ((_safe(name), f"{ran.seconds[name]:.1f}") for name in names)
    yield from _table(("recipe, alone", "seconds"), seconds)
    done = (
        (_safe(kind), f"{asked:,}", f"{ran.done[kind]:,}", f"{ran.done[kind] / asked:.0%}")
        for kind, asked in ran.asked.items()
        if asked
    )
    yield from _table(("what the recipes asked for", "times", "done", "share"), done)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield a table of cells that are HTML; all but the first column are numbers."""
    yield '<div class="scroll"><table><thead><tr>'
    for number, head in enumerate(heads):
        yield f'<th scope="col"{_NUMBER if number else ""}>{head}</th>'
    yield "</tr></thead><tbody>"
    for row in rows:
        cells = (f"<td{_NUMBER if number else ''}>{cell}</td>" for number, cell in enumerate(row))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


_NUMBER = ' class="number"'
