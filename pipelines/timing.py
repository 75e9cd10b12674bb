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
    "read", "url", "cascade", "extract", "language", "quality", "minhash", "tokens", "write",
)  # fmt: skip
"""The steps of a page on its own, in order."""

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
        name = f"rest of {stage}" if steps else stage
        seconds[name] = max(rest, 0.0)
    return seconds
