"""`cuvee verify`: ok for what was published and for runs as they are, or what differs."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.verify import Findings, replay, verify_run
from tests.hub.people import TOKEN, environment, run_commands
from tests.hub.repository import Blob
from tests.hub.runs import FIRST, SECOND, rows_of, wanted
from tests.hub.server import Hub, serve
from tests.pipelines.small_run import Finished, edited

SHARD = f"dataset/data/{FIRST}/000_00000.parquet"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve(rights={TOKEN: "write"}) as hub:
        yield hub


def verify(root: Path, sample: int = 1000, *, own_code: bool = False) -> Findings:
    return verify_run(root, sample, lambda _done, _total: None, own_code=own_code)


@pytest.fixture
def copy(two_dumps: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_dumps, tmp_path / "run"))


def booked(root: Path, name: str) -> None:
    """Let the manifest say of a file what is true of it: only what it holds can be told then."""
    manifest = json.loads((root / "manifest.json").read_bytes())
    data = (root / name).read_bytes()
    (facts,) = [facts for facts in manifest["files"] if facts["path"] == name]
    facts.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    (root / "manifest.json").write_text(json.dumps(manifest))


def rewrite(root: Path, name: str, change) -> None:
    """Change rows of a table and let the manifest agree with its bytes."""
    table = pq.read_table(root / name, partitioning=None)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), root / name)
    booked(root, name)


def test_a_run_is_as_its_manifest_and_its_recipe_say(base: Finished, two_dumps: Path):
    for root in (base.root, two_dumps):
        found = verify(root)
        assert found.ok, found.differences
        assert found.notes == []
        documents = pq.read_table(root / "documents", partitioning=None).num_rows
        assert found.checked["pages"] == documents
        assert found.checked["rows"] == len(rows_of(root))
        assert found.checked["tokens"] == sum(row["token_count"] for row in rows_of(root))


def test_a_sample_is_the_same_every_time(base: Finished):
    drawn = [replay._draw(base.root, 5) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 5
    more = [row["id"] for row, _ in replay._draw(base.root, 6)]
    assert {row["id"] for row, _ in drawn[0]} < set(more)


def _flip(root: Path) -> None:
    path = root / SHARD
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def _one_more(root: Path) -> None:
    shutil.copy(root / SHARD, (root / SHARD).with_name("000_00099.parquet"))


def _no_parquet(root: Path) -> None:
    (root / SHARD).write_bytes(b"PAR1 but no more")
    booked(root, SHARD)


def _column_gone(root: Path) -> None:
    table = pq.read_table(root / SHARD, partitioning=None)
    pq.write_table(table.drop_columns(["url"]), root / SHARD)
    booked(root, SHARD)


def _row_gone(root: Path) -> None:
    rewrite(root, SHARD, lambda rows: rows.pop())


def _another_text(root: Path) -> None:
    rewrite(root, SHARD, lambda rows: rows[0].update(text=rows[0]["text"] + " And more."))


def _another_count(root: Path) -> None:
    def change(rows):
        rows[0]["token_count"] += 1

    rewrite(root, SHARD, change)


def _ids_lost(root: Path) -> None:
    rewrite(root, f"tokens/{FIRST}-000_00000.parquet", lambda rows: rows[0]["input_ids"].pop())


def _another_decision(root: Path) -> None:
    def change(rows):
        row = next(row for row in rows if row["status"] == "kept")
        row.update(status="dropped", stage="quality", rule="short")

    rewrite(root, _ledger(root), change)


def _another_measurement(root: Path) -> None:
    def change(rows):
        row = next(row for row in rows if row["text.chars"])
        row["text.chars"] += 1

    rewrite(root, _ledger(root), change)


def _ledger(root: Path) -> str:
    return min((root / "ledger").rglob("*.parquet")).relative_to(root).as_posix()


def _another_recipe(root: Path) -> None:
    path = root / "recipe.yaml"
    path.write_text(edited(path.read_text(), "lexical_words < 50", "lexical_words < 500"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_flip, f"{SHARD}: its sha256 is"),
        (lambda root: (root / SHARD).unlink(), f"{SHARD}: is missing"),
        (_one_more, "000_00099.parquet: is not in the manifest"),
        (_no_parquet, "cannot be read as Parquet"),
        (_column_gone, f"{SHARD}: its columns are not those of data"),
        (_row_gone, f"{SHARD}: its rows are"),
        (_another_count, "the dataset: its tokens are"),
        (_ids_lost, "have another number of ids than they say"),
        (_another_text, "its published text is not what the recipe gives"),
        (_another_decision, "ledger, dropped quality short: pages and tokens are"),
        (_another_measurement, "text.chars is"),
        (_another_recipe, "and should be ('dropped', 'quality', 'short')"),
    ],
)
def test_what_differs_is_told(copy: Path, change, words: str):
    change(copy)
    found = verify(copy)
    assert not found.ok
    assert any(words in line for line in found.differences), found.differences


def test_a_recipes_own_code_runs_only_when_it_is_trusted(copy: Path):
    (copy / "planted.py").write_text("raise RuntimeError('it ran')  # @signal\n")
    path = copy / "recipe.yaml"
    path.write_text(edited(path.read_text(), "signals: {}", "signals: [planted]"))
    found = verify(copy)
    assert found.ok
    assert found.checked["pages"] == 0
    assert "--own-code" in found.notes[0]
    assert "it ran" in verify(copy, own_code=True).notes[0]


def test_the_hub_a_copy_of_it_and_the_command(hub: Hub, two_dumps: Path, tmp_path: Path):
    env = environment(hub, tmp_path)
    told = run_commands(
        [
            ["publish", two_dumps, "org/name", "--tag", "v1"],
            ["verify", "org/name", "--json"],
            ["verify", "org/name", "--quick", "--revision", "v1"],
            ["verify", "hf://datasets/org/name"],
            ["verify", two_dumps, "--sample", "3"],
            ["verify", "org/none"],
        ],
        env,
    )
    assert [code for code, _ in told] == [0, 0, 0, 0, 0, 2], told
    facts = json.loads(told[1][1])
    rows = len(rows_of(two_dumps))
    assert facts["ok"]
    assert facts["checked"]["rows"] == rows
    assert facts["checked"]["tokens"] == sum(row["token_count"] for row in rows_of(two_dumps))
    files = len(hub.repositories["org/name"].files()) - len((".gitattributes", "manifest", "sums"))
    assert f"org/name: ok ({files} files, {facts['checked']['bytes']:,} bytes)" in told[2][1]
    assert f"{two_dumps}: ok (" in told[4][1]
    assert "3 pages)" in told[4][1]
    assert "not on the Hub, or may not be read" in told[5][1]
    fetched = tmp_path / "fetched"
    for path, blob in hub.repositories["org/name"].files().items():
        (fetched / path).parent.mkdir(parents=True, exist_ok=True)
        (fetched / path).write_bytes(blob.data)
    ((code, said),) = run_commands([["verify", fetched]], env)
    assert (code, "fetched: ok (" in said) == (0, True), said


def test_what_differs_on_the_hub_is_told(hub: Hub, two_dumps: Path, tmp_path: Path):
    env = environment(hub, tmp_path)
    names = ("changed", "gone", "added", "uncarded")
    run_commands([["publish", two_dumps, f"org/{name}"] for name in names], env)
    first, second = sorted(wanted(two_dumps))[:2]
    other = Blob(wanted(two_dumps)[second], lfs=True)
    hub.stored["org/changed", other.sha256] = other.data
    changes = {
        "changed": {first: other},
        "gone": {first: None},
        "added": {f"data/{SECOND}/000_00099.parquet": other},
        "uncarded": {"manifest.json": None},
    }
    for name, change in changes.items():
        hub.repositories[f"org/{name}"].add("main", "meddled", change, None)
    told = dict(
        zip(names, run_commands([["verify", f"org/{name}"] for name in names], env), strict=True)
    )
    assert f"{first}: its sha256 is" in told["changed"][1]
    assert "org/changed: 2 differences (" in told["changed"][1]
    assert f"{first}: is missing" in told["gone"][1]
    assert "000_00099.parquet: is not in the manifest" in told["added"][1]
    assert "has no manifest.json of cuvee" in told["uncarded"][1]
    assert [code for code, _ in told.values()] == [1, 1, 1, 2]
    assert TOKEN not in str(told)
