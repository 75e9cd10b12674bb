"""Choosing for a recipe between trafilatura, its faster parts, and both side by side."""

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from pipelines.accelerate.support import why_not

Accelerate: TypeAlias = bool | Literal["verify"]
"""Whether to use the faster parts, and whether to compare them with trafilatura on the way."""
Run: TypeAlias = Callable[[str], str]

VERIFIED_SHARE = 0.05
"""Share of the pages that `verify` extracts both ways."""
_SCALE = 1 << 64


def choose(
    accelerate: Accelerate, options: Mapping[str, Any], reference: Run, counts: Counter[str]
) -> Run:
    """Return the extractor that a recipe asks for; all of them give trafilatura's text.

    `reference` is trafilatura itself with the same options. In `counts` are counted pages that
    were `checked`, those of them that were `differing`, and pages extracted by trafilatura
    itself because the faster parts stepped `aside`, of which one warning tells.
    """
    if accelerate is False:
        return reference
    reason = why_not(options)
    if reason is not None:
        warnings.warn(f"accelerate: the faster parts step aside: {reason}", stacklevel=2)
        return _counted(reference, counts)
    from pipelines.accelerate.engine import accelerated  # imports what only MADE_FOR has

    fast = _or_else(accelerated(options, reference), reference)
    return fast if accelerate is True else compared(fast, reference, counts)


def compared(fast: Run, reference: Run, counts: Counter[str], share: float = VERIFIED_SHARE) -> Run:
    """Return `fast`, compared with the reference on a share of pages by hash of their HTML.

    A compared page has the reference's text.
    """

    def run(html: str) -> str:
        if not _is_chosen(html, share):
            return fast(html)
        expected = reference(html)
        counts["checked"] += 1
        counts["differing"] += fast(html) != expected
        return expected

    return run


def _is_chosen(html: str, share: float) -> bool:
    digest = hashlib.blake2b(html.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * _SCALE


def _or_else(fast: Run, reference: Run) -> Run:
    """Return `fast`, with the reference's word on a page that it fails on."""

    def run(html: str) -> str:
        try:
            return fast(html)
        except Exception:  # noqa: BLE001  what it is, trafilatura may know, or it fails likewise
            return reference(html)

    return run


def _counted(reference: Run, counts: Counter[str]) -> Run:
    def run(html: str) -> str:
        counts["aside"] += 1
        return reference(html)

    return run
