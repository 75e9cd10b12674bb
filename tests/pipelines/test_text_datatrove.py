"""datatrove's writers' output as input, and this project's dataset in its reader and back."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datatrove.data import Document
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import JsonlWriter, ParquetWriter

from tests.pipelines.text_rows import ledger, made_rows, run_text


def documents() -> list[Document]:
    return [
        Document(row["text"], row["id"], metadata={"url": row["url"], "date": row["date"]})
        for row in made_rows(24)
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("datatrove")
    with JsonlWriter(str(folder / "in/lines")) as writer:
        for document in documents()[:12]:
            writer.write(document)
    with ParquetWriter(str(folder / "in/rows")) as writer:
        for document in documents()[12:]:
            writer.write(document)
    run_text(folder / "in", folder / "run")
    return folder / "run"


def test_what_its_writers_write_goes_in(finished):
    rows = ledger(finished)
    files = [row["file_path"] for row in rows]
    assert files == ["lines/00000.jsonl.gz"] * 12 + ["rows/000_00000.parquet"] * 12
    wanted = [(row["id"], row["url"], row["date"]) for row in made_rows(24)]
    assert [(row["id"], row["url"], row["date"]) for row in rows] == wanted
    assert not [row for row in rows if row["status"] == "failed"]


def test_its_reader_reads_the_dataset_and_so_does_a_run(finished, tmp_path):
    published = pq.read_table(finished / "dataset/data", partitioning=None).to_pylist()
    read = list(ParquetReader(str(finished / "dataset/data")).run())
    assert [(document.text, document.id) for document in read] == [
        (row["text"], row["id"]) for row in published
    ]
    assert [document.metadata["url"] for document in read] == [row["url"] for row in published]

    outcome = run_text(finished / "dataset/data", tmp_path / "again")
    (columns,) = outcome.manifest["inputs"]["columns"].values()
    assert columns == {name: name for name in ("text", "id", "url", "date")}
    again = pq.read_table(tmp_path / "again/dataset/data", partitioning=None).to_pylist()
    assert [(row["text"], row["id"], row["url"], row["date"]) for row in again] == [
        (row["text"], row["id"], row["url"], row["date"]) for row in published
    ]
