"""What a takedown changes in a run: new files beside the old ones, and the records that name them.

Nothing that is there is touched: the new files lie in `work/` until `switch` puts them in
their places. A record keeps what later stages go by (`Commit.taken`), so they hold. Texts of
curation are the exception: where a page's text is gone, the crawl file is curated anew before
a later run does anything, since which pages repeat each other must come out as it was.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.publish.samples import STAGE as SAMPLES
from pipelines.publish.samples import held_fingerprint
from pipelines.storage import Commit, CommitLog, CommittedFile
from pipelines.tables import read_table
from pipelines.takedown.find import Found, Page
from pipelines.takedown.records import Change, Changes, Rewriter, without
from pipelines.takedown.requests import STAGE
from pipelines.takedown.rewrite import among, rows_of, write_decided
from pipelines.takedown.shards import Hit, hit_shards
from pipelines.takedown.token_ids import change_shard, change_tokenized, made_from
from pipelines.tokens.tokenized import shard_of

_CURATED = (
    "documents/", "stages/curate/documents/", "stages/curate/candidates/", "stages/curate/judged/",
)  # fmt: skip
_SETTLED = ("documents/", "stages/settle/rows/")
_EDITED = "stages/edits_lines/texts/"
_STALE = ""
"""Fingerprint of a record whose unit has to be done anew."""


def prepare(log: CommitLog, found: Found, rewriter: Rewriter) -> Changes:
    """Write what is to take the place of files that hold pages, or say that they are kept."""
    shards = list(hit_shards(log, found))
    sizes = {name: size for hit in shards for name, size in hit.sizes.items()}
    changes: list[Change] = []
    for unit, pages in found.units.items():
        changes += _curated(log, rewriter, unit, pages)
    for unit, pages in found.units.items():
        changes += _settled(log, rewriter, unit, pages, sizes)
    before = log.commits("dataset")
    for unit, hits in groupby(shards, key=lambda hit: hit.unit):
        changes += _published(log, rewriter, list(hits), before[unit])
    changed = {each.commit.unit: each.commit for each in changes if each.commit.stage == "dataset"}
    dataset = before, {**before, **changed}
    ids = found.ids()
    changes += _samples(log, rewriter, ids, dataset)
    beside = list(change_tokenized(log.root, rewriter, ids))
    folders = {change.below for change in beside}
    return Changes([*changes, *beside], shards, made_from(log.root, folders, dataset))


def _records(pages: Iterable[Page]) -> pa.Array:
    return pa.array([page.row["record"] for page in pages], pa.int64())


def _below(commit: Commit, *folders: str) -> list[CommittedFile]:
    return [item for item in commit.files if item.path.startswith(folders)]


def _curated(
    log: CommitLog, rewriter: Rewriter, unit: str, pages: Sequence[Page]
) -> Iterator[Change]:
    """Take texts out of what curation has left; what lost one has to be done anew by a run."""
    records = _records(pages)
    commit = log.get("curate", unit)
    if commit is not None:
        writers = without(log.root, _below(commit, *_CURATED), "record", records)
        if writers:
            facts = {**commit.facts, "extraction": _STALE, "covers_rules": False}
            yield rewriter.change(commit, writers, fingerprint=_STALE, facts=facts)
    for edited in log.commits("edits_lines").values():
        own = [item for item in _below(edited, _EDITED) if item.path.endswith(f"/{unit}.parquet")]
        writers = without(log.root, own, "record", records)
        if writers:
            yield rewriter.change(edited, writers, fingerprint=_STALE)


def _settled(
    log: CommitLog,
    rewriter: Rewriter,
    unit: str,
    pages: Sequence[Page],
    sizes: Mapping[str, int],
) -> Iterator[Change]:
    """Say in the ledger which pages are taken down, and take their texts out."""
    commit = log.get("settle", unit)
    if commit is None:
        return
    fresh = [page for page in pages if not page.is_taken]
    writers = without(log.root, _below(commit, *_SETTLED), "record", _records(pages))
    (ledger,) = _below(commit, "ledger/")
    if fresh:
        rules = {page.row["record"]: page.rule for page in fresh}
        path = ledger.path
        writers[path] = lambda attempt: write_decided(attempt, log.root / path, path, rules)
    if writers:
        facts = _facts(log, commit, fresh, sizes) if fresh else commit.facts
        yield rewriter.change(commit, writers, facts=facts)


def _facts(
    log: CommitLog, commit: Commit, fresh: Sequence[Page], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """Return the counters of a settled file without pages."""
    facts = dict(commit.facts)
    edits = list(facts["edits"])
    (ledger,) = _below(commit, "ledger/")
    named = ["licence.name"] if "licences" in facts else []
    table = read_table(log.root / ledger.path, ["record", "status", "date", *named, *edits])
    is_fresh = pc.is_in(table["record"], value_set=_records(fresh))
    left = table.filter(pc.and_(pc.invert(is_fresh), pc.equal(table["status"], "kept")))
    dates = [date for date in left["date"].to_pylist() if date]
    lost = table.filter(is_fresh)
    published = [page for page in fresh if page.is_published]
    languages = Counter(facts["languages"])
    languages.subtract(page.row["language"] or "" for page in published)
    return {
        **facts,
        **({"licences": _counts(left["licence.name"])} if named else {}),
        "funnel": _funnel(facts["funnel"], fresh),
        "edits": {name: facts["edits"][name] - (pc.sum(lost[name]).as_py() or 0) for name in edits},
        "rows": facts["rows"] - len(published),
        "text_bytes": facts["text_bytes"] - sum(sizes.get(p.row["id"], 0) for p in published),
        "tokens": facts["tokens"] - sum(page.row["token_count"] or 0 for page in published),
        "languages": {name: count for name, count in sorted(languages.items()) if count},
        "first_date": min(dates, default=None),
        "last_date": max(dates, default=None),
    }


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Return how often each value of a column comes; nulls are left out."""
    counts = Counter(value for value in column.to_pylist() if value is not None)
    return dict(sorted(counts.items()))


