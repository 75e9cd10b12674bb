"""Small inputs of text that repeats, run with a dedup stage, and what a run said of each row."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.manifest import read_manifest
from pipelines.pipeline import Outcome, RunOptions, run
from pipelines.recipe import load_recipe
from tests.pipelines.small_run import prose
from tests.pipelines.units import Listener

Row = Mapping[str, Any]
HEAD = """\
recipe: repeats
stages:
- drop: {short: words < 2}
"""
TAIL = """
tokenizer: {train: {vocab_size: 300}}
keep_text: all
audit_fraction: 0
"""


def row(name: str, text: str, url: str = "", date: str = "2024-01-01T00:00:00Z") -> Row:
    return {"id": name, "text": text, "url": url or f"http://host.example/{name}", "date": date}


def lines_of(*seeds: int, sentences: int = 8) -> str:
    """Return lines of prose, each of which is in no text of another seed."""
    return "\n".join(
        f"{line[:-1]} number {seed} of {at}."
        for seed in seeds
        for at, line in enumerate(prose(seed, sentences))
    )


def write_files(folder: Path, files: Mapping[str, Sequence[Row]]) -> Path:
    """Write rows as JSON lines: a name is a path, in which a CC-MAIN-… is the dump."""
    for name, rows in files.items():
        path = folder / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(one)}\n" for one in rows), "utf-8")
    return folder


@dataclass(frozen=True)
class Ran:
    """A finished run."""

    root: Path
    outcome: Outcome
    told: list[str]

    @property
    def manifest(self) -> dict[str, Any]:
        return read_manifest(self.root) or {}

    @cached_property
    def ledger(self) -> dict[tuple[str, int], dict[str, Any]]:
        rows = pq.read_table(self.root / "ledger").to_pylist()
        assert len({(one["file_path"], one["record"]) for one in rows}) == len(rows)
        return {(one["file_path"], one["record"]): one for one in rows}

    @cached_property
    def dataset(self) -> dict[str, dict[str, Any]]:
        if not any((self.root / "dataset").rglob("*.parquet")):
            return {}
        rows = pq.read_table(self.root / "dataset/data", partitioning=None).to_pylist()
        return {one["id"]: one for one in rows}

    def fates(self) -> dict[str, str]:
        """Return what became of each row, by its id: the kind that removed it, or `kept`."""
        return {one["id"]: one["rule"] or one["status"] for one in self.ledger.values()}

    def kept(self) -> set[str]:
        return {name for name, fate in self.fates().items() if fate == "kept"}

    def removed(self) -> dict[str, int]:
        """Return the funnel's rows of deduplication, in its order."""
        rows = self.manifest["funnel"]
        found = {one["rule"]: one["pages"] for one in rows if one["stage"] == "dedup"}
        assert +Counter(found) == +Counter(
            one["rule"] for one in self.ledger.values() if one["stage"] == "dedup"
        )
        return found


def do_run(dedup: str, crawl: Path, root: Path, *, rules: str = "- dedup:") -> Ran:
    """Run a recipe whose dedup stage is `dedup`, in YAML; `rules` begin it."""
    root.parent.mkdir(parents=True, exist_ok=True)
    path = root.parent / f"{root.name}.yaml"
    path.write_text(f"{HEAD}{rules} {dedup}{TAIL}", "utf-8")
    observer = Listener()
    recipe = load_recipe(str(path), (), [str(crawl)])
    outcome = run(recipe, root, RunOptions(engine="inline"), observer)
    return Ran(root, outcome, observer.told)
