"""Two runs page by page: what `cuvee diff` says is what their files say."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from filters.errors import UsageError
from pipelines import load_run
from pipelines.audit.diff import Comparison, compare
from pipelines.audit.diff_table import diff_parts
from pipelines.audit.ledger import open_ledger
from pipelines.picture import draw_shift
from tests.command import cuvee, succeed
from tests.pipelines.small_run import RECIPE, Finished, do_run, edited, made_pages, page, prose
from tests.pipelines.warc_bytes import gzip_each

CHANGED = edited(
    edited(RECIPE, "short: lexical_words < 50", "short: lexical_words < 201"),
    "too_few_sentences: c4_lines.sentences < 5",
    "few_sentences: c4_lines.sentences < 4",
)


def compared(one: Path, other: Path, **options: Any) -> Comparison:
    return compare(open_ledger(one), open_ledger(other), **options)


def drawn(found: Comparison) -> str:
    console = Console(file=StringIO(), width=200, highlight=False)
    for part in diff_parts(found):
        console.print(part)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def other(base: Finished, small_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The run again with two rules changed: judged anew from its stored text."""
    root = base.copy(tmp_path_factory.mktemp("other") / "run")
    do_run(CHANGED, small_crawl, root)
    return Finished(root)


@pytest.fixture(scope="module")
def found(base: Finished, other: Finished) -> Comparison:
    return compared(base.root, other.root)


def outcome(row: Any) -> tuple[str, str | None, str | None]:
    return row["status"], row["stage"], row["rule"]


def test_a_run_is_the_same_as_itself(base: Finished):
    found = compared(base.root, base.root)
    assert found.same
    assert found.made == found.examples == []
    assert found.pages["both"] == found.pages["a"] == len(base.ledger())
    told = json.loads(succeed("diff", base.root, base.root, "--exact", "--json"))
    assert told["same"]
    assert told["pages"]["kept_in_both"] == load_run(base.root).manifest["rows"]
    assert "The runs are the same, page by page." in drawn(found)


def test_decisions_and_tokens_are_those_of_the_ledgers(base, other, found):
    ours, theirs = base.ledger(), other.ledger()
    assert ours.keys() == theirs.keys()
    assert found.matching.by == "place", "the crawl has record ids that come twice"
    pages: Counter[Any] = Counter()
    tokens_a: Counter[Any] = Counter()
    tokens_b: Counter[Any] = Counter()
    for key, row in ours.items():
        change = (*outcome(row), *outcome(theirs[key]))
        if outcome(row) != outcome(theirs[key]):
            pages[change] += 1
            tokens_a[change] += row["token_count"] or 0
            tokens_b[change] += theirs[key]["token_count"] or 0
    assert len(pages) >= 3
    columns = ["a_status", "a_stage", "a_rule", "b_status", "b_stage", "b_rule"]
    rows = found.decisions.to_dict("records")
    told = {tuple(row[name] for name in columns): row for row in rows}
    assert {change: row["pages"] for change, row in told.items()} == dict(pages)
    assert {change: row["tokens_a"] for change, row in told.items()} == dict(tokens_a)
    assert {change: row["tokens_b"] for change, row in told.items()} == dict(tokens_b)
    counts = {
        "other_decision": pages.total(),
        "other_tokens": sum(r["token_count"] != theirs[k]["token_count"] for k, r in ours.items()),
        "kept_in_both": sum(r["status"] == theirs[k]["status"] == "kept" for k, r in ours.items()),
    }
    assert {name: found.pages[name] for name in counts} == counts
    assert found.tokens["a"] == load_run(base.root).manifest["tokens"]
    assert found.tokens["both_b"] == sum(
        theirs[key]["token_count"]
        for key, row in ours.items()
        if row["status"] == theirs[key]["status"] == "kept"
    )


def test_what_explains_it_comes_first(found):
    rules = {(item.name, item.a, item.b) for item in found.made if item.kind == "rule"}
    assert rules == {
        ("short", "lexical_words < 50", "lexical_words < 201"),
        ("too_few_sentences", "c4_lines.sentences < 5", None),
        ("few_sentences", None, "c4_lines.sentences < 4"),
    }
    told = drawn(found)
    assert told.index("lexical_words < 201") < told.index("another decision")
    assert {item.kind for item in found.made} <= {"rule", "model"}, "the tokenizer is trained anew"


