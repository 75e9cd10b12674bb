"""A dataset as lines of other datasets: their fields, the same bytes, and back in by name."""

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from filters.errors import QuarantineError, UsageError
from pipelines.bucket.path import run_folder
from pipelines.crawl import Row, find_inputs, look_at_columns, read_pages
from pipelines.events import UnitDone
from pipelines.export import lines
from pipelines.export.lines import Exported, export_lines
from pipelines.export.styles import STYLES
from pipelines.recipe import InputFormat
from tests.pipelines.small_run import Finished

INPUTS = {
    "pile": (InputFormat("pile"), ("pile.pile_set_name",)),
    "dolma": (
        InputFormat("dolma", attributes=("cuvee",)),
        ("dolma.cuvee__dataset__token_count", "dolma.cuvee__dataset__language_score"),
    ),
    "redpajama2": (
        InputFormat("redpajama2"),
        ("redpajama2.ccnet_length", "redpajama2.ccnet_language_score"),
    ),
    "c4": (InputFormat("c4"), ()),
}


def rows_of(run: Path) -> list[dict[str, Any]]:
    shards = sorted((run / "dataset/data").rglob("*.parquet"))
    return [row for shard in shards for row in pq.read_table(shard, partitioning=None).to_pylist()]


def read_back(folder: Path | str, style: str) -> Iterator[Row]:
    input_format, names = INPUTS[style]
    columns = input_format.layout.columns
    files = find_inputs([str(folder)], input_format=input_format)
    look_at_columns(files, columns, lambda _: None, names)
    for file in files:
        for row in read_pages(file, Counter(), columns, None, names):
            assert isinstance(row, Row), row
            yield row


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("style", STYLES)
def test_what_goes_out_comes_in_again_by_name(style, two_dumps, tmp_path):
    exported = export_lines(two_dumps, tmp_path / "out", style)
    expected = rows_of(two_dumps)
    assert exported.rows == len(expected)
    found = list(read_back(tmp_path / "out", style))
    assert [(row.text, row.id, row.url, row.date) for row in found] == [
        (row["text"], row["id"], row["url"], row["date"]) for row in expected
    ]
    for row, made in zip(found, expected, strict=True):
        if style == "pile":
            assert row.signals == {"pile.pile_set_name": "small"}
        elif style == "dolma":
            assert row.signals["dolma.cuvee__dataset__token_count"] == made["token_count"]
        elif style == "redpajama2":
            assert row.signals["redpajama2.ccnet_length"] == len(made["text"])
            score = row.signals["redpajama2.ccnet_language_score"]
            assert score == made["language_score"]


def first_line(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        plain = gzip.decompress(data)
    else:
        plain = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    line: dict[str, Any] = json.loads(plain.split(b"\n")[0])
    return line


def test_files_and_fields_are_those_of_the_formats(two_dumps, tmp_path):
    made = {style: export_lines(two_dumps, tmp_path / style, style) for style in STYLES}
    names = {style: {item.path for item in found.files} for style, found in made.items()}
    shards = sorted((two_dumps / "dataset/data").rglob("*.parquet"))
    count = len(shards)
    assert names["c4"] == {
        f"c4-train.{number:05d}-of-{count:05d}.json.gz" for number in range(count)
    }
    stems = {f"{path.parent.name}/{path.stem}" for path in shards}
    dump = shards[0].parent.name
    assert names["pile"] == {f"{stem}.jsonl.zst" for stem in stems}
    assert names["dolma"] == {f"documents/{stem}.jsonl.gz" for stem in stems} | {
        f"attributes/cuvee/{stem}.jsonl.gz" for stem in stems
    }
    assert names["redpajama2"] == {f"documents/{stem}.json.gz" for stem in stems} | {
        f"quality_signals/{stem}.signals.json.gz" for stem in stems
    }

    (row, *_) = rows_of(two_dumps)
    about = {"id": row["id"], "url": row["url"], "date": row["date"]}
    assert first_line(tmp_path / "pile" / f"{dump}/000_00000.jsonl.zst") == {
        "text": row["text"],
        "meta": {"pile_set_name": "small", **about},
    }
    assert first_line(tmp_path / "c4" / f"c4-train.00000-of-{count:05d}.json.gz") == {
        "text": row["text"], "timestamp": row["date"], "url": row["url"], "id": row["id"],
    }  # fmt: skip
    assert first_line(tmp_path / "dolma" / f"documents/{dump}/000_00000.jsonl.gz") == {
        "id": row["id"],
        "text": row["text"],
        "source": "small",
        "added": row["date"],
        "created": row["date"],
        "metadata": {name: row[name] for name in ("url", "dump", "file_path", "language")},
    }
    size = len(row["text"])
    attributes = first_line(tmp_path / "dolma" / f"attributes/cuvee/{dump}/000_00000.jsonl.gz")
    assert attributes["attributes"]["cuvee__dataset__token_count"] == [
        [0, size, row["token_count"]]
    ]
    signals = tmp_path / "redpajama2" / f"quality_signals/{dump}/000_00000.signals.json.gz"
    assert first_line(signals)["id"] == f"{dump}/000_00000.json.gz/0"
    assert first_line(signals)["quality_signals"]["ccnet_length"] == [[0, size, size]]
    document = first_line(tmp_path / "redpajama2" / f"documents/{dump}/000_00000.json.gz")
    assert document["raw_content"] == row["text"]
    assert document["nlines"] == row["text"].count("\n") + 1


class _Stopped(BaseException):
    """As if the process were killed."""


def interrupted(run: Path, output: Path, style: str, after: int) -> None:
    """Begin an export and stop it after so many shards."""
    done: list[str] = []

    def stop(event: object) -> None:
        if isinstance(event, UnitDone):
            done.append(event.commit.unit)
            if len(done) == after:
                raise _Stopped

    with pytest.raises(_Stopped):
        export_lines(run, output, style, observer=stop)


def test_an_interrupted_export_goes_on_and_ends_with_the_same_bytes(two_dumps, tmp_path):
    whole = export_lines(two_dumps, tmp_path / "whole", "dolma")
    assert not export_lines(two_dumps, tmp_path / "whole", "dolma").did_work
    out = tmp_path / "out"
    interrupted(two_dumps, out, "dolma", 3)
    there = {name: data for name, data in bytes_of(out).items() if name.endswith(".gz")}
    expected = bytes_of(tmp_path / "whole")
    assert there
    assert all(expected[name] == data for name, data in there.items())
    assert not (out / "export.json").exists()
    stamps = {name: (out / name).stat().st_mtime_ns for name in there}
    done = export_lines(two_dumps, out, "dolma")
    assert done == replace(whole, did_work=True)
    assert bytes_of(out) == expected
    assert {name: (out / name).stat().st_mtime_ns for name in there} == stamps
    assert {path.name for path in out.iterdir()} == {
        ".lock", "attributes", "documents", "export.json",
    }  # fmt: skip


def test_another_style_after_an_interruption_leaves_nothing_of_the_first(two_dumps, tmp_path):
    interrupted(two_dumps, tmp_path / "out", "dolma", 3)
    export_lines(two_dumps, tmp_path / "out", "c4")
    export_lines(two_dumps, tmp_path / "fresh", "c4")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "fresh")


