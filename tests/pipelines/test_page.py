"""One page, explained: `cuvee show`."""

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from filters.differences import differing
from filters.errors import UsageError
from filters.segment import segmenter
from filters.span import Span
from filters.text import Text
from pipelines.audit.funnel import read_funnel
from pipelines.audit.ledger import open_ledger
from pipelines.page.answers import deciding
from pipelines.page.marks import SHOWN, excerpts, marked_text, merged, without
from pipelines.page.panel import page_panel
from pipelines.page.view import Explainer, PageView
from pipelines.pages import Pages, Wanted
from pipelines.summary import funnel_table
from tests.command import cuvee, succeed
from tests.filters.marked import COUNTED, added_up
from tests.pipelines.small_run import RECIPE, do_run, edited


def drawn(part: Any, *, colours: bool = False) -> str:
    console = Console(
        file=StringIO(),
        width=160,
        highlight=False,
        force_terminal=colours,
        color_system="truecolor",
    )
    console.print(part)
    return console.file.getvalue()


def views(root: Path, limit: int = 1, **wanted: Any) -> list[PageView]:
    ledger = open_ledger(root)
    pages = Pages(ledger)
    explainer = Explainer(ledger, pages)
    return [explainer.explain(page) for page in pages.find(Wanted(**wanted), limit)]


def shown(view: PageView, *, full: bool = False) -> str:
    return drawn(page_panel(view, full=full, plain=True))


def test_each_rule_answers_in_the_recipes_order(base):
    (view,) = views(base.root, rule="short")
    plan = open_ledger(base.root).plan
    assert [answer.rule for answer in view.answers] == plan.names()
    says = {answer.rule: answer.says for answer in view.answers}
    assert says["short"] == "decides"
    assert says["very_short"] == "fires", "it stands behind, and would remove the page as well"
    assert says["top_2_gram"] == "passes"
    assert says["blocked"] == "passes"
    if not view.page.row["audited"]:
        assert says["too_few_sentences"] == "not measured"
    words = view.page.signals["text.lexical_words"]
    told = shown(view)
    assert f"dropped by quality: short, because lexical_words < 50 (it is {words})" in told
    assert "← removed it" in told


def test_what_a_rule_says_is_what_the_ledger_says(base):
    """Of every page: the first rule that fires is the one that decided."""
    for view in views(base.root, limit=100):
        row = view.page.row
        fired = [answer for answer in view.answers if answer.says in ("decides", "fires")]
        by_rule = row["status"] == "dropped" and row["stage"] not in ("dedup", "extract")
        assert (deciding(view.answers) is not None) == by_rule
        if by_rule:
            assert fired[0] is deciding(view.answers)
            assert fired[0].rule == row["rule"]
        elif row["status"] == "kept":
            assert not fired


def test_numbers_of_a_rule_are_not_given_to_a_page_that_it_did_not_drop(base, tmp_path):
    """Extraction has an outcome `empty`; a rule may bear the same name."""
    root = base.copy(tmp_path / "run")
    recipe = root / "recipe.yaml"
    recipe.write_text(edited(recipe.read_text(), "    short:", "    empty:"))
    (view,) = views(root, rule="empty")
    assert view.page.row["stage"] == "extract"
    told = shown(view)
    assert "dropped by extract: empty" in told
    assert "because" not in told
    assert "removed it" not in told


def test_marks_are_what_the_ledger_counted(base):
    """Of real pages: marked parts add up to the numbers that the run has stored."""
    checked = 0
    for view in views(base.root, limit=100):
        if view.page.text is None:
            continue
        text = Text(view.page.text, segmenter("en"))
        stored = {
            name.removeprefix("text."): value
            for name, value in view.page.signals.items()
            if name.startswith("text.") and value is not None
        }
        for name in set(stored) & set(COUNTED):
            if name != "alpha_words" or "words" in stored:
                assert added_up(text, name, stored) == stored[name]
                checked += 1
        removed = view.page.signals["c4_lines.removed_lines"]
        if removed is not None:
            lines = [span for span in view.cuts if span.what.startswith("cut line")]
            assert len(lines) == removed
            checked += removed > 0
    assert checked > 40


def test_what_made_the_number_is_marked(base, small_crawl, tmp_path):
    root = base.copy(tmp_path / "run")
    do_run(edited(RECIPE, "top_2gram_chars / chars > 0.20", "top_2gram_chars / chars > 0.02"),
           small_crawl, root)  # fmt: skip
    (view,) = views(root, rule="top_2_gram")
    assert view.marks
    assert {span.what for span in view.marks} == {"commonest 2-gram"}
    text = view.page.text
    assert len({text[span.start : span.end].replace("\n", " ") for span in view.marks}) == 1
    assert f"{{…}} {len(view.marks)} × commonest 2-gram" in shown(view)
    plain = marked_text(text, view.marks, full=True, plain=True).plain
    start, end = merged(view.marks)[0]
    assert f"{{{text[start:end]}}}" in plain
    coloured = drawn(page_panel(view, full=True, plain=False), colours=True)
    assert "{" not in coloured
    assert "\x1b[1;30;43m" in coloured


