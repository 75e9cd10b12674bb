"""Extracted text through a whole run: gates, rules, duplicates, what is bad, a changed recipe."""

import json
import shutil
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import UsageError, WorkError
from tests.command import cuvee
from tests.pipelines.small_run import made_pages, prose, published
from tests.pipelines.text_rows import LENIENT, ledger, lines, made_rows, run_text
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each


def outcomes(root):
    return Counter((row["status"], row["stage"], row["rule"]) for row in ledger(root))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Text as three kinds of file, with a file of another schema between them, and a crawl."""
    folder = tmp_path_factory.mktemp("text") / "in"
    folder.mkdir()
    rows = made_rows(40)
    (folder / "a.jsonl").write_bytes(lines(rows[:20]))
    pq.write_table(pa.Table.from_pylist(rows[20:]), folder / "b.parquet")
    pq.write_table(pa.table({"question": ["x", "y"]}), folder / "c.parquet")
    bad = [b"no json", b"[]", b'{"text": 1}', b'{"text": null}', b'{"text": "\\ud800 ', b"\xff"]
    # The same record as in another file, and one with surrogates wherever they can be.
    odd = [{**rows[0], "text": "\n".join(prose(77))}, dict.fromkeys(rows[0], "\udfff")]
    (folder / "d.jsonl").write_bytes(lines(odd) + b"\n".join(bad) + b"\n\n")
    (folder / "e.warc.gz").write_bytes(gzip_each(made_pages()))
    (folder / "README.md").write_text("A dataset's card is no input.")
    return folder


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory):
    root = tmp_path_factory.mktemp("run") / "run"
    return root, run_text(inputs, root)


def test_every_row_is_in_the_ledger_once_with_its_reason(finished):
    root, outcome = finished
    rows = ledger(root)
    assert len(rows) == 40 + 2 + 2 + 6 + len(made_pages())
    assert len({(row["file_path"], row["record"]) for row in rows}) == len(rows)
    assert outcome.manifest["other_records"] == {"blank_line": 1}
    d = {
        row["record"]: (row["stage"], row["rule"]) for row in rows if row["file_path"] == "d.jsonl"
    }
    assert d == {
        0: ("dedup", "same_record"),
        1: ("language", "unsure_language"),
        2: ("read", "not_json"),
        3: ("read", "not_an_object"),
        4: ("read", "text_not_a_string"),
        5: ("extract", "empty"),
        6: ("read", "not_json"),
        7: ("read", "not_utf8"),
    }
    assert [row["rule"] for row in rows if row["file_path"] == "c.parquet"] == ["no_text"] * 2


def test_gates_rules_and_duplicates_work_on_rows(finished):
    root, _ = finished
    rows = [row for row in ledger(root) if row["file_path"] in ("a.jsonl", "b.parquet")]
    found = {(row["stage"], row["rule"]) for row in rows}
    assert {
        (None, None), ("url", "blocked"), ("language", "not_english"), ("quality", "short"),
        ("dedup", "minhash"),
    } <= found  # fmt: skip
    for row in rows:
        assert row["host"] == row["url"].split("/")[2]
        assert row["date"] == "2024-05-01"
        assert row["charset"] is row["truncated"] is None
        assert (row["offset"] is None) == (row["file_path"] == "b.parquet")
        if "porn/" in row["url"]:
            assert row["rule"] == "blocked"


def test_the_dataset_has_the_rows_columns(finished):
    root, _ = finished
    dataset = pq.read_table(root / "dataset/data", partitioning=None).to_pylist()
    made = {row["id"]: row for row in made_rows(40)}
    kept = [row for row in dataset if row["id"] in made]
    assert kept
    for row in kept:
        assert (row["url"], row["date"]) == (made[row["id"]]["url"], "2024-05-01")
        assert row["text"] == made[row["id"]]["text"]
    assert {row["file_path"] for row in dataset} == {"a.jsonl", "b.parquet", "e.warc.gz"}


def test_what_columns_were_taken_is_in_the_manifest(finished):
    _, outcome = finished
    plain = {name: name for name in ("text", "id", "url", "date")}
    assert outcome.manifest["inputs"]["columns"] == {"a.jsonl": plain}


def test_a_changed_rule_judges_stored_text_again(inputs, finished, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(finished[0], root, copy_function=shutil.copy2)
    outcome = run_text(inputs, root, sets=("very_short=140",))
    assert outcome.did_work
    commits = [json.loads(path.read_bytes()) for path in (root / "commits/curate").glob("0*.json")]
    assert {commit["facts"]["read"] for commit in commits} == {"documents"}
    fresh = tmp_path / "fresh"
    run_text(inputs, fresh, sets=("very_short=140",))
    assert published(root) == published(fresh)


def test_other_columns_read_the_text_again_but_not_the_crawl(inputs, finished, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(finished[0], root, copy_function=shutil.copy2)
    looks = Listener()
    run_text(inputs, root, sets=("columns.id=false",), observer=looks)
    assert "curate: 5 units, 1 done" in looks.told
    ids = {row["id"] for row in ledger(root) if row["file_path"] == "a.jsonl"}
    assert ids == {f"a.jsonl#{number}" for number in range(20)}
    assert looks.told[0] == (
        "columns of a.jsonl: text from 'text', url from 'url', date from 'date'; no id"
    )


def test_too_many_bad_lines_fail_the_run(inputs, tmp_path):
    with pytest.raises(WorkError, match=r"(?s)pages failed, more than max.*read: \w+ \(\d+\)"):
        run_text(inputs, tmp_path / "run", LENIENT.replace("1.0", "0.01"))


def test_without_a_text_column_nothing_is_begun(inputs, tmp_path):
    with pytest.raises(UsageError, match=r"c\.parquet' has no text column"):
        run_text(inputs / "c.parquet", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command_says_the_columns_and_takes_others(tmp_path):
    recipe = tmp_path / "small.yaml"
    recipe.write_text(LENIENT)
    (tmp_path / "in").mkdir()
    rows = [{"body": "short", "content": row["text"], "name": "\x1b[31m"} for row in made_rows(5)]
    (tmp_path / "in/a.jsonl").write_bytes(lines(rows))
    command = ["run", recipe, "--input", tmp_path / "in", "--engine", "inline"]
    done = cuvee(*command, "--output", tmp_path / "a")
    assert done.returncode == 0, done.stderr
    assert "columns of a.jsonl: text from 'content'; no id, no url, no date\n" in done.stdout
    wrong = cuvee(*command, "--output", tmp_path / "b", "--set", "columns.text=bod")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"cuvee: input '{tmp_path}/in/a.jsonl' has no column 'bod'.\n")
    assert "--set columns.text=body" in wrong.stderr
