"""What the page on classifiers tells people to type is typed here, on the demo's pages."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.command import shell
from tests.pipelines.labelled import write_rows
from tests.pipelines.small_run import prose
from tests.test_docs import BLOCK, ROOT

PAGE = (ROOT / "docs/classifiers.md").read_text()
SMALL = " --dimensions 8 --buckets 1000 --epochs 2"


def blocks(language: str) -> list[str]:
    return [body for _, name, body in BLOCK.findall(PAGE) if name == language]


def shortened(command: str) -> str:
    """Small models, and few pages in one process."""
    if command.startswith("cuvee classifier train"):
        return command + SMALL
    return f"{command} --engine inline --limit 20" if command.startswith("cuvee run") else command


@pytest.mark.slow
def test_every_command_of_the_page_works_in_its_order(desk: Path):
    (written,) = blocks("yaml")
    (desk / "liked.yaml").write_text(written)
    texts = [{"text": " ".join(prose(n)), "url": f"https://s{n}.test/"} for n in range(60)]
    write_rows(desk / "liked.jsonl", texts)
    scored = [{**item, "score": number % 6} for number, item in enumerate(texts)]
    write_rows(desk / "scored.jsonl", scored)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    typed = [line for line in lines if "--encoder" not in line]  # tests/trainers/test_docs.py
    assert (len(lines), len(typed)) == (9, 8)
    for command in typed:
        assert shell(shortened(command), desk).strip() or ">" in command, command
    assert len((desk / "scores.jsonl").read_text().splitlines()) == 60
    metrics = json.loads((desk / "models/liked/metrics.json").read_bytes())
    assert metrics["data"]["held_out"]["texts"] == metrics["held_out"]["texts"]
    ledger = pq.read_table(desk / "runs/liked/ledger", partitioning=None)
    names = {"c4_lines.liked", "c4_lines.liked_static", "c4_lines.liked_words"}
    assert names <= set(ledger.column_names)
    assert ledger.column("c4_lines.liked").drop_null().length() > 0
