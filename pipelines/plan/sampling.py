"""Which units of an input a plan looks at."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.crawl import CrawlFile
from pipelines.pipeline import RunOptions
from pipelines.plan.looked import Looked, unit_size
from pipelines.plan.survey import Seen, Stratum, Survey, Unit, draw, stratify

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How much to look at."""

    run: RunOptions = field(default_factory=RunOptions)
    sample: int = 12
    """Units to draw, at most."""
    pages: int = 6000
    """Pages to read, at most: the first ones of each unit, as many of each."""
    seed: int = 0
    price: float | None = None
    """Of a core for an hour, in whatever money."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The units that were drawn, and what they were drawn from."""

    files: tuple[CrawlFile, ...]
    strata: tuple[Stratum, ...]
    stratum_of: Mapping[str, int]
    """By unit."""
    sizes: Mapping[str, float]
    """By unit, as in its stratum."""
    sizes_known: bool
    """Whether every unit's bytes are known; else all are taken to be alike."""
    largest: float
    """The largest unit's share of everything."""

    def survey(self, looked: Sequence[Looked]) -> Survey:
        """Return the survey that these units make; those that failed are left out."""
        units = [unit.file.unit for unit in looked]
        seen = (
            Seen(self.stratum_of[name], self.sizes[name], unit.read)
            for name, unit in zip(units, looked, strict=True)
        )
        return Survey(self.strata, tuple(seen))

    def facts(self, looked: Sequence[Looked], seed: int) -> dict[str, Any]:
        """Return what a plan says of its sample."""
        whole = sum(stratum.size for stratum in self.strata)
        read = sum(self.sizes[unit.file.unit] * unit.read for unit in looked)
        return {
            "units": len(looked),
            "failed": len(self.files) - len(looked),
            "strata": len(self.strata),
            "pages": sum(unit.pages_read for unit in looked),
            "cut_short": sum(unit.read < 1 for unit in looked),
            "share": read / whole,
            "sizes_known": self.sizes_known,
            "seed": seed,
        }


def draw_units(files: Sequence[CrawlFile], sample: int, seed: int) -> Drawn:
    """Draw units by dump, name and size; without all sizes each counts as much as another."""
    sizes = [unit_size(file) for file in files]
    are_known = all(size is not None for size in sizes) and any(sizes)
    groups = _groups(files)
    units = [
        Unit(number, groups[number], float(size or 0) if are_known else 1.0)
        for number, size in enumerate(sizes)
    ]
    strata = stratify(units, sample)
    drawn = draw(strata, sample, seed)
    of = {unit.number: at for at, some in enumerate(drawn) for unit in some}
    return Drawn(
        files=tuple(files[number] for number in sorted(of)),
        strata=tuple(Stratum(len(some), sum(unit.size for unit in some)) for some in strata),
        stratum_of={files[number].unit: at for number, at in of.items()},
        sizes={files[number].unit: units[number].size for number in of},
        sizes_known=are_known,
        largest=max(unit.size for unit in units) / sum(unit.size for unit in units),
    )


def _groups(files: Sequence[CrawlFile]) -> list[str]:
    """Return each unit's dump, with its name but for the numbers in it where that is a family.

    Files of one crawl are named by counting: in a folder of several crawls these differ
    more from each other than their own files do. Names that only chance has made say nothing.
    """
    families = [f"{file.dump} {_NUMBER.sub('#', file.file_path)}" for file in files]
    if len(set(families)) * 2 > len(files):
        return [file.dump for file in files]
    return families
