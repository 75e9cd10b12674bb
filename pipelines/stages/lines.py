"""The stages that remove lines and paragraphs that earlier pages have (`pipelines.dedup.lines`)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipelines.curator import curator_for
from pipelines.dedup.lines import (
    LineEditsJob,
    LineRepeatsJob,
    LineRunsJob,
    PassageOptions,
    find_line_repeats,
    write_line_edits,
    write_line_runs,
)
from pipelines.dedup.pages import Group
from pipelines.dedup.parts import Budget, Part
from pipelines.execute import Task
from pipelines.recipe.kinds import LinesOptions
from pipelines.stages.clustering import MEMORY
from pipelines.stages.context import RunContext
from pipelines.stages.earlier import earlier_parts
from pipelines.storage import Commit

KIND = "lines"
_KEYS, _REPEATS = "stages/passages_lines/keys", "stages/passages_lines/repeats"
_TEXTS, _VERDICTS = "stages/edits_lines/texts", "stages/edits_lines/verdicts"
_PARTITION_PASSAGES = 8_000_000  # keys of passages that one task sorts: half a gigabyte


def edit_lines(
    run: RunContext, options: LinesOptions, groups: Sequence[Group], *, per_dump: bool
) -> tuple[Group, ...]:
    """Edit the texts of what is left; return the groups with their edits and emptied pages."""
    wanted = PassageOptions(options.unit, options.min_chars, per_dump)
    earlier = earlier_passages(run, options, per_dump=per_dump)
    budget = Budget(run.recipe.memory_per_worker or MEMORY)
    _write_runs(run, wanted, groups, budget)
    found = run.commits["passages_lines"].values()
    passages = sum(commit.facts["passages"] for commit in found)
    passages += sum(part.rows for part in earlier)
    bits = (passages // min(budget.rows, _PARTITION_PASSAGES)).bit_length()
    content = [run.contents("passages_lines", _KEYS), [part.content for part in earlier]]
    tasks = []
    for partition in range(1 << bits):
        job = LineRepeatsJob(
            unit=f"{partition:05d}",
            partition=partition,
            bits=bits,
            runs=run.paths("passages_lines", _KEYS),
            earlier=tuple(part.path for part in earlier),
        )
        fingerprint = run.fingerprint("repeats_lines", content, partition, bits)
        tasks.append(Task("repeats_lines", job.unit, fingerprint, find_line_repeats, job))
    run.do("repeats_lines", tasks)
    done = _write_edits(run, wanted, groups)
    counts: Counter[str] = Counter()
    for commit in done.values():
        counts.update(commit.facts)
    run.found[KIND] = {"keys": wanted.identity, **counts}
    return tuple(_with_edits(run, group, done[group.unit]) for group in groups)


def earlier_passages(run: RunContext, options: LinesOptions, *, per_dump: bool) -> tuple[Part, ...]:
    """Return the passages that earlier runs have; UsageError as of `earlier_parts`."""
    identity = PassageOptions(options.unit, options.min_chars, per_dump).identity
    return earlier_parts(run.root, options.against, KIND, "passages_lines", identity)


def _write_runs(
    run: RunContext, wanted: PassageOptions, groups: Sequence[Group], budget: Budget
) -> None:
    tasks = []
    for group in groups:
        job = LineRunsJob(group, wanted, budget)
        fingerprint = run.fingerprint(
            "passages_lines", group.content("candidates"), wanted.identity
        )
        tasks.append(Task("passages_lines", group.unit, fingerprint, write_line_runs, job))
    run.do("passages_lines", tasks)


def _write_edits(
    run: RunContext, wanted: PassageOptions, groups: Sequence[Group]
) -> dict[str, Commit]:
    between = run.contents("repeats_lines")
    paths = run.paths("repeats_lines", "stages/repeats_lines")
    hasher = curator_for(run.recipe).minhasher
    tasks = []
    for group in groups:
        commit = run.commits["passages_lines"][group.unit]
        job = LineEditsJob(group, wanted, (*paths, run.path(commit, _REPEATS)), hasher)
        facts = [between, commit.content_of(_REPEATS), wanted.identity, hasher and hasher.identity]
        fingerprint = run.fingerprint("edits_lines", group.content("candidates"), *facts)
        tasks.append(Task("edits_lines", group.unit, fingerprint, write_line_edits, job))
    return run.do("edits_lines", tasks)


def _with_edits(run: RunContext, group: Group, commit: Commit) -> Group:
    texts = {item.path: run.root / item.path for item in commit.files}
    pages = tuple(
        replace(pages, edits=texts[f"{_TEXTS}/{pages.unit}.parquet"]) for pages in group.pages
    )
    verdicts = run.path(commit, _VERDICTS)
    return replace(group, pages=pages).judged(KIND, verdicts, commit.content)
