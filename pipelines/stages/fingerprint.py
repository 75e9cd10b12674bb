"""What goes into fingerprints: recipes and crawl files as plain data that a digest can take."""

from typing import Any

from filters.catalog import EDITS
from filters.datatrove_block import BlockStage
from pipelines.crawl import CrawlFile
from pipelines.recipe import Recipe


def file_identity(file: CrawlFile) -> list[Any]:
    """Return what tells a file from another version of it, without reading it."""
    part = [file.part.start, file.part.end] if file.part else []
    beside = [[item.size, item.version] for item in file.beside]
    return [file.file_path, file.dump, file.size, file.version, *part, *beside]


def stages_before_dedup(recipe: Recipe) -> list[dict[str, Any]]:
    """Return what happens to a page on its own."""
    stages = _plain_stages(recipe)
    return stages[: _dedup_position(stages)]


def stages_after_dedup(recipe: Recipe) -> list[dict[str, Any]]:
    """Return what happens to pages that deduplication kept."""
    stages = _plain_stages(recipe)
    return stages[_dedup_position(stages) + 1 :]


def _plain_stages(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the recipe's stages with all that a fingerprint needs.

    Rules as lists, because a digest has no order of keys; versions of edits, code of blocks.
    """
    plain: list[dict[str, Any]] = recipe.resolved()["stages"]
    for stage, meant in zip(plain, recipe.stages, strict=True):
        if isinstance(meant, BlockStage):
            stage["source"] = meant.source
        for kind in stage.keys() & {"gate", "drop"}:
            stage[kind] = list(stage[kind].items())
        for name in stage.get("edit", ()):
            stage["edit"][name]["version"] = EDITS[name].version
    return plain


def _dedup_position(stages: list[dict[str, Any]]) -> int:
    return next((i for i, stage in enumerate(stages) if "dedup" in stage), len(stages))
