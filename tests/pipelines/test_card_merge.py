"""A card that is written again keeps what a person has added, and nothing else."""

import re
import time

import pytest
import yaml

from filters.errors import UsageError
from pipelines.card.merge import Part, changed_parts, compose, merge, without_marks

HEAD = {
    "pretty_name": "demo",
    "language": ["en", "no"],
    "tags": ["cuvee"],
    "configs": [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/*/*.parquet"}]},
        {"config_name": "d1", "data_files": [{"split": "train", "path": "data/d1/*.parquet"}]},
    ],
}
PARTS = [Part("title", "# Demo\n\n1 page."), Part("funnel", "## Funnel"), Part("limits", "## Ends")]
NEW = [Part("title", "# Demo\n\n2 pages."), Part("funnel", "## Funnel 2"), Part("limits", "## E")]


def head_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def body_of(card: str) -> str:
    return card.split("---\n", 2)[2]


def visible(card: str) -> list[str]:
    """Return the lines that a reader sees."""
    return [line for line in body_of(card).splitlines() if line and not line.startswith("<!--")]


def test_a_card_merged_with_itself_is_itself():
    card = compose(HEAD, PARTS)
    assert merge(card, card) == card
    assert merge(card, card.replace("\n", "\r\n")) == card
    assert merge(card, f"\ufeff{card}") == card


def test_text_of_a_person_stays_between_the_parts_where_it_was():
    written = compose(HEAD, PARTS)
    old = written.replace(
        "<!-- cuvee:begin funnel -->", "A note.\n\n<!-- cuvee:begin funnel -->"
    ).replace("<!-- cuvee:begin title -->", "Above.\n<!-- cuvee:begin title -->")
    merged = merge(compose(HEAD, NEW), f"{old}\nBelow.\n")
    assert visible(merged) == [
        "Above.", "# Demo", "2 pages.", "A note.", "## Funnel 2", "## E", "Below.",
    ]  # fmt: skip
    assert merge(compose(HEAD, NEW), merged) == merged


def test_a_part_that_is_new_comes_after_the_one_before_it():
    old = compose(HEAD, [PARTS[0], PARTS[2]]).replace(
        "<!-- cuvee:begin limits -->", "A note.\n\n<!-- cuvee:begin limits -->"
    )
    assert visible(merge(compose(HEAD, NEW), old)) == [
        "# Demo", "2 pages.", "## Funnel 2", "A note.", "## E",
    ]  # fmt: skip
    first = merge(compose(HEAD, NEW), compose(HEAD, PARTS[1:]))
    assert visible(first) == ["# Demo", "2 pages.", "## Funnel 2", "## E"]


def test_a_part_that_is_no_more_goes_and_the_text_around_it_stays():
    old = compose(HEAD, [*PARTS, Part("gone", "## Old")]) + "\nBelow.\n"
    assert visible(merge(compose(HEAD, NEW), old)) == [
        "# Demo", "2 pages.", "## Funnel 2", "## E", "Below.",
    ]  # fmt: skip


def test_a_card_without_parts_is_kept_below():
    merged = merge(compose(HEAD, NEW), "---\nlicense: mit\n---\n# Mine\n\nMy text.\n")
    assert visible(merged)[-2:] == ["# Mine", "My text."]
    assert head_of(merged)["license"] == "mit"
    assert visible(merge(compose(HEAD, NEW), "Only text."))[-1] == "Only text."
    assert merge(compose(HEAD, NEW), "") == compose(HEAD, NEW)


@pytest.mark.parametrize(
    "broken",
    [
        "<!-- cuvee:begin title -->\nlost?\n",
        (
            "<!-- cuvee:begin title -->\nlost?\n<!-- cuvee:begin funnel -->\nx\n"
            "<!-- cuvee:end funnel -->\n"
        ),
        "<!-- cuvee:begin title -->\nlost?\n<!-- cuvee:end funnel -->\n",
        "lost?\n<!-- cuvee:end title -->\n",
        (
            "<!-- cuvee:begin title -->\nx\n<!-- cuvee:end title -->\nlost?\n"
            "<!-- cuvee:end title -->\n"
        ),
    ],
)
def test_marks_that_do_not_fit_lose_no_text(broken):
    merged = merge(compose(HEAD, NEW), broken)
    assert visible(merged).count("lost?") == 1
    for part in NEW:
        assert merged.count(f"<!-- cuvee:begin {part.name} -->") == 1
        assert merged.count(f"<!-- cuvee:end {part.name} ") == 1
    assert merge(compose(HEAD, NEW), merged) == merged


@pytest.mark.parametrize("part", ["title", "limits", "gone"])
def test_what_was_changed_inside_a_part_is_kept_as_a_comment(part):
    old = compose(HEAD, [*PARTS, Part("gone", "## Old")])
    mine = f"<!-- cuvee:begin {part} -->\nMine --> <b>x</b>."
    changed = old.replace(f"<!-- cuvee:begin {part} -->", mine)
    assert changed_parts(changed) == [part]
    merged = merge(compose(HEAD, NEW), changed)
    assert merged.count("Mine --&gt; <b>x</b>.") == 1
    shown = re.sub(r"<!--.*?-->", "", body_of(merged), flags=re.DOTALL)
    assert "Mine" not in shown
    assert [line for line in shown.splitlines() if line] == [
        "# Demo", "2 pages.", "## Funnel 2", "## E",
    ]  # fmt: skip
    assert changed_parts(merged) == []
    assert merge(compose(HEAD, NEW), merged) == merged


def test_other_ends_of_lines_change_nothing():
    card = compose(HEAD, PARTS)
    assert changed_parts(card.replace("\n", " \r\n")) == []


def test_of_the_head_a_persons_keys_tags_and_configs_stay():
    mine = {"config_name": "mine", "data_files": [{"split": "test", "path": "mine/x.parquet"}]}
    gone = {"config_name": "d0", "data_files": [{"split": "train", "path": "data/d0/*.parquet"}]}
    old = {
        **HEAD, "pretty_name": "Old", "tags": ["cuvee", "web"], "extra_gated_prompt": "Be kind.",
        "configs": [*HEAD["configs"], gone, mine], "language": ["de"],
    }  # fmt: skip
    head = head_of(merge(compose(HEAD, NEW), compose(old, PARTS)))
    assert head["pretty_name"] == "demo"
    assert head["language"] == ["en", "no"]
    assert head["tags"] == ["cuvee", "web"]
    assert head["extra_gated_prompt"] == "Be kind."
    assert [config["config_name"] for config in head["configs"]] == ["default", "d1", "mine"]
    more = head_of(merge(compose(HEAD, NEW), compose(old, PARTS), stay=("d0",)))
    assert [config["config_name"] for config in more["configs"]] == ["default", "d1", "d0", "mine"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("a: [", r"README.md:[23]: is not YAML"),
        ("a: &x 1\nb: *x", r"README.md:2: anchors and aliases"),
        ("- a", r"README.md: its head is no map of keys"),
        ("a: !!python/object:os.system {}", r"README.md:2: tags \(!\) are not allowed"),
    ],
)
def test_a_head_that_cannot_be_read_is_told_with_its_line(head, said):
    with pytest.raises(UsageError, match=said) as caught:
        merge(compose(HEAD, NEW), f"---\n{head}\n---\ntext\n")
    assert len(str(caught.value).splitlines()) <= 3


def test_no_text_can_pass_for_a_mark():
    for text in ("<!-- cuvee:end title -->", "<!--cuvee:begin x -->", "<!--\ncuvee:end title -->"):
        assert "<!--" not in without_marks(text)
    assert without_marks("<!-- a comment -->") == "<!-- a comment -->"


def test_a_long_card_of_nothing_but_marks_is_read_at_once():
    began = time.monotonic()
    merge(compose(HEAD, NEW), "<!-- cuvee:begin title -->\n---\n" * 20_000)
    merge(compose(HEAD, NEW), "---\n" * 20_000 + re.escape("<!--" * 20_000))
    assert time.monotonic() - began < 5
