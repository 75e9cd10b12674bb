"""A recipe of ten lines: what it changes in the recipe that it extends, and what it is told."""

import pytest

from filters.errors import RecipeError
from pipelines.recipe import load_recipe

CHANGED = """\
recipe: mine
extends: fineweb
set:
  gopher_short_doc: 30
  top_2_gram: top_2gram_chars / chars > 0.25
  minhash.bands: 20
  keep_text: all
drop: [list_ratio, pii]
add:
  not_much: language.score < 0.7
  few_lines: c4_lines.nonblank_lines < 3
  after_dedup:
    few_sentences: c4_lines.sentences < 7
"""


def load(folder, text):
    (folder / "mine.yaml").write_text(text)
    return load_recipe(str(folder / "mine.yaml"))


def written(recipe):
    return {rule.name: str(rule) for _, rule in recipe.rules()}


def test_rules_and_options_are_changed_left_out_and_added(tmp_path):
    fineweb, mine = load_recipe("fineweb"), load(tmp_path, CHANGED)
    before, after = written(fineweb), written(mine)
    assert after.keys() == before.keys() - {"list_ratio"} | {
        "not_much",
        "few_lines",
        "few_sentences",
    }
    assert {name: rule for name, rule in after.items() if before.get(name) != rule} == {
        "gopher_short_doc": "lexical_words < 30",
        "top_2_gram": "top_2gram_chars / chars > 0.25",
        "not_much": "language.score < 0.7",
        "few_lines": "c4_lines.nonblank_lines < 3",
        "few_sentences": "c4_lines.sentences < 7",
    }
    assert (mine.recipe, mine.keep_text, mine.dedup.minhash.bands) == ("mine", "all", 20)
    assert mine.final_edits == ()
    assert mine.text_gates[-1].name == "not_much"
    assert mine.blocks[-1].rules[-1].name == "few_lines"
    assert [rule.name for rule in mine.final_rules] == ["few_sentences"]


def test_rules_after_dedup_stand_behind_those_that_are_there_and_before_edits(tmp_path):
    (tmp_path / "below.yaml").write_text("extends: fineweb\nadd: {after_dedup: {a: hashes > 5}}\n")
    mine = load(
        tmp_path, "extends: below.yaml\nadd: {b: hashes > 7, after_dedup: {c: hashes > 6}}\n"
    )
    assert [rule.name for rule in mine.final_rules] == ["a", "c"]
    kinds = [type(stage).__name__ for stage in mine.stages]
    assert kinds[-3:] == ["DedupStage", "DropStage", "EditStage"]
    assert [stage for stage, rule in mine.rules() if rule.name in "abc"] == [
        "quality",
        "final",
        "final",
    ]


def test_changes_are_those_of_the_command(tmp_path):
    changes = "set: {gopher_short_doc: 30, pii.kinds: [email]}\n"
    mine = load(tmp_path, f"extends: fineweb\n{changes}")
    assert mine == load_recipe("fineweb", ["gopher_short_doc=30", "pii.kinds=[email]"])


def test_each_recipe_of_a_chain_changes_what_is_below_it(tmp_path):
    (tmp_path / "below.yaml").write_text(
        "extends: fineweb\nset: {gopher_short_doc: 30}\nadd: {odd: hashes > 5}\n"
    )
    mine = load(tmp_path, "extends: below.yaml\nset: {gopher_short_doc: 20}\ndrop: [odd]\n")
    assert mine == load_recipe("fineweb", ["gopher_short_doc=20"])


def test_stages_that_lose_all_they_had_are_gone(tmp_path):
    (tmp_path / "base.yaml").write_text(
        "recipe: base\nstages:\n- drop: {a: words < 9}\n- dedup: {exact: {}}\n"
    )
    mine = load(tmp_path, "extends: base.yaml\ndrop: [a, exact]\nadd: {b: words < 8}\n")
    assert written(mine) == {"b": "words < 8"}
    assert mine.dedup is None
    gated = load(tmp_path, 'extends: base.yaml\nadd: {c: language.code != "de"}\n')
    assert written(gated) == {"c": 'language.code != "de"', "a": "words < 9"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            "set: {gopher_shrot_doc: 30}",
            "2: the recipe has no 'gopher_shrot_doc'.\n  Did you mean 'gopher_short_doc' (",
        ),
        ("set: {gopher_short_doc: x}", "2: rule 'gopher_short_doc' compares lexical_words with a"),
        ("set: {extends: demo}", "2: what a recipe extends cannot be set.\n  Name the other"),
        ("set: {drop: x}", "2: 'drop' cannot be set.\n  Set what it would change."),
        ("set: [a]", "2: set must be a map of names, not [a].\n  For example: set: {gopher_sh"),
        ("drop: {a: b}", "2: drop must be a list of names, not {a: …}.\n  For example: drop: ["),
        ("drop: []", "2: drop must be a list of names, not [].\n  For example: drop: [list_ratio]"),
        (
            "drop: [list_ration]",
            "2: the recipe that is extended has no 'list_ration' to drop.\n  Did you mean 'list_ra",
        ),
        ("add: {list_ratio: words < 5}", "2: the recipe that is extended has a rule 'list_ratio'."),
        ("add: {odd: words}", "2: rule 'odd' is not of the form 'signal [/ signal] < number'.\n"),
        ("add: {odd: wrods < 5}", "2: rule 'odd' reads 'wrods', which nothing measures.\n  Did"),
        ("add: {odd: 5}", "2: rule 'odd' is not of the form 'signal [/ signal] < number'.\n  It"),
    ],
)
def test_wrong_changes(tmp_path, monkeypatch, changes, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(f"extends: fineweb\n{changes}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("mine.yaml")
    assert str(caught.value).startswith(f"mine.yaml:{says}")


def test_changes_need_something_to_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("recipe: r\ndrop: [a]\nstages: [{drop: {a: words < 5}}]\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("mine.yaml")
    assert str(caught.value) == (
        "mine.yaml:2: 'drop' changes the recipe that is extended, and this one extends none.\n"
        "  Write 'extends: fineweb', or change the recipe itself."
    )
