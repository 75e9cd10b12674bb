"""The report in a real browser: what it shows, and what the sliders say."""

import itertools
import json
import math
import random
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from filters.rule import Rule
from pipelines.audit.changes import Changes
from pipelines.audit.ledger import Ledger, open_ledger
from pipelines.audit.steps import DEDUP, place_of
from pipelines.audit.whatif import moved_pages
from pipelines.report import write_report
from pipelines.report.columns import WHOLE_WALK, exit_of
from pipelines.report.page import assemble
from pipelines.report.sample import panel_sample
from tests.pipelines.browser import find_chromium, reading, started
from tests.pipelines.small_run import RECIPE, Finished, do_run, edited, page, prose

HOSTILE = (
    "<script>document.title = 'owned'</script></script><!-- <img src=x onerror=alert(1)> "
    "\u2028 \u202e & ]]> {{data}} is what that page of the letter had."
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip("no Chromium is installed: reports cannot be looked at")
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def report(demo_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(demo_run, tmp_path_factory.mktemp("report") / "report.html")


def data_of(report: Path) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', report.read_text(), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def number(text: str) -> int:
    return int(text.replace(",", "").replace("−", "-"))


def verdict(page: Page) -> tuple[int, int, int]:
    """Return kept pages, kept tokens and undecided pages, as the panel has them."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    pages, tokens, unknown = page.locator(".verdict output").all_inner_texts()
    return number(pages), number(tokens), number(unknown)


def verdict_of(report: Path) -> int:
    return int(data_of(report)["totals"]["kept"])


def asked(page: Page) -> Changes:
    """Return what the command that the panel offers says."""
    words = shlex.split(page.locator("#command").inner_text())
    assert words[:2] == ["cuvee", "whatif"]
    pairs = list(zip(words[3::2], words[4::2], strict=True))
    sets = tuple(value for option, value in pairs if option == "--set")
    return Changes(sets, tuple(value for option, value in pairs if option == "--drop"))


def decided(ledger: Ledger, row: Any, rules: dict[int, Rule]) -> str:
    """Return what becomes of a page, by the rules as Python applies them."""
    steps = ledger.plan.steps
    end = exit_of(ledger, (row["status"], row["stage"], row["rule"]))
    values = [None if _missing(row[f"v{rank}"]) else row[f"v{rank}"] for rank in range(len(steps))]
    came = place_of(ledger.plan, {}, row["status"], row["stage"], row["rule"])[0] >= DEDUP
    if not came and not row["audited"]:
        values[ledger.plan.final :] = [None] * (len(steps) - ledger.plan.final)
    for rank, step in enumerate(steps):
        if rank == end:
            return "as it was"
        if rank not in rules:
            continue
        fires = rules[rank].fires({"value": values[rank]})
        if fires:
            return step.rule.name
        if fires is None:
            block = [values[at] for at, other in enumerate(steps) if other.block == step.block]
            return "unknown" if all(one is None for one in block) else "failed"
    return "kept" if end == WHOLE_WALK else "as it was"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def twin(ledger: Ledger, sampled: pd.DataFrame, changes: Changes) -> tuple[int, int, int]:
    """Return what the panel should say, computed by Python from the same sample."""
    constants = dict(text.split("=") for text in changes.sets)
    rules = {}
    for rank, step in enumerate(ledger.plan.steps):
        if step.rule.name not in changes.drops:
            constant = step.rule.constant
            if step.rule.name in constants:
                constant = float(constants[step.rule.name])
            rules[rank] = Rule(step.rule.name, "value", None, step.rule.op, constant)
    ends = pd.Series([decided(ledger, row, rules) for row in sampled.to_dict("records")])
    tokens = sampled["token_count"].fillna(0) * sampled["weight"]
    kept = ends == "kept"
    unknown = sampled["weight"][ends == "unknown"].sum()
    return round(sampled["weight"][kept].sum()), round(tokens[kept].sum()), unknown


def test_it_opens_whole_and_at_once_and_asks_nobody(browser: Browser, report: Path):
    assert report.stat().st_size < 4_000_000
    with reading(browser, report) as reader:
        shown = reader.page
        assert shown.locator("html").get_attribute("data-drawn") == "true"
        opened = shown.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
        assert opened < 4_000  # a second on an idle machine; tests share theirs
        moved = shown.evaluate(
            "() => new Promise(done => new PerformanceObserver(list => done(list.getEntries()"
            ".reduce((sum, one) => sum + one.value, 0))).observe({type: 'layout-shift', buffered:"
            " true}) || setTimeout(() => done(0), 200))"
        )
        assert moved < 0.01
        figures = data_of(report)["totals"]
        assert f"{figures['pages']:,} pages went in" in shown.inner_text("h1")
        assert f"{figures['kept']:,} came out" in shown.inner_text("h1")


@pytest.mark.parametrize(
    "run", ["measured to the end", "audited here and there", "with rules after deduplication"]
)
def test_a_slider_says_what_python_and_whatif_say(
    browser: Browser, run: str, demo_run: Path, base: Finished, late: Finished, tmp_path: Path
):
    root = {"measured": demo_run, "audited": base.root, "with": late.root}[run.split(maxsplit=1)[0]]
    ledger = open_ledger(root)
    with ledger.connect() as connection:
        sampled = panel_sample(connection, ledger, 5_000)
    kept = sampled["status"] == "kept"
    with reading(browser, write_report(root, tmp_path / "report.html")) as reader:
        shown = reader.page
        before = verdict(shown)
        assert before == (kept.sum(), sampled["token_count"][kept].sum(), 0)
        assert shown.get_by_role("button", name="Reset").is_disabled()
        chance = random.Random(5)
        moved = unknown = 0
        for _ in range(8):
            for _ in range(chance.choice((1, 1, 2, 3))):
                change(shown, chance)
            found = verdict(shown)
            changes = asked(shown)
            assert found == twin(ledger, sampled, changes), changes
            assert found == replayed(ledger, changes, before), changes
            moved += found[:2] != before[:2]
            unknown += found[2] > 0
            shown.get_by_role("button", name="Reset").click()
            assert verdict(shown) == before
        assert moved >= 3
        assert (unknown > 0) == (root != demo_run)


def change(shown: Page, chance: random.Random) -> None:
    """Move a slider with the keyboard, type a threshold, or leave a rule out."""
    sliding = shown.locator(".slider", has=shown.locator("input[type=range]"))
    row = sliding.nth(chance.randrange(sliding.count()))
    way = chance.choice(("keys", "keys", "typed", "off"))
    if way == "keys":
        for _ in range(chance.randint(1, 12)):
            row.locator("input[type=range]").press(chance.choice(("ArrowLeft", "PageDown")))
    elif way == "typed":
        box = row.locator("input[type=text]")
        box.fill(str(round(float(box.input_value()) * chance.choice((0.5, 0.9, 1.1, 2)), 4)))
        box.press("Tab")
    else:
        row.locator("input[type=checkbox]").uncheck()


STAYS = ("passes", "kept")
"""What is said of pages that no rule removes: before deduplication, after it."""


def replayed(ledger: Ledger, changes: Changes, before: tuple[int, int, int]) -> tuple[int, ...]:
    """Return what `cuvee whatif` says of every page: kept pages, tokens, undecided pages."""
    if changes == Changes():
        return before
    moved = moved_pages(ledger, changes)
    with ledger.connect() as connection:
        tokens = connection.execute("SELECT file_path, record, token_count FROM ledger").df()
    moved = moved.merge(tokens, on=["file_path", "record"])
    moved["token_count"] = moved["token_count"].fillna(0)
    lost, gained = moved[moved["status"] == "kept"], moved[moved["new_status"].isin(STAYS)]
    pages = before[0] - len(lost) + len(gained)
    held = before[1] - lost["token_count"].sum() + gained["token_count"].sum()
    return pages, int(held), int((moved["new_status"] == "unknown").sum())


def test_what_is_lost_and_gained_is_listed_with_its_text(browser: Browser, report: Path):
    with reading(browser, report) as reader:
        shown = reader.page
        box = shown.get_by_label("line_punct_ratio: threshold, exactly")
        box.fill("0.5")
        box.press("Enter")
        assert verdict(shown)[0] < verdict_of(report)
        lost = shown.locator(".changed .lost")
        assert re.search(r"Lost [1-9][\d,]* pages?", lost.locator("h3").inner_text())
        first = lost.locator("details").first
        assert "line_punct_ratio: 0." in first.inner_text()
        first.locator("summary").click()
        assert len(first.locator(".page-text").inner_text()) > 40
        shown.get_by_role("button", name="Reset").click()
        shown.get_by_label("too_few_sentences", exact=True).uncheck()
        assert verdict(shown)[0] > verdict_of(report)
        assert "too_few_sentences" in shown.locator(".changed .gained").inner_text()


def test_search_and_filters_find_what_is_there(browser: Browser, report: Path):
    data = data_of(report)
    urls = data["sample"]["urls"]
    texts = [f"{urls[one['at']]}\n{one['text'] or ''}".lower() for one in data["examples"]]
    word = "privacy"
    expected = sum(word in text for text in texts)
    assert 0 < expected < len(texts)
    with reading(browser, report) as reader:
        shown = reader.page
        said = shown.locator("#examples-count")
        shown.get_by_label("Words in text or address").fill(word)
        assert said.inner_text() == f"{expected} of {len(texts)} pages"
        assert shown.locator("mark.hit").first.inner_text().lower() == word
        shown.get_by_label("Words in text or address").fill("")
        shown.locator("#filter-outcome").select_option("language: not_english")
        shown.locator("#filter-language").select_option("de")
        german = [one for one in data["examples"] if one["language"] == "de"]
        assert said.inner_text() == f"{len(german)} of {len(texts)} pages"
        assert 'language.code = "de" != "en"' in shown.locator(".reason").first.inner_text()
        shown.locator("#filter-site").fill("no such site")
        assert said.inner_text() == f"0 of {len(texts)} pages"


def test_the_keyboard_reaches_every_kind_of_control(browser: Browser, report: Path):
    with reading(browser, report) as reader:
        shown = reader.page
        reached = []
        for _ in range(260):
            shown.keyboard.press("Tab")
            reached.append(
                shown.evaluate(
                    "(() => { const one = document.activeElement; return one.id || one.type ||"
                    " one.getAttribute('href') || one.tagName; })()"
                )
            )
            if reached[-1] == "examples-more":
                break
        kinds = {"#overview", "theme", "#whatif", "radio", "rule-0", "range", "text",
                 "filter-words", "examples-more"}  # fmt: skip
        assert kinds <= set(reached)
        shown.get_by_role("radio", name="Pages").focus()
        shown.keyboard.press("ArrowRight")
        assert "tokens came in" in shown.locator("#flow-chart").inner_text()
        shown.locator("#theme").focus()
        shown.keyboard.press("Enter")
        assert shown.locator("html").get_attribute("data-theme") == "dark"


def test_everything_has_a_name_for_a_screen_reader(browser: Browser, report: Path):
    with reading(browser, report) as reader:
        shown = reader.page
        nameless = shown.evaluate(
            "[...document.querySelectorAll('button, input, select, [role], nav, svg:not("
            "[aria-hidden])')].filter(one => !(one.labels?.length || one.getAttribute('aria-label')"
            " || one.textContent.trim() || one.getAttribute('role') === 'status'))"
            ".map(one => one.outerHTML.slice(0, 120))"
        )
        assert nameless == []
        for landmark in ("main", "banner", "navigation", "search", "contentinfo"):
            assert shown.get_by_role(landmark).count() == 1 or landmark == "contentinfo"
        headings = shown.evaluate(
            "[...document.querySelectorAll('h1, h2, h3')].map(one => Number(one.tagName[1]))"
        )
        assert headings[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(headings))
        charts = shown.locator("figure:has(svg)")
        with_table = shown.locator("figure:has(svg):has(details.as-table)")
        assert charts.count() == with_table.count() > 20
        table = shown.locator("#flow-chart details")
        table.locator("summary").click()
        assert table.locator("tbody tr").count() == len(data_of(report)["impact"])


CONTRAST = """([front, back]) => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const parts = [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const [one, other] = [light(front), light(back)].sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
}"""


@pytest.mark.parametrize("look", ["light", "dark"])
def test_both_looks_can_be_read(browser: Browser, report: Path, look: Any):
    with reading(browser, report, color_scheme=look) as reader:
        shown = reader.page
        paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper))) < 200) == (look == "dark")
        text = ("--ink", "--soft", "--accent", "--gain", "--loss")
        for front in text:
            for back in ("--paper", "--card", "--wash"):
                assert shown.evaluate(CONTRAST, [front, back]) >= 4.5, (front, back)
        # Kept and removed differ in lightness, so nobody needs to tell their hues apart.
        assert shown.evaluate(CONTRAST, ["--accent", "--removed"]) >= 3
        shown.locator("#theme").click()
        assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != paper


def test_it_fits_a_telephone_and_prints(browser: Browser, report: Path):
    small = {"width": 390, "height": 844}
    with reading(browser, report, viewport=small, color_scheme="dark") as reader:
        shown = reader.page
        assert shown.evaluate("document.documentElement.scrollWidth") == 390
        shown.emulate_media(media="print")
        assert not shown.locator("nav").is_visible()
        assert not shown.locator("#filters").is_visible()
        assert shown.locator("#rules-table").is_visible()
        ink = shown.evaluate("getComputedStyle(document.querySelector('h2')).color")
        assert sum(map(int, re.findall(r"\d+", ink))) < 200  # dark on white, whatever the look
        assert shown.pdf(format="A4").startswith(b"%PDF")


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path):
    from tests.pipelines.warc_bytes import gzip_each

    crawl = tmp_path / "crawl"
    crawl.mkdir()
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    pages = [page(at, [escaped, *prose(at)], "<b>'\"/") for at in range(6)]
    (crawl / "a.warc.gz").write_bytes(gzip_each(pages))
    written = edited(RECIPE, "very_short: lexical_words < 80", "very_short: lexical_words < 8000")
    block = "- datatrove: {GopherQualityFilter: {}}\n- edit: {c4_lines"
    written = edited(written, "- edit: {c4_lines", block)
    do_run(written, crawl, tmp_path / "run")
    report = write_report(tmp_path / "run")
    assert report == tmp_path / "run" / "report.html"
    assert report.read_text().lower().count("</script") == 2
    assert "owned'</script>" not in report.read_text()
    with reading(browser, report) as reader:
        shown = reader.page
        assert "owned" not in shown.title()
        assert shown.locator("main img").count() == 0
        assert shown.locator("main script").count() == 0
        text = shown.locator(".example .page-text").first.inner_text()
        assert "<script>document.title = 'owned'</script></script><!-- <img src=x" in text
        assert verdict(shown) == (0, 0, 0)
        shown.get_by_label("very_short", exact=True).uncheck()
        found = verdict(shown)
        assert found[2] > 0  # a block of datatrove behind it has not been asked
        assert found == replayed(open_ledger(tmp_path / "run"), asked(shown), (0, 0, 0))


def test_hundreds_of_languages_can_be_read(browser: Browser, report: Path, tmp_path: Path):
    """Twenty are shown, the others on request; a name is only text."""
    data = data_of(report)
    first = data["languages"][0]
    made = [{**first, "label": f"x{at}", "name": HOSTILE, "pages": 900 - at} for at in range(120)]
    data["languages"] = [*made, {**first, "label": None, "name": None}]
    (tmp_path / "many.html").write_bytes(assemble(data))
    with reading(browser, tmp_path / "many.html") as reader:
        shown = reader.page
        rows = shown.locator("#languages-chart tbody tr")
        assert rows.count() == 20
        assert HOSTILE[:40] in rows.first.inner_text()
        shown.get_by_text("100 more languages").click()
        assert rows.count() == 121
        assert shown.locator("#languages-chart .removers span").count() >= 120
        assert shown.locator("#languages-chart script, #languages-chart img").count() == 0
        assert "owned" not in shown.title()


def test_a_page_is_set_in_its_language(browser: Browser, report: Path, tmp_path: Path):
    """From right to left where it is written so; as told, Han characters have their own forms."""
    data = data_of(report)
    made = (("fa", "به نام خدا\nOne line"), ("ja", "直す"), ("fr", "Voilà"), (None, "No language"))
    first = next(one for one in data["examples"] if one["text"] is not None)
    data["examples"] = [
        {**first, "language": lang or "none", "lang": lang, "text": text, "marks": [], "chars": 9}
        for lang, text in made
    ]
    (tmp_path / "set.html").write_bytes(assemble(data))
    with reading(browser, tmp_path / "set.html") as reader:
        texts = reader.page.locator(".example .page-text")
        told = [
            texts.nth(at).evaluate("node => [node.lang, getComputedStyle(node).direction]")
            for at in range(len(made))
        ]
        assert told == [["fa", "rtl"], ["ja", "ltr"], ["fr", "ltr"], ["", "ltr"]]
