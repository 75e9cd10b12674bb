"""Token ids against the tokenizer beside them, and those of other tokenizers against the run."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.files import sha256_of
from pipelines.manifest import load_manifest, read_manifest, run_files
from pipelines.tables import opened
from pipelines.tokens.tokenized import FOLDER, dataset_digest, shard_contents
from pipelines.verify.findings import Findings
from pipelines.verify.table import check_file

_SHOWN = 12


def check_vocabulary(findings: Findings, folder: Path, shown: str = "") -> None:
    """Check that a folder's shards were made with the tokenizer.json that lies beside them."""
    tokenizer = folder / "tokenizer.json"
    if not tokenizer.is_file():
        return  # its manifest lists it, so it is noted as missing
    there = sha256_of(tokenizer)[:_SHOWN]
    for path in _shards(folder):
        metadata = pq.ParquetFile(opened(path)).schema_arrow.metadata or {}
        said = metadata.get(b"tokenizer_sha256", b"none").decode()[:_SHOWN]
        name = f"{shown}{path.relative_to(folder).as_posix()}"
        findings.expect(name, "the tokenizer of its ids is", said, there)


def _shards(folder: Path) -> Iterator[Path]:
    for kind in ("tokens", "packed"):
        yield from sorted((folder / kind).glob("*.parquet"))


def check_tokenized(findings: Findings, root: Path) -> None:
    """Check what `cuvee tokenize` has made: every file, and that it is of this dataset."""
    if not (root / FOLDER).is_dir():
        return
    dataset = dataset_digest(shard_contents(run_files(root, load_manifest(root))))
    for folder in sorted((root / FOLDER).iterdir()):
        name = f"{FOLDER}/{folder.name}"
        manifest = read_manifest(folder)
        if manifest is None:
            findings.notes.append(f"{name} was not checked: 'cuvee tokenize' has not ended there.")
            continue
        if manifest["made_from"]["dataset"] != dataset:
            findings.differ(name, "is of another dataset; 'cuvee tokenize' makes it anew")
        tokens: Counter[str] = Counter()
        for facts in run_files(folder, manifest):
            kind = str(facts["path"]).partition("/")[0]
            listed = {**facts, "path": f"{name}/{facts['path']}"}
            tokens[kind] += check_file(findings, folder / facts["path"], listed, kind)
        totals = manifest["token_shards"]
        wanted = totals["tokens"] + totals["special_tokens_added"]
        findings.expect(name, "its token ids are", tokens["tokens"], wanted)
        if "packed" in manifest:
            findings.expect(name, "its packed ids are", tokens["packed"], wanted)
        check_vocabulary(findings, folder, f"{name}/")
