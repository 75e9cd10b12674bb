"""What the documents tell people to type is typed here."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.command import contents, python, shell, succeed
from tests.common_crawl import common_crawl
from tests.hub.people import completed
from tests.pipelines.hosts import Host
from tests.pipelines.layouts import laid_out

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for _, name, body in BLOCK.findall(README) if name == language]


def commands() -> list[str]:
    return [line.strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture
def crawl_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, Host]]:
    """Common Crawl's bucket and site, which its addresses lead to for as long as a test runs."""
    with common_crawl(tmp_path) as (environment, *hosts):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield hosts[0], hosts[1]


@pytest.mark.slow
@pytest.mark.usefixtures("reachable_hub")
def test_every_command_of_the_readme_works_in_its_order(desk: Path, crawl_host: tuple[Host, Host]):
    typed = [command for command in commands() if not command.startswith("make ")]
    assert len(typed) >= 9
    card = desk / "runs/demo/card.yaml"
    filled = card.read_bytes()
    (desk / "domains.txt").write_text(f"{kept_host(desk / 'runs/demo')}\n")
    for command in typed:
        if command == "cuvee card runs/demo --init":
            card.unlink()
        assert shell(command + _quicker(command, desk), desk).strip(), command
        card.write_bytes(filled)  # as a person does, before it is published
    bucket, site = crawl_host
    assert bucket.failed
    assert site.failed
    assert contents(desk / "runs/segment") == contents(desk / "runs/segment-https")


_QUICKER = {
    "run": " --engine inline --limit 40",
    "compare": " --engine inline --limit 40",
    "plan": " --engine inline --pages 60",
    "dedup-check": " --sample 5",
    "tokenize": " --engine inline",
}


def _quicker(command: str, desk: Path) -> str:
    """Return what spares a run another start of Ray and most pages, once one has been made so."""
    if not (desk / "runs/mine/manifest.json").exists():
        return ""
    if "--output runs/mine" in command:  # as many pages as before
        return " --engine inline"
    return _QUICKER.get(command.split()[1], "")


@pytest.mark.slow
@pytest.mark.usefixtures("reachable_hub")
def test_every_command_on_publishing_works_in_its_order(desk: Path):
    page = (ROOT / "docs/publish.md").read_text()
    typed = [
        line for _, name, body in BLOCK.findall(page) if name == "sh" for line in body.splitlines()
    ]
    assert len(typed) == 8
    (desk / "domains.txt").write_text(f"{kept_host(desk / 'runs/demo')}\n")
    crawl = next((desk / "crawl").iterdir())
    (desk / "next/CC-MAIN-2024-10").mkdir(parents=True)
    (desk / "next/CC-MAIN-2024-10/a.warc.gz").symlink_to(crawl.resolve())
    given = "--engine inline --limit 60 --set 'tokenizer={train: {vocab_size: 400}}'"
    shell(f"cuvee run fineweb --input next --output runs/next {given}", desk)
    completed(desk / "runs/next")
    for command in typed:
        assert shell(command, desk).strip(), command


@pytest.mark.slow
def test_every_command_on_inputs_works_in_its_order(tmp_path: Path):
    page = (ROOT / "docs/inputs.md").read_text()
    (recipe,) = [
        body for _, name, body in BLOCK.findall(page) if name == "yaml" and "stages" in body
    ]
    (tmp_path / "redpajama.yaml").write_text(recipe)
    laid_out(tmp_path / "redpajama", "redpajama2")
    typed = [
        line for _, name, body in BLOCK.findall(page) if name == "sh" for line in body.splitlines()
    ]
    assert len(typed) == 2
    for command in typed:
        engine = " --engine inline" if command.startswith("cuvee run ") else ""
        assert shell(f"{command}{engine}", tmp_path).strip(), command


@pytest.mark.slow
def test_every_command_on_tokens_works_in_its_order(desk: Path):
    page = (ROOT / "docs/tokens.md").read_text()
    (typed,) = [body.splitlines() for _, name, body in BLOCK.findall(page) if name == "sh"]
    assert len(typed) == 4
    for command in typed:
        engine = " --engine inline" if command.startswith("cuvee tokenize ") else ""
        assert shell(f"{command}{engine}", desk).strip(), command
    made = desk / "runs/demo/tokenized"
    assert {path.name for path in made.iterdir()} == {"tokenizer-4096", "in-order"}


def kept_host(run: Path) -> str:
    """Return the host of some page of a run's dataset."""
    table = pq.read_table(run / "ledger", columns=["host", "status"], partitioning=None)
    return next(row["host"] for row in table.to_pylist() if row["status"] == "kept")


def test_the_make_commands_of_the_readme_are_those_of_ci():
    ci = (ROOT / ".ci/run").read_text().splitlines()
    makefile = (ROOT / "Makefile").read_text()
    assert "make demo" in ci
    assert "make check" in ci
    assert re.search(r"^check: .*\btest\b", makefile, re.MULTILINE)
    for target in re.findall(r"(?:^|`)make\s+([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}: .*## \w", makefile, re.MULTILINE), target


@pytest.mark.slow
def test_the_python_of_the_readme_runs(desk: Path):
    programs = blocks("python")
    assert len(programs) == 2
    for program in programs:
        assert "://" in shell(python(program), desk)


def test_links_lead_somewhere():
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    ):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_is_in_the_readme():
    listed = succeed("--help").partition("Commands:")[2].partition("\n\n")[0]
    names = re.findall(r"^ {2}(\w+) ", listed, re.MULTILINE)
    assert len(names) >= 8
    for name in names:
        assert f"cuvee {name}" in README or name == "demo"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_run_and_carry_no_output(path: Path, demo_run: Path, tmp_path: Path):
    notebook = json.loads(path.read_text())
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    program = (
        "import sys, nbformat\nfrom nbclient import NotebookClient\n"
        "notebook = nbformat.read(sys.argv[1], as_version=4)\n"
        "NotebookClient(notebook, timeout=200, kernel_name='python3').execute()\n"
        "print(sum(len(cell.get('outputs', [])) for cell in notebook.cells))\n"
    )
    folders = {"CUVEE_RUN": str(demo_run), "CUVEE_RUNS": str(tmp_path)}
    env = {**os.environ, **folders, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3
