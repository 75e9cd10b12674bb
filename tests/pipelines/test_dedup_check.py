"""`cuvee dedup-check`: planted copies are what they are said to be, and theory is met."""

import io
import random
import re
import shutil
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from rich.console import Console

from filters.errors import UsageError
from filters.minhash import MinHasher
from filters.segment import segmenter
from pipelines.dedup_check import SIMILARITIES, CheckOptions, check, draw_documents, read_settings
from pipelines.dedup_check.documents import Sample, Settings
from pipelines.dedup_check.plant import TOLERANCE, Nursery
from pipelines.dedup_check.table import check_parts
from pipelines.dedup_check.tally import theory
from tests.pipelines.repeating import Ran, do_run, row, write_files

Found: TypeAlias = dict[str, Any]
FINEWEB = MinHasher()
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONG, SHORT = 260, 20
"""Words of documents: with 16 5-grams there is no copy of every similarity."""


def made_text(seed: int, words: int = LONG) -> str:
    generator = random.Random(seed)
    made = ("".join(generator.choices(LETTERS, k=generator.randint(3, 8))) for _ in range(words))
    return re.sub(r"(\S+ \S+ \S+ \S+ \S+)( |$)", r"\1.\n", " ".join(made))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("check")
    rows = [row(f"{number}", made_text(number)) for number in range(24)]
    rows += [row("a copy", made_text(0)), row("short", made_text(99, SHORT))]
    crawl = write_files(folder / "crawl", {"a": rows[:13], "b": rows[13:]})
    return do_run("{minhash: {}}", crawl, folder / "run")


def shingles_of(text: str) -> set[str]:
    words = segmenter("en").words(re.sub(r"[^a-z ]", "", text.lower().replace("\n", " ")))
    return {" ".join(words[at : at + 5]) for at in range(len(words) - 4)}


@pytest.mark.parametrize("wanted", SIMILARITIES)
def test_a_copy_is_as_similar_as_it_says_and_was_wanted(wanted: float):
    text = made_text(1)
    generator = random.Random(7)
    copy = Nursery(FINEWEB, text, ["other", "words"]).plant(wanted, generator)
    assert copy is not None
    one, other = shingles_of(text), shingles_of(copy.text)
    assert copy.similarity == len(one & other) / len(one | other)
    assert abs(copy.similarity - wanted) <= TOLERANCE
    again = Nursery(FINEWEB, text, ["other", "words"]).plant(wanted, generator)
    assert again is not None
    assert again.text != copy.text


def test_a_document_without_such_a_copy_is_left_out():
    nursery = Nursery(FINEWEB, "Six words are not that many.", ["other"])
    assert nursery.plant(0.9, random.Random(1)) is None
    assert Nursery(FINEWEB, "...", ["other"]).plant(0.9, random.Random(1)) is None


def test_theory_of_fineweb():
    """Figures of 1 - (1 - s^8)^14, worked out by hand."""
    chances = [round(theory(real, Settings(FINEWEB, 0)), 3) for real in (0.7, 0.75, 0.8, 0.85)]
    assert chances == [0.565, 0.772, 0.924, 0.988]
    assert theory(0.74, Settings(FINEWEB, 0.75)) == 0
    assert theory(0.75, Settings(FINEWEB, 0.75)) == theory(0.75, Settings(FINEWEB, 0))


def measured(finished: Ran, folder: Path, pairs: int, verify: float | None = None) -> Found:
    settings = read_settings(finished.root, verify)
    drawn = draw_documents(finished.root, max(pairs, 26), seed=0)
    return check(drawn, settings, CheckOptions(pairs, 0.75, seed=0), folder)


@pytest.fixture(scope="module")
def found(finished: Ran, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return measured(finished, tmp_path_factory.mktemp("found"), pairs=25)


def test_recall_meets_theory_and_nothing_else_is_joined(found):
    assert (found["documents"], found["sampled"], found["distinct"]) == (26, 26, 25)
    assert found["real"] | {"precision": 0, "unrelated": 0} == {
        "pairs": 325, "joined": 1, "joined_alike": 1, "joined_unrelated": 0,
        "least_similarity": 1.0, "precision": 0, "unrelated": 0,
    }  # fmt: skip
    levels = {level["similarity"]: level for level in found["similarities"]}
    assert list(levels) == list(SIMILARITIES)
    for level in levels.values():
        assert level["pairs"] + level["impossible"] == 25
        assert level["recall"]["low"] <= level["theory"] <= level["recall"]["high"]
    assert levels[0.95]["recall"]["estimate"] == 1
    assert levels[0.5]["recall"]["estimate"] < 0.3
    assert found["others"]["joined"] == 0
    assert found["planted"]["joined"] == sum(level["joined"] for level in levels.values())
    assert 0 < found["planted"]["joined_alike"] < found["planted"]["joined"]


def test_with_verify_nothing_below_is_joined_and_it_is_the_same_again(finished, tmp_path):
    found = measured(finished, tmp_path / "one", pairs=6, verify=0.75)
    levels = {level["similarity"]: level for level in found["similarities"]}
    assert [levels[real]["joined"] for real in (0.5, 0.55, 0.6, 0.65, 0.7)] == [0] * 5
    assert levels[0.9]["joined"] == levels[0.9]["pairs"]
    assert found["planted"]["precision"]["estimate"] == 1
    assert found["planted"]["least_similarity"] >= 0.75
    assert measured(finished, tmp_path / "again", pairs=6, verify=0.75) == found


def test_what_a_person_reads(found):
    console = Console(width=160, record=True, file=io.StringIO())
    for part in check_parts(found):
        console.print(part)
    shown = console.export_text()
    assert "14 bands of 8 rows, 5-grams of words (en), seed 1; not verified" in shown
    assert "26 of 26 documents, 25 of them distinct" in shown
    line = r"^ +0\.95 +2\d +2\d +100\.0% +\d\d\.\d% to 100\.0% +100\.0%"
    assert re.search(line, shown, re.MULTILINE)
    assert "0 of them unrelated" in shown


def test_the_sample_is_the_same_for_the_same_seed(finished):
    one, again, other = (draw_documents(finished.root, 8, seed) for seed in (1, 1, 2))
    assert one == again
    assert one.texts != other.texts
    assert len(one.texts) == 8


@pytest.mark.parametrize(
    ("dedup", "problem"), [("{exact: {}}", "removes no near-duplicates"), (None, "no run of cuvee")]
)
def test_what_cannot_be_checked(dedup, problem, tmp_path):
    crawl = write_files(tmp_path / "crawl", {"a": [row("1", made_text(1))]})
    root = do_run(dedup, crawl, tmp_path / "run").root if dedup else tmp_path / "none"
    with pytest.raises(UsageError, match=problem):
        read_settings(root)


def test_an_unfinished_run_and_one_without_texts(finished, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(finished.root, root)
    shutil.rmtree(root / "documents")
    with pytest.raises(UsageError, match="stored text"):
        draw_documents(root, 5, seed=0)
    (root / "manifest.json").unlink()
    with pytest.raises(UsageError, match="has not finished"):
        read_settings(root)


def test_documents_without_an_n_gram(tmp_path):
    sample = Sample(("Four words, no more.",), among=1)
    with pytest.raises(UsageError, match="5 words"):
        check(sample, Settings(FINEWEB, 0), CheckOptions(1, 0.75, 0), tmp_path)
