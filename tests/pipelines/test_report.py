"""What the report is made of, before a browser sees it."""

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hatchling.builders.wheel import WheelBuilder

from filters.errors import UsageError
from filters.rule import parse_rule
from pipelines.audit.cube import fires_sql
from pipelines.audit.ledger import Ledger, open_ledger
from pipelines.audit.steps import Plan, Step
from pipelines.recipe.source import Node, Place
from pipelines.report import languages as report_languages
from pipelines.report import write_report
from pipelines.report.examples import as_examples
from pipelines.report.page import as_json, assemble
from pipelines.report.sample import panel_sample
from pipelines.report.scale import make_scale
from pipelines.report.shapes import read_scales, read_shapes
from pipelines.report.write import read_data
from tests.command import cuvee, succeed
from tests.pipelines.small_run import Finished


def test_data_cannot_end_its_element_and_comes_back_whole():
    data = {"text": "</script><!--<script>&amp;\u2028\u2029 \u202e {{script}}", "ünï": "漢字"}
    written = as_json(data)
    assert not re.search("[<>&\u2028\u2029]", written)
    assert json.loads(written) == data


def test_the_policy_allows_the_scripts_and_styles_of_the_page_and_no_other(base: Finished):
    page = assemble(read_data(open_ledger(base.root), 100)).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        inside = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert len(inside) == 1
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'")
    assert "unsafe" not in policy[1]
    for reached in ("http://", "https://", "innerHTML", "insertAdjacentHTML", "eval("):
        script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[0]
        assert reached not in script.replace("http://www.w3.org/2000/svg", "")


def test_the_assets_are_part_of_the_wheel():
    root = Path(__file__).parents[2]
    packed = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    assets = (root / "pipelines/report/assets").iterdir()
    assert {f"pipelines/report/assets/{path.name}" for path in assets} <= packed


def test_the_command_writes_it_where_it_is_told(base: Finished, tmp_path: Path):
    root = base.copy(tmp_path / "run")
    assert "report.html" in succeed("report", root)
    assert (root / "report.html").stat().st_size > 50_000
    said = json.loads(succeed("report", root, "--output", tmp_path / "a.html", "--json"))
    assert said == {
        "report": str(tmp_path / "a.html"),
        "bytes": (tmp_path / "a.html").stat().st_size,
    }
    assert (tmp_path / "a.html").read_bytes() == (root / "report.html").read_bytes()
    nowhere = cuvee("report", tmp_path / "nowhere")
    assert nowhere.returncode == 2
    assert "no run of cuvee is there" in nowhere.stderr


def test_a_sample_that_no_browser_would_open_is_refused(base: Finished, tmp_path: Path):
    with pytest.raises(UsageError, match="31,000 pages"):
        write_report(base.root, tmp_path / "report.html", 31_000)


def test_texts_that_are_not_there_are_left_out_and_said(base: Finished, tmp_path: Path):
    whole = read_data(open_ledger(base.root), 100)
    texts = [example["text"] for example in whole["examples"]]
    assert any(texts)
    assert None in texts  # keep_text: gated
    root = base.copy(tmp_path / "run")
    shutil.rmtree(root / "documents")
    bare = read_data(open_ledger(root), 100)
    assert all(example["text"] is None for example in bare["examples"])
    assert bare["run"]["keep_text"] == "gated"


def test_a_run_that_has_not_finished_reports_what_is_done(base: Finished, tmp_path: Path):
    root = base.copy(tmp_path / "run")
    (root / "manifest.json").unlink()
    data = read_data(open_ledger(root), 100)
    assert "has not finished" in data["run"]["notes"][0]
    assert data["totals"]["pages"] == len(base.ledger())
    assert data["run"]["cost"] == []
    assert any(example["text"] for example in data["examples"])
    assert len(assemble(data)) > 50_000


def test_examples_are_of_every_outcome_and_carry_their_own_text(base: Finished):
    data = read_data(open_ledger(base.root), 100)
    outcomes = data["sample"]["outcomes"]
    which = np.frombuffer(base64.b64decode(data["sample"]["outcome"]), "<u2")
    shown = {tuple(outcomes[which[example["at"]]]) for example in data["examples"]}
    rows = base.ledger().values()
    assert shown == {(row["status"], row["stage"], row["rule"]) for row in rows}
    rows = pq.read_table(base.root / "documents", partitioning=None).to_pylist()
    texts = {(row["url"], row["text"]) for row in rows}
    urls = data["sample"]["urls"]
    compared = [example for example in data["examples"] if example["text"]]
    assert len(compared) > 10
    for example in compared:
        url, text = urls[example["at"]], example["text"]
        assert any(one == url and whole.startswith(text) for one, whole in texts)


def test_what_a_rule_has_counted_is_marked_where_a_script_finds_it():
    recipe = Node({}, Place(0, 0, 0, "recipe"))
    text = "A 🐞 line.\nAnd again…\nAnd again…\n🐞🐞\n🐞🐞"
    frame = pd.DataFrame(
        [{"file_path": "a", "record": 1, "host": "h", "language": "en", "stage": "quality",
          "rule": "dup"}]
    )  # fmt: skip
    plan = Plan((Step(parse_rule("dup", "text.dup_lines > 0"), "drop", "quality", 2),), {}, ())
    ledger = Ledger(Path(), recipe, plan, (), pa.schema([]))
    (example,) = as_examples(ledger, frame, [0], {("a", 1): text})
    units = example["text"].encode("utf-16-le")
    marked = [units[2 * start : 2 * end].decode("utf-16-le") for start, end in example["marks"]]
    assert marked == ["And again…", "🐞🐞"]


