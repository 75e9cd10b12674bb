"""Taking pages out of a run's folder, and keeping them out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filters.errors import UsageError
from pipelines.files import plain_errors
from pipelines.hold import held
from pipelines.manifest import check_format, load_manifest
from pipelines.storage import CommitLog
from pipelines.takedown.changes import Changes, Rewriter, prepare
from pipelines.takedown.find import Alike, Found, find_alike, find_pages
from pipelines.takedown.remembered import Entry, read_remembered
from pipelines.takedown.requests import Requests
from pipelines.takedown.shards import Hit, hit_shards
from pipelines.takedown.switch import REPORT, Journal, complete, switch


@dataclass(frozen=True, slots=True)
class Takedown:
    """What a takedown takes out of a run."""

    found: Found
    shards: Sequence[Hit]
    """Shards of the dataset that hold some of the pages, as they are."""
    alike: Alike
    files: int = 0
    """Files of the run that were written anew; 0 where it was only looked."""
    bytes: int = 0
    report: bool = False
    """Whether there was a report, which holds texts and is removed."""


def look(root: Path, asked: Requests) -> Takedown:
    """Return what a takedown would take out of a finished run; nothing is changed.

    UsageError where no finished run is.
    """
    load_manifest(root)
    log = CommitLog(root)
    found = find_pages(log, [*_known(root), asked])
    return Takedown(found, list(hit_shards(log, found)), find_alike(log, found))


def take_down(root: Path, asked: Requests) -> Takedown:
    """Take pages out of a finished run, and remember them; one that was interrupted is ended.

    UsageError where no finished run is, or another command works in it.
    """
    if not check_format(root):
        load_manifest(root)  # says in words that no run is there
    with held(root) as still_ours, plain_errors(root):
        complete(root)
        report = (root / REPORT).exists()
        manifest = load_manifest(root)
        log = CommitLog(root)
        refuse_mixed(log)
        found = find_pages(log, [*_known(root), asked])
        alike = find_alike(log, found)
        with _prepared(log, found) as changes:
            still_ours()
            day = datetime.now(UTC).date().isoformat()
            entry = Entry(day, asked, len(found.published()), found.tokens())
            is_known = any(each.asked == asked for each in read_remembered(root))
            if changes.changes or not is_known:
                journal = Journal(tuple(changes.changes), manifest, None if is_known else entry)
                switch(root, journal)
        new = changes.rewritten("")
        sizes = sum(item.bytes for item in new)
        return Takedown(found, changes.shards, alike, len(new), sizes, report=report)


def take_down_again(root: Path) -> bool:
    """Take out of a run that is about to be finished what was ever asked of it.

    Returns whether that has changed anything. The folder is held by the caller.
    """
    known = _known(root)
    if not known:
        return False
    log = CommitLog(root)
    refuse_mixed(log)
    with _prepared(log, find_pages(log, known)) as changes:
        if changes.changes:
            switch(root, Journal(tuple(changes.changes), None))
        return bool(changes.changes)


def refuse_mixed(log: CommitLog) -> None:
    """Raise UsageError where token ids lie in which no page can be found: those say no ids."""
    if log.commits("packed"):
        raise UsageError(
            f"{log.root}: has packed rows, in which no single page can be found.\n"
            "  Run the recipe's command again without tokens.packed, then repeat this; pack again "
            "in another folder."
        )
    if (log.root / "tokenized").exists():
        raise UsageError(
            f"{log.root / 'tokenized'}: has token ids of the pages by other tokenizers.\n"
            "  Remove it, repeat this, and make it again: cuvee tokenize"
        )


@contextmanager
def _prepared(log: CommitLog, found: Found) -> Iterator[Changes]:
    rewriter = Rewriter(log)
    try:
        yield prepare(log, found, rewriter)
    finally:
        rewriter.close()


def _known(root: Path) -> list[Requests]:
    return [entry.asked for entry in read_remembered(root)]