def _funnel(before: Sequence[Sequence[Any]], fresh: Sequence[Page]) -> list[list[Any]]:
    """Return pages and tokens by outcome after pages have become taken down."""
    sums = {tuple(outcome): [pages, tokens] for *outcome, pages, tokens in before}
    for page in fresh:
        row = page.row
        for outcome, sign in (
            ((row["status"], row["stage"] or "", row["rule"] or ""), -1),
            (("dropped", STAGE, page.rule), 1),
        ):
            held = sums.setdefault(outcome, [0, 0])
            held[0] += sign
            held[1] += sign * (row["token_count"] or 0)
    return [[*outcome, *held] for outcome, held in sorted(sums.items()) if held[0]]


def _published(
    log: CommitLog, rewriter: Rewriter, hits: Sequence[Hit], commit: Commit
) -> Iterator[Change]:
    """Take rows out of a unit's shards and of their token ids; one without rows is no more."""
    ids = {hit.path: pa.array(list(hit.sizes), pa.string()) for hit in hits}
    writers = {
        item.path: writer
        for item in commit.files
        if item.path in ids
        for writer in without(log.root, [item], "id", ids[item.path]).values()
    }
    lost = sum(map(len, ids.values()))
    facts = {**commit.facts, "rows": commit.facts["rows"] - lost}
    yield rewriter.change(commit, writers, drop_empty=True, facts=facts)
    for path, gone in ids.items():
        yield from change_shard(log, rewriter, shard_of(path), gone)


def _samples(
    log: CommitLog, rewriter: Rewriter, ids: pa.Array, dataset: Sequence[Mapping[str, Commit]]
) -> Iterator[Change]:
    """Take rows out of the samples; one that held of the dataset before holds of it now."""
    shards = [[item for commit in each.values() for item in commit.files] for each in dataset]
    for name, commit in log.commits(SAMPLES).items():
        writers = without(log.root, commit.files, "id", ids)
        counts = dict(
            zip((item.path for item in commit.files), commit.facts["tokens"], strict=True)
        )
        for path in writers:
            lost = rows_of(log.root / path, among("id", ids), ["id", "token_count"])
            counts[path] -= pc.sum(lost["token_count"]).as_py() or 0
        held = commit.fingerprint == held_fingerprint(shards[0], name)
        fingerprint = held_fingerprint(shards[1], name) if held else commit.fingerprint
        if fingerprint == commit.fingerprint and not writers:
            continue
        change = rewriter.change(commit, writers, drop_empty=True, fingerprint=fingerprint)
        left = [counts[item.path] for item in change.commit.files]
        yield replace(change, commit=replace(change.commit, facts={"tokens": left}))
