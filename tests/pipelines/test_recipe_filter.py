"""A recipe as a block of a datatrove pipeline decides and edits as `cuvee run` does."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.readers import JsonlReader, ParquetReader, WarcReader
from datatrove.pipeline.writers import JsonlWriter

from filters.errors import RecipeError
from pipelines.datatrove_block import RecipeFilter
from tests.pipelines.small_run import RECIPE, edited, page, prose
from tests.pipelines.warc_bytes import gzip_each

DEDUP = "- dedup: {minhash: {ngram: 5, bands: 14, rows: 8}}\n"
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def given(base, tmp_path_factory) -> Path:
    """The stored texts of a run, in two Parquet files and as JSONL."""
    folder = tmp_path_factory.mktemp("texts")
    rows = pq.read_table(base.root / "documents", partitioning=None).to_pylist()
    rows = [{"text": row["text"], "id": row["id"], "url": row["url"]} for row in rows]
    rows = list({row["id"]: row for row in reversed(rows)}.values())  # the first of an id
    for name in ("parquet", "jsonl"):
        (folder / name).mkdir()
    for number in range(2):
        half = rows[number::2]
        pq.write_table(pa.Table.from_pylist(half), folder / f"parquet/{number}.parquet")
        lines = "".join(f"{json.dumps(row)}\n" for row in half)
        (folder / f"jsonl/{number}.jsonl").write_text(lines)
    (folder / "r.yaml").write_text(RECIPE)
    return folder


def pipeline(reader: Any, block: RecipeFilter, out: Path, *before: Any) -> tuple[Rows, Rows, Any]:
    """Run datatrove on two processes; return what was kept, what was not, and its statistics."""
    steps = [reader, *before, block, JsonlWriter(str(out / "kept"), compression=None)]
    executor = LocalPipelineExecutor(
        steps, tasks=2, workers=2, logging_dir=str(out / "log"), skip_completed=False
    )
    stats = executor.run()
    return _rows(out / "kept"), _rows(out / "removed"), stats


def removed(out: Path) -> JsonlWriter:
    return JsonlWriter(str(out / "removed"), compression=None)


def _rows(folder: Path) -> Rows:
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    return {row["id"]: row for row in map(json.loads, lines)}


@pytest.mark.parametrize("reader", ["parquet", "jsonl"])
def test_decisions_texts_and_numbers_are_those_of_a_run(reader, given, base, tmp_path):
    readers = {"parquet": ParquetReader, "jsonl": JsonlReader}
    block = RecipeFilter(str(given / "r.yaml"), exclusion_writer=removed(tmp_path))
    kept, dropped, stats = pipeline(readers[reader](str(given / reader)), block, tmp_path)

    ledger = {row["id"]: row for row in base.ledger().values() if row["rule"] != "same_record"}
    expected = {i: ledger[i] for i in {*kept, *dropped}}
    assert len(expected) > 30
    # Near-duplicates are left to datatrove's own stages.
    unique = {i: row["rule"] for i, row in expected.items() if row["stage"] not in (None, "dedup")}
    assert {i: row["metadata"]["cuvee_rule"] for i, row in dropped.items()} == unique
    published = pq.read_table(base.root / "dataset/data", partitioning=None).to_pylist()
    texts = {row["id"]: row["text"] for row in published}
    assert {i: kept[i]["text"] for i in texts} == texts
    assert set(kept) - set(texts) == {i for i, r in expected.items() if r["stage"] == "dedup"}
    for name in ("text.lexical_words", "c4_lines.sentences", "pii.emails"):
        if name in ledger[next(iter(texts))]:
            assert {i: kept[i]["metadata"][f"cuvee_{name}"] for i in texts} == {
                i: ledger[i][name] for i in texts
            }
    counted = {str(name) for part in stats.stats for name in part.stats}
    assert {f"dropped_{rule}" for rule in unique.values()} <= counted


def test_what_a_document_is_told(given):
    block = RecipeFilter(str(given / "r.yaml"), ("short=5", "very_short=6"), final_edits=False)
    text = "\n".join([*prose(3), "Write to somebody@example.net about it, they said."])
    good = Document(text=text, id="1", metadata={"url": "http://a.example/", "mine": 7})
    bad = Document(text="The old house.", id="2")
    blocked = Document(text=text, id="3", metadata={"url": "http://a.example/porn/1"})
    empty = Document(text="", id="4")

    assert [found.id for found in block.run(iter([good, bad, blocked, empty]))] == ["1"]

    assert "somebody@example.net" in good.text  # the edit comes after dedup, which is left out
    assert good.metadata["mine"] == 7
    told = [
        [doc.metadata[f"cuvee_{name}"] for name in ("status", "stage", "rule")]
        for doc in (good, bad, blocked, empty)
    ]
    assert told[0] == ["kept", None, None]
    assert told[1] == ["dropped", "quality", "top_2_gram"] or told[1][2] == "short"
    assert told[2] == ["dropped", "url", "blocked"]
    assert told[3] == ["dropped", "extract", "empty"]
    assert good.metadata["language"] == "en"
    assert good.metadata["cuvee_text.lexical_words"] > 100
    assert blocked.metadata["cuvee_text.lexical_words"] is None
    assert bad.text == "The old house."
    json.dumps([doc.metadata for doc in (good, bad, blocked, empty)])

    edits = RecipeFilter(str(given / "r.yaml"))
    again = Document(text=text, id="1")
    assert edits.filter(again) is True
    assert "email@example.com" in again.text


def test_a_wrong_recipe_is_told_when_the_block_is_made():
    with pytest.raises(RecipeError, match="the recipe has no 'gopher_shrt_doc'"):
        RecipeFilter("fineweb", ("gopher_shrt_doc=30",))
    with pytest.raises(RecipeError, match="there is no such recipe"):
        RecipeFilter("finweb")


def test_a_signal_of_ones_own_goes_to_the_workers(given, tmp_path):
    (tmp_path / "own_words.py").write_text(
        "from filters import signal\n\n@signal(version=1)\ndef the_words(text):\n"
        "    return text.raw.count('the ')\n"
    )
    (tmp_path / "r.yaml").write_text(
        "recipe: r\nsignals: [own_words]\nstages:\n- drop: {many: the_words > 30}\n"
    )
    block = RecipeFilter(str(tmp_path / "r.yaml"), exclusion_writer=removed(tmp_path))
    kept, dropped, _ = pipeline(JsonlReader(str(given / "jsonl")), block, tmp_path)
    assert kept
    assert dropped
    for rows, many in ((kept, False), (dropped, True)):
        found = {row["metadata"]["cuvee_text.the_words"] > 30 for row in rows.values()}
        assert found == {many}


def test_behind_datatroves_own_reader_and_extractor(tmp_path):
    try:
        import magic  # noqa: F401  WarcReader needs it
    except ImportError as error:  # it is there only with the system's libmagic
        pytest.skip(f"datatrove's WarcReader cannot work here: {error}")
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    pages = [*(page(n, prose(n)) for n in range(6)), page(7, prose(7, sentences=3))]
    (crawl / "a.warc.gz").write_bytes(gzip_each(pages))
    recipe = edited(RECIPE, DEDUP, "")
    (tmp_path / "r.yaml").write_text(recipe)
    block = RecipeFilter(str(tmp_path / "r.yaml"), exclusion_writer=removed(tmp_path))
    kept, dropped, _ = pipeline(WarcReader(str(crawl)), block, tmp_path, Trafilatura())
    assert {row["metadata"]["cuvee_status"] for row in kept.values()} == {"kept"}
    assert len(kept) == 6
    assert [row["metadata"]["cuvee_rule"] for row in dropped.values()] == ["short"]
    assert {row["metadata"]["url"].rpartition("/")[2] for row in kept.values()} == set("012345")
