"""What the stages of one run share: where it is, what it follows, what is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.crawl import CrawlFile
from pipelines.driver import Driver, Observer
from pipelines.execute import Engine, Task
from pipelines.recipe.model import Recipe
from pipelines.storage import Commit, digest

STAGE_VERSIONS = {
    "count": 1, "curate": 1, "runs": 1, "repeats": 1, "edges": 1, "components": 1, "tokenizer": 1,
    "settle": 1, "plan": 1, "dataset": 1, "tokens": 1,
}  # fmt: skip
"""A stage's number grows whenever its code may write other bytes for the same input."""

_PACKAGES = {
    "curate": (
        "datatrove", "fasttext-numpy2-wheel", "lxml", "resiliparse", "spacy", "tldextract",
        "tokenizers", "trafilatura",
    ),
    "tokenizer": ("tokenizers",),
    "settle": ("tokenizers",),
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

    def do(self, stage: str, tasks: Sequence[Task]) -> dict[str, Commit]:
        """Bring a stage to its end; return its commits by unit."""
        # Without one crawl file the rest is right; without a part of a later stage it is not.
        allowed = self.recipe.max_failed_units if stage in ("count", "curate") else 0
        driver = Driver(self.root, self.engine, self.observer, allowed)
        self.commits[stage] = driver.run(stage, tasks)
        return self.commits[stage]

    def fingerprint(self, stage: str, *facts: Any) -> str:
        """Return the digest of a unit's facts, its stage's version and those of packages."""
        packages = [version(name) for name in ("pyarrow", *_PACKAGES.get(stage, ()))]
        return digest([stage, STAGE_VERSIONS[stage], packages, *facts])

    def path(self, commit: Commit, folder: str) -> Path:
        """Return where a commit's file of `folder` is."""
        return self.root / commit.file(folder).path

    def paths(self, stage: str, folder: str) -> tuple[Path, ...]:
        """Return where a stage's files of `folder` are, by unit; none if it never ran."""
        return tuple(self.path(commit, folder) for commit in self.commits.get(stage, {}).values())

    def contents(self, stage: str, *folders: str) -> list[str]:
        """Return the digests of what a stage's units wrote, in `folders` only if some are given."""
        done = self.commits.get(stage, {}).values()
        return [commit.content_of(*folders) if folders else commit.content for commit in done]
