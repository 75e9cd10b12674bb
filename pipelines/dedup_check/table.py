"""What a check has measured, as a person reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Styled

from pipelines.dedup_check.tally import UNRELATED
from pipelines.terminal import harmless

_COLUMNS = ("similarity", "pairs", "joined", "recall", "interval", "theory", "")


def check_parts(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what is shown of what `check` has returned."""
    yield Styled(_heading(found))
    yield ""
    yield _table(found)
    yield ""
    for line in (_planted(found), _real(found), _others(found), _short(found)):
        if line:
            yield Styled(line)


def _heading(found: Mapping[str, Any]) -> str:
    made = found["settings"]
    verified = f"real similarity at least {made['verify']:g}" if made["verify"] else "not verified"
    return harmless(
        f"{made['bands']} bands of {made['rows']} rows, {made['ngram']}-grams of words "
        f"({made['words']}), seed {made['seed']}; {verified}\n"
        f"{found['sampled']:,} of {found['documents']:,} documents, {found['distinct']:,} of them "
        f"distinct, with copies planted beside them; sample's seed {found['seed']}"
    )


def _table(found: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        shown = f"{found['confidence']:.0%} interval" if name == "interval" else name
        table.add_column(shown, justify="right" if name else "left")
    for level in found["similarities"]:
        style = "bold" if level["similarity"] == found["threshold"] else ""
        table.add_row(*_cells(level), style=style)
    return table


def _cells(level: Mapping[str, Any]) -> Iterator[str]:
    recall = level["recall"]
    yield f"{level['similarity']:.2f}"
    yield f"{level['pairs']:,}"
    yield f"{level['joined']:,}"
    if recall is None:
        yield from ("", "", "", "no document is long enough")
        return
    yield f"{recall['estimate']:.1%}"
    yield _bounds(recall)
    yield f"{level['theory']:.1%}"
    outside = not recall["low"] <= level["theory"] <= recall["high"]
    yield "theory is outside the interval" if outside else ""


def _planted(found: Mapping[str, Any]) -> str:
    joins, threshold = found["planted"], found["threshold"]
    if not joins["joined"]:
        return "Planted pairs: none was joined."
    return (
        f"Planted pairs: of {joins['joined']:,} joined ones {_precision(joins)} have a real "
        f"similarity of at least {threshold:g}; as many were planted at each similarity."
    )


def _real(found: Mapping[str, Any]) -> str:
    joins = found["real"]
    if not joins["joined"]:
        return "Real documents: no pair of the sample was joined."
    return (
        f"Real documents: of {joins['joined']:,} joined pairs {_precision(joins)} have a real "
        f"similarity of at least {found['threshold']:g}."
    )


def _others(found: Mapping[str, Any]) -> str:
    joins = found["others"]
    if not joins["pairs"]:
        return ""
    least = f", the least alike of {joins['least_similarity']:.2f}" if joins["joined"] else ""
    return (
        f"Different documents: {joins['joined']:,} of {joins['pairs']:,} pairs joined{least}; "
        f"{joins['joined_unrelated']:,} of them unrelated, below {UNRELATED:g} "
        f"(at most {joins['unrelated']['high']:.2g} of all pairs)."
    )


def _short(found: Mapping[str, Any]) -> str:
    short = sum(level["impossible"] for level in found["similarities"])
    return f"Left out: {short:,} pairs whose document is too short for that similarity." * bool(
        short
    )


def _precision(joins: Mapping[str, Any]) -> str:
    return f"{joins['precision']['estimate']:.1%} ({_bounds(joins['precision'])})"


def _bounds(share: Mapping[str, float]) -> str:
    return f"{share['low']:.1%} to {share['high']:.1%}"
