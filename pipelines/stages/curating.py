"""The curate stage: one unit per crawl file, or per part of a big one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filters.errors import WorkError
from pipelines.classifiers.signals import PREFIX
from pipelines.crawl import CrawlFile
from pipelines.curate import CurateJob, curate_file
from pipelines.curator import curator_for
from pipelines.execute import Task
from pipelines.files import sha256_of
from pipelines.final_rules import BROKEN
from pipelines.ngram_models import is_perplexity
from pipelines.recipe.layouts import AUTO
from pipelines.stages.context import RunContext
from pipelines.stages.counting import number_parts
from pipelines.stages.fingerprint import file_identity, stages_before_dedup
from pipelines.storage import Commit
from pipelines.tokenizer import tokenizer_place
from pipelines.word_lists import is_word_list

_SHOWN = 3  # reasons of failed pages that a message names


def curate(run: RunContext, tokenizer: Path | None) -> None:
    """Curate every crawl file; WorkError when more pages failed than the recipe allows.

    `tokenizer` is one that is known beforehand, or None where the run trains its own.
    """
    tasks = curate_tasks(run, tokenizer)
    check_failed_pages(run.do("curate", tasks).values(), (), run.recipe.max_failed_pages)


def curate_tasks(run: RunContext, tokenizer: Path | None) -> list[Task]:
    """Return the units of the stage, one for each crawl file or part of one."""
    sha256 = sha256_of(tokenizer) if tokenizer else None
    place = tokenizer_place(tokenizer, sha256) if tokenizer and sha256 else None
    curator = curator_for(run.recipe)
    judging = [
        stages_before_dedup(run.recipe),
        hasher.identity if (hasher := curator.minhasher) else None,
        [str(item.metadata) for item in curator.schema],
        curator.judges.fingerprint,
        *(list(asdict(its).values()) for _, its in run.recipe.languages),
        *([BROKEN.name] if run.recipe.final_rules else []),
    ]
    extracting = _extracting(run)
    tasks = []
    for file in number_parts(run):
        extraction = _extraction(run, file, sha256, extracting)
        job = CurateJob(
            recipe=run.recipe,
            file=file,
            tokenizer=place,
            limit=run.limit,
            extraction=extraction,
        )
        fingerprint = run.fingerprint("curate", extraction, judging)
        tasks.append(Task("curate", file.unit, fingerprint, curate_file, job, label=file.file_path))
    return tasks


def _extracting(run: RunContext) -> list[Any]:
    """Return what determines the text, gates and stored columns of all files alike."""
    recipe = run.recipe
    plain = recipe.resolved()
    keys = ("extract", "cascade", "language", "audit_fraction", "keep_text", "limits")
    rules = (*recipe.url_gates, *recipe.optout_gates, *recipe.licence_gates, *recipe.text_gates)
    assets = {
        name: sha256
        for name, sha256 in run.assets.items()
        if not (name.startswith(PREFIX) or is_perplexity(name) or is_word_list(name))
    }
    return [{key: plain[key] for key in keys}, [[rule.name, str(rule)] for rule in rules], assets]


def _extraction(
    run: RunContext, file: CrawlFile, tokenizer_sha256: str | None, extracting: list[Any]
) -> str:
    """Return the digest of what determines a file's text, gates and stored columns."""
    recipe = run.recipe
    text_input: list[Any] = []
    if file.format != "crawl":
        text_input = [asdict(recipe.read_columns), file.first_record]
    if file.layout != AUTO:
        text_input += [recipe.input_format.plain(), list(recipe.imported)]
    if recipe.dataset.licence and not recipe.licence_gates:
        text_input.append("licence")  # measured of each page, though no rule reads it
    return run.fingerprint(
        "curate",
        *extracting,
        tokenizer_sha256,
        run.limit,
        file.ordinal,
        file_identity(file),
        *text_input,
    )


def check_failed_pages(
    curated: Iterable[Commit], settled: Iterable[Commit], allowed: float
) -> None:
    """Raise WorkError when more pages failed than the recipe allows, in both stages together."""
    curated = list(curated)
    pages = sum(commit.facts["pages"] for commit in curated)
    failed = sum(commit.facts["failed"] for commit in curated)
    reasons: Counter[str] = Counter()
    for commit in curated:
        reasons.update(commit.facts["failures"])
    for commit in settled:
        reasons.update(commit.facts["failures"])
        failed += sum(commit.facts["failures"].values())
    if pages and failed / pages > allowed:
        most = ", ".join(f"{why} ({count:,})" for why, count in reasons.most_common(_SHOWN))
        raise WorkError(
            f"curate: {failed} of {pages} pages failed, more than max_failed_pages: {allowed}.\n"
            f"  Most of them at {most}.\n"
            "  'cuvee status' says all; go on with a higher --set max_failed_pages=SHARE."
        )
