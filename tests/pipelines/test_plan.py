"""A plan held against the run that it is about."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from filters.errors import WorkError
from pipelines.crawl import find_inputs
from pipelines.files import read_json
from pipelines.pipeline import RunOptions, run
from pipelines.plan import PlanOptions, make_plan
from pipelines.plan.looked import Looked
from pipelines.plan.sampling import draw_units
from pipelines.plan.survey import estimate
from pipelines.plan.table import plan_parts
from pipelines.recipe import load_recipe
from pipelines.recipe.model import Recipe
from pipelines.storage import CommitLog
from tests.command import cuvee, succeed
from tests.pipelines.hosts import Request, folder_answers, serving
from tests.pipelines.small_run import RECIPE, edited, made_pages, page, prose
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each

INLINE = PlanOptions(RunOptions(engine="inline"))
PAGES = 60
_LEAST_COVERAGE = {"pages": 0.85, "rows": 0.8, "tokens": 0.65}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for inputs; afterwards nothing else is where the plan worked."""
    here, temporary, inputs = (tmp_path / name for name in ("here", "temporary", "inputs"))
    for folder in (here, temporary, inputs):
        folder.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield inputs
    assert not list(here.iterdir())
    assert not list(temporary.iterdir())


def recipe(place: Path, crawl: Path | str, written: str = RECIPE) -> Recipe:
    path = place / "small.yaml"
    path.write_text(written)
    return load_recipe(str(path), (), [str(crawl)])


def crawl_of(place: Path, files: int) -> Path:
    """Files of `PAGES` pages each, of which the ledger keeps most."""
    folder = place / "crawl"
    folder.mkdir()
    for number in range(files):
        pages = [page(number * 1000 + n, prose(number * 1000 + n)) for n in range(PAGES)]
        (folder / f"{number:03}.warc.gz").write_bytes(gzip_each(pages))
    return folder


def holds(estimate: dict[str, Any], truth: float) -> bool:
    return bool(estimate["low"] <= truth <= estimate["high"])


def test_a_plan_that_saw_everything_says_exactly_what_the_run_does(place: Path, tmp_path: Path):
    path = place / "one.warc.gz"
    path.write_bytes(gzip_each(made_pages()))
    asked = recipe(place, path)
    plan = make_plan(asked, INLINE, Listener())
    made = run(asked, tmp_path / "run", INLINE.run, Listener()).manifest
    assert plan["exact"]
    assert "exact" in plan["notes"][0]
    named = {"pages": "pages", "kept": "rows", "tokens": "tokens", "text_bytes": "text_bytes"}
    for name, in_manifest in named.items():
        assert set(plan[name].values()) == {made[in_manifest]}, name
    folders = {"ledger": "ledger", "documents": "documents", "tokens": "tokens", "stages": "stages"}
    for name, folder in {**folders, "dataset": "dataset/data"}.items():
        size = sum(f.stat().st_size for f in (tmp_path / "run" / folder).rglob("*") if f.is_file())
        assert set(plan["disk_bytes"][name].values()) == {size}, name


