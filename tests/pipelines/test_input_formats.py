"""Datasets by the name of their format: what is a document there, and what signals come along."""

import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filters.errors import RecipeError, UnitError, UsageError
from pipelines.api import run as api_run
from pipelines.audit import Audit
from pipelines.bucket.path import run_folder
from pipelines.crawl import Damage, Row, find_inputs, look_at_columns, read_pages
from pipelines.crawl.text.split import split_files
from pipelines.curator import Curated
from pipelines.doctor.reach import check_input
from pipelines.page.answers import answers
from pipelines.pages import Wanted, find_pages
from pipelines.recipe import InputFormat, load_recipe
from pipelines.report.write import write_report
from pipelines.sandbox.wire import curated_of, parts_of
from pipelines.verify import verify_run
from tests.command import cuvee, succeed
from tests.pipelines.hosts import folder_answers, serving
from tests.pipelines.layouts import (
    CRAWL,
    SHARD,
    dolma_attributes,
    laid_out,
    packed,
    redpajama2_signals,
)
from tests.pipelines.small_run import differing, edited, published
from tests.pipelines.text_rows import ledger, made_rows, run_text
from tests.pipelines.units import Listener

RULES = """\
recipe: by_name
input_format: redpajama2
stages:
- gate: {not_english: language.code != "en"}
- drop:
    few_words: rps_doc_word_count < 100
    perplexing: ccnet_perplexity > 335
    unlike_books: redpajama2.rps_doc_books_importance < -48
- edit: {c4_lines: {terminal_punctuation: false}}
- drop: {few_sentences: c4_lines.sentences < 2}
- dedup: {minhash: {keep: {highest: redpajama2.ccnet_perplexity}}}
tokenizer: {train: {vocab_size: 400}}
max_failed_pages: 1.0
audit_fraction: 0.2
"""
OTHERS = """\
recipe: others
input_format: {input_format}
stages:
- drop: {{few_words: {few_words}}}
- edit: {{c4_lines: {{terminal_punctuation: false}}}}
- dedup: {{exact: {{}}}}
tokenizer: {{train: {{vocab_size: 400}}}}
"""
DOCUMENTS = f"documents/{SHARD}.json.gz"
SIGNALS = f"quality_signals/{SHARD}.signals.json.gz"


def read(
    root: Path, input_format: InputFormat, names: tuple[str, ...] = ()
) -> tuple[list[Any], Counter[str], list[str]]:
    """Return rows, other records, and what was said on the way."""
    said: list[str] = []
    others: Counter[str] = Counter()
    files = find_inputs([str(root)], input_format=input_format, say=said.append)
    columns = input_format.layout.columns
    look_at_columns(files, columns, said.append, names)
    rows = [row for file in files for row in read_pages(file, others, columns, None, names)]
    return rows, others, said


@pytest.mark.parametrize(
    ("name", "url", "date", "said"),
    [
        ("pile", "", "", "text from 'text', id from 'meta.id'"),
        ("c4", "url", "2019-04-25T12:57:54Z", "date from 'timestamp'"),
        ("fineweb", "url", "2024-02-21T06:10:12Z", "text from 'text', id from 'id'"),
        ("fineweb2", "url", "2024-02-21T06:10:12Z", "text from 'text', id from 'id'"),
        ("dolma", "url", "2019-09-01T00:00:00.000Z", "url from 'metadata.url'"),
        ("redpajama2", "url", "2018-10-15T12:00:00Z", "text from 'raw_content'"),
    ],
)
def test_a_dataset_is_read_by_its_name(name, url, date, said, tmp_path):
    rows, others, told = read(laid_out(tmp_path / "in", name), InputFormat(name))
    made = made_rows(40)
    assert [row.text for row in rows] == [row["text"] for row in made]
    assert [row.url for row in rows] == [row["url"] if url else "" for row in made]
    assert {row.date for row in rows} == {date}
    assert len({row.id for row in rows}) == 40
    assert not others
    assert said in told[-1]


