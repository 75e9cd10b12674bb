"""The stages of a run, in order, and the units that each one consists of.

Every unit carries a fingerprint of all that determines its files: the part of
the recipe that it follows, versions, and the content of what it reads.
"""

from pipelines.stages.context import STAGE_VERSIONS, RunContext
from pipelines.stages.curating import curate
from pipelines.stages.deduplicating import check_against, deduplicate
from pipelines.stages.publishing import (
    given_tokenizer,
    settle,
    train_tokenizer,
    write_dataset,
)
from pipelines.stages.tokenizing import check_special, dataset_shards, write_token_shards
from pipelines.storage import CommitLog

__all__ = ["STAGE_VERSIONS", "RunContext", "run_stages"]


def run_stages(run: RunContext) -> None:
    """Bring every stage to its end; stages that the recipe no longer has are forgotten."""
    check_against(run)
    given = given_tokenizer(run)
    if given is not None:  # before hours of work
        check_special(given, run.recipe.tokens)
    curate(run, given)
    groups = deduplicate(run)
    tokenizer = given or train_tokenizer(run, groups)
    settle(run, tokenizer, groups)
    write_dataset(run)
    write_token_shards(run, tokenizer, dataset_shards(run))
    log = CommitLog(run.root)
    for stage in log.planned():
        if stage not in run.commits:
            log.forget(stage)
