"""The command: `make bench-dedup`, with options as `make bench-dedup BENCH="--millions 1 3"`."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.assets import cache_folder
from tests.bench.scale.paper import paper
from tests.bench.scale.sides import Job, Measured
from tests.bench.scale.table import report

_MILLION = 1_000_000


@dataclass(slots=True)
class Found:
    """Everything that was measured, by number of documents."""

    ours: dict[int, Measured] = field(default_factory=dict)
    start: Measured | None = None
    """As good as no documents: what starting costs."""
    rounds: dict[int, Measured] = field(default_factory=dict)
    keys: dict[int, float] = field(default_factory=dict)
    """CPU seconds of making band keys of signatures: curation's, and not in `ours`."""
    theirs: dict[int, Measured] = field(default_factory=dict)
    added: dict[int, Measured] = field(default_factory=dict)
    """The last tenth of the documents, against the run of the others."""


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-dedup", description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 3, 10, 30],
                        help="sizes in million documents; 1 3 10 30 by default")  # fmt: skip
    parser.add_argument("--compare", type=float, nargs="*", default=[1, 3],
                        help="sizes at which datatrove is measured too; 1 3")  # fmt: skip
    parser.add_argument("--rounds", type=float, nargs="*", default=[3],
                        help="sizes at which star rounds are forced too; 3")  # fmt: skip
    parser.add_argument("--add", type=float, nargs="*", default=[3],
                        help="sizes of which a tenth is added to the rest; 3")  # fmt: skip
    parser.add_argument("--rounds-memory", type=int, default=64,
                        help="their memory for a task in MB; 64")  # fmt: skip
    parser.add_argument("--memory", type=int, default=2048, help="MB for a task; 2048")
    parser.add_argument("--workers", type=int, default=2, help="Ray workers; 0 is one process")
    parser.add_argument(
        "--scratch", type=Path, help="folder on a disk with 0.3 GB a million; compared, 1.2"
    )
    parser.add_argument("--json", type=Path, help="write everything measured to this file too")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    say = Console(stderr=True).print
    place = options.scratch or cache_folder() / "bench"
    place.mkdir(parents=True, exist_ok=True)
    found = Found()
    for documents in (round(size * _MILLION) for size in sorted(options.millions)):
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            _measure(Path(scratch), documents, options, found, say)
        if options.json:  # after each size: the large ones take minutes
            _write(options.json, found)
    _check_equal(found)
    wide = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    measured = (found.ours, found.start, found.rounds, found.keys, found.theirs, found.added)
    for part in (*report(*measured), *paper(found.ours, found.rounds)):
        wide.print(part)


def _write(path: Path, found: Found) -> None:
    path.write_text(json.dumps({"cores": os.cpu_count(), **asdict(found)}, indent=1))


def _measure(
    scratch: Path,
    documents: int,
    options: argparse.Namespace,
    found: Found,
    say: Callable[..., None],
) -> None:
    """Measure everything that is asked at one size; the files that it reads are removed after."""
    wanted = Job(
        "cuvee", str(scratch / "input"), str(scratch / "run"), documents,
        memory=options.memory << 20, workers=options.workers or None,
    )  # fmt: skip
    size = f"{documents / _MILLION:g} M documents"
    say(f"{size}: band keys")
    found.keys[documents] = _do(scratch, wanted, side="make cuvee")
    say(f"{size}: Cuvée")
    found.ours[documents] = _cluster(scratch, wanted)
    if documents in _sizes(options.rounds):
        say(f"{size}: Cuvée, star rounds")
        memory = options.rounds_memory << 20
        found.rounds[documents] = _cluster(scratch, wanted, way="rounds", memory=memory)
    if documents in _sizes(options.add):
        say(f"{size}: Cuvée, the last tenth against the others")
        found.added[documents] = _cluster(scratch, wanted, adds=True)
    shutil.rmtree(scratch / "input")
    if found.start is None:
        _do(scratch, wanted, side="make cuvee", documents=_MILLION // 50)
        found.start = _cluster(scratch, wanted, documents=_MILLION // 50)
        shutil.rmtree(scratch / "input")
    if documents in _sizes(options.compare):
        say(f"{size}: datatrove")
        _do(scratch, wanted, side="make datatrove")
        found.theirs[documents] = _cluster(scratch, wanted, side="datatrove")


def _sizes(millions: Sequence[float]) -> set[int]:
    return {round(size * _MILLION) for size in millions}


def _cluster(scratch: Path, job: Job, **changes: Any) -> Measured:
    return Measured(**_do(scratch, job, **changes))


def _do(scratch: Path, job: Job, **changes: Any) -> Any:
    """Do a job in a process of its own; return what it measured, as plain data, if it did."""
    shutil.rmtree(job.scratch, ignore_errors=True)
    Path(job.scratch).mkdir()
    path = scratch / "job.json"
    path.write_text(json.dumps(asdict(job) | changes))
    command = [sys.executable, "-m", "tests.bench.scale.sides", str(path)]
    subprocess.run(command, check=True, env={**os.environ, "TQDM_DISABLE": "1"})
    shutil.rmtree(job.scratch)
    written = path.with_suffix(".out")
    if not written.exists():
        return None
    measured = json.loads(written.read_text())
    written.unlink()
    return measured


def _check_equal(found: Found) -> None:
    """Stop unless every way gives every document the same cluster."""
    for documents, ours in found.ours.items():
        for others in (found.rounds, found.theirs):
            other = others.get(documents)
            if other is not None and other.labels != ours.labels:
                raise SystemExit(f"{documents:,} documents: the clusters differ")


if __name__ == "__main__":
    main()
