"""Token ids of pages that leave: of the run's own shards, of packed rows, by other tokenizers."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.manifest import read_manifest
from pipelines.storage import Attempt, Commit, CommitLog
from pipelines.takedown.records import Change, Rewriter, without
from pipelines.takedown.rewrite import among, rows_of
from pipelines.tokens.packed import packed_as, write_packed
from pipelines.tokens.tokenized import dataset_digest, shard_contents, tokenized_folders
from pipelines.totals import published_files

_STALE = ""


def change_shard(
    log: CommitLog,
    rewriter: Rewriter,
    unit: str,
    ids: pa.Array,
    *,
    below: str = "",
    is_finished: bool = True,
) -> Iterator[Change]:
    """Take rows out of a shard of token ids and, in what is finished, pack anew what is left.

    `below` is the path of the log's folder in that of the run.
    """
    commit = log.get("tokens", unit)
    writers = without(log.root, commit.files, "id", ids) if commit else {}
    if commit is None or not writers:
        return
    (name,) = writers
    lost = rows_of(log.root / name, among("id", ids), ["id", "token_count"])
    facts = _facts(commit.facts, lost["token_count"])
    change = rewriter.change(commit, writers, below=below, drop_empty=True, facts=facts)
    yield change
    packed = log.get("packed", unit)
    if is_finished and packed is not None and packed.files:
        yield _packed_anew(log, rewriter, packed, rewriter.path(change, name), below)


def _facts(facts: Mapping[str, Any], lost: pa.ChunkedArray) -> dict[str, Any]:
    """Return the counters of a shard without documents of so many ids."""
    special = facts["special"] // facts["rows"] * len(lost)  # so many of each document
    return {
        **facts,
        "rows": facts["rows"] - len(lost),
        "tokens": facts["tokens"] - ((pc.sum(lost).as_py() or 0) - special),
        "special": facts["special"] - special,
    }


def _packed_anew(
    log: CommitLog, rewriter: Rewriter, packed: Commit, tokens: Path, below: str
) -> Change:
    """Pack a shard as it was packed: its rows hold several documents, and numbers of them."""
    (item,) = packed.files
    job = packed_as(packed.unit, tokens, log.root / item.path)
    facts: dict[str, Any] = {}

    def write(attempt: Attempt) -> int:
        facts.update(write_packed(attempt, job))
        return int(facts["documents"])  # of which some may have no tokens, and so no row

    change = rewriter.change(packed, {item.path: write}, below=below, drop_empty=True)
    return replace(change, commit=replace(change.commit, facts=facts))


def tokenized_with(root: Path, ids: pa.Array) -> list[str]:
    """Return the folders of token ids by other tokenizers that hold some of these pages."""
    return [
        folder.relative_to(root).as_posix()
        for folder in tokenized_folders(root)
        if any(
            without(folder, commit.files, "id", ids)
            for commit in CommitLog(folder).commits("tokens").values()
        )
    ]


def change_tokenized(root: Path, rewriter: Rewriter, ids: pa.Array) -> Iterator[Change]:
    """Take rows out of the token ids by other tokenizers, of whichever dataset they are."""
    if not len(ids):
        return
    for folder in tokenized_folders(root):
        log = CommitLog(folder)
        below = folder.relative_to(root).as_posix()
        is_finished = _manifest(folder) is not None
        if not is_finished:
            yield from _packed_gone(log, below)
        for unit in log.commits("tokens"):
            yield from change_shard(log, rewriter, unit, ids, below=below, is_finished=is_finished)


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return that of a finished folder, from which nothing is missing that has no record."""
    return read_manifest(folder) if (folder / "tokenizer.json").is_file() else None


def _packed_gone(log: CommitLog, below: str) -> Iterator[Change]:
    """Take all packed rows out of a folder that is not finished; `cuvee tokenize` packs again.

    They may be of token ids that have been made anew since, so nothing says what they hold.
    """
    for commit in log.commits("packed").values():
        if commit.files:
            paths = tuple(item.path for item in commit.files)
            gone = replace(commit, files=(), fingerprint=_STALE)
            yield Change(gone, "", (), paths, below)


def made_from(
    root: Path, folders: Collection[str], dataset: Sequence[Mapping[str, Commit]]
) -> dict[str, dict[str, Any]]:
    """Return what the manifests of finished folders are to say that they are made from.

    One that was of the dataset before, and only such a one, is of the dataset now.
    """
    before, now = (
        dataset_digest(shard_contents(published_files({"dataset": list(commits.values())})))
        for commits in dataset
    )
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(folders):
        manifest = _manifest(root / name)
        if manifest is not None:
            said = manifest["made_from"]
            found[name] = {**said, "dataset": now} if said["dataset"] == before else said
    return found