def test_lines_that_were_cut_are_struck_through(base):
    (view,) = [v for v in views(base.root, limit=100) if "too short." in (v.page.text or "")]
    told = shown(view, full=True)
    assert "[-too short.-]" in told
    assert "1 × cut line: fewer than 3 words" in told
    assert "[-" not in drawn(page_panel(view, full=True, plain=False), colours=True)


def test_repeats_stand_side_by_side(base):
    (view,) = views(base.root, rule="minhash")
    (other, *_) = view.alike
    assert other.row["status"] == "kept"
    assert other.row["cluster_id"] == view.page.row["cluster_id"]
    told = shown(view, full=True)
    assert "dedup: minhash: http" in told
    assert "kept: http" in told
    assert "characters differ" in told
    ours, theirs = differing(view.page.text, other.text)
    added = [view.page.text[span.start : span.end].strip() for span in ours]
    assert added == ["It was printed again later that year."]
    assert not theirs
    assert len(view.alike) == min(view.page.row["cluster_size"] - 1, 2)
    (kept,) = views(base.root, url=other.row["url"])
    assert view.page.row["id"] in {page.row["id"] for page in kept.alike}


def test_a_page_is_found_by_address_and_by_id(base):
    (view,) = views(base.root, kept=True)
    row = view.page.row
    assert views(base.root, url=row["url"])[0].page.row == row
    assert views(base.root, id=row["id"])[0].page.row == row
    bare = row["id"].removeprefix("<urn:uuid:").removesuffix(">")
    told = json.loads(succeed("show", base.root, "--id", bare, "--json"))
    assert [page["id"] for page in told["pages"]] == [row["id"]]
    assert told["finished"]
    assert {rule["says"] for rule in told["pages"][0]["rules"]} <= {"passes", "not measured"}
    with pytest.raises(UsageError, match="no page has the url 'http://none'"):
        views(base.root, url="http://none")
    done = cuvee("show", base.root, "--rule", "short", "--id", bare)
    assert done.returncode == 2
    assert "no page of those has the id" in done.stderr


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(base, tmp_path):
    root = base.copy(tmp_path / "run")
    (root / "manifest.json").unlink()
    for folder in ("commits/settle", "ledger"):
        shutil.rmtree(root / folder)
    told = succeed("show", root, "--kept", "-n", "1")
    assert "The run has not finished: these are the 2 of 2 crawl files" in told
    counted, notes = read_funnel(root)
    final, none = read_funnel(base.root)
    assert not none
    assert notes == open_ledger(root).notes
    shown = drawn(funnel_table(counted))
    assert f"{counted['pages']:,} pages" in shown
    assert "tokens" not in shown, "they are counted at the end"
    assert "The run has not finished" in succeed("funnel", root)
    assert counted["pages"] == final["pages"] == sum(row["pages"] for row in counted["funnel"])
    before = [row for row in counted["funnel"] if row["status"] != "kept"]
    assert [(row["rule"], row["pages"]) for row in before] == [
        (row["rule"], row["pages"])
        for row in final["funnel"]
        if row["pages"] and row["status"] != "kept" and row["stage"] != "dedup"
    ]


def test_a_hostile_text_stays_text():
    text = "one \x1b[31m[bold]two[/bold]\u202e {three} [-four-]"
    told = drawn(marked_text(text, [Span(4, 9, "x")], full=True, plain=True))
    assert told == "one {·[31m}[bold]two[/bold]· {three} [-four-]\n"


def test_marks_lie_beside_what_is_cut():
    marks = [Span(0, 4, "a"), Span(2, 6, "a"), Span(8, 8, "a"), Span(9, 12, "a")]
    assert merged(marks) == [(0, 6), (9, 12)]
    assert without([(0, 6), (9, 12)], [(2, 4), (10, 20)]) == [(0, 2), (4, 6), (9, 10)]
    told = drawn(marked_text("abcdefghijkl", marks, [Span(2, 4, "c")], full=True, plain=True))
    assert told == "{ab}[-cd-]{ef}ghi{jkl}\n"


def test_an_excerpt_shows_the_start_and_what_is_marked():
    assert excerpts(100, [(5, 9)]) == [(0, 100)]
    assert excerpts(5_000, []) == [(0, SHOWN)]
    assert excerpts(5_000, [(4_000, 4_010)]) == [(0, 200), (3_940, 4_070)]
    many = excerpts(100_000, [(at, at + 10) for at in range(0, 90_000, 30)])
    assert sum(end - start for start, end in many) <= SHOWN + 200
    told = marked_text("x" * 5_000, [Span(4_000, 4_010, "a")], full=False, plain=True).plain
    assert " … " in told
    assert "(5,000 characters; --full shows all)" in told