def test_ids_are_those_of_the_format(tmp_path):
    def ids(name: str) -> list[str]:
        rows, _, _ = read(laid_out(tmp_path / name, name), InputFormat(name))
        return [row.id for row in rows]

    assert ids("redpajama2")[7] == f"{SHARD}.json.gz/7"
    assert ids("dolma")[7] == "row-0-7"
    assert ids("pile")[35] == "val.jsonl.zst#0"


def test_what_holds_no_documents_is_told_and_not_read(tmp_path):
    _, _, said = read(laid_out(tmp_path / "in", "redpajama2"), InputFormat("redpajama2"))
    assert said[0] == (
        "redpajama2: no documents are read from 1 in duplicates/, 1 in minhash/, "
        "1 in quality_signals/"
    )
    only = tmp_path / "in/minhash"
    with pytest.raises(UsageError, match=r"minhash' holds no documents of the format redpajama2"):
        find_inputs([str(only)], input_format=InputFormat("redpajama2"))
    (file,) = find_inputs([str(tmp_path / "in")], input_format=InputFormat("redpajama2"))
    assert file.dump == f"CC-MAIN-{CRAWL}"


def test_a_format_of_files_goes_before_their_names(tmp_path):
    (tmp_path / "rows.txt.data").write_bytes(b'{"text": "a"}\n')
    given = str(tmp_path / "rows.txt.data")
    assert find_inputs([given])[0].format == "crawl"
    assert find_inputs([given], input_format=InputFormat("jsonl"))[0].format == "jsonl"
    (tmp_path / "x.parquet").write_bytes(b"")
    with pytest.raises(UsageError, match=r"holds no documents of the format warc: 1 of another"):
        find_inputs([str(tmp_path / "x.parquet")], input_format=InputFormat("warc"))


NAMES = (
    "redpajama2.rps_doc_word_count",
    "redpajama2.ccnet_perplexity",
    "redpajama2.rps_doc_ml_palm_score",
    "redpajama2.rps_lines_num_words__sum",
    "redpajama2.rps_lines_num_words__spans",
)


def test_quality_signals_become_the_rows_own(tmp_path):
    rows, _, _ = read(laid_out(tmp_path / "in", "redpajama2"), InputFormat("redpajama2"), NAMES)
    for number, row in enumerate(rows):
        words = float(len(row.text.split()))
        assert row.signals == {
            "redpajama2.rps_doc_word_count": words,
            "redpajama2.ccnet_perplexity": 300.5 + number,
            "redpajama2.rps_lines_num_words__sum": words,
            "redpajama2.rps_lines_num_words__spans": float(row.text.count("\n") + 1),
        }


def test_attributes_of_several_folders_become_the_rows_own(tmp_path):
    dolma = InputFormat("dolma", attributes=("exp", "repeats-1"))
    names = (
        "dolma.exp__gopher_v2__words", "dolma.exp__lang__en__most", "dolma.exp__lang__en__chars",
        "dolma.toxicity", "dolma.dup__chars", "dolma.exp__lang__en",
    )  # fmt: skip
    rows, _, said = read(laid_out(tmp_path / "in", "dolma"), dolma, names)
    assert said[0] == "dolma: no documents are read from 2 in attributes/"
    for row in rows:
        half = len(row.text) // 2
        chars = half * 0.9 + (len(row.text) - half) * 0.3
        assert row.signals == {
            "dolma.exp__gopher_v2__words": float(len(row.text.split())),
            "dolma.exp__lang__en__most": 0.9,
            "dolma.exp__lang__en__chars": pytest.approx(chars),
            "dolma.toxicity": 0.25,
            "dolma.dup__chars": 4.0,
        }


