"""Whole datasets of the Hub, from a Hub on this machine: what is found, asked and said."""

import io
import json
import subprocess
from collections.abc import Iterator
from os import environ
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import UsageError
from pipelines.crawl.text.hub import HubDataset, parse_address
from tests.command import cuvee, python
from tests.hub.server import COMMIT, Hub, serve
from tests.pipelines.text_rows import LENIENT, ledger, lines, made_rows

TOKEN = "hf_aVerySecretToken"  # noqa: S105  nobody's
ROWS = made_rows(12)

# `datasets` reads where the Hub is when it is imported: each test asks in another process.
PROGRAM = """
import json, sys
from collections import Counter
from filters.errors import CuveeError
from pipelines.crawl import find_inputs, look_at_columns, read_pages
from pipelines.recipe import Columns

def tell(uri):
    try:
        files = find_inputs([uri])
        look_at_columns(files, Columns(), lambda line: None)
    except CuveeError as error:
        return [type(error).__name__, str(error)]
    items = [item for file in files for item in read_pages(file, Counter())]
    return [
        [[file.uri, file.file_path, file.size, file.format] for file in files],
        [getattr(item, "text", None) or getattr(item, "reason", "") for item in items],
    ]

print(json.dumps({uri: tell(uri) for uri in sys.argv[1:]}))
"""


