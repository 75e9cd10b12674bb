"""The command: `make bench-audit`, with options as `make bench-audit BENCH="--pages 1e6"`."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.sample import default_folder, fetch_sample_crawl
from tests.bench.audit.generate import generate
from tests.bench.audit.pair import generate_other

_OTHER = "{other}"
"""Stands for a second run of the same pages."""
_QUESTIONS: dict[str, tuple[str, ...]] = {
    "whatif, tighter": ("whatif", "--set", "line_punct_ratio=0.2"),
    "whatif, looser": ("whatif", "--set", "gopher_short_doc=30"),
    "whatif, three changes": (
        "whatif", "--set", "gopher_short_doc=80", "--drop", "list_ratio",
        "--add", "many: c4_lines.newlines / c4_lines.words > 0.2",
    ),
    "audit": ("audit", "--no-report"),
    "sweep": ("sweep", "line_punct_ratio"),
    "tune": ("tune", "--keep", "0.2"),
    "diff": ("diff", _OTHER),
    "report": ("report",),
}  # fmt: skip


def main() -> None:
    """Make ledgers, ask each question of each in a process of its own, print what it took."""
    parser = argparse.ArgumentParser(prog="make bench-audit", description=__doc__)
    parser.add_argument("--pages", type=float, action="append", help="rows of a ledger; again")
    parser.add_argument("--only", action="append", choices=list(_QUESTIONS), help="this question")
    parser.add_argument("--folder", type=Path, help="keep the ledgers here, and use those there")
    parser.add_argument("--json", type=Path, help="write everything measured to this file too")
    options = parser.parse_args()
    sizes = [int(pages) for pages in options.pages or (1e6, 1e7)]
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as scratch:
        folder = options.folder or Path(scratch)
        found = _measure(folder, sizes, options.only or list(_QUESTIONS))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print(f"{'pages':>11}  {'question':<22} {'wall s':>7} {'CPU s':>7} {'peak MB':>8}")
    for row in found:
        numbers = f"{row['wall']:7.2f} {row['cpu']:7.2f} {row['peak'] / 1e6:8.0f}"
        print(f"{row['pages']:>11,}  {row['question']:<22} {numbers}")


def _measure(folder: Path, sizes: Sequence[int], questions: Sequence[str]) -> list[dict[str, Any]]:
    model = folder / "model"
    if not (model / "manifest.json").exists():
        crawl = fetch_sample_crawl(default_folder()).folder
        _run("run", "demo", "--input", crawl, "--output", model, "--set", "audit_fraction=1")
    found = []
    for pages in sizes:
        root = folder / f"pages-{pages}"
        if not (root / "manifest.json").exists():
            began = time.monotonic()
            generate(model, root, pages)
            size = sum(path.stat().st_size for path in (root / "ledger").iterdir())
            spent = time.monotonic() - began
            print(f"made {pages:,} rows, {size / 1e6:,.0f} MB, in {spent:.0f} s", file=sys.stderr)
        for question in questions:
            command, *rest = _QUESTIONS[question]
            if _OTHER in rest:
                other = folder / f"other-{pages}"
                if not (other / "manifest.json").exists():
                    generate_other(model, root, other, pages)
                rest = [str(other) if word == _OTHER else word for word in rest]
            found.append({"pages": pages, "question": question, **_run(command, root, *rest)})
    return found


def _run(*arguments: str | Path) -> dict[str, float]:
    """Run a command of cuvee; return wall and CPU seconds, and the most bytes it held."""
    program = (
        "import resource, subprocess, sys, json, time\n"
        "began = time.monotonic()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps({'wall': time.monotonic() - began, 'cpu': used.ru_utime + used.ru_stime,"
        " 'peak': used.ru_maxrss << 10}))\n"
        "sys.exit(done.returncode)\n"
    )
    command = [sys.executable, "-c", program, sys.executable, "-m", "pipelines"]
    done = subprocess.run(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


if __name__ == "__main__":
    main()