def test_columns_of_fineweb_become_signals_in_parts_alike(tmp_path):
    names = ("fineweb.language_score", "fineweb.token_count", "fineweb.score")
    rows, _, _ = read(laid_out(tmp_path / "in", "fineweb"), InputFormat("fineweb"))
    assert not rows[0].signals
    (file,) = find_inputs([str(tmp_path / "in")], input_format=InputFormat("fineweb"))
    parts = split_files([file], (file.size or 0) // 4)
    assert len(parts) == 4
    columns = InputFormat("fineweb").layout.columns
    found = [row for part in parts for row in read_pages(part, Counter(), columns, None, names)]
    assert [row.record for row in found if isinstance(row, Row)] == list(range(40))
    assert [row.signals for row in found if isinstance(row, Row)] == [
        {"fineweb.language_score": 0.9 + n / 1000, "fineweb.token_count": 200.0 + n}
        for n in range(40)
    ]


def outcomes(rows: list[Any]) -> dict[int, str]:
    return {row.record: row.reason for row in rows if isinstance(row, Damage)}


def test_signals_that_are_missing_broken_or_of_another_fail_their_documents(tmp_path):
    root = laid_out(tmp_path / "in", "redpajama2")
    rows = made_rows(40)
    signals = [redpajama2_signals(number, row) for number, row in enumerate(rows)][:30]
    signals[3]["id"] = f"{SHARD}.json.gz/4"
    signals[5]["metadata"]["url"] = "http://elsewhere.example/"
    signals[7] = {"id": f"{SHARD}.json.gz/7"}
    signals[9]["quality_signals"] = "none"
    del signals[11]["metadata"]["url"]
    packed(root / SIGNALS, signals)
    found, others, _ = read(root, InputFormat("redpajama2"), NAMES)
    bad = {3: "signals_of_another", 5: "signals_of_another"}
    bad |= {7: "signals_unreadable", 9: "signals_unreadable"}
    assert outcomes(found) == bad | dict.fromkeys(range(30, 40), "no_signals")
    assert [row.record for row in found] == list(range(40))
    assert {row.url for row in found if isinstance(row, Damage)} <= {row["url"] for row in rows}
    assert not others

    packed(root / SIGNALS, [redpajama2_signals(n, row) for n, row in enumerate(made_rows(43))])
    found, others, _ = read(root, InputFormat("redpajama2"), NAMES)
    assert others == {"signals_without_document": 3}

    (root / SIGNALS).write_bytes((root / SIGNALS).read_bytes()[:1500])
    found, _, _ = read(root, InputFormat("redpajama2"))
    assert "no_signals" in outcomes(found).values()
    assert len(found) == 40


def test_attributes_of_other_documents_fail_them(tmp_path):
    root = laid_out(tmp_path / "in", "dolma")
    shifted = list(map(dolma_attributes, made_rows(40)))
    shifted[10:] = shifted[11:]
    packed(root / "attributes/exp/2019-09/0933_en_all.jsonl.gz", shifted)
    dolma = InputFormat("dolma", attributes=("repeats-1", "exp"))
    found, _, _ = read(root, dolma, ("dolma.toxicity",))
    assert outcomes(found) == dict.fromkeys(range(10, 39), "attributes_of_another") | {
        39: "no_attributes"
    }


def told(root: Path, input_format: InputFormat, *names: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(root, input_format, names)
    assert str(caught.value).count("\n") <= 2
    return str(caught.value)


def test_what_rules_read_and_nobody_brings_is_told_before_any_work(tmp_path):
    dolma = laid_out(tmp_path / "dolma", "dolma")
    exp = InputFormat("dolma", attributes=("exp",))
    message = told(dolma, exp, "dolma.exp__gopher_v2__word")
    assert "has no 'exp__gopher_v2__word' in its first rows" in message
    assert "Did you mean 'exp__gopher_v2__words'?" in message
    message = told(dolma, InputFormat("dolma", attributes=("other",)))
    assert "attributes/other/2019-09/0933_en_all.jsonl.gz' cannot be opened" in message
    assert "do without: --set 'input_format=dolma'" in message
    fineweb = laid_out(tmp_path / "fineweb", "fineweb")
    assert "has no 'score' in its first rows" in told(
        fineweb, InputFormat("fineweb"), "fineweb.score"
    )
    shutil.copytree(dolma / "documents", tmp_path / "moved")
    assert "does not lie in a folder 'documents'" in told(tmp_path / "moved", exp)
    with pytest.raises(UsageError, match=r"has no column 'text'"):
        read(laid_out(tmp_path / "rp", "redpajama2") / DOCUMENTS, InputFormat("c4"))


def test_a_signals_file_that_went_away_fails_its_unit_and_documents_alone_can_be_read(tmp_path):
    root = laid_out(tmp_path / "in", "redpajama2")
    (root / SIGNALS).unlink()
    (file,) = find_inputs([str(root)], input_format=InputFormat("redpajama2"))
    with pytest.raises(UnitError, match=r"has no quality signals beside it") as caught:
        list(read_pages(file, Counter(), InputFormat("redpajama2").layout.columns))
    assert "--set 'input_format={redpajama2: {signals: false}}'" in str(caught.value)
    rows, _, _ = read(root, InputFormat("redpajama2", signals=False))
    assert len(rows) == 40
    assert all(isinstance(row, Row) for row in rows)


@pytest.fixture(scope="module")
def redpajama2(tmp_path_factory) -> Path:
    return laid_out(tmp_path_factory.mktemp("rp") / "in", "redpajama2")


@pytest.fixture(scope="module")
def finished(redpajama2, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("run") / "run"
    run_text(redpajama2, root, RULES)
    return root


def copied(finished: Path, to: Path) -> Path:
    shutil.copytree(finished, to, copy_function=shutil.copy2)
    return to


def read_from(root: Path) -> set[str]:
    commits = [json.loads(path.read_bytes()) for path in (root / "commits/curate").glob("0*.json")]
    return {commit["facts"]["read"] for commit in commits}


def test_rules_decide_by_imported_numbers(finished):
    rows = ledger(finished)
    assert [row["record"] for row in rows] == list(range(40))
    for row in rows:
        number = row["record"]
        assert row["redpajama2.ccnet_perplexity"] == 300.5 + number
        assert row["redpajama2.rps_doc_books_importance"] == -1.5 * number
        assert row["redpajama2.rps_doc_ml_palm_score"] is None
        if row["stage"] == "quality" and row["rule"] != "few_sentences":
            values = (row["redpajama2.rps_doc_word_count"] < 100, number > 34, number > 32)
            rules = ("few_words", "perplexing", "unlike_books")
            assert row["rule"] == next(
                rule for rule, fires in zip(rules, values, strict=True) if fires
            )
    rules = Counter(row["rule"] for row in rows)
    assert {"few_words", "perplexing", "unlike_books", "not_english", "minhash", None} <= set(rules)
    assert {row["dump"] for row in rows} == {f"CC-MAIN-{CRAWL}"}
    clusters: dict[int, list[Any]] = {}
    for row in rows:
        if row["cluster_size"] and row["cluster_size"] > 1:
            clusters.setdefault(row["cluster_id"], []).append(row)
    for pages in clusters.values():
        kept = [row["record"] for row in pages if row["status"] == "kept"]
        assert kept == [max(row["record"] for row in pages)]


def test_another_threshold_or_rule_needs_no_input(redpajama2, finished, tmp_path):
    root = copied(finished, tmp_path / "run")
    away = redpajama2.parent / "away"
    facts = (redpajama2 / DOCUMENTS).stat()
    more = ("few_words=120",)
    new = edited(RULES, "    perplexing:", "    long: rps_doc_word_count > 250\n    perplexing:")
    shutil.copytree(redpajama2, away, copy_function=shutil.copy2)
    (away / DOCUMENTS).write_bytes(b"\xff" * facts.st_size)
    os.utime(away / DOCUMENTS, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    run_text(away, root, new, more)
    assert read_from(root) == {"documents"}
    run_text(redpajama2, tmp_path / "fresh", new, more)
    assert differing(published(root), published(tmp_path / "fresh")) == []
    shutil.rmtree(away)


def test_a_number_of_lines_that_no_rule_read_is_read_from_the_input(redpajama2, finished, tmp_path):
    root = copied(finished, tmp_path / "run")
    lines = "rps_lines_num_words__sum / rps_lines_num_words__spans > 15"
    run_text(
        redpajama2, root, edited(RULES, "    perplexing:", f"    wide: {lines}\n    perplexing:")
    )
    assert read_from(root) == {"crawl"}
    words = {row["record"]: row["redpajama2.rps_lines_num_words__sum"] for row in ledger(root)}
    assert words == {n: float(len(row["text"].split())) for n, row in enumerate(made_rows(40))}


def test_other_signals_beside_the_same_documents_are_read(redpajama2, finished, tmp_path):
    inputs = tmp_path / "in"
    shutil.copytree(redpajama2, inputs, copy_function=shutil.copy2)
    root = copied(finished, tmp_path / "run")
    again = Listener()
    run_text(inputs, root, RULES, observer=again)
    assert "curate: 1 units, 1 done" in again.told
    signals = [redpajama2_signals(number, row) for number, row in enumerate(made_rows(40))]
    for line in signals:
        line["quality_signals"]["ccnet_perplexity"][0][2] = 400.0
    packed(inputs / SIGNALS, signals)
    run_text(inputs, root, RULES, sets=("few_words=1",))
    assert read_from(root) == {"crawl"}
    assert {row["redpajama2.ccnet_perplexity"] for row in ledger(root)} == {400.0}
    assert not [row for row in ledger(root) if row["status"] == "kept"]


def test_imported_numbers_are_columns_like_others(finished, tmp_path):
    table = Audit(finished).rules()
    counted = Counter(row["rule"] for row in ledger(finished))
    removed = dict(zip(table["rule"], table["removed_pages"], strict=True))
    assert {name: removed[name] for name in ("few_words", "perplexing")} == {
        name: counted[name] for name in ("few_words", "perplexing")
    }
    sweep = Audit(finished).sweep("few_words")
    assert sweep.rule.reads == ("redpajama2.rps_doc_word_count",)
    page = next(find_pages(finished, Wanted(rule="perplexing"), 1))
    (answer,) = [
        item for item in answers(Audit(finished).ledger.plan, page) if item.says == "decides"
    ]
    assert answer.fires_if == "redpajama2.ccnet_perplexity > 335"
    assert answer.value == page.signals["redpajama2.ccnet_perplexity"]
    report = write_report(finished, tmp_path / "report.html").read_text()
    assert "redpajama2.ccnet_perplexity" in report
    checked = verify_run(finished, 40, lambda _done, _total: None)
    assert checked.ok, checked.differences
    assert checked.notes == []


def test_what_if_foretells_a_run_with_other_thresholds(redpajama2, finished, tmp_path):
    add = "much: redpajama2.rps_doc_word_count / redpajama2.ccnet_perplexity > 0.62"
    moved = Audit(finished).moved_pages({"perplexing": 325}, ["unlike_books"], [add])
    root = copied(finished, tmp_path / "run")
    changed = edited(RULES, "    unlike_books: redpajama2.rps_doc_books_importance < -48\n", "")
    changed = edited(changed, "sentences < 2}", f"sentences < 2, {add}}}")
    run_text(redpajama2, root, changed, ("perplexing=325",))
    now = {row["record"]: row for row in ledger(root)}
    foretold = moved[moved["new_status"] == "dropped"]
    assert len(foretold) > 3
    for row in foretold.itertuples():
        assert (now[row.record]["status"], now[row.record]["rule"]) == ("dropped", row.new_rule)
    for row in moved[moved["new_status"] == "passes"].itertuples():
        assert now[row.record]["stage"] in (None, "dedup")


def test_a_label_of_the_input_decides_and_is_audited(tmp_path):
    rules = OTHERS.format(input_format="pile", few_words='pile_set_name == "Github"')
    root = tmp_path / "run"
    run_text(laid_out(tmp_path / "in", "pile"), root, rules)
    rows = ledger(root)
    sets = Counter(row["pile.pile_set_name"] for row in rows)
    assert sets == {"Pile-CC": 14, "Github": 13, "PubMed Abstracts": 13}
    removed = [row for row in rows if row["rule"] == "few_words"]
    assert removed
    assert {row["pile.pile_set_name"] for row in removed} == {"Github"}
    table = Audit(root).rules()
    assert dict(zip(table["rule"], table["removed_pages"], strict=True))["few_words"] == len(
        removed
    )
    assert "Github" in write_report(root, tmp_path / "report.html").read_text()


def test_the_doctor_counts_documents_only(tmp_path):
    root = laid_out(tmp_path / "in", "redpajama2")
    check, size = check_input([str(root)], None, None, InputFormat("redpajama2"))
    assert check.fact.startswith("1 files, ")
    assert size == (root / DOCUMENTS).stat().st_size


def test_a_sandbox_that_was_taken_over_cannot_change_what_the_input_says():
    base = {"id": "a", "status": "kept", "redpajama2.ccnet_length": 5.0}
    said = {**base, "redpajama2.ccnet_length": 9.0, "text.words": 3}
    found, _ = curated_of(parts_of(Curated(said, None, None), {}), base)
    assert found.row == {**base, "text.words": 3}


def test_over_http_signals_are_read_from_where_the_documents_are(redpajama2, monkeypatch):
    monkeypatch.setenv("CUVEE_RETRY_SECONDS", "0.01")
    with serving(folder_answers(redpajama2)) as host:
        url = f"{host.url}/{DOCUMENTS}"
        (file,) = find_inputs([url], input_format=InputFormat("redpajama2"))
        columns = InputFormat("redpajama2").layout.columns
        look_at_columns([file], columns, lambda _: None, NAMES[:1])
        rows = list(read_pages(file, Counter(), columns, None, NAMES))
        assert [row.signals["redpajama2.ccnet_perplexity"] for row in rows] == [  # type: ignore[union-attr]
            300.5 + n for n in range(40)
        ]
        gone = replace(file, beside=(replace(file.beside[0], uri=f"{host.url}/no.json.gz"),))
        with pytest.raises(UnitError):
            list(read_pages(gone, Counter(), columns, None, NAMES))


@pytest.mark.usefixtures("s3_host")
def test_on_s3_a_listing_knows_the_signals(redpajama2):
    root = run_folder("s3://runs/rp")
    for name in (DOCUMENTS, SIGNALS):
        (root / name).write_bytes((redpajama2 / name).read_bytes())
    (file,) = find_inputs(["s3://runs/rp/"], input_format=InputFormat("redpajama2"))
    assert file.beside[0].size == (redpajama2 / SIGNALS).stat().st_size
    assert file.beside[0].version
    rows = list(read_pages(file, Counter(), InputFormat("redpajama2").layout.columns, None, NAMES))
    assert len(rows) == 40
    assert all(row.signals for row in rows)  # type: ignore[union-attr]


def test_the_command_takes_a_format_and_keeps_its_options(tmp_path):
    inputs = laid_out(tmp_path / "in", "dolma")
    recipe = tmp_path / "r.yaml"
    dolma = {"input_format": "{dolma: {attributes: [exp]}}"}
    recipe.write_text(OTHERS.format(**dolma, few_words="dolma.exp__gopher_v2__words < 100"))
    command = ("run", recipe, "--input", inputs, "--output", tmp_path / "run")
    command += ("--engine", "inline", "--input-format")
    said = succeed(*command, "dolma")
    assert "dolma: no documents are read from 2 in attributes/\n" in said
    assert Counter(row["rule"] for row in ledger(tmp_path / "run"))["few_words"] > 0
    wrong = cuvee(*command, "dolman")
    assert wrong.returncode == 2
    assert (
        "--input-format: input_format must be the name of a format, not 'dolman'." in wrong.stderr
    )
    assert "Did you mean 'dolma'?" in wrong.stderr


def test_in_python_too(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(edited(RULES, "input_format: redpajama2\n", ""))
    with pytest.raises(RecipeError, match="which only an input of the format redpajama2 brings"):
        load_recipe(str(recipe))
    loaded = load_recipe(str(recipe), input_format="redpajama2")
    assert loaded.input_format == InputFormat("redpajama2")
    assert "redpajama2.rps_doc_word_count < 100" in loaded.to_yaml()
    with pytest.raises(UsageError, match="a loaded recipe takes no input_format"):
        api_run(loaded, output=tmp_path / "run", input=tmp_path, input_format="c4")
