"""What a child is at, in memory that it shares with its parent.

The child writes before each page and each step; the parent reads whenever it likes. What is
written there outlives the child, so it names the page that killed it.
"""

import mmap
import os
import time
from dataclasses import dataclass

STAGES = ("extract", "language", "quality")
"""Stages of the ledger that a page can fail at in the sandbox, in their order."""

_PAGE, _STAGE, _STARTED, _BASE = range(4)
_CELLS = 4
_WIDTH = 8
_IDLE = -1


@dataclass(frozen=True, slots=True)
class Begun:
    """The page that a child is at."""

    ordinal: int
    stage: str
    cpu_nanoseconds: int
    """CPU time that the child had spent when it began."""


class Marks:
    """Four numbers in shared memory; each is written in one piece."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = os.memfd_create("cuvee-sandbox") if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, _CELLS * _WIDTH)
        self._memory = mmap.mmap(self.descriptor, _CELLS * _WIDTH)
        self._cells = memoryview(self._memory).cast("q")
        if descriptor is None:
            self._cells[_PAGE] = _IDLE

    def close(self) -> None:
        """Let go of the memory."""
        self._cells.release()
        self._memory.close()
        os.close(self.descriptor)

    def ready(self, resident: int) -> None:
        """Note the bytes in memory of a child that has everything loaded."""
        self._cells[_BASE] = resident

    def begin(self, ordinal: int) -> None:
        """Note that a page begins."""
        self._cells[_STAGE] = 0
        self._cells[_STARTED] = time.process_time_ns()
        self._cells[_PAGE] = ordinal

    def reach(self, stage: str) -> None:
        """Note that the page has reached a stage."""
        self._cells[_STAGE] = STAGES.index(stage)

    def end(self) -> tuple[str, int]:
        """Note that the page is done with; return how far it came and its CPU nanoseconds."""
        self._cells[_PAGE] = _IDLE
        return STAGES[self._cells[_STAGE]], time.process_time_ns() - self._cells[_STARTED]

    @property
    def base(self) -> int:
        """Bytes in memory before the first page."""
        return self._cells[_BASE]

    def read(self) -> Begun | None:
        """Return what the child is at; None between pages. Never raises, whatever is there."""
        ordinal, stage, started = (self._cells[cell] for cell in (_PAGE, _STAGE, _STARTED))
        if ordinal == _IDLE or self._cells[_PAGE] != ordinal:
            return None
        return Begun(ordinal, STAGES[stage] if 0 <= stage < len(STAGES) else STAGES[0], started)
