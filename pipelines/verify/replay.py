"""The recipe's decisions and edits once more, on a sample of the stored text.

Which pages: those with the smallest hashes, so the same ones each time, on any machine.
Compared with the ledger are the decision, every signal and the token count, with the
dataset the text itself.
"""

import heapq
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.errors import CuveeError
from pipelines.assets import Report, say_nothing
from pipelines.bucket.path import S3Path
from pipelines.curator import Curated, Curator, asset_digests, curator_for
from pipelines.dedup.removals import removal_columns
from pipelines.fetching import fetch_named
from pipelines.files import sha256_of
from pipelines.final_edits import FinalEdits
from pipelines.final_rules import BROKEN, FinalRules
from pipelines.recipe import Recipe, load_recipe
from pipelines.recipe.source import read_file
from pipelines.recurate import taken_over, to_judge
from pipelines.tables import opened, read_rows, read_table
from pipelines.tokenizer import count_tokens, tokenizer_place
from pipelines.verify.findings import Findings

_MOST_FILES = 200
"""Files of a run among which the sample is drawn."""


def replay(
    findings: Findings,
    root: Path,
    manifest: Mapping[str, Any],
    sample: int,
    *,
    own_code: bool,
    report: Report = say_nothing,
) -> None:
    """Take the decisions on `sample` pages again and note what differs.

    `report` is told of models and lists that are fetched for it.
    """
    if not sample:
        return
    if not own_code and _names_own_code(root):
        findings.notes.append(
            "Decisions were not taken again: the recipe names code of its own. "
            "If you trust it: --own-code"
        )
        return
    try:
        recipe = _recipe(root)
        fetch_named(recipe, report)
        changed = _changed_assets(recipe, manifest)
    except CuveeError as error:
        findings.notes.append(f"Decisions were not taken again: {str(error).splitlines()[0]}")
        return
    if changed:
        findings.notes.append(f"Decisions were not taken again: here is another {changed}.")
        return
    drawn = _draw(root, sample)
    texts = _published_texts(root, {row["id"] for row, _ in drawn if row["status"] == "kept"})
    again = _Again(root, recipe, findings, texts)
    for row, text in drawn:
        again.check(row, text)
    findings.checked["pages"] += len(drawn)


def _names_own_code(root: Path) -> bool:
    """Whether loading the recipe would run a module that it names."""
    path = root / "recipe.yaml"
    recipe = read_file(path, str(path), 0).map
    stages = recipe["stages"].items if "stages" in recipe else []
    blocks = [
        name for stage in stages if "datatrove" in stage.map for name in stage.map["datatrove"].map
    ]
    own = [name for name in blocks if "." in name and not name.startswith("datatrove.")]
    return bool(own) or ("signals" in recipe and bool(recipe["signals"].value))


def _recipe(root: Path) -> Recipe:
    """Load a run's recipe; modules that it names lie beside it or can be imported."""
    if not isinstance(root, S3Path):
        return load_recipe(str(root / "recipe.yaml"))
    with tempfile.TemporaryDirectory(prefix="cuvee-verify-") as folder:
        copy = Path(folder) / "recipe.yaml"
        copy.write_bytes((root / "recipe.yaml").read_bytes())
        return load_recipe(str(copy))


def _changed_assets(recipe: Recipe, manifest: Mapping[str, Any]) -> str | None:
    """Return the name of a model or list that is not the one of the run."""
    then = manifest["assets_sha256"]
    now = asset_digests(recipe)
    return next((name for name, sha256 in now.items() if then.get(name) != sha256), None)


def _draw(root: Path, sample: int) -> list[tuple[dict[str, Any], str]]:
    """Return row and text of the pages with the smallest hashes, of those whose text is stored."""
    files = sorted((root / "documents").rglob("*.parquet"))
    files = heapq.nsmallest(_MOST_FILES, files, key=lambda path: _hash(path.stem))
    keys = (
        (_hash(f"{file_path}#{record}"), number, record)
        for number, path in enumerate(files)
        for file_path, record in _names(path)
    )
    wanted: dict[int, set[int]] = {}
    for _, number, record in heapq.nsmallest(sample, keys):
        wanted.setdefault(number, set()).add(record)
    drawn: list[tuple[dict[str, Any], str]] = []
    for number, records in sorted(wanted.items()):
        path = files[number]
        texts = {row["record"]: row["text"] for row in read_rows(path) if row["record"] in records}
        ledger = root / "ledger" / path.relative_to(root / "documents")
        rows = (row for row in read_rows(ledger) if row["record"] in records)
        drawn += [(row, texts[row["record"]]) for row in rows]
    return drawn


