"""Every page by the taggers of the package dolma, where a Python here has it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.parity import dolma_numbers, dolma_personal_data
from tests.parity.perturb import damaged

ROOT = Path(__file__).parents[2]
SEED = 1202


def told(module: str, texts: list[str]) -> list[dict[str, Any]]:
    """Return what a module says of texts, run by the Python that has the package."""
    python = os.environ.get("CUVEE_DOLMA")
    if not python:
        pytest.skip("CUVEE_DOLMA names no Python that has the package dolma 1.2.1")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    command = [python, "-m", module]
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=True, cwd=ROOT)
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def test_pages_by_the_package_itself(sample_texts, compared):
    texts = sample_texts
    rows = told(dolma_numbers.__name__, texts)
    found = [
        row["text"][:80]
        for row in rows
        if dolma_numbers.ours(row["text"]) != {name: row[name] for name in ("numbers", "becomes")}
    ]
    compared.append(f"{len(rows)} pages by dolma's taggers, {len(found)} differences")
    assert len(rows) == len(texts)
    assert found == []


def test_personal_data_by_the_tagger_and_the_mixer(sample_texts, compared):
    texts = [*sample_texts, *damaged(sample_texts, SEED, 300)]
    rows = told(dolma_personal_data.__name__, texts)
    found = [
        row["text"][:80]
        for row in rows
        if {"text": row["text"], **dolma_personal_data.ours(row["text"])} != row
    ]
    places = sum(row["dolma_personal_data"] for row in rows)
    compared.append(
        f"{len(rows)} texts by dolma's tagger and mixer, {places} places with personal data, "
        f"{len(found)} differences"
    )
    assert len(rows) == len(texts)
    assert found == []
    assert places > 0
