"""Keeps drivers of other machines out of a run on S3.

An object says who works there; it is written anew all the while, so that one of a driver
that has died grows old. It is a courtesy to people, not what keeps data whole: that are
the commit records.
"""

import json
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event, Thread

from filters.errors import UsageError, WorkError
from pipelines.bucket import objects
from pipelines.bucket.path import S3Path
from pipelines.crawl.remote.patience import Patience

_NAME = ".lock"
_RENEWED_SECONDS = 20.0
_OVER_SECONDS = 120.0
_ONCE = Patience(tries=1, stall=10.0)


@contextmanager
def leased(root: S3Path, scratch: Path) -> Iterator[Callable[[], None]]:
    """Hold a run on S3; gives a function that raises a WorkError once another one has taken it.

    `scratch` is a folder of this machine that only one living driver of the run can have.
    UsageError where a driver of another machine has the run.
    """
    lease = _Lease(root, root / _NAME, _card(scratch))
    lease.take()
    over = Event()
    renewing = Thread(target=lease.renew_until, args=(over,), daemon=True)
    renewing.start()
    try:
        yield lease.check
    finally:
        over.set()
        # One that comes late changes nothing: what it was to renew is no more as it knew it.
        renewing.join(_ONCE.stall)
        lease.give_back()


def _card(scratch: Path) -> bytes:
    """Return who is here: a host, and a number that this folder of it has for good."""
    number = scratch / "holder"
    if not number.exists():
        number.write_text(uuid.uuid4().hex)
    return json.dumps({"host": socket.gethostname(), "holder": number.read_text()}).encode()


@dataclass(slots=True)
class _Lease:
    root: S3Path
    path: S3Path
    card: bytes
    lost: Event = field(default_factory=Event)

    def take(self) -> None:
        # One with our card is of an earlier driver of this machine: had it not died, it would
        # still have the folder that the card is from.
        if objects.put_if_absent(self.path, self.card) or self._take_over():
            return
        raise UsageError(
            f"{self.root}: a cuvee on {self._holder()} is working there.\n"
            f"  Wait for it; if it has died, the place is free {_OVER_SECONDS / 60:.0f} minutes "
            "later. Or choose another folder with --output."
        )

    def _take_over(self) -> bool:
        facts = objects.facts(self.path)
        if facts is None:
            return objects.put_if_absent(self.path, self.card)
        written = facts["ResponseMetadata"]["HTTPHeaders"].get("date")
        now = parsedate_to_datetime(written) if written else datetime.now(UTC)
        if (now - facts["LastModified"]).total_seconds() < _OVER_SECONDS:
            return False
        return objects.conditional_put(self.path, self.card, IfMatch=facts["ETag"]) is not None

    def _holder(self) -> str:
        try:
            return str(json.loads(self.path.read_bytes())["host"])
        except (ValueError, LookupError, TypeError, FileNotFoundError):
            return "another machine"

    def renew_until(self, over: Event) -> None:
        while not over.wait(_RENEWED_SECONDS) and not self.lost.is_set():
            # Where S3 does not answer, whoever works will say so.
            with suppress(WorkError, FileNotFoundError):
                self._renew()

    def _renew(self) -> None:
        facts = objects.facts(self.path, _ONCE)
        if facts is None or objects.read(self.path, _ONCE) != self.card:
            self.lost.set()
            return
        objects.conditional_put(self.path, self.card, _ONCE, IfMatch=facts["ETag"])

    def check(self) -> None:
        if self.lost.is_set():
            raise WorkError(
                f"{self.root}: a cuvee on {self._holder()} has taken over.\n"
                "  What was committed is kept; leave the rest to it, or choose another folder."
            )

    def give_back(self) -> None:
        # Where that fails, the next driver of this machine knows its card.
        with suppress(WorkError, FileNotFoundError):
            if not self.lost.is_set() and objects.read(self.path, _ONCE) == self.card:
                objects.remove(self.path, _ONCE)
