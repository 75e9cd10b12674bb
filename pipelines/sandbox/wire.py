"""Pages and what became of them as bytes, on their way into the sandbox and out of it.

Into it goes what the parent has read; out of it comes what a page may have tampered with. So
what tells one page from another is the parent's own, and the rest is checked when it is read.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from filters.imported import family_of
from filters.judge import Decision, Judgement
from pipelines.crawl import Page, Row
from pipelines.curator import Curated
from pipelines.sandbox.lives import Item

_IDENTITY = (
    "id", "url", "host", "date", "dump", "file_path", "record", "offset", "audited", "truncated",
)  # fmt: skip
"""Columns of the ledger that the parent fills, besides those of imported signals."""
_UTF8 = ("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Again:
    """A page whose stored text is judged again."""

    row: dict[str, Any]
    text: str
    decision: Decision | None
    """What was decided before the text was judged."""


Ask: TypeAlias = Page | Row | Again
"""What a page is curated from."""
_KINDS: Mapping[str, Callable[..., Page | Row]] = {"page": Page, "row": Row}
_BODY = {"page": "body", "row": "text"}
_ABOUT = {
    kind: [field.name for field in fields(made) if field.name != _BODY[kind]]
    for kind, made in (("page", Page), ("row", Row))
}
"""Names of what is said of a page besides its bytes, by kind."""


def item_of(ask: Ask) -> Item:
    """Return what the child gets."""
    if isinstance(ask, Again):
        again = ["again", ask.row, _plain(ask.decision)]
        return Item(json.dumps(again).encode(), ask.text.encode(*_UTF8))
    kind = "page" if isinstance(ask, Page) else "row"
    body = ask.body if isinstance(ask, Page) else ask.text.encode(*_UTF8)
    about = [kind, {name: getattr(ask, name) for name in _ABOUT[kind]}]
    return Item(json.dumps(about).encode(), body)


def ask_of(about: bytes, body: bytes) -> Ask:
    """Return what the parent has sent."""
    kind, values, *more = json.loads(about)
    if kind == "again":
        return Again(values, body.decode(*_UTF8), _decision(more[0]))
    content = body if kind == "page" else body.decode(*_UTF8)
    return _KINDS[kind](**values, **{_BODY[kind]: content})


def parts_of(curated: Curated, told: Mapping[str, int]) -> list[bytes]:
    """Return what became of a page, and what there is to count; see `curated_of`."""
    judgement = curated.judgement
    row = {name: value for name, value in curated.row.items() if name not in _IDENTITY}
    text, judged = curated.text, judgement.text if judgement else None
    head = [
        row,
        told,
        text is not None,
        judgement is not None,
        judged == text,
        _plain(judgement.decision) if judgement else None,
    ]
    signature = b"" if curated.signature is None else curated.signature.astype("<u8").tobytes()
    texts = [text or "", "" if judged == text else judged or ""]
    return [json.dumps(head).encode(), *(part.encode(*_UTF8) for part in texts), signature]


def curated_of(parts: list[bytes], base: Mapping[str, Any]) -> tuple[Curated, dict[str, int]]:
    """Return what became of a page and what there is to count.

    `base` is the parent's row of the page. ValueError or TypeError for what no child of ours
    would send.
    """
    head, first, second, signature = parts
    row, told, has_text, is_judged, same, decision = json.loads(head)
    text = first.decode(*_UTF8)
    judged = text if same else second.decode(*_UTF8)
    own = {name: value for name, value in base.items() if name in _IDENTITY or family_of(name)}
    row = {**row, **own}
    if row["status"] not in ("kept", "dropped", "failed"):
        raise ValueError("no status of a page")
    return Curated(
        row,
        text if has_text else None,
        Judgement(_decision(decision), judged, {}) if is_judged else None,
        np.frombuffer(signature, "<u8").astype(np.uint64) if signature else None,
    ), {str(name): int(count) for name, count in told.items()}


def _plain(decision: Decision | None) -> list[Any] | None:
    if decision is None:
        return None
    return [decision.status, decision.stage, decision.rule, decision.block]


def _decision(plain: list[Any] | None) -> Decision | None:
    return None if plain is None else Decision(*plain)
