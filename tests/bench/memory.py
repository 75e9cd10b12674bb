"""Memory of the driver and the workers of a run over time, and how it is drawn."""

import os
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TypeAlias

from rich.table import Table

Sample: TypeAlias = tuple[float, int, int, int]
"""Seconds since the beginning; bytes of the driver, of all workers with their sandboxes, and of
the largest process among these."""

_SECONDS = 0.5
_COLUMNS = 60
_LEVELS = "▁▂▃▄▅▆▇█"
_WORKER, _SANDBOX = b"ray::", b"pipelines.sandbox.template"
_MEGA = 1e6


class Sampler:
    """Looks at this process and its descendants every half second, until it is stopped."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._over = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> list[Sample]:
        """Return what was seen."""
        self._over.set()
        self._thread.join()
        return self.samples

    def _look(self) -> None:
        while not self._over.wait(_SECONDS):
            workers = [_resident(p) for p in family(os.getpid())[1:] if _is_worker(p)]
            now = time.monotonic() - self._began
            self.samples.append(
                (now, _resident(os.getpid()), sum(workers), max(workers, default=0))
            )


def family(process: int) -> list[int]:
    """Return a process and its living descendants."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return [process]
    return [process, *(member for child in children for member in family(child))]


def _is_worker(process: int) -> bool:
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    return command.startswith(_WORKER) or _SANDBOX in command


def _resident(process: int) -> int:
    """Return the bytes that a process has for itself, shared ones in part; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def memory_table(samples: Sequence[Sample], pages: int) -> Table:
    """Return memory over time, drawn, with its median in each quarter of the run."""
    title = f"Memory over time: whole recipe on Ray, {pages:,} pages, {samples[-1][0]:.0f} s"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("what", "from start to end", "MB: 1st quarter", "2nd", "3rd", "4th", "peak"):
        table.add_column(name, justify="left" if name[0] in "wf" else "right", no_wrap=True)
    for place, name in enumerate(("driver", "all workers", "largest process of these"), 1):
        values = [float(sample[place]) for sample in samples]
        quarters = [median(part) for part in _parts(values, 4)]
        numbers = (f"{value / _MEGA:.0f}" for value in (*quarters, max(values)))
        table.add_row(name, _drawn(values), *numbers)
    return table


def _parts(values: Sequence[float], count: int) -> list[Sequence[float]]:
    bounds = [len(values) * number // count for number in range(count + 1)]
    return [values[a : max(b, a + 1)] for a, b in pairwise(bounds)]


def _drawn(values: Sequence[float]) -> str:
    """Draw medians as bars between zero and the most."""
    most = max(values) or 1.0
    bars = (median(part) / most for part in _parts(values, min(_COLUMNS, len(values))))
    return "".join(_LEVELS[min(int(bar * len(_LEVELS)), len(_LEVELS) - 1)] for bar in bars)
