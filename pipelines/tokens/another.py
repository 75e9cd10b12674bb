"""Token shards of a finished run by another tokenizer, beside those of the run.

They lie in `tokenized/NAME`, a folder like a run's own: with commit records of its units, so that
the same command goes on where it was interrupted, and with a manifest, written last.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from filters.errors import UsageError
from pipelines.events import Observer
from pipelines.files import (
    empty_work,
    plain_errors,
    sizes_of,
    write_whole,
)
from pipelines.hold import held
from pipelines.leftovers import remove_temporaries
from pipelines.manifest import (
    check_format,
    code_version,
    load_manifest,
    open_run_directory,
    package_versions,
    read_manifest,
    run_files,
)
from pipelines.pipeline import RunOptions
from pipelines.recipe.check import default_extract
from pipelines.recipe.model import Recipe
from pipelines.recipe.options import NAME
from pipelines.recipe.parts import GivenTokenizer, TiktokenRanks, TokenOptions
from pipelines.stages import STAGE_VERSIONS, RunContext
from pipelines.stages.tokenizing import Shard, write_token_shards
from pipelines.storage import CommitLog
from pipelines.takedown.switch import complete
from pipelines.tokens.opened import open_tokenizer
from pipelines.tokens.source import find_tokenizer, tokenizer_label
from pipelines.tokens.special import special_tokens
from pipelines.tokens.tokenized import (
    FOLDER,
    dataset_digest,
    finish_tokenized,
    shard_contents,
    shard_path,
)

_COMMON_NAMES = ("tokenizer", "tokenizer.json", "tokenizer.model")
"""Names of files that say nothing: their folder's is taken."""


@dataclass(frozen=True, slots=True)
class Tokenized:
    """Token shards by another tokenizer."""

    folder: Path
    manifest: Mapping[str, Any]
    did_work: bool
    """False when they had been made before."""


def tokenize_run(
    root: Path,
    tokenizer: GivenTokenizer,
    options: TokenOptions,
    name: str | None,
    how: RunOptions,
    observer: Observer,
) -> Tokenized:
    """Make the token shards, or go on with them; a changed dataset or option re-does what it must.

    UsageError for no finished run, a tokenizer that cannot be used or a name that is none.
    """
    if not check_format(root):
        load_manifest(root)  # says in words that no run is there
    found = find_tokenizer(tokenizer)
    special_tokens(open_tokenizer("tokenizer", found), options)
    folder = root / FOLDER / _checked(name or default_name(tokenizer))
    recipe = Recipe("tokenize", (), default_extract(), tokenizer=tokenizer, tokens=options)
    with plain_errors(root), held(root) as still_ours:
        complete(root)
        shards = run_shards(root)
        open_run_directory(folder)
        now = _determining(found, recipe, shards)
        earlier = read_manifest(folder)
        if earlier is not None and earlier["made_from"] == now and _is_there(folder, earlier):
            return Tokenized(folder, earlier, did_work=False)
        (folder / "manifest.json").unlink(missing_ok=True)
        empty_work(folder)
        remove_temporaries(folder)
        path = folder / "tokenizer.json"
        if not path.exists() or path.read_bytes() != found:
            write_whole(path, found)
        with how.opened(recipe) as engine:
            work = RunContext(recipe, folder, (), {}, None, engine, observer)
            write_token_shards(work, path, shards)
        log = CommitLog(folder)
        for stage in log.planned():
            if stage not in work.commits:  # packed, and not wanted any more
                log.forget(stage)
        still_ours()
        finish_tokenized(folder, now)
    return Tokenized(folder, read_manifest(folder) or {}, did_work=True)


def default_name(tokenizer: GivenTokenizer) -> str:
    """Return what the folder is called where nobody says: after the tokenizer."""
    given = tokenizer.ranks if isinstance(tokenizer, TiktokenRanks) else tokenizer
    path = PurePath(given)
    if path.name in _COMMON_NAMES and path.parent.name:
        path = path.parent
    if Path(given).exists():
        return path.name if Path(path).is_dir() else path.stem
    return given.replace("/", "--")


def _checked(name: str) -> str:
    if NAME.fullmatch(name):
        return name
    raise UsageError(
        f"'{name}' is no name of a folder.\n"
        "  Letters, digits, '.', '_' and '-': say another one with --name."
    )


def run_shards(root: Path) -> dict[str, Shard]:
    """Return the shards of a finished run's dataset, by name; UsageError where there are none."""
    contents = shard_contents(run_files(root, load_manifest(root)))
    if not contents:
        raise UsageError(
            f"{root}: no page was kept, so there is nothing to encode.\n"
            f"  See what removed them: cuvee funnel {root}"
        )
    return {name: Shard(shard_path(root, name), sha256) for name, sha256 in contents.items()}


def _determining(found: bytes, recipe: Recipe, shards: Mapping[str, Shard]) -> dict[str, Any]:
    """Return all that determines what is written."""
    return {
        "tokenizer": tokenizer_label(recipe.tokenizer),
        "tokenizer_sha256": hashlib.sha256(found).hexdigest(),
        "tokens": asdict(recipe.tokens),
        "dataset": dataset_digest({name: shard.content for name, shard in shards.items()}),
        "code": code_version(),
        "packages": package_versions(),
        "stage_versions": {stage: STAGE_VERSIONS[stage] for stage in ("tokens", "packed")},
    }


def _is_there(folder: Path, manifest: Mapping[str, Any]) -> bool:
    wanted = {folder / item["path"]: item["bytes"] for item in run_files(folder, manifest)}
    return sizes_of(wanted) == wanted
