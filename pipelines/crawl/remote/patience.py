"""Faults of remote input, and how long to bear with them.

Which answers are worth another try follows what the hosts of large crawls ask
of their readers: back off on 403 (the answer of a throttle in front of a
bucket), 429 and 5xx, honour Retry-After (RFC 9110, 10.2.3), never hurry.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from filters.errors import UsageError

PASSING = frozenset({403, 408, 429, 500, 502, 503, 504})
"""Statuses of HTTP after which the same request may succeed."""

Result = TypeVar("Result")


class Fault(Exception):  # noqa: N818  it is none until patience has ended
    """Why one request did not give what was asked for."""

    def __init__(self, kind: str, words: str, *, passes: bool = True, after: float = 0.0) -> None:
        super().__init__(kind, words)  # all that it takes to make it again in another process
        self.words = words
        self.kind = kind
        """One word, for counters: a status, `timeout`, `reset`, `short`, `changed` …"""
        self.passes = passes
        """Whether another try may go better."""
        self.after = after
        """Seconds that the server asks to wait."""

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how slowly a request is tried again."""

    tries: int = 8
    first_wait: float = 0.5
    """Seconds before the second try; doubled for each one after it."""
    longest_wait: float = 60.0
    """Seconds; also the most that a server's Retry-After is followed."""
    stall: float = 60.0
    """Seconds without a byte after which a connection counts as lost."""

    def wait(self, tried: int, after: float) -> float:
        """Return the seconds to wait after so many tries; at least what the server asks for."""
        most = min(self.first_wait * 2.0 ** (tried - 1), self.longest_wait)
        jitter = random.uniform(0.5, 1.0)  # noqa: S311  readers that start together must part
        return max(most * jitter, min(after, self.longest_wait))


@dataclass(slots=True)
class Traffic:
    """What reading a remote file has cost."""

    requests: int = 0
    retries: int = 0
    bytes: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    version: str = ""
    """ETag, else time of change, that the server gave for what was read."""

    def facts(self) -> dict[str, Any]:
        """Return it as plain data for a commit record."""
        return {
            "requests": self.requests,
            "retries": self.retries,
            "bytes": self.bytes,
            "faults": dict(sorted(self.faults.items())),
            "version": self.version,
        }


def patience() -> Patience:
    """Return the patience of this process: CUVEE_RETRY_SECONDS and CUVEE_STALL_SECONDS change it.

    UsageError when one of them is no positive number.
    """
    usual = Patience()
    return Patience(
        first_wait=seconds_of("CUVEE_RETRY_SECONDS", usual.first_wait),
        stall=seconds_of("CUVEE_STALL_SECONDS", usual.stall),
    )


def patience_of_planning() -> Patience:
    """Return the patience before work starts, while a person waits for an answer."""
    usual = patience()
    return Patience(5, usual.first_wait, longest_wait=2.0, stall=min(usual.stall, 20.0))


def seconds_of(name: str, default: float) -> float:
    """Return the seconds that an environment variable says; UsageError unless positive."""
    written = os.environ.get(name, "")
    try:
        seconds: float = float(written or default)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{name} is {written!r}, not a number of seconds.\n  Unset it.")
    return seconds


def patiently(once: Callable[[], Result], patience: Patience, traffic: Traffic) -> Result:
    """Return what a request gives, tried as often as patience lasts; the last Fault otherwise."""
    tried = 0
    while True:
        tried += 1
        traffic.requests += 1
        try:
            return once()
        except Fault as fault:
            traffic.faults[fault.kind] += 1
            if not fault.passes or tried >= patience.tries:
                raise
            time.sleep(patience.wait(tried, fault.after))
            traffic.retries += 1
