"""Blocks of datatrove as steps of a recipe: its filters and formatters, and subclasses of them.

A block is found by its name and made anew for every crawl file, because blocks may keep
state from document to document: what becomes of a page then depends on its file alone.
datatrove is loaded when a recipe has such a step, not before.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from filters.errors import WorkError
from filters.text import without_surrogates

MOST_CHARACTERS = 100
"""Characters of a block's reason that become the rule."""
MOST_REASONS = 100
"""Different reasons of one block in one file; further ones go by the block's own name."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class BlockStage:
    """A step that hands the text to a block; what is measured after it belongs to its revision."""

    name: str
    """A class of `datatrove.pipeline.filters` or `.formatters`; with dots, one of any module."""
    arguments: Mapping[str, Any]
    source: str
    """Which code stands behind the name: datatrove's version, or the digest of a module."""

    @property
    def revision(self) -> str:
        """Name of the class: that of the text which the block leaves behind."""
        return self.name.rpartition(".")[2]

    @property
    def made_by(self) -> tuple[str, str, Mapping[str, Any], str]:
        """What the block's text depends on, for fingerprints."""
        return ("datatrove", self.name, self.arguments, self.source)


@dataclass(frozen=True, slots=True)
class Passed:
    """What a block made of a text."""

    text: str
    outcome: Literal["dropped", "failed"] | None = None
    """None where the page goes on."""
    reason: str = ""


class Block:
    """One block at work on the pages of one crawl file after another."""

    def __init__(self, stage: BlockStage) -> None:
        self.stage = stage
        self._made: Any = None
        self._reasons: set[str] = set()

    def restart(self) -> None:
        """Forget what the pages of the last file have left behind."""
        self._made = None
        self._reasons = set()

    def warm_up(self) -> None:
        """Load what the block needs. WorkError if it cannot be made."""
        _make(self.stage)

    def apply(self, text: str, about: Mapping[str, Any]) -> Passed:
        """Return what the block makes of a text; a block that raises fails the page.

        `about` is what is known of the page: `id`, and datatrove's metadata. WorkError if
        the block itself cannot be made.
        """
        if self._made is None:
            self._made = _make(self.stage)
        try:
            return self._ask(text, about)
        # Somebody else's code costs the page, not the file; not even by sys.exit().
        except (Exception, SystemExit) as error:  # noqa: BLE001  see above
            return Passed(text, "failed", f"error:{self.stage.revision}:{type(error).__name__}")

    def _ask(self, text: str, about: Mapping[str, Any]) -> Passed:
        if not is_filter(type(self._made)):
            return self._checked(text, self._made.format(text), kept=True, reason="")
        from datatrove.data import Document

        metadata = {name: value for name, value in about.items() if name != "id" and value}
        document = Document(text=text, id=str(about.get("id", "")), metadata=metadata)
        (result,) = self._made.filter_batch([document])
        kept, reason = result if isinstance(result, tuple) else (result, None)
        return self._checked(text, document.text, kept=bool(kept), reason=reason)

    def _checked(self, before: str, after: Any, *, kept: bool, reason: Any) -> Passed:
        if not isinstance(after, str):
            given = type(after).__name__
            return Passed(before, "failed", f"error:{self.stage.revision}:text is {given}")
        after = after if after == before else without_surrogates(after)
        return Passed(after) if kept else Passed(after, "dropped", self._rule(reason))

    def _rule(self, reason: Any) -> str:
        """Return the reason as the ledger has it: printable, of a bounded length and variety."""
        own = _HUMP.sub("_", self.stage.revision).lower()
        written = str(reason).strip()[:MOST_CHARACTERS] if reason else ""
        rule = "".join(c if c.isprintable() else " " for c in written).strip() or own
        if rule in self._reasons or len(self._reasons) < MOST_REASONS:
            self._reasons.add(rule)
            return rule
        return own


def _make(stage: BlockStage) -> Any:
    try:
        return find_class(stage.name)(**stage.arguments)
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).partition("\n")[0]
        raise WorkError(
            f"datatrove: {stage.name} cannot be made: {why}\n"
            "  Check its arguments, and that its package is installed on every worker."
        ) from error


def is_filter(block: type) -> bool:
    """Return whether a block decides on documents; else it rewrites their text."""
    from datatrove.pipeline.filters.base_filter import BaseFilter

    return issubclass(block, BaseFilter)


def is_block(found: object) -> bool:
    """Return whether something is a block: a strict subclass of datatrove's two bases."""
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.pipeline.formatters.base import BaseFormatter

    bases = (BaseFilter, BaseFormatter)
    return isinstance(found, type) and issubclass(found, bases) and found not in bases


def known_blocks() -> dict[str, type]:
    """Return datatrove's own blocks by name."""
    packages = ("datatrove.pipeline.filters", "datatrove.pipeline.formatters")
    found = (vars(importlib.import_module(package)) for package in packages)
    return {name: item for names in found for name, item in names.items() if is_block(item)}


def find_class(name: str) -> Any:
    """Return what a name stands for, whatever that is.

    LookupError where there is no such thing; a module that is imported may raise anything.
    """
    module, _, bare = name.rpartition(".")
    if not module:
        return known_blocks()[name]
    try:
        return getattr(importlib.import_module(module), bare)
    except AttributeError:
        raise LookupError(f"module '{module}' has no '{bare}'") from None
