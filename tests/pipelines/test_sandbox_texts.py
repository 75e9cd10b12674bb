"""A text on which a last edit or the counting of tokens hangs, crashes or swells costs itself."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, normalizers

from filters.catalog import EDITS
from filters.errors import UnitError
from pipelines import final_edits
from pipelines.manifest import read_manifest
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.sandbox import texts
from pipelines.sandbox.opened import UnitWork
from pipelines.sandbox.run import Dead
from pipelines.sandbox.texts import Ask, TextWork
from pipelines.storage import CommitLog
from pipelines.tokenizer import train_tokenizer
from tests.pipelines.small_run import (
    RECIPE,
    differing,
    edited,
    made_pages,
    page,
    prose,
    published,
)
from tests.pipelines.units import Listener

LIMITS = "limits: {cpu_seconds: 0.3, memory: 128MiB}\nmax_failed_pages: 1.0\n"
BLOCK = "- datatrove: {tests.pipelines.own_blocks.Obeying: {}}\n"
WITH_BLOCK = edited(RECIPE, "tokenizer:", f"{BLOCK}tokenizer:")
ASKING = {"LOOP": "cpu_limit", "DUMP": "crash:SIGSEGV", "FILL": "memory_limit"}
PLANTED = """\
\"\"\"The edit of personal data, but for texts that ask for something else.\"\"\"

from filters import signal
from filters.catalog import EDITS
from tests.pipelines.own_blocks import obey

_apply = EDITS["pii"].apply


def _obeying(text, options):
    obey(text.raw)
    return _apply(text, options)


object.__setattr__(EDITS["pii"], "apply", _obeying)


@signal(version=1)
def nothing(text):
    \"\"\"Count nothing.\"\"\"
    return 0
"""


def run_of(pages: list[bytes], folder: Path, written: str) -> Path:
    folder.mkdir()
    (folder / "obeying_edit.py").write_text(PLANTED)
    (folder / "crawl.warc").write_bytes(b"".join(pages))
    (folder / "recipe.yaml").write_text(written)
    recipe = load_recipe(str(folder / "recipe.yaml"), (), [str(folder / "crawl.warc")])
    run(recipe, folder / "run", RunOptions(engine="inline"), Listener())
    return folder / "run"


def asking(number: int, what: str) -> bytes:
    wish = f"That is the page which says PLEASE {what} to whoever reads of it."
    return page(number, [*prose(number), wish])


def ledger(root: Path) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return rows


def facts(root: Path, stage: str) -> Mapping[str, Any]:
    (commit,) = CommitLog(root).commits(stage).values()
    return commit.facts


@pytest.fixture
def catalog() -> Iterator[None]:
    """The catalogue of edits as it is, afterwards."""
    apply = EDITS["pii"].apply
    yield
    object.__setattr__(EDITS["pii"], "apply", apply)


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    "written", [WITH_BLOCK, f"signals: [obeying_edit]\n{RECIPE}"], ids=["block", "edit"]
)
def test_a_text_that_ends_a_final_edit_costs_itself(written: str, tmp_path: Path):
    hostile = [asking(900 + place, what) for place, what in enumerate(ASKING)]
    pages = made_pages()
    plain = run_of(pages, tmp_path / "plain", written + LIMITS)
    root = run_of([*pages, *hostile], tmp_path / "hostile", written + LIMITS)
    rows = ledger(root)
    asked = rows[-len(hostile) :]
    assert [(row["status"], row["stage"], row["rule"]) for row in asked] == [
        ("failed", "quality", reason) for reason in ASKING.values()
    ]
    assert [row["token_count"] for row in asked] == [None] * 3
    assert rows[: -len(hostile)] == ledger(plain)
    changed = differing(published(plain), published(root))
    assert {name.partition("/")[0] for name in changed} == {"documents", "ledger"}
    told = facts(root, "settle")
    assert told["at_limits"]["failed"] == dict.fromkeys(ASKING.values(), 1)
    assert told["failures"] == {f"quality: {reason}": 1 for reason in ASKING.values()}
    assert (read_manifest(root) or {})["at_limits"]["failed"] == told["at_limits"]["failed"]
    assert "at_limits" not in facts(root, "curate")


def test_what_comes_after_it_is_as_without_it(tmp_path: Path):
    """The block numbers the texts: a fresh child is given the earlier ones again."""
    pages = made_pages()
    among = [pages[0], *(asking(900 + n, what) for n, what in enumerate(ASKING)), *pages[1:]]
    root = run_of(among, tmp_path / "among", WITH_BLOCK + LIMITS)
    failed = [row["rule"] for row in ledger(root) if row["status"] == "failed"]
    assert failed == list(ASKING.values())
    plain = run_of(pages, tmp_path / "plain", WITH_BLOCK + LIMITS)
    assert dataset(root) == dataset(plain) != []


def dataset(root: Path) -> list[tuple[str, str]]:
    rows = pq.read_table(root / "dataset/data", partitioning=None).to_pylist()
    return sorted((row["id"], row["text"]) for row in rows)


@pytest.mark.parametrize("written", [WITH_BLOCK, RECIPE], ids=["block", "edit"])
def test_the_sandbox_changes_nothing_but_where_it_happens(written: str, tmp_path: Path):
    inside = run_of(made_pages(), tmp_path / "inside", written)
    alone = run_of(made_pages(), tmp_path / "alone", f"{written}limits: false\n")
    assert differing(published(inside), published(alone)) == []
    assert "at_limits" not in facts(inside, "settle")


@pytest.fixture(scope="module")
def slow_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that makes a million characters of a snowman before it counts."""
    tokenizer = Tokenizer.from_buffer(train_tokenizer(prose(1, sentences=200), 300))
    chain = "☃☄★✩"
    steps = [normalizers.Replace(one, 100 * other) for one, other in pairwise(chain)]
    tokenizer.normalizer = normalizers.Sequence(steps)
    path = tmp_path_factory.mktemp("slow") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def test_a_text_that_cannot_be_counted_in_time_costs_itself(slow_tokenizer: Path, tmp_path: Path):
    trained = "tokenizer: {train: {vocab_size: 400}}"
    written = edited(RECIPE, trained, f"tokenizer: {json.dumps(str(slow_tokenizer))}")
    written += "limits: {cpu_seconds: 0.3}\nmax_failed_pages: 1.0\n"
    kept = page(900, [*prose(900), "That is a ☃ of the river and the forest."])
    dropped = page(901, ["That is a ☃ of the river and the forest.", *prose(901, sentences=3)])
    root = run_of([*made_pages(), kept, dropped], tmp_path / "run", written)
    plain = run_of(made_pages(), tmp_path / "plain", written)
    rows = ledger(root)
    assert [(row["status"], row["stage"], row["rule"]) for row in rows[-2:]] == [
        ("failed", "quality", "cpu_limit")
    ] * 2
    assert rows[:-2] == ledger(plain)
    assert any(row["status"] == "dropped" and row["token_count"] for row in rows)
    for stage in ("curate", "settle"):
        assert facts(root, stage)["at_limits"]["failed"] == {"cpu_limit": 1}
    told = (read_manifest(root) or {})["at_limits"]
    assert [page["record"] for page in told["pages"]] == [len(rows) - 1, len(rows) - 2]
    alone = edited(written, "{cpu_seconds: 0.3}", "false")
    assert published(run_of(made_pages(), tmp_path / "alone", alone)) == published(plain)