def test_a_chart_counts_every_page_on_the_side_on_which_the_rule_puts_it(base: Finished):
    ledger = open_ledger(base.root)
    steps = ledger.plan.steps
    with ledger.connect() as connection:
        shapes = read_shapes(connection, ledger, read_scales(connection, steps))
        assert len(shapes) == sum(not isinstance(step.rule.constant, str) for step in steps)
        for shape in shapes:
            rule = steps[shape["rank"]].rule
            at = shape["edges"].index(float(rule.constant)) + 1
            sides = slice(at, None) if rule.op.startswith(">") else slice(None, at)
            rows = connection.table("ledger").filter(fires_sql(rule))
            fires = dict(rows.aggregate("status = 'kept', count(*)").fetchall())
            assert sum(shape["kept"][sides]) == fires.get(True, 0), rule
            assert sum(shape["removed"][sides]) == fires.get(False, 0), rule
            known = connection.table("ledger").filter(f"{fires_sql(rule)} IS NOT NULL")
            assert [(shape["measured"],)] == known.aggregate("count(*)").fetchall()


@pytest.mark.parametrize(
    ("expression", "low", "high"),
    [
        ("words < 50", 0, 100_000), ("lines > 0", 0, 0), ("a / b > 0.1", 0, 0.05),
        ("a / b <= 0.65", 0.1, 1), ("lines < 1", 0, 200), ("lines > 0", 0, 5_000),
        ("score > -2.5", -9.5, 3), ("words > 100000", 3, 500),
    ],
)  # fmt: skip
def test_a_scale_has_room_on_both_sides_of_its_threshold(expression: str, low: float, high: float):
    rule = parse_rule("rule", expression)
    scale = make_scale(rule, low, high)
    constant = float(rule.constant)
    assert scale.stops[0] <= min(low, constant)
    assert scale.stops[0] < constant < scale.stops[-1]
    assert scale.stops[-1] >= high
    assert list(scale.stops) == sorted(set(scale.stops))
    assert 5 <= len(scale.stops) <= 400
    assert constant in scale.edges
    assert set(scale.edges) <= set(scale.stops)
    assert all(len(repr(stop)) < 10 for stop in scale.stops)  # nobody reads 0.30000000000000004


def test_a_sample_stands_for_all_pages_outcome_by_outcome(base: Finished):
    ledger = open_ledger(base.root)
    files = [str(path) for path in ledger.files]
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE ledger AS SELECT * EXCLUDE (i) REPLACE (record + 1000 * i AS record)"
            " FROM read_parquet(?), range(200) AS r(i)",
            [files],
        )
        whole = panel_sample(connection, ledger, 50_000)
        part = panel_sample(connection, ledger, 2_000)
    assert len(whole) == 200 * len(base.ledger())
    assert (whole["weight"] == 1).all()
    assert len(part) == pytest.approx(2_000, rel=0.1)
    keys = ["status", "stage", "rule", "audited"]
    whole, part = whole.fillna({"stage": "", "rule": ""}), part.fillna({"stage": "", "rule": ""})
    sizes = whole.groupby(keys).size()
    weights = part.groupby(keys)["weight"].sum()
    assert len(weights) == len(sizes) >= 10
    for key, weight in weights.items():
        assert weight == pytest.approx(sizes[key])
    drawn = part.groupby(keys).size()
    assert drawn.min() > 50  # the rare ones are there in numbers


def test_languages_are_counted_as_the_ledger_has_them_and_the_rest_is_one_row(
    by_language: Path, monkeypatch: pytest.MonkeyPatch
):
    ledger = open_ledger(by_language)
    rows = pq.read_table(by_language / "ledger", partitioning=None).to_pandas()
    with ledger.connect() as connection:
        counted = report_languages.count_by_language(connection, ledger)
        every = report_languages.read_languages(connection, ledger, counted)
        monkeypatch.setattr(report_languages, "MOST", 2)
        counted = report_languages.count_by_language(connection, ledger)
        cut = report_languages.read_languages(connection, ledger, counted)
    assert {row["label"] for row in every} == set(rows["language"].fillna(""))
    for row in every:
        own = rows[rows["language"].fillna("") == row["label"]]
        kept = own[own["status"] == "kept"]
        assert (row["pages"], row["kept"]) == (len(own), len(kept))
        assert (row["tokens"], row["kept_tokens"]) == (
            own["token_count"].sum(), kept["token_count"].sum(),
        )  # fmt: skip
        gone = own[own["status"] != "kept"]["rule"].value_counts().to_dict()
        assert dict(row["removed"]) == gone
    english = next(row for row in every if row["label"] == "en")
    assert (english["name"], english["code"], english["removed"]) == (
        "English", "eng_Latn", [["exact", 2]],
    )  # fmt: skip
    assert [row["label"] for row in cut] == [every[0]["label"], every[1]["label"], None]
    assert cut[2]["pages"] == sum(row["pages"] for row in every[2:])
    assert sum(pages for _, pages in cut[2]["removed"]) == cut[2]["pages"] - cut[2]["kept"]