def parquet(rows: list[dict]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def csv(rows: list[dict]) -> bytes:
    text = "text,url\n" + "".join(f'"{row["text"]}",{row["url"]}\n' for row in rows)
    return text.encode()


def card(*configs: tuple[str, str]) -> bytes:
    listed = "".join(f"- config_name: {name}\n  data_files: {path}\n" for name, path in configs)
    return f"---\nconfigs:\n{listed}---\n".encode()


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Path:
    """A file of this machine that a dataset has no business with."""
    path = tmp_path_factory.mktemp("outside") / "private.csv"
    path.write_text("text\nsecret\n")
    return path


@pytest.fixture(scope="module")
def hub(outside) -> Iterator[Hub]:
    one = lines([{"text": "x"}])
    datasets = {
        "org/plain": {
            "README.md": b"# Plain\n",
            "data/train-00000-of-00002.parquet": parquet(ROWS[:6]),
            "data/train-00001-of-00002.parquet": parquet(ROWS[6:]),
            "data/test-00000-of-00001.parquet": parquet(ROWS[:1]),
        },
        "org/lines": {"a.jsonl": lines(ROWS[:2]), "b.jsonl": lines(ROWS[2:4])},
        "org/csv": {"x.csv": csv(ROWS[:2]), "y.csv": csv(ROWS[2:5])},
        "org/broken": {"x.csv": b'text,url\na,b\n"c\n' + b"d,e,f,g,h\n" * 9},
        "org/array": {"x.json": json.dumps(ROWS[:3]).encode()},
        "org/configs": {
            "README.md": card(("one", "one/*.jsonl"), ("two", "two/*.jsonl")),
            "one/a.jsonl": one,
            "two/a.jsonl": one,
        },
        "org/splits": {"test.jsonl": one, "validation.jsonl": one},
        "org/outside": {"README.md": card(("default", str(outside))), "a.jsonl": one},
        "org/script": {"script.py": b"raise SystemExit('run')\n", "a.jsonl": one},
        "org/images": {"a.png": b"\x89PNG\r\n\x1a\n"},
        "org/no_text": {"data.parquet": parquet([{"story": "a b c", "n": 1}])},
        "org/empty": {"README.md": b"# Nothing\n"},
    }
    with serve(datasets, gated=("org/gated",)) as hub:
        yield hub


def environment(hub: Hub, home: Path) -> dict[str, str]:
    return {
        **environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def ask(hub: Hub, home: Path, *names: str) -> dict[str, list]:
    command = python(PROGRAM, *(f"hf://datasets/{name}" for name in names))
    done = subprocess.run(
        command, env=environment(hub, home), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    told = json.loads(done.stdout)
    return {uri.removeprefix("hf://datasets/"): found for uri, found in told.items()}


@pytest.fixture(scope="module")
def told(hub, tmp_path_factory) -> dict[str, list]:
    names = (
        "plain@main?split=test", "lines", "csv", "broken", "array", "configs", "configs?config=two",
        "configs?config=tow", "splits", "outside", "script", "images", "no_text", "empty", "gated",
        "absent", "plain@nowhere", "plain?splt=x",
    )  # fmt: skip
    return ask(hub, tmp_path_factory.mktemp("home"), *(f"org/{name}" for name in names))


def pinned(name: str, path: str) -> str:
    return f"hf://datasets/org/{name}@{COMMIT}/{path}"


def texts(rows: list[dict]) -> list[str]:
    return [row["text"] for row in rows]


def test_parquet_and_lines_are_files_of_a_pinned_commit(told):
    files, rows = told["org/plain@main?split=test"]
    path = "data/test-00000-of-00001.parquet"
    assert files == [[pinned("plain", path), path, len(parquet(ROWS[:1])), "parquet"]]
    assert rows == texts(ROWS[:1])
    files, rows = told["org/lines"]
    assert [file[0] for file in files] == [pinned("lines", "a.jsonl"), pinned("lines", "b.jsonl")]
    assert rows == texts(ROWS[:4])
    assert [file[1] for file in told["org/configs?config=two"][0]] == ["two/a.jsonl"]


def test_other_data_comes_shard_by_shard(told):
    files, rows = told["org/csv"]
    assert [file[1:] for file in files] == [
        [f"org/csv/default/train-0000{shard}-of-00002", None, "dataset"] for shard in (0, 1)
    ]
    assert all(COMMIT in file[0] for file in files)
    assert rows == texts(ROWS[:5])
    assert told["org/array"][1] == texts(ROWS[:3])
    assert told["org/broken"][1][-1] == "dataset_unreadable"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("configs", "has several configs and none is chosen.\n  Its configs: one, two."),
        ("configs?config=tow", "has no config 'tow'.\n  Its configs: one, two.\n"),
        ("configs?config=tow", "For example: --input 'hf://datasets/org/configs?config=two'"),
        ("splits", "has several splits and none is chosen.\n  Its splits: validation, test."),
        ("outside", "cannot be loaded: ValueError: Data files don't belong to org/outside."),
        ("script", "Dataset scripts are no longer supported"),
        ("images", "is kept as 'imagefolder', which is no table of text."),
        ("no_text", "has no text column.\n  Its columns: story, n.\n"),
        ("empty", "has no data files that can be read."),
        ("gated", "is gated.\n  Accept its terms on its page; then set HF_TOKEN"),
        ("absent", "is not on the Hub, or may not be read with this token.\n"),
        ("plain@nowhere", "is not on the Hub, or may not be read with this token.\n"),
        ("plain?splt=x", "a dataset has no option 'splt'.\n  Did you mean 'split'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_words(told, name, words):
    kind, message = told[f"org/{name}"]
    assert kind == "UsageError"
    assert words in message
    assert message.startswith(f"input 'hf://datasets/org/{name.partition('?')[0]}")
    assert message.count("\n") <= 2


def test_little_is_asked_and_the_token_goes_nowhere_else(hub, tmp_path):
    hub.asked.clear()
    ask(hub, tmp_path, "org/plain")
    shards = [f"GET /datasets/org/plain/resolve/{COMMIT}/data/train-0000{n}-of-00002.parquet"
              for n in (0, 1)]  # fmt: skip
    found = [asked for asked in hub.asked if asked not in shards]
    assert len(found) <= 9, found
    assert not [asked for asked in found if ".parquet" in asked]
    assert set(shards) <= set(hub.asked)
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_a_hub_that_does_not_answer_is_no_wrong_use(hub, tmp_path, monkeypatch):
    monkeypatch.setitem(environ, "HF_HUB_OFFLINE", "1")  # the client would try for long
    ((kind, message),) = ask(hub, tmp_path, "org/plain").values()
    assert kind == "WorkError"
    assert "the Hub does not answer" in message


def test_a_run_from_the_hub(hub, tmp_path):
    recipe = tmp_path / "small.yaml"
    recipe.write_text(LENIENT)
    command = ["run", recipe, "--input", "hf://datasets/org/plain", "--engine", "inline"]
    root = tmp_path / "run"
    env = environment(hub, tmp_path / "home")
    done = cuvee(*command, "--output", root, env=env)
    assert done.returncode == 0, done.stderr
    assert [row["id"] for row in ledger(root)] == [row["id"] for row in ROWS]
    for path in root.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("org/name", HubDataset("org/name")),
        ("name/", HubDataset("name")),
        ("org/name@v1?split=test&config=en", HubDataset("org/name", "v1", "en", "test")),
        ("org/name@refs/convert/parquet", HubDataset("org/name", "refs/convert/parquet")),
    ],
)
def test_addresses(address, wanted):
    assert parse_address(f"hf://datasets/{address}") == wanted


@pytest.mark.parametrize("address", ["", "a/b/c?split=train", "a b", "../x?split=a"])
def test_what_is_no_address_of_a_dataset(address):
    with pytest.raises(UsageError, match="is not the name of a dataset"):
        parse_address(f"hf://datasets/{address}")
