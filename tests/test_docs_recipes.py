"""What the page on recipes tells people to type and to write is typed and written here."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

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
    return f"{command} --engine inline --limit 20" if run else command


@pytest.mark.slow
def test_every_command_of_the_page_works_in_its_order(desk: Path):
    mine, words, by_hand = blocks("yaml")
    (desk / "mine.yaml").write_text(mine)
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
        assert manifest["pages"] == 40
        shutil.rmtree(desk / "runs" / run)
    assert (desk / "runs/compared/fineweb/manifest.json").exists()


def test_the_page_names_every_recipe():
    for path in (ROOT / "configs").glob("*.yaml"):
        assert f"[`{path.stem}`](../configs/{path.name})" in PAGE
