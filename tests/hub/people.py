"""Those who use the Hub here: the publisher and readers, in processes of their own."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from tests.command import python
from tests.forked import run_forked
from tests.hub.repository import Blob
from tests.hub.server import Hub

TOKEN = "hf_aTokenThatIsNobodys"  # noqa: S105  nobody's


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
        python(program, *arguments),
        env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def run_commands(
    commands: Sequence[Sequence[str | Path]], env: Mapping[str, str]
) -> list[tuple[int, str]]:
    """Run commands of cuvee one after another; return exit code and what was said of each."""
    told = []
    for command in commands:
        words = ["cuvee", *map(str, command)]
        done = run_forked(words, cwd=Path.cwd(), env=env, search=Path.cwd(), together=True)
        assert TOKEN not in done.stdout
        told.append((done.returncode, done.stdout))
    return told


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


def completed(root: Path) -> Path:
    """Say of a run what only a person can say, and write its card and all beside it."""
    from pipelines.card import make_card
    from tests.pipelines.small_run import CARD_FILE

    (root / "card.yaml").write_text(CARD_FILE)
    make_card(root, "org/name")
    return root