def test_examples_have_the_numbers_that_decided(found, base, other):
    example = next(
        item
        for item in found.examples
        if item["b"]["rule"] == "short" and item["what"] == "decision"
    )
    key = (example["file_path"], example["record"])
    words = other.ledger()[key]["text.lexical_words"]
    assert 50 <= words < 201
    (ours,) = [item for item in example["a"]["numbers"] if item["rule"] == "short"]
    assert (ours["value"], ours["fires"]) == (words, False)
    (theirs,) = [item for item in example["b"]["numbers"] if item["rule"] == "short"]
    assert theirs == {
        "rule": "short", "fires_if": "lexical_words < 201", "value": words, "fires": True
    }  # fmt: skip
    assert f"lexical_words < 201: it is {words}" in drawn(found)
    assert compared(base.root, other.root).examples == found.examples
    assert compared(base.root, other.root, examples=0).examples == []


def test_shifts_by_language_and_domain_add_up(found, base, other):
    for side, run in (("a", base), ("b", other)):
        kept = [row for row in run.ledger().values() if row["status"] == "kept"]
        assert found.languages[f"pages_{side}"].sum() == len(kept)
        assert found.languages[f"tokens_{side}"].sum() == sum(row["token_count"] for row in kept)
        for row in found.domains.to_dict("records"):
            pages = [page for page in kept if page["host"].endswith(row["domain"])]
            assert row[f"pages_{side}"] == len(pages)
            assert row[f"tokens_{side}"] == sum(page["token_count"] for page in pages)
    assert len(found.domains) >= 2


