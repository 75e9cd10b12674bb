"""The sandbox of this process, and what a unit's record says of its work there."""

import os
import sys
from collections import Counter
from typing import Any

from filters.errors import UnitError, UsageError
from pipelines.sandbox.child import Loader
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.marks import STAGES
from pipelines.sandbox.run import Fault, Sandbox
from pipelines.tokenizer import count_tokens

_NAMED = 100
"""Pages at a limit that a unit's facts name; of more only their number is told."""
_SOME_TEXT = "Some words of no page, to be read first."
_OPEN: dict[tuple[int, str], Sandbox] = {}
"""The sandbox of this process by what it is for."""


def open_sandbox(
    loader: Loader,
    argument: Any,
    key: str,
    limits: Limits,
    *,
    keeps_state: bool = False,
    longest: int | None = None,
) -> Sandbox:
    """Return this process's sandbox with a handler; see `Sandbox`. Only the latest is kept.

    UsageError where there can be none.
    """
    if not sys.platform.startswith("linux"):
        raise UsageError(
            "limits: the sandbox watches over pages with what only Linux has.\n"
            "  Go on without it, on input that you trust: --set limits=false"
        )
    mine = (os.getpid(), key)
    if mine not in _OPEN:
        for (process, _), other in _OPEN.items():
            if process == os.getpid():
                other.lives.retire()
        _OPEN.clear()
        _OPEN[mine] = Sandbox(
            loader, argument, key, limits, keeps_state=keeps_state, longest=longest
        )
    return _OPEN[mine]


def load_in_child(tokenizer: str | None) -> UnitError | None:
    """Load a tokenizer, so that no page pays for it; return why it cannot be loaded."""
    if tokenizer is not None:
        try:
            count_tokens(tokenizer, _SOME_TEXT)
        except Exception as error:  # noqa: BLE001  it is no page's fault: the unit is told
            what = f"{type(error).__name__}: {error}"
            return UnitError(f"the tokenizer of the run cannot be loaded: {what}")
    return None


class UnitWork:
    """What a sandbox does for one unit: whose pages they are, and what it costs."""

    def __init__(self, sandbox: Sandbox | None) -> None:
        self.sandbox = sandbox
        self.records: list[int] = []
        """Of the pages that went into the sandbox, by ordinal."""
        self._spent_before = sandbox.lives.cpu_seconds if sandbox else 0.0

    @property
    def faults(self) -> list[Fault]:
        """Pages that were over a limit or ended a child."""
        return self.sandbox.faults if self.sandbox else []

    @property
    def lost_texts(self) -> bool:
        """Whether a page failed after its text was extracted, which is lost with the child."""
        return any(fault.failed and fault.stage != STAGES[0] for fault in self.faults)

    @property
    def used(self) -> tuple[float, int]:
        """CPU seconds and most bytes of memory of the sandbox for this unit."""
        if self.sandbox is None:
            return 0.0, 0
        lives = self.sandbox.lives
        return lives.cpu_seconds - self._spent_before, lives.peak_bytes

    def facts(self) -> dict[str, Any]:
        """Return the pages that were over a limit or ended a child; nothing without any."""
        if not self.faults:
            return {}
        failed = Counter(fault.reason for fault in self.faults if fault.failed)
        late = Counter(fault.reason for fault in self.faults if not fault.failed)
        pages = [
            {"record": self.records[fault.ordinal], "reason": fault.reason, "failed": fault.failed}
            for fault in self.faults[:_NAMED]
        ]
        return {"at_limits": {"failed": dict(failed), "passed_later": dict(late), "pages": pages}}
