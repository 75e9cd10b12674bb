"""Where a unit's time goes: CPU and wall time and bytes, by step.

Timings differ from run to run, so they are in no fingerprint and no published file:
commit records and the manifest have them.
"""

import resource
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

STEPS = (
    "read", "sandbox", "url", "optout", "licence", "cascade", "extract", "language", "quality",
    "minhash", "tokens", "write",
)  # fmt: skip
"""The steps of a page on its own, in order."""

KINDS = ("same_record", "exact", "url", "lines", "minhash")
"""Kinds of deduplication, with which the names of their stages end."""

Spent: TypeAlias = Mapping[str, Mapping[str, float]]
"""By step: `cpu_seconds`, `wall_seconds` and the `bytes` that the step gave."""

_NANO = 1e9


class StepClock:
    """Books the time since the last lap on a step: two looks at a clock for a step of a page.

    CPU time is that of this thread, which is much cheaper to ask for than that of a
    process with many. What other threads spend is in the unit's total alone.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget everything and begin now."""
        self._spent: dict[str, list[int]] = {step: [0, 0, 0] for step in STEPS}
        self._cpu, self._wall = time.thread_time_ns(), time.perf_counter_ns()

    def lap(self, step: str, size: int = 0) -> None:
        """Book what has passed since the last lap on `step`, which gave `size` bytes."""
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        spent = self._spent[step]
        spent[0] += cpu - self._cpu
        spent[1] += wall - self._wall
        spent[2] += size
        self._cpu, self._wall = cpu, wall

    def share(self, spent: Spent) -> None:
        """Book what a process spent that this one has waited for, on `sandbox`, until now.

        Its wall time counts as far as this one has waited: the rest passed at the same time.
        """
        whole = sum(figures["wall_seconds"] for figures in spent.values())
        waited = self._spent["sandbox"][1]
        part = min(whole, waited / _NANO) / whole if whole else 0.0
        for step, figures in spent.items():
            wall = int(figures["wall_seconds"] * part * _NANO)
            self._spent["sandbox"][1] -= wall
            sums = self._spent[step]
            sums[0] += int(figures["cpu_seconds"] * _NANO)
            sums[1] += wall
            sums[2] += int(figures["bytes"])

    def read(self) -> dict[str, dict[str, float]]:
        """Return what was spent on the steps that were taken."""
        return {
            step: {"cpu_seconds": cpu / _NANO, "wall_seconds": wall / _NANO, "bytes": size}
            for step, (cpu, wall, size) in self._spent.items()
            if wall
        }


def peak_memory() -> int:
    """Return the most bytes of memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def add_up(spent: Iterable[Spent]) -> dict[str, dict[str, float]]:
    """Return the sums over units, by step."""
    total: dict[str, dict[str, float]] = {}
    for unit in spent:
        for step, figures in unit.items():
            sums = total.setdefault(step, dict.fromkeys(figures, 0))
            for name, figure in figures.items():
                sums[name] = round(sums[name] + figure, 6)
    return total


def is_dedup(stage: str) -> bool:
    """Return whether a stage belongs to a kind of deduplication."""
    return stage.partition("_")[2].startswith(KINDS)


def step_name(stage: str) -> str:
    """Return what the time of a stage is booked on: those of one kind of deduplication together."""
    of = stage.partition("_")[2]
    kind = next((kind for kind in KINDS if of.startswith(kind)), None)
    return stage if kind is None else f"dedup: {kind}"


def by_step(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return CPU seconds by step, and by stage where a stage has no steps, in their order.

    `stages` are a manifest's. What a stage spent beyond its steps (starting up, moving
    files to their final names, other threads) follows them as `rest of` the stage.
    """
    seconds: dict[str, float] = {}
    for stage, totals in stages.items():
        steps: Spent = totals.get("steps", {})
        for step, figures in steps.items():
            seconds[step] = seconds.get(step, 0.0) + figures["cpu_seconds"]
        rest = totals.get("cpu_seconds", 0.0) - sum(f["cpu_seconds"] for f in steps.values())
        name = f"rest of {stage}" if steps else step_name(stage)
        seconds[name] = seconds.get(name, 0.0) + max(rest, 0.0)
    return seconds
