"""The folders `tokenized/NAME` of a run: which there are, of which dataset, and their end."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines.files import empty_work, remove_unnamed, sha256_of
from pipelines.leftovers import remove_temporaries
from pipelines.manifest import check_format, described, write_manifest
from pipelines.storage import Commit, CommitLog, digest
from pipelines.totals import published_files, stage_totals, token_totals

FOLDER = "tokenized"
_SHARDS, _ENDING = "dataset/data/", ".parquet"


def tokenized_folders(root: Path) -> list[Path]:
    """Return those of a run, whether all is done in them or not."""
    if not (root / FOLDER).is_dir():
        return []
    return [folder for folder in sorted((root / FOLDER).iterdir()) if check_format(folder)]


def shard_contents(files: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the sha256 of a dataset's shards by their name, out of files that a manifest lists."""
    return {
        shard_of(str(facts["path"])): facts["sha256"]
        for facts in files
        if str(facts["path"]).startswith(_SHARDS)
    }


def shard_of(path: str) -> str:
    """Return the name of a shard by its path in a run's folder."""
    return path.removeprefix(_SHARDS).removesuffix(_ENDING)


def shard_path(root: Path, name: str) -> Path:
    """Return where a run has the shard of this name."""
    return root / f"{_SHARDS}{name}{_ENDING}"


def dataset_digest(contents: Mapping[str, str]) -> str:
    """Return a digest of all that a dataset's shards hold."""
    return digest(dict(contents))


def remove_uncommitted(folder: Path) -> None:
    """Remove what no commit of a folder names."""
    log = CommitLog(folder)
    named = {item["path"] for item in published_files(_done(log))}
    remove_unnamed(folder, ("tokens", "packed"), named)
    empty_work(folder)
    remove_temporaries(folder)


def finish_tokenized(folder: Path, made_from: Mapping[str, Any]) -> None:
    """Remove what no commit names, then write the manifest, of what the commits say."""
    remove_uncommitted(folder)
    done = _done(CommitLog(folder))
    tokenizer = folder / "tokenizer.json"
    manifest = {
        "made_from": made_from,
        "assets_sha256": {"tokenizer": sha256_of(tokenizer)},
        "stages": stage_totals(done),
        **token_totals(done),
    }
    write_manifest(folder, manifest, [*published_files(done), described(folder, tokenizer)])


def _done(log: CommitLog) -> dict[str, list[Commit]]:
    return {stage: list(log.commits(stage).values()) for stage in log.planned()}
