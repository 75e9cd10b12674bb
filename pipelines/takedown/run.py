"""Taking pages out of a run's folder, and keeping them out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.files import plain_errors
from pipelines.hold import held
from pipelines.manifest import check_format, load_manifest
from pipelines.storage import CommitLog
from pipelines.takedown.changes import prepare
from pipelines.takedown.find import Alike, Found, find_alike, find_pages
from pipelines.takedown.records import Changes, Rewriter
from pipelines.takedown.remembered import Entry, read_remembered
from pipelines.takedown.requests import Requests
from pipelines.takedown.shards import Hit, hit_shards
from pipelines.takedown.switch import REPORT, Journal, complete, switch
from pipelines.takedown.token_ids import tokenized_with
from pipelines.tokens.tokenized import remove_uncommitted, tokenized_folders


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
    tokenized: Sequence[str] = ()
    """Folders of token ids by other tokenizers that hold some of the pages."""
    report: bool = False
    """Whether there was a report, which holds texts and is removed."""


def look(root: Path, asked: Requests) -> Takedown:
    """Return what a takedown would take out of a finished run; nothing is changed.

    UsageError where no finished run is.
    """
    load_manifest(root)
    log = CommitLog(root)
    found = find_pages(log, [*_known(root), asked])
    shards, alike = list(hit_shards(log, found)), find_alike(log, found)
    return Takedown(found, shards, alike, tokenized=tokenized_with(root, found.ids()))


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
        found = find_pages(log, [*_known(root), asked])
        alike = find_alike(log, found)
        with _prepared(log, found) as changes:
            still_ours()
            day = datetime.now(UTC).date().isoformat()
            entry = Entry(day, asked, len(found.published()), found.tokens())
            is_known = any(each.asked == asked for each in read_remembered(root))
            if changes.changes or not is_known:
                new_entry = None if is_known else entry
                switch(root, Journal(changes.changes, manifest, new_entry, changes.tokenized))
        new = changes.rewritten()
        sizes = sum(item.bytes for item in new)
        beside = sorted({change.below for change in changes.changes} - {""})
        return Takedown(found, changes.shards, alike, len(new), sizes, beside, report)


def take_down_again(root: Path) -> bool:
    """Take out of a run that is about to be finished what was ever asked of it.

    Returns whether that has changed anything. The folder is held by the caller.
    """
    known = _known(root)
    if not known:
        return False
    log = CommitLog(root)
    with _prepared(log, find_pages(log, known)) as changes:
        if changes.changes:
            switch(root, Journal(changes.changes, None, tokenized=changes.tokenized))
        return bool(changes.changes)


@contextmanager
def _prepared(log: CommitLog, found: Found) -> Iterator[Changes]:
    for folder in tokenized_folders(log.root):
        remove_uncommitted(folder)  # of a `cuvee tokenize` that was killed: no record says what
    rewriter = Rewriter(log.root)
    try:
        yield prepare(log, found, rewriter)
    finally:
        rewriter.close()


def _known(root: Path) -> list[Requests]:
    return [entry.asked for entry in read_remembered(root)]