def test_another_limit_tries_what_failed_again(tmp_path: Path):
    folder = tmp_path / "run"
    pages = [*made_pages(), asking(900, "FILL")]
    root = run_of(pages, folder, WITH_BLOCK + LIMITS)
    recipe = folder / "recipe.yaml"
    recipe.write_text(edited(recipe.read_text(), "128MiB", "64MiB"))
    before = facts(root, "settle")["at_limits"]
    again = Listener()
    run(load_recipe(str(recipe), (), [str(folder / "crawl.warc")]), root,
        RunOptions(engine="inline"), again)  # fmt: skip
    assert "settle: 1 units, 0 done" in again.told
    assert facts(root, "settle")["at_limits"] == before


@pytest.mark.parametrize(
    "answer",
    [
        Dead("extract", "crash:garbled"),
        [],
        [b"", b""],
        [b'[{}, 1, ["kept", "quality", "x"], true]', b""],
        [b'[{"a": "b"}, 1, null, true]', b""],
        [b"[{}, 1, null, false]", b"\xff"],
        [b"[[], 1, null, true]", b""],
    ],
)
def test_what_no_child_of_ours_would_send_fails_the_page(answer: Any):
    done = texts._finished(Ask(0, "text", edit=True), answer)
    assert (done.text, done.tokens) == ("text", None)
    assert done.failed is not None
    assert done.failed.rule == "crash:garbled"


def test_without_a_sandbox_nothing_is_told():
    assert UnitWork(None).facts() == {}
    assert UnitWork(None).used == (0.0, 0)


@pytest.mark.parametrize("what", ["edit", "count"])
def test_a_text_that_cannot_be_finished_costs_only_itself(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written = f"{RECIPE}limits: false\nmax_failed_pages: 1.0\n"
    plain = run_of(made_pages(), tmp_path / "plain", written)
    last = max(row["record"] for row in ledger(plain) if row["status"] == "kept")
    words = {row["record"]: row["text"] for row in documents(plain)}[last].splitlines()[0]

    def fails(text: str) -> None:
        if words in text:
            raise ZeroDivisionError

    pii, counts = EDITS["pii"], texts.count_tokens
    if what == "edit":
        edit = replace(pii, apply=lambda text, options: fails(text.raw) or pii.apply(text, options))
        monkeypatch.setattr(final_edits, "EDITS", {**EDITS, "pii": edit})
    else:
        monkeypatch.setattr(
            texts, "count_tokens", lambda path, text: fails(text) or counts(path, text)
        )
    root = run_of(made_pages(), tmp_path / "run", written)
    rows = {row["record"]: row for row in ledger(root)}
    assert (rows[last]["status"], rows[last]["rule"]) == ("failed", "error:ZeroDivisionError")
    status = {record: row["status"] for record, row in rows.items() if record != last}
    assert status == {r["record"]: r["status"] for r in ledger(plain) if r["record"] != last}
    assert (read_manifest(root) or {})["rows"] == (read_manifest(plain) or {})["rows"] - 1


def documents(root: Path) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = pq.read_table(root / "documents", partitioning=None).to_pylist()
    return rows


def test_a_tokenizer_that_cannot_be_loaded_is_no_pages_fault(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    recipe = load_recipe(str(tmp_path / "recipe.yaml"))
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    work = TextWork(recipe, str(broken), tuple)
    with pytest.raises(UnitError, match="tokenizer of the run cannot be loaded"):
        list(work.each([(0, Ask(0, "A text.", edit=True))]))
