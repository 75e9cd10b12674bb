"""Those who use the Hub here: the publisher and readers, in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from tests.hub.repository import Blob
from tests.hub.server import Hub
from tests.pipelines.small_run import do_run, prose
from tests.pipelines.warc_bytes import gzip_each, http, record

TOKEN = "hf_aTokenThatIsNobodys"  # noqa: S105  nobody's

FIRST, SECOND, THIRD = "CC-MAIN-2024-10", "CC-MAIN-2024-18", "CC-MAIN-2024-22"

# One process for many commands: starting one takes longer than publishing.
_COMMANDS = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from pipelines.cli import main
from pipelines.cli import console

def run(words):
    said = io.StringIO()
    for shown in (console.out, console.err):
        shown.file = said
    sys.argv = ["cuvee", *words]
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            return [ended.code or 0, said.getvalue()]

print(json.dumps([run(words) for words in json.loads(sys.argv[1])]))
"""


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    env = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "NO_PROXY": "127.0.0.1",
        "CUVEE_RETRY_SECONDS": "0.01",
        "PYTHONWARNINGS": "error::ResourceWarning",
    }
    env.pop("HF_HUB_OFFLINE", None)
    return {**env, **more}


def run_program(program: str, *arguments: str, env: Mapping[str, str]) -> Any:
    """Run Python code in a process of its own and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def run_commands(
    commands: Sequence[Sequence[str | Path]], env: Mapping[str, str]
) -> list[tuple[int, str]]:
    """Run commands of cuvee one after another; return exit code and what was said of each."""
    words = [[str(word) for word in command] for command in commands]
    return [(code, said) for code, said in run_program(_COMMANDS, json.dumps(words), env=env)]


def shown_by(files: Mapping[str, Blob]) -> dict[str, set[str]]:
    """Return what a dataset offers, by config: the files that the card's patterns name.

    Without a card everything that is a table is offered, as `datasets` does.
    """
    tables = {path for path in files if path.endswith(".parquet")}
    if "README.md" not in files:
        return {"default": tables} if tables else {}
    head = yaml.safe_load(files["README.md"].data.decode().split("---\n")[1])
    offered = {}
    for config in head.get("configs", []):
        paths = [entry["path"] for entry in config["data_files"]]
        patterns = [p for path in paths for p in (path if isinstance(path, list) else [path])]
        found = {path for path in tables if any(fnmatchcase(path, p) for p in patterns)}
        if found:
            offered[config["config_name"]] = found
    return offered


def made_run(folder: Path, recipe: str, dumps: Mapping[str, range], hosts: int = 4) -> Path:
    """Run a recipe on made pages: so many numbered pages in each dump, on so many hosts."""
    crawl = folder / "crawl"
    for dump, numbers in dumps.items():
        (crawl / dump).mkdir(parents=True)
        pages = [_page(number, hosts) for number in numbers]
        (crawl / dump / "a.warc.gz").write_bytes(gzip_each(pages))
    do_run(recipe, crawl, folder / "run")
    return folder / "run"


def _page(number: int, hosts: int) -> bytes:
    sentences = "".join(f"<p>{sentence}</p>" for sentence in prose(number, 14))
    html = f"<!doctype html><html><body><article>{sentences}</article></body></html>"
    return record(
        block=http(html.encode()),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://host{number % hosts}.example/{number}",
    )


def with_license(root: Path) -> Path:
    """Say in a run's card what only a person can say."""
    card = root / "dataset" / "README.md"
    text = card.read_text()
    if "\nlicense:" not in text:
        card.write_text(text.replace("---\n", "---\nlicense: odc-by\n", 1))
    return root


def rows_of(root: Path, dump: str = "") -> list[dict]:
    return pq.read_table(root / "dataset/data" / dump, partitioning=None).to_pylist()


def wanted(root: Path) -> dict[str, bytes]:
    """The tables that a run publishes, by the names that they are to have."""
    folder = root / "dataset"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "data").rglob("*.parquet"))
    }
