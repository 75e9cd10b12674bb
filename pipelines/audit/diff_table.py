"""What a comparison of two runs shows, as renderables."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Styled

from pipelines.audit.diff import Comparison
from pipelines.audit.kept import MOST_DOMAINS
from pipelines.terminal import harmless

_MOST_CHANGES = 15
_MOST_SHIFTS = 8
_LONGEST = 60
"""Characters of a value of a recipe."""
_DIFFERENCES = {
    "only_a": "only in A",
    "only_b": "only in B",
    "other_decision": "another decision",
    "other_text": "another published text",
    "other_extraction": "another extracted text",
    "other_tokens": "another number of tokens",
    "other_language": "another language",
}
_EXAMPLES = {**_DIFFERENCES, "decision": "another decision"}


def diff_parts(found: Comparison) -> Iterator[RenderableType]:
    """Yield what a person reads, what explains the rest first."""
    yield _runs(found)
    for note in found.notes:
        yield Styled(harmless(note), "dim")
    yield ""
    yield _made(found)
    yield ""
    yield _counts(found)
    yield ""
    if len(found.decisions):
        yield from _decisions(found)
    if len(found.alone):
        yield _alone(found)
        yield ""
    yield from _shifts(found)
    yield from _examples(found.examples)
    yield _verdict(found)


def _runs(found: Comparison) -> Table:
    table = _table("", "run", "pages", "kept", "tokens")
    for side, ledger in (("A", found.a), ("B", found.b)):
        kept = int(found.languages[f"pages_{side.lower()}"].sum())
        pages, tokens = found.pages[side.lower()], found.tokens[side.lower()]
        _row(table, side, str(ledger.root), f"{pages:,}", f"{kept:,}", f"{tokens:,}")
    return table


def _made(found: Comparison) -> RenderableType:
    if not found.made:
        known = "Recipe, packages, models and measurements" if found.finished else "Recipe"
        return Styled(f"{known}: the same.")
    table = _table("made with", "", "A", "B", left=4)
    for item in found.made:
        _row(table, item.kind, item.name, _short(item.a), _short(item.b))
    return table


def _short(value: str | None) -> str:
    if value is None:
        return "–"
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def _counts(found: Comparison) -> Table:
    both = found.pages["both"]
    table = _table("pages", "", "share of both", "", left=1)
    _row(table, "in both", f"{both:,}", "", f"{found.pages['kept_in_both']:,} kept in both")
    for name, words in _DIFFERENCES.items():
        compared = {"other_text": "published", "other_extraction": "extracted"}.get(name)
        if compared and not found.texts[compared]:
            _row(table, words, "not compared", "", "")
            continue
        count = found.pages[name]
        share = "" if name.startswith("only") else f"{count / max(both, 1):.2%}"
        _row(table, words, f"{count:,}", share, _why(found, name), style="" if count else "dim")
    return table


def _why(found: Comparison, name: str) -> str:
    """Say of published texts whether the extraction or an edit made the difference."""
    if name != "other_text" or not found.pages[name] or not found.texts["extracted"]:
        return ""
    edited = found.pages["other_edit"]
    return f"{edited:,} of the same extracted text, so by an edit"


def _decisions(found: Comparison) -> Iterator[RenderableType]:
    extracted = bool(found.decisions["other_extraction"].any())
    heads = ["in A", "in B", "pages", "tokens in A", "tokens in B"]
    table = _table(*heads, *(["extracted otherwise"] if extracted else []), left=2)
    for row in found.decisions.head(_MOST_CHANGES).to_dict("records"):
        cells = [_outcome(row, "a_"), _outcome(row, "b_")]
        cells += [f"{row[name]:,}" for name in ("pages", "tokens_a", "tokens_b")]
        _row(table, *cells, *([f"{row['other_extraction']:,}"] if extracted else []))
    yield table
    rest = found.decisions.iloc[_MOST_CHANGES:]
    if len(rest):
        yield Styled(
            f"and {len(rest):,} more changes of {rest['pages'].sum():,} pages: --json", "dim"
        )
    yield ""


def _outcome(row: Mapping[Any, Any], prefix: str = "") -> str:
    if row[f"{prefix}status"] == "kept":
        return "kept"
    failed = "failed, " if row[f"{prefix}status"] == "failed" else ""
    return f"{failed}{row[f'{prefix}stage']}: {row[f'{prefix}rule']}"


def _alone(found: Comparison) -> Table:
    table = _table("only in", "outcome", "pages", "tokens", left=2)
    for row in found.alone.head(_MOST_CHANGES).to_dict("records"):
        cells = (f"{row['pages']:,}", f"{row['tokens']:,}")
        _row(table, row["run"].upper(), _outcome(row), *cells)
    return table


def _shifts(found: Comparison) -> Iterator[RenderableType]:
    table = _table("kept", *_more_heads(found), left=1)
    total = {name: int(found.languages[name].sum()) for name in found.languages.columns[1:]}
    _row(table, "all", *_more(found, total), style="bold")
    if len(found.languages) > 1:
        for row in found.languages.head(_MOST_SHIFTS).to_dict("records"):
            _row(table, row["language"] or "(no language)", *_more(found, row))
    for row in found.domains.head(_MOST_SHIFTS).to_dict("records"):
        _row(table, row["domain"] or "(no domain)", *_more(found, row))
    yield table
    rest = len(found.domains) - _MOST_SHIFTS
    if rest > 0:
        few = len(found.domains) < MOST_DOMAINS
        yield Styled(f"and {f'{rest:,} more' if few else 'many more'} domains: --json", "dim")
    for row in found.language_changes.head(_MOST_SHIFTS).to_dict("records"):
        one, other = (row[f"language_{side}"] or "none" for side in ("a", "b"))
        yield Styled(harmless(f"{row['pages']:,} page(s) are {one} in A and {other} in B"))
    yield ""


def _counted(found: Comparison) -> tuple[str, ...]:
    """Return what can be compared: kept pages of a run that goes on have no tokens yet."""
    return ("pages", "tokens") if found.finished else ("pages",)


def _more_heads(found: Comparison) -> Iterator[str]:
    for what in _counted(found):
        yield from (f"{what} in A", "in B", "more")


def _more(found: Comparison, row: Mapping[Any, Any]) -> Iterator[str]:
    for what in _counted(found):
        a, b = row[f"{what}_a"], row[f"{what}_b"]
        yield from (f"{a:,}", f"{b:,}", f"{b - a:+,}" if a != b else "")


def _examples(examples: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    what = ""
    for example in examples:
        if example["what"] != what:
            what = example["what"]
            yield Styled(f"examples: {_EXAMPLES[what]}", "bold")
        yield Styled(harmless(f"  {example['url'] or example['id'] or example['file_path']}"))
        for side in ("a", "b"):
            if example[side]:
                yield Styled(harmless(f"    {side.upper()}  {_told(example[side])}"))
    if examples:
        yield ""


def _told(page: Mapping[str, Any]) -> str:
    numbers = [f"{item['fires_if']}: it is {_value(item['value'])}" for item in page["numbers"]]
    facts = [page["language"], None if page["tokens"] is None else f"{page['tokens']:,} tokens"]
    return "; ".join([_outcome(page), *numbers, *(fact for fact in facts if fact)])


def _value(value: Any) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def _verdict(found: Comparison) -> Styled:
    if found.same:
        return Styled("The runs are the same, page by page.", "green")
    if not found.differing:
        return Styled("Nothing differs so far, but not both runs have finished.")
    in_both = (item["id"] for item in found.examples if item["a"] and item["b"])
    example = next((name for name in in_both if name), None)
    if example is None:
        return Styled("The runs differ.")
    root, name = (shlex.quote(str(part)) for part in (found.b.root, example))
    return Styled(harmless(f"The runs differ. To see a page: cuvee show {root} --id {name}"))


def _table(*names: str, left: int = 2) -> Table:
    """Return a table whose first `left` columns are words, the others numbers."""
    table = Table(box=None, pad_edge=False)
    for at, name in enumerate(names):
        justify: Any = "left" if at < left else "right"
        table.add_column(name, justify=justify, overflow="fold")
    return table


def _row(table: Table, *cells: str, style: str = "") -> None:
    table.add_row(*(Styled(harmless(cell)) for cell in cells), style=style)
