"""The stages after deduplication: tokenizer, settle, plan, dataset."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pipelines.dataset import (
    SHARD_BYTES,
    LanguagesJob,
    PlanJob,
    ShardJob,
    plan_shards,
    read_plan,
    write_languages,
    write_shard,
)
from pipelines.dedup.pages import Group
from pipelines.dedup.removals import removal_columns
from pipelines.execute import Task
from pipelines.files import sha256_of, write_whole
from pipelines.layout import shard_name
from pipelines.recipe.parts import TrainedTokenizer
from pipelines.settle import CuratedFile, SettleJob, TrainJob, settle_file, shown_kind
from pipelines.settle import train as train_on_survivors
from pipelines.stages.context import RunContext
from pipelines.stages.curating import check_failed_pages
from pipelines.stages.fingerprint import stages_after_dedup
from pipelines.storage import CommitLog, digest
from pipelines.tokenizer import tokenizer_place
from pipelines.tokens.source import find_tokenizer

_ROWS, _HOSTS = "stages/settle/rows", "stages/settle/hosts"


def given_tokenizer(run: RunContext) -> Path | None:
    """Put a tokenizer that is known beforehand into the run directory; None if one is trained."""
    if isinstance(run.recipe.tokenizer, TrainedTokenizer):
        return None
    CommitLog(run.root).forget("tokenizer")  # one that was trained here bears the same name
    path = run.root / "tokenizer.json"
    found = find_tokenizer(run.recipe.tokenizer)
    if not path.exists() or path.read_bytes() != found:
        write_whole(path, found)
    return path


def train_tokenizer(run: RunContext, groups: Sequence[Group]) -> Path:
    """Train the recipe's tokenizer on what survived deduplication and the rules after it."""
    decided = ["ledger"] if run.recipe.final_rules else []
    fingerprint = run.fingerprint(
        "tokenizer",
        [group.content("candidates", *decided) for group in groups],
        run.recipe.resolved()["tokenizer"],
        run.recipe.resolved()["limits"],
        stages_after_dedup(run.recipe),
    )
    job = TrainJob(run.recipe, tuple(file for file, _ in _curated_files(run, groups)))
    done = run.do("tokenizer", [Task("tokenizer", "all", fingerprint, train_on_survivors, job)])
    return run.root / done["all"].files[0].path


def _curated_files(run: RunContext, groups: Sequence[Group]) -> Iterator[tuple[CuratedFile, str]]:
    """Yield every curated file with what was found of it, and the digest of what that holds."""
    has_judged = isinstance(run.recipe.tokenizer, TrainedTokenizer)
    sifted = run.recipe.keep_text == "kept"
    for group in groups:
        for pages in group.pages:
            commit = run.commits["curate"][pages.unit]
            curated = CuratedFile(
                pages=pages,
                judged=run.path(commit, "stages/curate/judged") if has_judged else None,
                documents=run.path(commit, "stages/curate/documents") if sifted else None,
                verdicts=group.verdicts,
            )
            yield curated, digest([commit.content, group.found])


def settle(run: RunContext, tokenizer: Path, groups: Sequence[Group]) -> None:
    """Settle every curated file: final ledger, final text, token counts."""
    removals = [str(column) for column in removal_columns(run.recipe)]
    shown = shown_kind(run.recipe)
    sha256 = sha256_of(tokenizer)
    place = tokenizer_place(tokenizer, sha256)
    limits = run.recipe.resolved()["limits"]
    facts = [sha256, stages_after_dedup(run.recipe), limits, removals, shown]
    facts += [run.recipe.dataset.by] if run.recipe.dataset.by_language else []
    facts += ["licence"] if run.recipe.dataset.licence else []
    tasks = [
        Task(
            stage="settle",
            unit=file.pages.unit,
            fingerprint=run.fingerprint("settle", content, *facts),
            work=settle_file,
            argument=SettleJob(run.recipe, file, place),
        )
        for file, content in _curated_files(run, groups)
    ]
    settled = run.do("settle", tasks).values()
    curated = run.commits["curate"].values()
    check_failed_pages(curated, settled, run.recipe.max_failed_pages)


def write_dataset(run: RunContext) -> None:
    """Plan the shards from the sizes of all hosts, and write them."""
    by_language = run.recipe.dataset.by_language
    sizes = run.fingerprint("plan", run.contents("settle", _HOSTS), SHARD_BYTES)
    plan = PlanJob(run.paths("settle", _HOSTS), SHARD_BYTES, by_language)
    planned = run.do("plan", [Task("plan", "all", sizes, plan_shards, plan)])["all"]
    rows = read_plan(run.path(planned, "stages/plan"))
    content = run.contents("settle", _ROWS), planned.content
    tasks = list((_language_tasks if by_language else _dump_tasks)(run, rows, content))
    run.do("dataset", tasks)


_Planned = Sequence[Mapping[str, Any]]


def _dump_tasks(run: RunContext, rows: _Planned, content: Sequence[Any]) -> Iterator[Task]:
    licence = run.recipe.dataset.licence
    sources = run.paths("settle", _ROWS)
    for row in rows:
        hosts = row["first_host"], row["last_host"]
        job = ShardJob(row["dump"], row["shard"], *hosts, sources, licence=licence)
        fingerprint = run.fingerprint("dataset", *content, job.name)
        yield Task("dataset", job.name, fingerprint, write_shard, job)


def _language_tasks(run: RunContext, rows: _Planned, content: Sequence[Any]) -> Iterator[Task]:
    """Yield tasks that write several shards each; a unit is called as a dump's shard would be."""
    sources = run.paths("settle", _ROWS)
    for (dump, unit), group in groupby(rows, lambda row: (row["dump"], row["unit"])):
        name = shard_name(dump, unit)
        shards = tuple(
            ShardJob(
                dump=dump,
                shard=row["shard"],
                first_host=row["first_host"],
                last_host=row["last_host"],
                sources=sources,
                language=row["folder"],
                licence=run.recipe.dataset.licence,
            )
            for row in group
        )
        fingerprint = run.fingerprint("dataset", *content, name)
        yield Task("dataset", name, fingerprint, write_languages, LanguagesJob(shards))
