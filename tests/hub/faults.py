"""Faults of the Hub by rule: which request, how often, in which way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from tests.pipelines.hosts import Plan, Request


@dataclass
class Rule:
    """Fails requests whose method and path have these words: first `times` after `skip`."""

    kind: str | Callable[[], None]
    """A fault of the host, or what is to happen just before the request is answered."""
    words: str
    times: int = 1
    skip: int = 0
    met: int = field(default=0, init=False)

    def fault(self, request: Request) -> str | None:
        asked = f"{request.method} {request.target}"
        if not all(word in asked for word in self.words.split()):
            return None
        self.met += 1
        if not self.skip < self.met <= self.skip + self.times:
            return None
        if callable(self.kind):
            self.kind()
            return None
        return self.kind


def by_rules(*rules: Rule) -> Plan:
    """Return a plan that follows the first rule which applies."""
    lock = Lock()

    def plan(request: Request, before: int) -> str | None:
        del before
        with lock:
            found = [rule.fault(request) for rule in rules]
        return next((kind for kind in found if kind), None)

    return plan
