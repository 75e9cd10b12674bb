"""What the stages of one run share: where it is, what it follows, what is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.crawl import CrawlFile
from pipelines.dedup.parts import Part
from pipelines.driver import Driver
from pipelines.events import Observer
from pipelines.execute import Engine, Task
from pipelines.recipe.model import Recipe
from pipelines.storage import Commit, digest

STAGE_VERSIONS = {
    "count": 1, "curate": 1, "runs": 2, "edges": 2, "forests": 1, "components": 2, "spread": 1,
    "largestar": 1, "smallstar": 1, "members": 1, "labels": 1, "tokenizer": 1,
    "values": 1, "survivors": 1, "verdicts": 1, "passages": 1,
    "repeats": 1, "edits": 2,
    "shingles": 1, "verify": 1,
    "settle": 1, "plan": 1, "dataset": 1, "tokens": 2, "packed": 1,
}  # fmt: skip
"""A stage's number grows whenever its code may write other bytes for the same input."""

_PACKAGES = {
    "curate": (
        "datatrove", "fasttext-numpy2-wheel", "justext", "lxml", "resiliparse", "spacy",
        "tldextract", "tokenizers", "trafilatura",
    ),
    "tokenizer": ("tokenizers",),
    "shingles": ("datatrove", "spacy"),
    "passages": ("datatrove",),
    "edits": ("datatrove", "spacy"),
    "settle": ("ftfy", "tokenizers"),
    "tokens": ("tokenizers",),
}  # fmt: skip
"""Packages whose version may change what a stage writes; pyarrow writes for all of them."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run under way; `commits` fills as its stages end."""

    recipe: Recipe
    root: Path
    files: Sequence[CrawlFile]
    assets: Mapping[str, str]
    """Digests of the model and lists that decisions depend on."""
    limit: int | None
    engine: Engine
    observer: Observer
    commits: dict[str, dict[str, Commit]] = field(default_factory=dict)
    """What is done, by stage and unit."""
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What deduplication found, by kind, for the manifest."""
    versions: dict[str, str] = field(default_factory=dict)
    """Those of packages that were asked for."""

    def do(self, stage: str, tasks: Sequence[Task]) -> dict[str, Commit]:
        """Bring a stage to its end; return its commits by unit."""
        # Without one crawl file the rest is right; without a part of a later stage it is not.
        allowed = self.recipe.max_failed_units if stage in ("count", "curate") else 0
        driver = Driver(self.root, self.engine, self.observer, allowed)
        self.commits[stage] = driver.run(stage, tasks)
        return self.commits[stage]

    def fingerprint(self, stage: str, *facts: Any) -> str:
        """Return the digest of a unit's facts, its stage's version and those of packages."""
        base = stage.partition("_")[0]  # what follows is the kind of deduplication
        packages = [self._version(name) for name in ("pyarrow", *_PACKAGES.get(base, ()))]
        return digest([stage, STAGE_VERSIONS[base], packages, *facts])

    def _version(self, package: str) -> str:
        """Return what is installed; to look costs 2 ms, and there are many units."""
        if package not in self.versions:
            self.versions[package] = version(package)
        return self.versions[package]

    def path(self, commit: Commit, folder: str) -> Path:
        """Return where a commit's file of `folder` is."""
        return self.root / commit.file(folder).path

    def part(self, commit: Commit, folder: str) -> Part:
        """Return a commit's table of `folder`, for a later stage to read."""
        file = commit.file(folder)
        return Part(self.root / file.path, file.sha256, file.rows)

    def paths(self, stage: str, folder: str) -> tuple[Path, ...]:
        """Return where a stage's files of `folder` are, by unit; none if it never ran."""
        return tuple(self.path(commit, folder) for commit in self.commits.get(stage, {}).values())

    def contents(self, stage: str, *folders: str) -> list[str]:
        """Return the digests of what a stage's units wrote, in `folders` only if some are given."""
        done = self.commits.get(stage, {}).values()
        return [commit.content_of(*folders) if folders else commit.content for commit in done]