def refused(run: Path, output: Path, style: str, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        export_lines(run, output, style, **options)
    assert str(caught.value).count("\n") <= 2
    return str(caught.value)


def test_what_cannot_be_exported_is_told(two_dumps, base: Finished, tmp_path):
    assert "Did you mean 'redpajama2'?" in refused(two_dumps, tmp_path / "x", "redpajama")
    assert "no run of cuvee is there" in refused(tmp_path, tmp_path / "x", "c4")
    assert "is not empty; it has " in refused(two_dumps, two_dumps, "c4")
    (tmp_path / "file").write_text("x")
    assert "is a file" in refused(two_dumps, tmp_path / "file", "c4")
    export_lines(base.root, tmp_path / "out", "c4")
    assert "holds another export" in refused(base.root, tmp_path / "out", "pile")
    assert "holds another export" in refused(base.root, tmp_path / "out", "c4", source="mine")
    next((tmp_path / "out").glob("*.gz")).unlink()
    assert "files of it are missing" in refused(base.root, tmp_path / "out", "c4")


def test_a_shard_that_cannot_be_read_is_told_and_the_rest_stays(two_dumps, tmp_path):
    run = Path(shutil.copytree(two_dumps, tmp_path / "run", copy_function=shutil.copy2))
    shards = sorted((run / "dataset/data").rglob("*.parquet"))
    good = shards[1].read_bytes()
    shards[1].write_bytes(b"no parquet")
    with pytest.raises(QuarantineError, match=r"export: 1 unit\(s\) failed"):
        export_lines(run, tmp_path / "out", "pile")
    shards[1].write_bytes(good)
    done = export_lines(run, tmp_path / "out", "pile")
    assert done.rows == len(rows_of(two_dumps))


def test_few_rows_are_in_memory_at_a_time(base: Finished, tmp_path, monkeypatch):
    """A batch is a few rows, however many a shard has."""
    sizes: list[int] = []
    real = lines.pq.ParquetFile

    class Counting(real):  # type: ignore[misc,valid-type]
        def iter_batches(self, *args: Any, **options: Any) -> Any:
            for batch in super().iter_batches(*args, **options):
                sizes.append(batch.num_rows)
                yield batch

    monkeypatch.setattr(lines, "_BATCH_ROWS", 2)
    monkeypatch.setattr(lines.pq, "ParquetFile", Counting)
    exported: Exported = export_lines(base.root, tmp_path / "out", "c4")
    assert sum(sizes) == exported.rows > 4
    assert max(sizes) == 2


@pytest.mark.usefixtures("s3_host")
def test_an_export_may_be_on_s3(base: Finished, tmp_path):
    output = run_folder("s3://runs/exported")
    export_lines(base.root, output, "c4")
    assert not export_lines(base.root, output, "c4").did_work
    assert [(row.text, row.id) for row in read_back("s3://runs/exported/", "c4")] == [
        (row["text"], row["id"]) for row in rows_of(base.root)
    ]
    local = export_lines(base.root, tmp_path / "out", "c4")
    item = local.files[0]
    assert (output / item.path).read_bytes() == (tmp_path / "out" / item.path).read_bytes()
