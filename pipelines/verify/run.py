"""A run's folder against its manifest and its recipe."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.assets import Report, say_nothing
from pipelines.manifest import load_manifest, run_files
from pipelines.tables import open_folder
from pipelines.verify.findings import Findings
from pipelines.verify.replay import replay
from pipelines.verify.table import check_file
from pipelines.verify.tokens import check_tokenized, check_vocabulary

_FOLDERS = ("ledger", "documents", "dataset/data", "tokens", "packed")
_CARD = "dataset/README.md"
_OUTCOME = ("status", "stage", "rule")


def verify_run(
    root: Path,
    sample: int,
    looked: Callable[[int, int], None],
    *,
    own_code: bool = False,
    report: Report = say_nothing,
) -> Findings:
    """Check every file of a finished run, its totals, and the decisions on `sample` pages.

    `looked` is told of bytes checked and of those there are, `report` of what is fetched. A
    recipe's own code is run only if that is allowed. UsageError where there is no finished run.
    """
    manifest = load_manifest(root)
    findings = Findings()
    files = run_files(root, manifest)
    total = sum(facts["bytes"] for facts in files)
    tokens: Counter[str] = Counter()
    for facts in files:
        if facts["path"] != _CARD:  # of which a part is a person's
            kind = _kind(str(facts["path"]))
            tokens[kind] += check_file(findings, root / facts["path"], facts, kind)
        looked(findings.checked["bytes"], total)
    _check_unlisted(findings, root, {str(facts["path"]) for facts in files})
    added = manifest.get("token_shards", {}).get("special_tokens_added", 0)
    findings.expect("the dataset", "its tokens are", tokens["data"], manifest["tokens"])
    findings.expect("the token ids", "they are", tokens["tokens"], manifest["tokens"] + added)
    if "packed" in manifest:
        findings.expect("the packed rows", "their ids are", tokens["packed"], tokens["tokens"])
    rows = sum(facts["rows"] for facts in files if _kind(str(facts["path"])) == "data")
    findings.expect("the dataset", "its rows are", rows, manifest["rows"])
    if findings.ok:  # else a damaged file would be read once more
        check_vocabulary(findings, root)
    check_tokenized(findings, root)
    if findings.ok:
        _check_funnel(findings, root, manifest)
        replay(findings, root, manifest, sample, own_code=own_code, report=report)
    elif sample:
        findings.notes.append("Decisions were not taken again: the files differ already.")
    return findings


def _kind(path: str) -> str:
    return "data" if path.startswith("dataset/data/") else path.partition("/")[0]


def _check_unlisted(findings: Findings, root: Path, listed: set[str]) -> None:
    for folder in _FOLDERS:
        for path in sorted((root / folder).rglob("*.parquet")):
            name = path.relative_to(root).as_posix()
            if name not in listed:
                findings.differ(name, "is not in the manifest")


def _check_funnel(findings: Findings, root: Path, manifest: Mapping[str, Any]) -> None:
    """Count the ledger's pages and tokens by outcome again."""
    pages: Counter[tuple[str, ...]] = Counter()
    tokens: Counter[tuple[str, ...]] = Counter()
    for batch in open_folder(root / "ledger").to_batches(columns=[*_OUTCOME, "token_count"]):
        for outcome, row in _by_outcome(pa.Table.from_batches([batch])):
            pages[outcome] += row["token_count_count"]
            tokens[outcome] += row["token_count_sum"] or 0
    told = {
        tuple(row[key] for key in _OUTCOME): (row["pages"], row["tokens"])
        for row in manifest["funnel"]
    }
    for outcome in sorted({*pages, *told}):
        place = "ledger, " + " ".join(filter(None, outcome))
        found = pages[outcome], tokens[outcome]
        findings.expect(place, "pages and tokens are", found, told.get(outcome, (0, 0)))
    findings.expect("the ledger", "its pages are", pages.total(), manifest["pages"])


def _by_outcome(ledger: pa.Table) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    counts = [("token_count", "count", pc.CountOptions(mode="all")), ("token_count", "sum")]
    for row in ledger.group_by(list(_OUTCOME)).aggregate(counts).to_pylist():
        yield tuple(row[key] or "" for key in _OUTCOME), row
