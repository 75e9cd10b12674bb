"""A page as a person reads it: its marked text, what the rules say, what it repeats."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text as Styled

from filters.differences import differing
from filters.span import Span
from pipelines.page.answers import Answer, deciding
from pipelines.page.marks import marked_text
from pipelines.page.view import PageView
from pipelines.pages import ShownPage
from pipelines.terminal import harmless

_NO_TEXT = "(this run did not keep its text)"
_STYLES = {"decides": "bold red", "fires": "yellow", "not measured": "dim", "undefined": "yellow"}
_WORDS = {"decides": "← removed it", "fires": "would remove it", "undefined": "divides by 0"}
_MOST_COMPARED = 20_000
"""Characters of texts that are compared where not all of them is wanted."""


def page_panel(view: PageView, *, full: bool, plain: bool) -> Panel:
    """Return one page as a panel; text from the crawl is shown as text, never as markup.

    `full` shows the whole text and every rule, `plain` marks without colours.
    """
    row = view.page.row
    parts: list[RenderableType] = [_text(view, full=full, plain=plain)]
    parts += [Styled(line, "dim") for line in _legend(view, plain=plain)]
    if view.answers:
        parts += ["", _numbers(view.answers, full=full)]
    for other in view.alike:
        parts += ["", _beside(view.page, other, full=full, plain=plain)]
    parts += [Styled(line, "dim") for line in _more_alike(view)]
    return Panel(
        Group(*parts),
        title=Styled(harmless(row["url"] or row["id"] or row["file_path"])),
        subtitle=Styled(harmless(_verdict(view))),
    )


def _text(view: PageView, *, full: bool, plain: bool) -> Styled:
    if view.page.text is None:
        return Styled(_NO_TEXT)
    return marked_text(view.page.text, view.marks, view.cuts, full=full, plain=plain)


def _legend(view: PageView, *, plain: bool) -> Iterator[str]:
    """Say what is marked, and how often."""
    for spans, mark in ((view.marks, "{…}"), (view.cuts, "[-…-]")):
        counts = Counter(span.what for span in spans)
        if counts:
            told = ", ".join(f"{count:,} × {what}" for what, count in counts.most_common())
            yield harmless(f"{mark} {told}" if plain else told)


def _numbers(found: Sequence[Answer], *, full: bool) -> Table:
    """Return a row for each rule; without `full`, one for several that were not measured."""
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "removes if", "it is", ""):
        table.add_column(name, overflow="fold")
    for says, group in groupby(found, lambda answer: answer.says):
        rows = list(group)
        if says == "not measured" and len(rows) > 1 and not full:
            words = f"{rows[0].rule} … {rows[-1].rule}"
            cells = (words, f"{len(rows)} rules", "", "not measured")
            table.add_row(*map(_cell, cells), style=_STYLES[says])
            continue
        for answer in rows:
            cells = (answer.rule, answer.fires_if, _value(answer), _WORDS.get(says, says))
            cells = (*cells[:3], "" if says == "passes" else cells[3])
            table.add_row(*map(_cell, cells), style=_STYLES.get(says, ""))
    return table


def _cell(text: str) -> Styled:
    return Styled(harmless(text))


def _value(answer: Answer) -> str:
    counts = ["null" if count is None else _short(count) for count in answer.counts]
    if answer.says == "not measured":
        return ""
    if len(counts) == 1:
        return counts[0]
    value = "" if answer.value is None else f" = {_short(answer.value)}"
    return f"{' / '.join(counts)}{value}"


def _short(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else f"{value:,}"


def _verdict(view: PageView) -> str:
    row = view.page.row
    if row["status"] == "kept":
        return "kept"
    verdict = f"{row['status']} by {row['stage']}: {row['rule']}"
    answer = deciding(view.answers)
    if answer is None or answer.value is None:
        return verdict
    return f"{verdict}, because {answer.fires_if} (it is {_plain(answer.value)})"


def _plain(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _beside(page: ShownPage, other: ShownPage, *, full: bool, plain: bool) -> Table:
    """Return two pages of a cluster side by side, with what differs marked."""
    table = Table(box=None, pad_edge=False, expand=True)
    for shown in (page, other):
        title = Styled(harmless(f"{_outcome(shown)}: {shown.row['url'] or shown.row['id']}"))
        table.add_column(title, ratio=1, overflow="fold")
    if page.text is None or other.text is None:
        table.add_row(*(Styled(_NO_TEXT if shown.text is None else "") for shown in (page, other)))
        return table
    texts = [shown.text or "" for shown in (page, other)]
    if not full:
        texts = [text[:_MOST_COMPARED] for text in texts]
    spans = differing(*texts)
    cells = [
        marked_text(text, marks, full=full, plain=plain)
        for text, marks in zip(texts, spans, strict=True)
    ]
    table.add_row(*cells)
    shares = (_share(text, marks) for text, marks in zip(texts, spans, strict=True))
    table.add_row(*(Styled(share, "dim") for share in shares))
    return table


def _outcome(page: ShownPage) -> str:
    return "kept" if page.row["status"] == "kept" else f"{page.row['stage']}: {page.row['rule']}"


def _share(text: str, marks: Sequence[Span]) -> str:
    differ = sum(span.end - span.start for span in marks)
    return f"{differ:,} of {len(text):,} characters differ"


def _more_alike(view: PageView) -> Iterator[str]:
    row = view.page.row
    size, cluster = row["cluster_size"], row["cluster_id"]
    if cluster is None or size is None or size <= 1:
        return
    rest = size - 1 - len(view.alike)
    if rest > 0:
        earlier = " of this or an earlier run" if cluster < 0 else ""
        yield f"and {rest:,} more page(s){earlier} in its cluster, cluster_id {cluster}"
