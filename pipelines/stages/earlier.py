"""What earlier releases have: the keys that their runs left, and never their texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.dedup.parts import Part
from pipelines.files import sha256_of
from pipelines.manifest import load_manifest
from pipelines.recipe.model import Recipe
from pipelines.storage import Commit, CommitLog

_RUN_BITS = 56
"""Document numbers of one run: sixteen million files of four thousand million records."""
_MOST_RUNS = 1 << (63 - _RUN_BITS)


def earlier_manifests(recipe: Recipe) -> dict[str, str | None]:
    """Return the sha256 of the manifest of each earlier run that a recipe names.

    None where there is none: whoever reads its keys says what is wrong.
    """
    kinds = recipe.dedup.kinds if recipe.dedup else ()
    folders = sorted({folder for options in kinds for folder in options.against})
    manifests = {folder: run_folder(folder) / "manifest.json" for folder in folders}
    return {
        folder: sha256_of(path) if path.is_file() else None for folder, path in manifests.items()
    }


def earlier_parts(
    root: Path, folders: Sequence[str], kind: str, stage: str, identity: Mapping[str, Any]
) -> tuple[Part, ...]:
    """Return the key tables of earlier runs, shifted so that their documents come first.

    `stage` has written them; `root` is the run that asks. UsageError in words for a folder that
    is no finished run, or this one, whose keys are of another making, or gone.
    """
    if any(run_folder(folder).resolve() == root.resolve() for folder in folders):
        raise UsageError(
            f"{kind}.against: {root} is this run itself.\n"
            "  Choose another folder with --output, or name only earlier runs."
        )
    if len(folders) > _MOST_RUNS:
        raise UsageError(f"{kind}.against: at most {_MOST_RUNS} earlier runs can be named.")
    return tuple(
        part
        for number, folder in enumerate(folders)
        for part in _parts(run_folder(folder), number, kind, stage, identity)
    )


def _parts(
    root: Path, number: int, kind: str, stage: str, identity: Mapping[str, Any]
) -> list[Part]:
    _check_identity(root, kind, identity)
    log = CommitLog(root)
    commits = log.commits(stage).values()
    if not commits or len(log.whole(commits)) < len(commits):
        raise UsageError(
            f"{kind}.against: {root} lacks the keys that its run has made, in stages/.\n"
            "  Run its command again: it makes them anew."
        )
    shift = -(1 << 63) + (number << _RUN_BITS)
    return [_part(root, commit, f"stages/{stage}/keys", shift) for commit in commits]


def _part(root: Path, commit: Commit, folder: str, shift: int) -> Part:
    file = commit.file(folder)
    return Part(root / file.path, file.sha256, file.rows, shift)


def _check_identity(root: Path, kind: str, identity: Mapping[str, Any]) -> None:
    try:
        made = load_manifest(root).get("dedup", {})
    except UsageError as error:
        raise UsageError(f"{kind}.against: {error}") from error
    if kind not in made:
        raise UsageError(
            f"{kind}.against: the run in {root} did not look for repeats of this kind.\n"
            f"  Add '{kind}: {{}}' to its dedup and run it again: it reads no page of its crawl."
        )
    theirs = made[kind]["keys"]
    different = [key for key in identity if identity[key] != theirs.get(key)]
    if different:
        there, here = (
            ", ".join(f"{key} {made.get(key)}" for key in different) for made in (theirs, identity)
        )
        raise UsageError(
            f"{kind}.against: the run in {root} made its keys otherwise: {there}; here {here}.\n"
            "  Only like keys can be compared: run either again with the other's settings."
        )
