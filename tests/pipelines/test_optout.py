"""The gate of those who have opted out: measured of every page, counted by protocol, or null."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters.errors import RecipeError, UsageError
from pipelines.card import make_card
from pipelines.manifest import load_manifest
from pipelines.recipe import load_recipe
from pipelines.verify import verify_run
from tests.pipelines.small_run import CARD_FILE, RECIPE, do_run, edited, prose
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each, http, record

_LAST_URL = '    blocked: url.block_reason == "hard_blacklisted"\n'
GATE = """\
    no_ai: optout.noai > 0
    reserved: optout.tdm_reservation > 0
"""
GATED = edited(RECIPE, _LAST_URL, _LAST_URL + GATE)
PAGES = {
    "plain": ("", ""),
    "noai": ("X-Robots-Tag: noai", ""),
    "noai2": ("X-Robots-Tag: noimageai\r\nX-Robots-Tag: noai", ""),
    "tdm": ("TDM-Reservation: 1", ""),
    "meta": ("", '<meta name="tdm-reservation" content="1">'),
    "both": ("TDM-Reservation: 1", '<meta name="robots" content="noai">'),
    "image": ("", '<meta name="robots" content="noimageai, noindex">'),
    "porn": ("X-Robots-Tag: noai", ""),
}
RULES = {"noai": "no_ai", "noai2": "no_ai", "tdm": "reserved", "meta": "reserved", "both": "no_ai"}


def page(number: int, name: str) -> bytes:
    header, tag = PAGES[name]
    sentences = "".join(f"<p>{sentence}</p>" for sentence in prose(number + 500))
    html = f"<!doctype html><html><head>{tag}</head><body><article>{sentences}</article></body>"
    block = http(html.encode())
    if header:
        block = block.replace(b"\r\n", b"\r\n" + header.encode() + b"\r\n", 1)
    return record(
        block=block,
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://{name}.example/{name}",
    )


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optout") / "crawl"
    folder.mkdir()
    pages = [page(number, name) for number, name in enumerate(PAGES)]
    (folder / "a.warc.gz").write_bytes(gzip_each(pages))
    return folder


@pytest.fixture(scope="module")
def gated(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gated") / "run"
    do_run(GATED, crawl, root)
    return root


def ledger(root: Path) -> dict[str, dict]:
    rows = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return {row["host"].partition(".")[0]: row for row in rows}


def test_pages_that_reserve_their_use_leave_by_protocol(gated: Path):
    rows = ledger(gated)
    assert {name: row["rule"] for name, row in rows.items() if row["stage"] == "optout"} == RULES
    assert rows["porn"]["stage"] == "url"
    assert rows["porn"]["optout.noai"] == 1  # as of every page
    assert rows["noai2"]["optout.noimageai"] == 1
    assert (rows["image"]["optout.noindex"], rows["image"]["status"]) == (1, "kept")
    assert rows["plain"]["optout.noai"] == 0
    manifest = load_manifest(gated)
    assert manifest["opt_outs"] == {
        "examined": 8, "optout.noai": 4, "optout.noimageai": 2, "optout.noindex": 1,
        "optout.tdm_reservation": 3,
    }  # fmt: skip
    funnel = {row["rule"]: row["pages"] for row in manifest["funnel"] if row["stage"] == "optout"}
    assert funnel == Counter(RULES.values())
    found = verify_run(gated, 1000, lambda _done, _total: None)
    assert found.ok, found.differences


def test_card_and_annex_count_by_protocol(gated: Path):
    (gated / "card.yaml").write_text(CARD_FILE)
    make_card(gated, "org/name")
    card = (gated / "dataset/README.md").read_text()
    assert "## Opt-outs\n\nOf 8 pages 8 had HTTP headers" in card
    assert "| noai (X-Robots-Tag, meta tag) | `optout.noai` | 4 | 3 |" in card
    assert (
        "| TDM reservation protocol (header, meta tag) | `optout.tdm_reservation` | 3 | 2 |" in card
    )
    annex = json.loads((gated / "dataset/annex.json").read_bytes())["3.1 reservations of rights"]
    assert annex["noai (X-Robots-Tag, meta tag)"] == "4 pages; 3 left out for it"
    assert annex["robots.txt"] == annex["tdmrep.json"] == "not measured"
    assert annex["lists of those who have opted out"] == "not measured"


def test_a_recipe_without_the_gate_measures_nothing(crawl: Path, tmp_path: Path):
    do_run(RECIPE, crawl, tmp_path / "run")
    rows = ledger(tmp_path / "run")
    assert not [name for name in rows["noai"] if name.startswith("optout")]
    assert rows["noai"]["status"] == "kept"
    assert "opt_outs" not in load_manifest(tmp_path / "run")
    make_card(tmp_path / "run")
    annex = json.loads((tmp_path / "run/dataset/annex.json").read_bytes())
    assert annex["3.1 reservations of rights"]["noai (X-Robots-Tag, meta tag)"] == "not measured"
    assert "## Opt-outs" not in (tmp_path / "run/dataset/README.md").read_text()


def test_a_rule_that_goes_lets_its_pages_through_as_a_run_from_the_beginning(
    gated: Path, crawl: Path, tmp_path: Path
):
    from pipelines.audit import Audit

    less = edited(GATED, "    no_ai: optout.noai > 0\n", "")
    moved = Audit(gated).whatif(drop=["no_ai"])
    do_run(less, crawl, tmp_path / "run")
    rows = ledger(tmp_path / "run")
    assert {name for name, row in rows.items() if row["stage"] == "optout"} == {
        "tdm", "meta", "both",
    }  # fmt: skip
    kept = sum(row["status"] == "kept" for row in rows.values())
    before = sum(row["status"] == "kept" for row in ledger(gated).values())
    assert kept == before + 2
    assert moved.after.kept.pages.high >= kept


def test_lists_of_opt_outs_take_sites_and_pages(crawl: Path, tmp_path: Path):
    (tmp_path / "list.txt").write_text(
        "# mine\nplain.example\n\nhttps://image.example/image?utm_source=a\n"
    )
    listed = edited(RECIPE, "recipe: small\n", f"recipe: small\nopt_outs: [{tmp_path}/list.txt]\n")
    listed = edited(listed, _LAST_URL, f"{_LAST_URL}    opted_out: optout.listed > 0\n")
    do_run(listed, crawl, tmp_path / "run")
    rows = ledger(tmp_path / "run")
    left = {name for name, row in rows.items() if row["rule"] == "opted_out"}
    assert left == {"plain", "image"}
    manifest = load_manifest(tmp_path / "run")
    assert manifest["opt_outs"]["optout.listed"] == 2
    assert any(name.endswith("list.txt") for name in manifest["assets_sha256"])
    (tmp_path / "list.txt").write_text("noai.example\n")
    assert do_run(listed, crawl, tmp_path / "run").did_work
    rows = ledger(tmp_path / "run")
    assert {name for name, row in rows.items() if row["rule"] == "opted_out"} == {"noai"}
    (tmp_path / "list.txt").write_text("plain.example\nno domain\n")
    with pytest.raises(UsageError, match=r"list.txt:2: 'no domain' is no domain"):
        do_run(listed, crawl, tmp_path / "run")
    (tmp_path / "list.txt").unlink()
    with pytest.raises(UsageError, match="there is no file"):
        do_run(listed, crawl, tmp_path / "run")


def test_texts_without_headers_are_told_and_null(tmp_path: Path):
    (tmp_path / "in").mkdir()
    rows = [{"text": "\n".join(prose(n)), "url": f"http://a{n}.example/"} for n in range(3)]
    lines = "\n".join(map(json.dumps, rows))
    (tmp_path / "in/a.jsonl").write_text(lines + "\n")
    told = Listener()
    do_run(GATED, tmp_path / "in", tmp_path / "run", told)
    assert any("no HTTP headers and no HTML" in line for line in told.told)
    found = ledger(tmp_path / "run")
    assert {row["optout.noai"] for row in found.values()} == {None}
    assert {row["status"] for row in found.values()} == {"kept"}
    assert load_manifest(tmp_path / "run")["opt_outs"] == {}
    make_card(tmp_path / "run")
    annex = json.loads((tmp_path / "run/dataset/annex.json").read_bytes())
    assert annex["3.1 reservations of rights"]["noai (X-Robots-Tag, meta tag)"] == "not measured"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    no_ai: optout.noai > 0\n", "    no_ai: optout.listed > 0\n", "there is no list"),
        ("recipe: small\n", "recipe: small\nopt_outs: [a.txt]\n", "lists that no rule reads"),
        ("recipe: small\n", "recipe: small\nopt_outs: 3\n", "must be a list of files"),
        (
            "    unsure_language",
            "    late: optout.noai > 0\n    unsure_language",
            "on opt-outs comes",
        ),
        ("    top_2_gram", "    noai: optout.noai > 0\n    top_2_gram", "which only gates read"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said(tmp_path: Path, old: str, new: str, told: str):
    (tmp_path / "r.yaml").write_text(edited(GATED, old, new))
    with pytest.raises(RecipeError, match=told):
        load_recipe(str(tmp_path / "r.yaml"))
