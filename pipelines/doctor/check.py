"""What one look at the machine has found."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; a `problem` stops a run, a `warning` may slow or stop it later."""

    name: str
    status: Status
    fact: str
    advice: str = ""
    """What to do; empty where there is nothing to do."""


def size(bytes_: float) -> str:
    """Return a size in words: `17.3 MB`."""
    units = ("kB", "MB", "GB", "TB")
    value = bytes_ / 1000
    for unit in units[:-1]:
        if value < 1000:  # noqa: PLR2004  the step from one unit to the next
            return f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {units[-1]}"