def test_the_command_ends_with_one_where_something_differs(base, other):
    done = cuvee("diff", base.root, other.root, "--exact", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert not told["same"]
    assert told["decisions"]
    assert load_run(base.root).diff(load_run(other.root)).facts() == {
        **told,
        "notes": told["notes"],
    }
    done = cuvee("diff", base.root, other.root)
    assert done.returncode == 0
    assert "The runs differ." in done.stdout


def test_an_edit_and_an_extraction_that_differ_are_told_apart(base, small_crawl, tmp_path):
    root = base.copy(tmp_path / "edit")
    do_run(edited(RECIPE, "pii: {kinds: [email, ip]}", "pii: {kinds: [ip]}"), small_crawl, root)
    found = compared(base.root, root)
    texts = [
        {
            row["id"]: row["text"]
            for row in pq.read_table(run / "dataset/data", partitioning=None).to_pylist()
        }
        for run in (base.root, root)
    ]
    differ = {
        name for name in texts[0].keys() & texts[1].keys() if texts[0][name] != texts[1][name]
    }
    assert found.pages["other_text"] == found.pages["other_edit"] == len(differ) > 0
    assert found.pages["other_extraction"] == 0
    assert f"{len(differ)} of the same extracted text, so by an edit" in drawn(found)
    assert {item["id"] for item in found.examples if item["what"] == "other_text"} <= differ

    root = tmp_path / "extraction"
    options = "{favor_precision: true, deduplicate: true}"
    written = edited(RECIPE, options, "{favor_precision: false, deduplicate: true}")
    do_run(written, small_crawl, root)
    found = compared(base.root, root)
    texts = [documents(run) for run in (base.root, root)]
    differ = {key for key in texts[0].keys() & texts[1].keys() if texts[0][key] != texts[1][key]}
    assert found.pages["other_extraction"] == len(differ) > 0
    assert found.decisions["other_extraction"].sum() > 0
    assert "extracted otherwise" in drawn(found)
    assert "extract.trafilatura.favor_precision" in {item.name for item in found.made}


def documents(root: Path) -> dict[tuple[str, int], str]:
    rows = pq.read_table(root / "documents", partitioning=None).to_pylist()
    return {(row["file_path"], row["record"]): row["text"] for row in rows}


def run_of(pages: list[bytes], root: Path) -> Path:
    crawl = root.parent / f"{root.name}-crawl"
    crawl.mkdir()
    (crawl / f"{root.name}.warc.gz").write_bytes(gzip_each(pages))
    do_run(RECIPE, crawl, root)
    return root


def test_pages_are_matched_by_id_where_ids_are_unique(tmp_path):
    one = run_of([page(number, prose(number)) for number in range(6)], tmp_path / "one")
    two = run_of([page(number, prose(number)) for number in range(2, 9)], tmp_path / "two")
    found = compared(one, two)
    assert found.matching.by == "id"
    assert [found.pages[name] for name in ("both", "only_a", "only_b")] == [4, 2, 3]
    assert found.alone[["run", "pages"]].to_dict("list") == {"run": ["a", "b"], "pages": [2, 3]}
    assert {item["what"] for item in found.examples} >= {"only_a", "only_b"}
    assert "only in A" in drawn(found)
    # Names of files differ, and ids come twice: these pages are left out, and it is said.
    three = run_of(made_pages(), tmp_path / "three")
    found = compared(one, three)
    assert found.matching.by == "unique id"
    assert found.matching.left_out == 2 * 2 + 2
    assert found.pages["both"] == 4
    assert "6 pages are left out" in drawn(found)


def test_runs_of_other_crawls_are_refused_in_words(tmp_path):
    one = run_of([page(number, prose(number)) for number in range(3)], tmp_path / "one")
    two = run_of([page(number, prose(number)) for number in range(50, 53)], tmp_path / "two")
    with pytest.raises(UsageError, match="no page of one is in the other"):
        compared(one, two)
    done = cuvee("diff", one, two)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 2


def test_a_run_that_goes_on_is_compared_as_far_as_it_is(base, tmp_path):
    root = base.copy(tmp_path / "run")
    (root / "manifest.json").unlink()
    for folder in ("commits/settle", "ledger"):
        shutil.rmtree(root / folder)
    found = compared(base.root, root)
    assert not found.same
    assert set(found.differing) == {"other_decision"}
    assert set(found.decisions["a_stage"]) == {"dedup"}
    told = drawn(found)
    assert f"{root}: The run has not finished" in told
    assert "not compared" in told
    again = compared(root, root)
    assert again.differing == []
    assert not again.same
    assert "Nothing differs so far" in drawn(again)


def test_the_picture_of_a_shift_shows_names_as_text():
    columns = {"domain": ["<b>.org", "x.org"], "pages_a": [3, 0], "pages_b": [6, 1_000]}
    picture = draw_shift(pd.DataFrame(columns), "domain", "pages")
    assert picture.startswith("<svg")
    assert "&lt;b&gt;.org" in picture
    assert ">1,000<" in picture
    widths = [float(width) for width in re.findall(r'width="([0-9.]+)" height="15"', picture)]
    assert widths == pytest.approx([450 * count / 1_000 for count in (3, 6, 0, 1_000)], abs=0.1)


def test_names_of_a_crawl_do_not_steer_the_terminal(found):
    example = {**found.examples[0], "url": "http://x/\x1b[31m[bold]\u202e"}
    told = drawn(replace(found, examples=[example]))
    assert "http://x/·[31m[bold]·" in told
    assert "\x1b" not in told


def test_everything_that_a_recipe_says_is_compared(base: Finished, tmp_path: Path):
    root = base.copy(tmp_path / "run")
    recipe = root / "recipe.yaml"
    written = edited(recipe.read_text(), "ngram: 5", "ngram: 6")
    lines = edited(written, "audit_fraction: 0.3", "audit_fraction: 0.2").splitlines(keepends=True)
    for name in ("    short:", "- dedup:"):  # change places with the next line
        (at,) = [at for at, line in enumerate(lines) if line.startswith(name)]
        lines[at : at + 2] = reversed(lines[at : at + 2])
    recipe.write_text("".join(lines))
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["packages"]["spacy"] = "9.9"
    del manifest["packages"]["lxml"]
    manifest["assets_sha256"]["language_model"] = "f" * 64
    (root / "manifest.json").write_text(json.dumps(manifest))
    told = {(item.kind, item.name): (item.a, item.b) for item in compared(base.root, root).made}
    assert told["recipe", "dedup.minhash.ngram"] == ("5", "6")
    assert told["recipe", "audit_fraction"] == ("0.3", "0.2")
    assert told["rule", "(order of the rules)"] == ("short first", "very_short first")
    assert ("recipe", "(order of the stages)") in told
    assert told["package", "spacy"][1] == "9.9"
    assert told["package", "lxml"][1] is None
    assert told["model", "language_model"][1] == "f" * 12
