"""The gate on licences: measured of every page's HTML, null of texts."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from filters.errors import RecipeError, UsageError
from pipelines.audit import Audit
from pipelines.manifest import load_manifest
from pipelines.publish.plan import refuse_two_schemas
from pipelines.publish.samples import draw_samples
from pipelines.recipe import load_recipe
from pipelines.takedown.requests import read_requests
from pipelines.takedown.run import take_down
from pipelines.verify import verify_run
from tests.pipelines.small_run import RECIPE, do_run, edited, prose
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each, http, record

_LAST_URL = '    blocked: url.block_reason == "hard_blacklisted"\n'
GATED = edited(
    RECIPE,
    _LAST_URL,
    f'{_LAST_URL}    unlicensed: licence.kind == "none"\n'
    '    noncommercial: licence.name == "cc-by-nc-4.0"\n    mixed: licence.kinds > 1\n',
)
LINK = '<a rel="license" href="https://creativecommons.org/licenses/{}/4.0/">x</a>'
PAGES = {
    "none": "",
    "by": LINK.format("by"),
    "nc": LINK.format("by-nc"),
    "both": LINK.format("by-sa") + LINK.format("by"),
    "zero": '<link rel="license" href="https://creativecommons.org/publicdomain/zero/1.0/">',
}
RULES = {"none": "unlicensed", "nc": "noncommercial", "both": "mixed"}


def page(number: int, name: str) -> bytes:
    body = "".join(f"<p>{sentence}</p>" for sentence in prose(number + 700))
    html = f"<!doctype html><html><body><article>{body}</article>{PAGES[name]}</body></html>"
    return record(
        block=http(html.encode()),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://{name}.example/",
    )


def ledger(root: Path) -> dict[str, dict[str, Any]]:
    rows = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return {row["host"].partition(".")[0]: row for row in rows}


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("licence")
    (folder / "crawl").mkdir()
    pages = [page(number, name) for number, name in enumerate(PAGES)]
    (folder / "crawl/a.warc.gz").write_bytes(gzip_each(pages))
    do_run(GATED, folder / "crawl", folder / "run")
    return folder / "run"


def test_pages_leave_by_their_licence(gated: Path):
    rows = ledger(gated)
    assert {name: row["rule"] for name, row in rows.items() if row["stage"] == "licence"} == RULES
    assert {name: row["licence.name"] for name, row in rows.items()} == {
        "none": "none", "by": "cc-by-4.0", "nc": "cc-by-nc-4.0", "both": "cc-by-sa-4.0",
        "zero": "cc0-1.0",
    }  # fmt: skip
    assert (rows["zero"]["licence.place"], rows["both"]["licence.kinds"]) == ("link", 2)
    manifest = load_manifest(gated)
    assert manifest["licences"] == {"cc-by-4.0": 1, "cc0-1.0": 1}, "of what is published"
    assert "| `cc0-1.0` | 1 |" in (gated / "dataset/README.md").read_text()
    funnel = {row["rule"]: row["pages"] for row in manifest["funnel"] if row["stage"] == "licence"}
    assert funnel == {"unlicensed": 1, "noncommercial": 1, "mixed": 1}
    found = verify_run(gated, 1000, lambda _done, _total: None)
    assert found.ok, found.differences


def test_another_licence_is_a_question_to_the_ledger(gated: Path):
    moved = Audit(gated).whatif(set={"noncommercial": "cc-by-4.0"})
    assert (moved.before.kept.pages.value, moved.after.passing.pages.high) == (2, 2)
    rules = Audit(gated).rules().set_index("rule")
    assert rules.loc["mixed", "removed_pages"] == 1


def test_a_run_goes_on_from_stored_text(gated: Path):
    stricter = edited(GATED, "top_2gram_chars / chars > 0.20", "top_2gram_chars / chars > 0.21")
    do_run(stricter, gated.parent / "crawl", gated)
    commits = [json.loads(path.read_text()) for path in (gated / "commits/curate").iterdir()]
    assert {commit["facts"]["read"] for commit in commits} == {"documents"}
    assert ledger(gated)["nc"]["licence.name"] == "cc-by-nc-4.0"


def test_a_takedown_takes_out_its_pages_licences(gated: Path, tmp_path: Path):
    root = tmp_path / "run"
    shutil.copytree(gated, root)
    (tmp_path / "domains.txt").write_text("zero.example\n")
    take_down(root, read_requests({"domains": tmp_path / "domains.txt"}))
    assert load_manifest(root)["licences"] == {"cc-by-4.0": 1}


def test_texts_have_no_licence(tmp_path: Path):
    (tmp_path / "in").mkdir()
    lines = (json.dumps({"text": "\n".join(prose(n)), "url": f"http://a{n}.example/"})
             for n in range(3))  # fmt: skip
    (tmp_path / "in/a.jsonl").write_text("\n".join(lines) + "\n")
    told = Listener()
    do_run(GATED, tmp_path / "in", tmp_path / "run", told)
    assert any("texts have no HTML" in line for line in told.told)
    rows = ledger(tmp_path / "run")
    assert {(row["licence.name"], row["status"]) for row in rows.values()} == {(None, "kept")}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('licence.kind == "none"', 'licence.kind == "cc-by"', 'with "cc-by", which it never is'),
        ("licence.kinds > 1", "licence.kind > 1", "compares the label licence.kind with a number"),
        ("    unsure_language", "    late: licence.kinds > 2\n    unsure_language", "on licences"),
        ("    top_2_gram", "    late: licence.kinds > 2\n    top_2_gram", "which only gates read"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said(tmp_path: Path, old: str, new: str, told: str):
    (tmp_path / "r.yaml").write_text(edited(GATED, old, new))
    with pytest.raises(RecipeError, match=told):
        load_recipe(str(tmp_path / "r.yaml"))


PUBLISHED = f"{RECIPE}dataset: {{licence: true}}\n"
NAMES = {"none": "none", "by": "cc-by-4.0", "nc": "cc-by-nc-4.0", "both": "cc-by-sa-4.0",
         "zero": "cc0-1.0"}  # fmt: skip


def published(root: Path) -> dict[str, str | None]:
    """Return the licence of each published row by the name of its page."""
    rows = pq.read_table(root / "dataset/data", partitioning=None).to_pylist()
    return {row["url"].removeprefix("http://").partition(".")[0]: row["licence"] for row in rows}


def dataset_bytes(root: Path) -> dict[str, bytes]:
    shards = sorted((root / "dataset/data").rglob("*.parquet"))
    return {str(path.relative_to(root)): path.read_bytes() for path in shards}


def how_read(root: Path) -> set[str]:
    commits = [json.loads(path.read_text()) for path in (root / "commits/curate").iterdir()]
    return {commit["facts"]["read"] for commit in commits}


def test_a_licence_is_a_column_of_the_dataset_where_it_is_asked_for(gated: Path, tmp_path: Path):
    crawl, root = gated.parent / "crawl", tmp_path / "run"
    do_run(RECIPE, crawl, root)
    plain = dataset_bytes(root)
    schema = pq.read_schema(next((root / "dataset/data").rglob("*.parquet")))
    assert "licence" not in schema.names
    assert "licence_column" not in load_manifest(root)

    do_run(PUBLISHED, crawl, root)
    assert how_read(root) == {"crawl"}, "the text does not tell"
    assert published(root) == NAMES
    assert load_manifest(root)["licences"] == dict.fromkeys(sorted(NAMES.values()), 1)
    card = (root / "dataset/README.md").read_text()
    assert "- name: licence\n" in card
    assert "| `licence` | string | what the page's markup names first" in card
    found = verify_run(root, 1000, lambda _done, _total: None)
    assert found.ok, found.differences
    draw_samples(root, ["1K"])
    (sample,) = (root / "dataset/sample/1KT").rglob("*.parquet")
    assert pq.read_schema(sample).names[-1] == "licence"

    do_run(RECIPE, crawl, root)
    assert dataset_bytes(root) == plain


def test_what_a_gate_has_measured_is_published_without_another_look(gated: Path, tmp_path: Path):
    root = tmp_path / "run"
    shutil.copytree(gated, root)
    do_run(GATED, gated.parent / "crawl", root)
    before = {path.name: path.read_bytes() for path in (root / "commits/curate").iterdir()}
    do_run(f"{GATED}dataset: {{by: language, licence: true}}\n", gated.parent / "crawl", root)
    assert {path.name: path.read_bytes() for path in (root / "commits/curate").iterdir()} == before
    assert published(root) == {"by": "cc-by-4.0", "zero": "cc0-1.0"}
    assert verify_run(root, 1000, lambda _done, _total: None).ok


def test_texts_are_published_without_one(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_text(json.dumps({"text": "\n".join(prose(1))}) + "\n")
    told = Listener()
    do_run(PUBLISHED, tmp_path / "in", tmp_path / "run", told)
    assert any("texts have no HTML" in line for line in told.told)
    assert list(published_of_texts(tmp_path / "run")) == [None]


def published_of_texts(root: Path) -> list[str | None]:
    licences = pq.read_table(root / "dataset/data", partitioning=None)["licence"]
    return list(licences.to_pylist())


def test_a_repository_has_the_column_everywhere_or_nowhere():
    runs = {"old": {"rows": 1}, "new": {"rows": 1, "licence_column": True}}
    listing = {"runs": runs, "dumps": {"CC-1": "old", "CC-2": "new"}}
    with pytest.raises(UsageError, match=r"with a column `licence` \(CC-2\) and without \(CC-1\)"):
        refuse_two_schemas(listing)
    refuse_two_schemas({**listing, "dumps": {"CC-2": "new"}})
    refuse_two_schemas({**listing, "dumps": {"CC-1": "old"}})
