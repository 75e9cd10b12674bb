"""The last stages: token ids of every shard, and packed rows if they are asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipelines.execute import Task
from pipelines.files import sha256_of
from pipelines.recipe.parts import TokenOptions
from pipelines.stages.context import RunContext
from pipelines.tokenizer import load_tokenizer, tokenizer_place
from pipelines.tokens.packed import PackJob, write_packed
from pipelines.tokens.source import tokenizer_label
from pipelines.tokens.special import SpecialTokens, special_tokens
from pipelines.tokens.tokenized import shard_of
from pipelines.tokens.write import ShardTokenizer, TokensJob, write_tokens


class Shard(NamedTuple):
    """One shard of a dataset."""

    path: Path
    content: str
    """Digest of what is in it."""


def dataset_shards(run: RunContext) -> dict[str, Shard]:
    """Return the shards that a run has written, by their name."""
    return {
        shard_of(item.path): Shard(run.root / item.path, commit.content_of(item.path))
        for commit in run.commits["dataset"].values()
        for item in commit.files  # none where all of its pages were taken down
    }


def check_special(tokenizer: Path, options: TokenOptions) -> SpecialTokens:
    """Return the special tokens of the shards; UsageError for those that cannot be."""
    return special_tokens(load_tokenizer(_place(tokenizer)), options)


def write_token_shards(run: RunContext, tokenizer: Path, shards: Mapping[str, Shard]) -> None:
    """Encode every shard of the dataset, and pack what that gives."""
    special = check_special(tokenizer, run.recipe.tokens)
    label = tokenizer_label(run.recipe.tokenizer)
    used = ShardTokenizer(_place(tokenizer), label, sha256_of(tokenizer), special)
    facts = [used.metadata(), used.sha256]
    run.do(
        "tokens",
        [
            Task(
                stage="tokens",
                unit=unit,
                fingerprint=run.fingerprint("tokens", shard.content, facts),
                work=write_tokens,
                argument=TokensJob(unit, shard.path, used),
            )
            for unit, shard in shards.items()
        ],
    )
    if run.recipe.tokens.packed:
        _pack(run, used)


def _place(tokenizer: Path) -> str:
    return tokenizer_place(tokenizer, sha256_of(tokenizer))


def _pack(run: RunContext, used: ShardTokenizer) -> None:
    options = run.recipe.tokens
    facts = [options.packed, options.packing, used.special.pad_id]
    tasks = []
    for unit, commit in run.commits["tokens"].items():
        tokens = run.path(commit, "tokens")
        how = options.packed, options.packing
        job = PackJob(unit, tokens, *how, used.metadata(), used.special.pad_id)
        fingerprint = run.fingerprint("packed", commit.content, facts)
        tasks.append(Task("packed", unit, fingerprint, write_packed, job))
    run.do("packed", tasks)
