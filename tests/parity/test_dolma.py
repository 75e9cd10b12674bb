"""Every page by the taggers of the package dolma, where a Python here has it."""

import json
import os
import subprocess

import pytest

from tests.parity import dolma_numbers


def test_pages_by_the_package_itself(sample_texts, compared):
    python = os.environ.get("CUVEE_DOLMA")
    if not python:
        pytest.skip("CUVEE_DOLMA names no Python that has the package dolma 1.2.1")
    texts = sample_texts
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    done = subprocess.run(
        [python, dolma_numbers.__file__], input=lines.encode(), capture_output=True, check=True
    )
    rows = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    found = [
        row["text"][:80]
        for row in rows
        if dolma_numbers.ours(row["text"]) != {name: row[name] for name in ("numbers", "becomes")}
    ]
    compared.append(f"{len(rows)} pages by dolma's taggers, {len(found)} differences")
    assert len(rows) == len(texts)
    assert found == []
