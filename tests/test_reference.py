"""The reference pages say what the code says, and the architecture page what the tree holds."""

import re
from pathlib import Path

import pytest

from pipelines.recipe import describe_signals, load_recipe
from pipelines.recipe.keys import RECIPE_KEYS
from tests.command import succeed

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.mark.parametrize(("page", "command"), [("recipe", "schema"), ("signals", "signals")])
def test_the_reference_pages_are_current(page, command):
    written = (DOCS / f"{page}.md").read_text()
    assert written == succeed(command, "--markdown"), "run 'make reference'"


def test_the_reference_pages_are_whole():
    signals = (DOCS / "signals.md").read_text()
    for row in describe_signals():
        assert f"| `{row.name}` |" in signals
    for _, rule in load_recipe("fineweb").rules():
        assert f"| `{rule.name}` | `{rule}` | fineweb |" in signals
    recipe = (DOCS / "recipe.md").read_text()
    for key in RECIPE_KEYS:
        assert f"| `{key}` |" in recipe


def modules() -> set[str]:
    """Return the modules and packages directly in the two packages, as a page names them."""
    found = set()
    for package in (ROOT / "filters", ROOT / "pipelines"):
        for path in package.iterdir():
            name = path.relative_to(ROOT).as_posix()
            if path.suffix == ".py" and not path.name.startswith("__"):
                found.add(name)
            elif (path / "__init__.py").exists():
                found.add(f"{name}/")
    return found


def test_the_architecture_page_is_true_to_the_tree():
    page = (DOCS / "architecture.md").read_text()
    named = set(re.findall(r"`((?:filters|pipelines|tests|configs)/[\w/.]*)`", page))
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert modules() - named == set()


def test_the_picture_names_what_exists():
    picture = (DOCS / "architecture.svg").read_text()
    for name in re.findall(r"(?:pipelines|filters|configs)/[\w/]+(?:\.py)?", picture):
        assert (ROOT / name).exists(), name
