"""What one page may use up in the sandbox."""

from dataclasses import dataclass, replace

_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one page. A page over them is tried once more, alone, with double."""

    cpu_seconds: float = 10.0
    """CPU time, so that a loaded machine changes no decision."""
    memory: int = 2048 * _MIB
    """Bytes in memory beyond those of the child with everything loaded."""
    page_bytes: int = 32 * _MIB
    """The longest body or text; a longer one is not looked at."""
    idle_seconds: float = 120.0
    """Wall time after which a child that spends no CPU time at all counts as stuck."""

    def plain(self) -> dict[str, float]:
        """Return what a recipe says of them."""
        names = ("cpu_seconds", "memory", "page_bytes")
        return {name: getattr(self, name) for name in names}

    def doubled(self) -> "Limits":
        """Return the limits of a page's second try."""
        return replace(self, cpu_seconds=2 * self.cpu_seconds, memory=2 * self.memory)
