"""One driver at a time in a run's directory."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filters.errors import UsageError
from pipelines.bucket.path import S3Path
from pipelines.files import scratch_folder


@contextmanager
def held(root: Path) -> Iterator[Callable[[], None]]:
    """Hold the run directory for this driver; the system frees it when the process ends.

    UsageError where another one has it. Drivers of other machines are kept off a run on S3
    by a lease (`pipelines.bucket.lease`). Gives a function that raises a WorkError when one
    of them has taken it nevertheless.
    """
    if not isinstance(root, S3Path):
        with _locked(root / ".lock", root):
            yield lambda: None
        return
    from pipelines.bucket.lease import leased

    folder = scratch_folder(root)
    with _locked(folder / "lock", root), leased(root, folder) as check:
        yield check


@contextmanager
def _locked(file: Path, root: Path) -> Iterator[None]:
    with file.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{root}: another cuvee is working in this folder.\n"
                "  Wait for it, or choose another folder with --output."
            ) from error
        yield
