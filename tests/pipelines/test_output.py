"""What a finished run consists of, read with the tools that its users have."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import yaml
from tokenizers import Tokenizer
from warcio.archiveiterator import ArchiveIterator

from filters.catalog import EDITS
from filters.segment import segmenter
from filters.text import Text
from pipelines.files import sha256_of
from pipelines.ledger import DATASET, LEDGER_FIELDS, TOKENS
from tests.command import contents, python
from tests.pipelines.small_run import Finished

pytestmark = pytest.mark.slow

FINEWEB = {
    "text": "string", "id": "string", "dump": "string", "url": "string", "date": "string",
    "file_path": "string", "language": "string", "language_score": "double", "token_count": "int64",
}  # fmt: skip


@pytest.fixture(scope="module")
def manifest(demo_run: Path) -> dict:
    return json.loads((demo_run / "manifest.json").read_text())


@pytest.fixture(scope="module")
def ledger(demo_run: Path) -> pa.Table:
    return ds.dataset(demo_run / "ledger").to_table()


@pytest.fixture(scope="module")
def dataset(demo_run: Path) -> pa.Table:
    return ds.dataset(demo_run / "dataset/data", format="parquet").to_table()


def test_every_record_of_the_crawl_is_a_page_or_counted(sample_crawl, manifest, ledger):
    records = Counter()
    for path in sorted(sample_crawl.glob("*.warc.gz")):
        with path.open("rb") as stream:
            records.update(record.rec_type for record in ArchiveIterator(stream))
    others = sum(manifest["other_records"].values())
    assert sum(records.values()) == manifest["pages"] + others
    assert ledger.num_rows == manifest["pages"]


def test_each_page_is_in_the_ledger_exactly_once(ledger):
    keys = list(zip(ledger["file_path"].to_pylist(), ledger["record"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)
    assert set(ledger["status"].to_pylist()) <= {"kept", "dropped", "failed"}
    for row in ledger.select(["status", "stage", "rule"]).to_pylist():
        assert (row["status"] == "kept") == (row["rule"] is None) == (row["stage"] is None)


def test_the_ledger_has_its_columns_and_a_fingerprint_for_every_signal(ledger):
    fixed = [field.name for field in LEDGER_FIELDS]
    assert ledger.column_names[: len(fixed)] == fixed
    signals = [field for field in ledger.schema if field.name not in fixed]
    assert len(signals) > 35
    for field in signals:
        assert field.type == (pa.string() if field.name == "url.block_reason" else pa.int64())
        assert "." in field.name
        assert len(field.metadata[b"fingerprint"]) == 16


def test_audited_pages_are_measured_the_whole_way(ledger):
    signals = [name for name in ledger.column_names if name.startswith(("text.", "c4_lines."))]
    assert all(ledger["audited"].to_pylist())  # the demo's recipe audits every page
    dropped = [row for row in ledger.to_pylist() if row["stage"] in ("language", "quality")]
    assert len(dropped) > 500
    for row in dropped:
        assert all(row[name] is not None for name in signals), row["url"]


def test_pages_dropped_at_a_gate_are_unmeasured_unless_audited(base: Finished):
    rows = [row for row in base.ledger().values() if row["stage"] == "language"]
    plain = [row for row in rows if not row["audited"]]
    assert plain
    assert all(row["text.words"] is None for row in plain)
    assert all(row["language"] and row["token_count"] is not None for row in plain)


def test_the_dataset_has_finewebs_columns_and_the_kept_pages(dataset, ledger, demo_run):
    assert {f.name: str(f.type) for f in dataset.schema}.items() >= FINEWEB.items()
    assert dataset.column_names == [*FINEWEB, "minhash_cluster_size"]
    assert dataset.schema.equals(DATASET)
    kept = ledger.filter(pa.compute.equal(ledger["status"], "kept"))
    assert sorted(dataset["id"].to_pylist()) == sorted(kept["id"].to_pylist())
    assert all(dataset["text"].to_pylist())
    (shard,) = (demo_run / "dataset/data").rglob("*.parquet")
    assert shard.relative_to(demo_run).as_posix() == "dataset/data/local/000_00000.parquet"


def test_rows_are_sorted_by_host_then_url(dataset, ledger):
    hosts = dict(zip(ledger["id"].to_pylist(), ledger["host"].to_pylist(), strict=True))
    keys = [(hosts[row["id"]], row["url"]) for row in dataset.select(["id", "url"]).to_pylist()]
    assert keys == sorted(keys)
    assert len({host for host, _ in keys}) > 50


def test_cluster_sizes_agree_with_the_ledger(dataset, ledger):
    clusters = Counter(ledger["cluster_id"].drop_null().to_pylist())
    sizes = Counter(clusters.values())
    assert Counter(dataset["minhash_cluster_size"].to_pylist()) == sizes
    assert max(sizes) > 1
    dropped = ledger.filter(pa.compute.equal(ledger["rule"], "minhash")).num_rows
    assert dropped == sum(size - 1 for size in clusters.values())


def test_shards_are_compressed_and_indexed(demo_run):
    for path in (demo_run / "dataset/data").rglob("*.parquet"):
        group = pq.ParquetFile(path).metadata.row_group(0)
        columns = {group.column(i).path_in_schema: group.column(i) for i in range(10)}
        assert all(column.compression == "ZSTD" for column in columns.values())
        assert all(column.has_offset_index for column in columns.values())
        # Bounds of whole texts would be as long as the texts, so `text` has none.
        assert columns["date"].has_column_index


def test_tokens_decode_back_to_the_text(dataset, demo_run):
    tokenizer = Tokenizer.from_file(str(demo_run / "tokenizer.json"))
    (path,) = (demo_run / "tokens").glob("*.parquet")
    tokens = pq.read_table(path)
    assert tokens.schema.remove_metadata().equals(TOKENS)
    assert tokens.schema.metadata[b"tokenizer_sha256"].decode() == sha256_of(
        demo_run / "tokenizer.json"
    )
    assert tokens["id"].to_pylist() == dataset["id"].to_pylist()
    for row, text, count in zip(
        tokens.to_pylist(),
        dataset["text"].to_pylist(),
        dataset["token_count"].to_pylist(),
        strict=True,
    ):
        assert row["token_count"] == count == len(row["input_ids"])
        assert tokenizer.decode(row["input_ids"], skip_special_tokens=False) == text


def test_no_address_of_a_person_is_left(dataset, ledger):
    pii = EDITS["pii"]
    text = "\n".join(dataset["text"].to_pylist())
    again = pii.apply(Text(text, segmenter("en")), pii.options)
    replaced = {"email@example.com", "firstname.lastname@example.org"}
    assert sum(ledger["pii.emails"].drop_null().to_pylist()) > 0
    assert sum(text.count(address) for address in replaced) >= again.counts["emails"]


def test_documents_hold_the_text_as_extracted(demo_run, ledger):
    documents = ds.dataset(demo_run / "documents").to_table()
    assert documents.column_names == ["id", "url", "file_path", "record", "text"]
    chars = {(row["file_path"], row["record"]): row["text.chars"] for row in ledger.to_pylist()}
    measured = 0
    for row in documents.to_pylist():
        expected = chars[row["file_path"], row["record"]]
        if expected is not None:
            assert len(row["text"]) == expected
            measured += 1
    assert measured > 500


def test_the_manifest_lists_exactly_the_published_files(demo_run, manifest):
    listed = {item["path"]: item["sha256"] for item in manifest["files"]}
    assert {path: listed[path] for path in contents(demo_run)} == contents(demo_run)
    assert set(listed) - set(contents(demo_run)) == {
        "tokenizer.json", "dataset/README.md", "dataset/funnel.svg"
    }  # fmt: skip
    for item in manifest["files"]:
        path = demo_run / item["path"]
        assert path.stat().st_size == item["bytes"]
        if path.suffix == ".parquet":
            assert pq.ParquetFile(path).metadata.num_rows == item["rows"]
    assert list((demo_run / "work").iterdir()) == []


def test_the_card_says_what_the_run_did(demo_run, manifest):
    card = (demo_run / "dataset/README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert [config["config_name"] for config in head["configs"]] == ["default", "local"]
    assert head["size_categories"] == ["n<1K"]
    assert head["language"] == ["en"]
    assert f"{manifest['rows']:,} documents" in card
    assert f"{manifest['tokens']:,} tokens" in card


def test_datasets_loads_it_by_its_card(demo_run, manifest, tmp_path):
    program = (
        "import sys, datasets\n"
        "folder = sys.argv[1]\n"
        "whole = datasets.load_dataset(folder, split='train')\n"
        "named = datasets.load_dataset(folder, 'local', split='train')\n"
        "stream = datasets.load_dataset(folder, split='train', streaming=True)\n"
        "first = next(iter(stream))\n"
        "assert first == whole[0], first\n"
        "assert named.num_rows == whole.num_rows\n"
        "print(whole.num_rows, ','.join(whole.column_names))\n"
    )
    env = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        python(program, str(demo_run / "dataset")),
        capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows, columns = done.stdout.split()
    assert int(rows) == manifest["rows"]
    assert columns.split(",") == DATASET.names


def test_duckdb_reads_everything(demo_run, manifest):
    def rows(pattern: str) -> int:
        query = f"SELECT count(*) FROM read_parquet('{demo_run}/{pattern}')"  # noqa: S608  own path
        return duckdb.sql(query).fetchall()[0][0]

    assert rows("ledger/*.parquet") == manifest["pages"]
    assert rows("dataset/data/*/*.parquet") == manifest["rows"]
    assert rows("tokens/*.parquet") == manifest["rows"]
    assert rows("documents/*.parquet") > manifest["rows"]
