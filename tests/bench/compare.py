"""Runs the measurements, the two sides in turns, and says how they compare."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.step import SIDES, STEPS, Crawl, Measured, Side, Step
from tests.bench.worker import Job

ROOT = Path(__file__).parents[2]
SCALING = (1, 2)
"""Ray workers of the runs that say how the whole recipe grows with them."""
_WHOLE = next(step for step in STEPS if step.name == "whole")


@dataclass(slots=True)
class Compared:
    """All measurements of one step, a list per side, one entry a round."""

    step: Step
    rounds: dict[str, list[Measured]] = field(default_factory=lambda: {side: [] for side in SIDES})

    def milliseconds(self, side: str) -> float:
        """Return the CPU time of a page, the median of the rounds."""
        return median(1e3 * one.cpu_seconds / one.pages for one in self.rounds[side])

    def wall(self, side: str) -> float:
        """Return the seconds of a round, their median."""
        return median(one.wall_seconds for one in self.rounds[side])

    def peak_bytes(self, side: str) -> int:
        """Return the memory of the largest process of all rounds."""
        return max(one.peak_bytes for one in self.rounds[side])

    def ratios(self) -> list[float]:
        """Return datatrove's CPU time over Cuvée's, by round."""
        theirs, ours = (self.rounds[side] for side in SIDES)
        return [
            a.cpu_seconds / b.cpu_seconds if b.cpu_seconds else 0.0
            for a, b in zip(theirs, ours, strict=True)
        ]

    def agreement(self) -> dict[str, int]:
        """Return how many pages came out the same, otherwise, or on one side only."""
        theirs, ours = (self.rounds[side][0].results for side in SIDES)
        both = theirs.keys() & ours.keys()
        same = sum(theirs[name] == ours[name] for name in both)
        return {
            "same": same,
            "different": len(both) - same,
            "only datatrove": len(theirs) - len(both),
            "only cuvee": len(ours) - len(both),
        }


def compare(
    folder: Path,
    steps: Sequence[Step],
    rounds: int,
    say: Callable[[str], None],
    sets: tuple[str, ...] = (),
) -> list[Compared]:
    """Measure the steps in rounds; which side begins changes from round to round.

    `folder` has a prepared crawl for each kind of `step.Crawl` that the steps take.
    """
    compared = [Compared(step) for step in steps]
    for number in range(rounds):
        for one in compared:
            for side in SIDES[:: 1 if number % 2 == 0 else -1]:
                say(f"round {number + 1} of {rounds}: {one.step.name}, {side}")
                place = folder / one.step.crawl
                one.rounds[side].append(_measure(place, side, one.step, sets=sets))
    return compared


def scaling(
    folder: Path, rounds: int, say: Callable[[str], None], sets: tuple[str, ...] = ()
) -> dict[int, list[Measured]]:
    """Measure the whole recipe on Ray, by number of workers that are warm."""
    found: dict[int, list[Measured]] = {workers: [] for workers in SCALING}
    for number in range(rounds):
        for workers in SCALING:
            say(f"round {number + 1} of {rounds}: whole, {workers} worker(s)")
            found[workers].append(_measure(folder / "long", "cuvee", _WHOLE, workers, sets))
    return found


def growth(
    folder: Path, rounds: int, say: Callable[[str], None], sets: tuple[str, ...] = ()
) -> dict[Crawl, list[Measured]]:
    """Measure Cuvée's whole recipe on the given crawl and on the long one."""
    found: dict[Crawl, list[Measured]] = {"given": [], "long": []}
    for number in range(rounds):
        for crawl, measured in found.items():
            say(f"round {number + 1} of {rounds}: whole, {crawl} crawl")
            measured.append(_measure(folder / crawl, "cuvee", _WHOLE, sets=sets))
    return found


def memory(folder: Path, say: Callable[[str], None], sets: tuple[str, ...] = ()) -> Measured:
    """Run the whole recipe over the long crawl on Ray, once, and look at memory over time."""
    workers = max(SCALING)
    say(f"whole, {workers} worker(s), for memory over time")
    return _measure(folder / "long", "cuvee", _WHOLE, workers, sets)


def _measure(
    folder: Path,
    side: Side,
    step: Step,
    workers: int | None = None,
    sets: tuple[str, ...] = (),
) -> Measured:
    """Measure one step of one side in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        job = Path(scratch) / "job.json"
        changes = (*step.sets, *sets)
        job.write_text(
            json.dumps(asdict(Job(side, step.name, str(folder), scratch, workers, changes)))
        )
        began, before = time.perf_counter(), _spent()
        subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning",
             "-m", "tests.bench.worker", str(job)],
            cwd=ROOT, env=_environment(folder), check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wall, cpu = time.perf_counter() - began, _spent() - before
        measured = Measured(**json.loads(job.with_suffix(".out").read_text()))
    if step.rows == "first":  # the whole process counts, the interpreter's own start included
        return replace(measured, cpu_seconds=cpu, wall_seconds=wall)
    return measured


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(folder: Path) -> dict[str, str]:
    """Keep what datatrove unpacks beside the crawl, and its log to errors."""
    assets = folder.parents[1] / "assets"
    return {
        **os.environ,
        "HF_ASSETS_CACHE": str(assets),
        "HF_HUB_OFFLINE": "1",
        "LOGURU_LEVEL": "ERROR",
        "TOKENIZERS_PARALLELISM": "false",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def as_json(
    compared: Sequence[Compared],
    facts: dict[str, Any],
    scaled: Mapping[int, Sequence[Measured]],
    grown: Mapping[Crawl, Sequence[Measured]],
) -> dict[str, Any]:
    """Return everything but the pages' digests, as plain data."""
    rounds = {
        one.step.name: {side: _plain(measured) for side, measured in one.rounds.items()}
        for one in compared
    }
    others = {
        "workers": {workers: _plain(measured) for workers, measured in scaled.items()},
        "growth": {crawl: _plain(measured) for crawl, measured in grown.items()},
    }
    agreement = {one.step.name: one.agreement() for one in compared}
    ratios = {one.step.name: one.ratios() for one in compared}
    return {**facts, "rounds": rounds, "ratios": ratios, "agreement": agreement, **others}


def _plain(rounds: Sequence[Measured]) -> list[dict[str, Any]]:
    return [{k: v for k, v in asdict(one).items() if k != "results"} for one in rounds]
