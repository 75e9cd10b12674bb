"""What a recipe's dedup stage says: its kinds, in order, as plain frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

Policy: TypeAlias = Literal["first", "longest", "newest", "highest"]
Per: TypeAlias = Literal["dump", "all"]
Clustering: TypeAlias = Literal["auto", "memory", "rounds"]


@dataclass(frozen=True, slots=True)
class Keep:
    """Which page of a cluster stays; of equal ones the first in input order."""

    policy: Policy = "first"
    signal: str | None = None
    """The ledger's column whose highest value stays; only for `highest`."""

    def plain(self) -> str | dict[str, str]:
        """Return it as a recipe writes it."""
        return {"highest": self.signal} if self.signal else self.policy


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOptions:
    """Settings of a kind of deduplication, whatever it takes for the same."""

    kind: ClassVar[str]
    per: Per = "dump"
    """Within what pages are compared: those of one dump, or all."""
    against: tuple[str, ...] = ()
    """Folders of earlier runs, whose pages come first."""

    def plain(self) -> dict[str, Any]:
        """Return every option as a recipe writes it."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class JoiningOptions(KindOptions):
    """Settings of a kind that joins pages into clusters and keeps one of each."""

    keep: Keep = Keep()
    max_cluster: int = 0
    """Most pages of a cluster, or 0 for no limit."""
    clustering: Clustering = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactOptions(JoiningOptions):
    """Pages whose normal text is the same (`filters.repeats.normal_text`)."""

    kind: ClassVar[str] = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOptions(JoiningOptions):
    """Pages whose address is the same (`filters.canonical_url`)."""

    kind: ClassVar[str] = "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinHashOptions(JoiningOptions):
    """Near-duplicates (design section 8)."""

    kind: ClassVar[str] = "minhash"
    ngram: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 1
    verify: float = 0.0
    """Least real Jaccard similarity of a pair that is joined; 0 joins all that share a band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesOptions(KindOptions):
    """Lines or paragraphs that an earlier page has: they leave, the page stays."""

    kind: ClassVar[str] = "lines"
    unit: Literal["line", "paragraph"] = "line"
    min_chars: int = 30
    """Characters of the normal form below which a line is not looked for."""


@dataclass(frozen=True, slots=True)
class DedupStage:
    """Repeats among what is left so far leave: each kind sees what the earlier ones left."""

    kinds: tuple[KindOptions, ...]

    @property
    def minhash(self) -> MinHashOptions | None:
        """The settings of near-duplicate removal, if it is one of the kinds."""
        found = [kind for kind in self.kinds if isinstance(kind, MinHashOptions)]
        return found[0] if found else None

    def plain(self) -> dict[str, dict[str, Any]]:
        """Return the kinds as a recipe writes them; their order is that of the map."""
        return {options.kind: options.plain() for options in self.kinds}


def _plain(value: Any) -> Any:
    if isinstance(value, Keep):
        return value.plain()
    return list(value) if isinstance(value, tuple) else value


OPTIONS: Mapping[str, type[KindOptions]] = {
    options.kind: options for options in (ExactOptions, UrlOptions, LinesOptions, MinHashOptions)
}