def _names(path: Path) -> Iterator[tuple[str, int]]:
    table = read_table(path, ["file_path", "record"])
    return zip(table["file_path"].to_pylist(), table["record"].to_pylist(), strict=True)


def _hash(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=8).digest()


def _published_texts(root: Path, ids: set[str]) -> dict[str, str]:
    """Return the published texts of pages; only the row groups that hold one are read."""
    found: dict[str, str] = {}
    wanted = pa.array(sorted(ids), pa.string())
    for path in sorted((root / "dataset" / "data").rglob("*.parquet")):
        file = pq.ParquetFile(opened(path))
        for group in range(file.num_row_groups):
            here = file.read_row_group(group, columns=["id"])["id"]
            if not set(here.to_pylist()) & ids:
                continue
            table = file.read_row_group(group, columns=["id", "text"])
            mask = pc.is_in(table["id"], value_set=wanted)
            rows = table.filter(mask)
            found.update(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    return found


class _Again:
    """Judges stored texts as the run has, and compares."""

    def __init__(
        self, root: Path, recipe: Recipe, findings: Findings, published: Mapping[str, str]
    ) -> None:
        tokenizer = root / "tokenizer.json"
        self._tokenizer = tokenizer_place(tokenizer, sha256_of(tokenizer))
        self._curator: Curator = curator_for(recipe)
        self._curator.judges.restart()
        self._rules, self._edits = FinalRules(recipe), FinalEdits(recipe)
        self._findings = findings
        self._published = published
        self._measured = [column.name for column in self._curator.columns]
        self._removed = [column.name for column in removal_columns(recipe)]
        self._known = taken_over(self._curator)

    def check(self, row: Mapping[str, Any], text: str) -> None:
        """Compare one page."""
        ask = to_judge({name: row[name] for name in self._known}, text)
        fresh = self._curator.decide_text(ask.row, ask.text, ask.decision)
        place = f"page {row['id']}"
        for name in ("language", "language_score", *self._measured):
            self._findings.expect(place, f"{name} is", row[name], fresh.row.get(name))
        self._findings.expect(place, "its decision is", _outcome(row), self._decision(row, fresh))
        if fresh.row["status"] == "kept" and row["status"] != "failed":
            self._check_text(place, row, fresh)

    def _decision(self, row: Mapping[str, Any], fresh: Curated) -> tuple[Any, ...]:
        """Return what was to be decided: among other pages nothing can be decided again."""
        if fresh.row["status"] != "kept" or fresh.judgement is None:
            return _outcome(fresh.row)
        if row["stage"] == "dedup":
            return _outcome(row)
        decision = self._rules.decide(fresh.row, fresh.row.get(BROKEN.name))
        decision = decision or self._edits.apply(fresh.judgement.text)[2]
        if decision is not None:
            return decision.status, decision.stage, decision.rule
        return _outcome(fresh.row)

    def _check_text(self, place: str, row: Mapping[str, Any], fresh: Curated) -> None:
        """Compare the published text; of one that lost repeated lines it takes the others' too."""
        if fresh.judgement is None or any(row[name] for name in self._removed):
            return
        text = fresh.judgement.text
        if row["status"] == "kept":
            text, counts, _ = self._edits.apply(text)
            for name, count in counts.items():
                self._findings.expect(place, f"{name} is", row[name], count)
            if self._published.get(row["id"]) != text:
                self._findings.differ(place, "its published text is not what the recipe gives")
        tokens = count_tokens(self._tokenizer, text)
        self._findings.expect(place, "its token_count is", row["token_count"], tokens)


def _outcome(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["status"], row["stage"], row["rule"]
