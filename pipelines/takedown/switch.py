"""From the old state of a run to the new one: the old, or the new, whatever happens between.

New files lie in `work/`, and a journal says where each is to go and which records name them.
Once it is written, all that it says can be done again as often as need be; until then nothing
has changed. Whoever works in the folder next finds the journal and does what is left of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filters.errors import WorkError
from pipelines.card.write import (
    beside_of,
    card_files,
    make_card_held,
    remove_beside,
    write_plain_card,
)
from pipelines.files import empty_work, move_into_place, read_json, work_folder, write_whole
from pipelines.manifest import described, write_manifest
from pipelines.storage import Commit, CommitLog, CommittedFile
from pipelines.takedown.records import Change
from pipelines.takedown.remembered import Entry, entry_of, read_remembered, remember
from pipelines.tokens.tokenized import finish_tokenized
from pipelines.totals import published_files, run_totals, token_totals, without_taken

_JOURNAL = Path("commits/takedown.json")
REPORT = "report.html"
"""What holds texts of pages and is written anew on demand."""
_KEYS = ("changes", "manifest", "entry", "beside", "tokenized")
_WRITTEN_ANEW = ("format", "file_totals", "files", "counted")


@dataclass(frozen=True, slots=True)
class Journal:
    """What is to be done."""

    changes: Sequence[Change]
    manifest: Mapping[str, Any] | None
    """That of the finished run; None where a run that has not finished does it."""
    entry: Entry | None = None
    """What is to be remembered; None where it is already."""
    tokenized: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What folders of token ids, by their path, are made from then (`Changes.tokenized`)."""


def switch(root: Path, journal: Journal) -> None:
    """Bring a run into its new state. The folder is held by the caller."""
    entry = journal.entry.plain() if journal.entry else None
    changes = [asdict(change) for change in journal.changes]
    data = {
        "changes": changes,
        "manifest": journal.manifest,
        "entry": entry,
        "beside": beside_of(root),
        "tokenized": dict(journal.tokenized),
    }
    write_whole(root / _JOURNAL, json.dumps(data, ensure_ascii=False).encode())
    complete(root)


def complete(root: Path) -> bool:
    """Do what a journal says that was left behind; return whether there was one."""
    try:
        data = read_json(root / _JOURNAL, *_KEYS)
    except FileNotFoundError:
        return False
    if data["entry"] is not None:
        remember(root, entry_of(data["entry"]))
    if data["manifest"] is not None:
        (root / "manifest.json").unlink(missing_ok=True)
    for name in data["tokenized"]:
        (root / name / "manifest.json").unlink(missing_ok=True)
    for change in map(_change, data["changes"]):
        _put(root, change)
    (root / REPORT).unlink(missing_ok=True)
    for name, made_from in data["tokenized"].items():
        finish_tokenized(root / name, made_from)
    if data["manifest"] is not None:
        _finish(root, data["manifest"])
        is_wanted, repo = data["beside"]
        if is_wanted:
            make_card_held(root, repo)
    (root / _JOURNAL).unlink()
    empty_work(root)
    return True


def _change(data: dict[str, Any]) -> Change:
    record = data["commit"]
    files = tuple(CommittedFile(**item) for item in record.pop("files"))
    commit = Commit(files=files, **record)
    files_of = tuple(data["written"]), tuple(data["gone"])
    return Change(commit, data["folder"], *files_of, data["below"])


def _put(root: Path, change: Change) -> None:
    """Put the new files of one record into their places, then the record."""
    folder = root / change.below
    log = CommitLog(folder)
    for item in change.commit.files:
        written = work_folder(folder) / change.folder / item.path
        if item.path in change.written and written.exists():
            move_into_place(written, folder / item.path, item.sha256)
    for path in change.gone:
        (folder / path).unlink(missing_ok=True)
    if not log.is_whole(change.commit) and change.written:
        raise WorkError(
            f"{root}: new files of a takedown are gone from {work_folder(folder)}.\n"
            f"  Remove {root / _JOURNAL} and run the recipe's command again: it takes the pages "
            "down at its end."
        )
    log.replace(change.commit)


def _finish(root: Path, before: Mapping[str, Any]) -> None:
    """Write plain card and manifest of a run out of which pages were taken."""
    log = CommitLog(root)
    done = {stage: list(log.commits(stage).values()) for stage in log.planned()}
    manifest = {
        **{key: value for key, value in before.items() if key not in _WRITTEN_ANEW},
        **run_totals(done),
        **(token_totals(done) if "token_shards" in before else {}),
        "funnel": without_taken(before["funnel"], done["settle"]),
        **takedowns(root),
    }
    files = published_files(done)
    if not any(item["path"] == "tokenizer.json" for item in files):
        files.append(described(root, root / "tokenizer.json"))
    remove_beside(root)  # it is of what was there before
    write_plain_card(root, manifest, files)
    everything = [*files, *card_files(root)]
    write_manifest(root, manifest, sorted(everything, key=lambda item: str(item["path"])))


def takedowns(root: Path) -> dict[str, Any]:
    """Return what a run's manifest says of its takedowns; nothing where there were none."""
    found = [entry.public() for entry in read_remembered(root)]
    return {"takedowns": found} if found else {}