@pytest.fixture(scope="module")
def demo_plan(sample_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    temporary = tmp_path_factory.mktemp("temporary")
    said = succeed(
        "plan", "demo", "--input", sample_crawl, "--engine", "inline", "--units", "8",
        "--seed", "3", "--workers", "4", "--price", "0.5", "--json",
        env={"TMPDIR": str(temporary)},
    )  # fmt: skip
    assert not list(temporary.iterdir())
    plan: dict[str, Any] = json.loads(said)
    return plan


@pytest.mark.slow
def test_the_demo_does_what_was_planned(demo_plan: dict[str, Any], demo_run: Path):
    made = read_json(demo_run / "manifest.json")
    assert demo_plan["exact"] is False
    assert demo_plan["sample"]["units"] == 8
    assert demo_plan["input"]["files"] == made["inputs"]["files"] == 12
    assert demo_plan["input"]["bytes"] == made["inputs"]["bytes"]
    for name, truth in {"pages": "pages", "kept": "rows", "tokens": "tokens"}.items():
        assert holds(demo_plan[name], made[truth]), name
        assert demo_plan[name]["low"] < demo_plan[name]["high"]
    for folder in ("ledger", "documents", "dataset", "tokens"):
        truth = made["file_totals"][folder]["bytes"]
        assert holds(demo_plan["disk_bytes"][folder], truth), folder


@pytest.mark.slow
def test_intervals_over_many_samples_of_the_demo_hold_what_it_did(
    demo_run: Path, sample_crawl: Path
):
    """One foreign file of twelve has a third of the kept pages: a hard case for eight of them."""
    log = CommitLog(demo_run)
    curated, settled = log.commits("curate"), log.commits("settle")
    files = find_inputs([str(sample_crawl)])
    gave = {unit: {**commit.facts, **settled[unit].facts} for unit, commit in curated.items()}
    held: Counter[str] = Counter()
    for seed in range(200):
        drawn = draw_units(files, 8, seed)
        survey = drawn.survey([Looked(file, 1.0, 0, {}) for file in drawn.files])
        for name in _LEAST_COVERAGE:
            found = estimate(survey, [gave[file.unit][name] for file in drawn.files])
            held[name] += found.low <= sum(facts[name] for facts in gave.values()) <= found.high
    for name, least in _LEAST_COVERAGE.items():
        assert held[name] / 200 >= least, name


@pytest.mark.slow
def test_a_plan_states_what_it_costs(demo_plan: dict[str, Any]):
    hours = demo_plan["core_hours"]
    assert 0 < hours["low"] < hours["value"] < hours["high"]
    assert demo_plan["money"]["value"] == pytest.approx(0.5 * hours["value"], rel=1e-4)
    steps = demo_plan["core_hours_by_step"]
    assert {"start-up", "read", "extract", "quality", "settle", "dataset", "tokens"} <= set(steps)
    assert sum(step["value"] for step in steps.values()) == pytest.approx(hours["value"], rel=1e-3)
    # Start-up is not paid for by pages, but takes its time.
    per_page = demo_plan["core_seconds_per_page"] * demo_plan["pages"]["value"] / 3600
    assert per_page == pytest.approx(hours["value"] - steps["start-up"]["value"], rel=1e-2)
    wall = demo_plan["wall_seconds"]["value"]
    assert demo_plan["startup_seconds"] < wall < 3600 * hours["value"]
    assert demo_plan["memory_per_worker_bytes"] > 100e6


def test_units_that_are_cut_short_are_extrapolated_and_it_is_said(place: Path):
    asked = recipe(place, crawl_of(place, 4))
    few = replace(INLINE, pages=80)  # a third of each
    plan = make_plan(asked, few, Listener())
    assert plan["sample"]["cut_short"] == 4
    assert plan["sample"]["pages"] == 80
    assert plan["sample"]["share"] == pytest.approx(1 / 3, rel=0.1)
    assert plan["pages"]["value"] == pytest.approx(4 * PAGES, rel=0.1)
    assert any("only the first pages" in note for note in plan["notes"])
    made = run(asked, place.parent / "run", RunOptions(engine="inline"), Listener()).manifest
    assert plan["tokens"]["value"] == pytest.approx(made["tokens"], rel=0.25)


def test_of_a_listed_crawl_only_the_sample_is_read(place: Path, monkeypatch: pytest.MonkeyPatch):
    folder = crawl_of(place, 30)
    monkeypatch.setenv("CUVEE_RETRY_SECONDS", "0.01")
    (folder / "all.paths").write_text("".join(f"{n:03}.warc.gz\n" for n in range(30)))
    (folder / "011.warc.gz").unlink()
    asked_for: set[str] = set()

    def answer(request: Request) -> Any:
        asked_for.add(request.path)
        return folder_answers(folder)(request)

    with serving(answer) as host:
        listed = recipe(place, f"{host.url}/all.paths")
        where = RunOptions(engine="inline", input_base=f"{host.url}/")
        plan = make_plan(listed, PlanOptions(where, sample=5, pages=200), Listener())
    assert plan["input"] == {"files": 30, "units": 30, "bytes": None}
    assert plan["sample"]["sizes_known"] is False
    assert any("taken to be alike" in note for note in plan["notes"])
    assert plan["pages"]["value"] == pytest.approx(30 * PAGES, rel=0.15)
    # The list, what is asked to see whether it leads anywhere, and the sample.
    assert len(asked_for) <= 1 + 3 + 5


def test_a_file_that_cannot_be_read_is_left_out_and_told(place: Path):
    folder = crawl_of(place, 2)
    listed = folder / "all.paths"
    listed.write_text("000.warc.gz\nmissing.warc.gz\n001.warc.gz\n")
    asked = recipe(place, listed)
    where = RunOptions(engine="inline", input_base=str(folder))
    plan = make_plan(asked, PlanOptions(where), Listener())
    assert plan["sample"]["failed"] == 1
    assert any("a run allows 0" in note and "cannot be opened" in note for note in plan["notes"])
    assert plan["pages"]["value"] == pytest.approx(3 * PAGES)


def test_where_no_file_of_the_sample_can_be_read_there_is_no_plan(place: Path):
    folder = crawl_of(place, 1)
    listed = folder / "all.paths"
    listed.write_text("000.warc.gz\n" + "".join(f"missing-{n}.warc.gz\n" for n in range(40)))
    where = RunOptions(engine="inline", input_base=str(folder))
    with pytest.raises(WorkError, match="no unit of the sample could be read"):
        make_plan(recipe(place, listed), PlanOptions(where, sample=1), Listener())


def test_parts_of_a_big_text_file_are_units(place: Path):
    path = place / "rows.jsonl"
    rows = [{"text": " ".join(prose(n)), "id": f"row {n}"} for n in range(600)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    where = RunOptions(engine="inline", part_bytes=path.stat().st_size // 12)
    asked = recipe(place, path)
    plan = make_plan(asked, PlanOptions(where, sample=4), Listener())
    assert plan["input"]["files"] == 1
    assert plan["input"]["units"] == 12
    assert holds(plan["pages"], 600)
    assert plan["pages"]["value"] == pytest.approx(600, rel=0.05)


def test_where_nothing_is_kept_the_rule_of_three_bounds_it(place: Path):
    written = edited(RECIPE, "very_short: lexical_words < 80", "very_short: lexical_words < 9999")
    asked = recipe(place, crawl_of(place, 6), written)
    plan = make_plan(asked, replace(INLINE, sample=3), Listener())
    assert (plan["kept"]["value"], plan["kept"]["low"]) == (0, 0)
    assert plan["kept"]["high"] == pytest.approx(6, rel=0.1)  # of twice as many pages as were read
    assert any("No page of the sample passed" in note for note in plan["notes"])


def test_the_table_shows_nothing_that_could_steer_a_terminal(place: Path):
    asked = replace(recipe(place, crawl_of(place, 2)), recipe="evil\x1b[2Jname")
    plan = make_plan(asked, replace(INLINE, price=2.0), Listener())
    console = Console(file=StringIO(), width=120)
    for part in plan_parts({**plan, "notes": ["a \x1b[31mnote"]}):
        console.print(part)
    shown = console.file.getvalue()
    for words in ("evil·[2Jname", "a ·[31mnote", "kept pages", "money, 2 a core-hour", "  ledger"):
        assert words in shown
    assert "\x1b" not in shown


def test_a_plan_needs_an_input_and_a_sample():
    assert cuvee("plan", "demo").returncode == 2
    done = cuvee("plan", "demo", "--input", "x", "--units", "0")
    assert done.returncode == 2
    assert "--units" in done.stderr


def test_files_that_are_named_alike_are_a_stratum_and_chance_names_are_none(place: Path):
    for name in [*(f"big-{n:02}" for n in range(8)), *(f"other-{n:02}" for n in range(4))]:
        (place / f"{name}.jsonl").write_text("{}\n" * 10)
    drawn = draw_units(find_inputs([str(place)]), 6, 0)
    assert [stratum.units for stratum in drawn.strata] == [8, 4]
    for name in "abcdefghijklm":
        (place / f"{name}.jsonl").write_text("{}\n")
    drawn = draw_units(find_inputs([str(place)]), 6, 0)
    assert len(drawn.strata) == 2
    assert drawn.strata[0].size == pytest.approx(drawn.strata[1].size, rel=0.3)
