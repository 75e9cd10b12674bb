"""What the page on recipes tells people to type and to write is typed and written here."""

import itertools
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from filters.catalog import text_signals
from filters.imported import CATALOGS
from filters.judge import Judge
from filters.redpajama import DUP_SIZES, TOP_SIZES
from filters.segment import segmenter
from pipelines.recipe import load_recipe
from tests.command import shell
from tests.pipelines.test_shelf import FRENCH
from tests.test_docs import BLOCK, ROOT

PAGE = (ROOT / "docs/recipes.md").read_text()


def blocks(language: str) -> list[str]:
    return [body for _, name, body in BLOCK.findall(PAGE) if name == language]


def shortened(command: str) -> str:
    """Runs are made in one process and of few pages: that Ray does the same is tested elsewhere."""
    run = command.startswith(("cuvee run", "cuvee compare"))
    return f"{command} --engine inline --limit 10" if run else command


@pytest.mark.slow
def test_every_command_of_the_page_works_in_its_order(desk: Path):
    mine, scored, words, _, by_hand = blocks("yaml")
    (desk / "mine.yaml").write_text(mine)
    (desk / "scored.yaml").write_text(scored)
    assert [rule.name for rule in load_recipe(str(desk / "scored.yaml")).final_rules] == [
        "few_sentences"
    ]
    (desk / "by-hand.yaml").write_text(by_hand)
    (desk / "words.txt").write_text("river\n")
    (desk / "words.yaml").write_text(words.replace("words.txt", str(desk / "words.txt")))
    assert load_recipe(str(desk / "words.yaml")).own_signals.keys() == {"bad_words", "mine"}
    thresholds = yaml.safe_dump({**FRENCH, "stopwords": ["der", "die", "und"]})
    for name in ("deu_Latn", "fra_Latn"):
        (desk / f"{name}.yml").write_text(thresholds)
    assert [label for label, _ in load_recipe(str(desk / "by-hand.yaml")).languages] == [
        *("fr", "de", "cy"),
    ]
    typed = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(typed) >= 8
    for command in typed:
        assert shell(shortened(command), desk).strip() or ">" in command, command
    for run in ("gopher", "mine", "german", "several"):
        manifest = json.loads((desk / "runs" / run / "manifest.json").read_text())
        assert manifest["pages"] == 20
        shutil.rmtree(desk / "runs" / run)
    assert (desk / "runs/compared/fineweb/manifest.json").exists()


NAME = re.compile(r"`([\w /.]+)`")
SYLLABLES = ("ka", "lo", "mi", "ne", "ru", "so", "ta")
NOUNS = ["".join(parts) for parts in itertools.permutations(SYLLABLES, 3)]


def lines(count: int = 20, end: str = ".") -> list[str]:
    """Return lines that share no five words in a row, with enough stop words in each."""
    fours = [NOUNS[4 * n : 4 * n + 4] for n in range(count)]
    return [f"The {a} of {b} and {c} is {d}{end}" for a, b, c, d in fours]


LEAVE = {
    "few_words": lines(3),
    "lorem_ipsum": [*lines(), "Lorem Ipsum."],
    "curly_bracket": [*lines(), "And } is one."],
    "too_few_sentences": [*lines(end=","), "The end of it all."],
    "bad_words": [*lines(), "The BARE-LEGAL, barely  Legal one."],
    "few_stop_words": [line.translate(str.maketrans("aeiou", "yyyyy")) for line in lines()],
    "no_sentences": [line.replace("of", "of. The", 1) for line in lines(end=",")],
    "short_lines": [*lines(), *(f"{noun.title()} it." for noun in NOUNS[150:171])],
    "javascript": [*lines(), "See JavaScript, in it.", "The Javascript is off now."],
    "capitals": [*lines(), *(f"{noun.upper()} IT IS." for noun in NOUNS[150:153])],
}


def test_each_rule_by_redpajamas_signals_takes_its_page(tmp_path):
    (tmp_path / "more.yaml").write_text(blocks("yaml")[3])
    recipe = load_recipe(str(tmp_path / "more.yaml"))
    judge = Judge(recipe.blocks, segmenter("en"), recipe.own_signals)
    assert judge.judge("\n".join(lines())).decision is None
    for rule, page in LEAVE.items():
        decision = judge.judge("\n".join(page)).decision
        assert decision is not None
        assert decision.rule == rule
    ours = {rule.name for _, rule in recipe.rules()}
    published = {rule.name for _, rule in load_recipe("redpajama2").rules()}
    assert ours - published == LEAVE.keys() - {"few_words"}


def test_each_signal_of_redpajamas_card_has_a_row():
    section = PAGE.partition("## RedPajama-v2's signals")[2].partition("\n## ")[0]
    cells = [
        line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")
    ]
    theirs = {each for cell, _ in cells for name in NAME.findall(cell) for each in sized(name)}
    card = {name.removeprefix("redpajama2.").partition("__")[0] for name in CATALOGS["redpajama2"]}
    corrected = {f"rps_doc_{x}_importance_length_correction" for x in ("wikipedia", "books")}
    corrected |= {"rps_doc_openwebtext_importance_length_correction"}
    assert theirs - {"_length_correction"} == card - corrected
    ours = {each for _, cell in cells for name in NAME.findall(cell) for each in sized(name)}
    ours = {part for name in ours for part in name.split(" / ")}
    assert {name for name in ours if name.startswith("redpajama_")} <= text_signals().keys()
    measured = {name for name in text_signals() if name.startswith("redpajama_")}
    assert measured - ours <= {"redpajama_lines", "redpajama_raw_words"}


def sized(name: str) -> list[str]:
    """Return the names that one with an N stands for."""
    if "Ngram" not in name:
        return [name]
    sizes = TOP_SIZES if "top" in name else DUP_SIZES
    return [name.replace("Ngram", f"{n}gram") for n in sizes]


def test_the_page_names_every_recipe():
    for path in (ROOT / "configs").glob("*.yaml"):
        assert f"[`{path.stem}`](../configs/{path.name})" in PAGE
