"""`make fuzz`: tries inputs on the reader and the extractor, for as long as you like.

    make fuzz FUZZ="reader --runs 1000000 --seed 7"

An input that fails is made as small as it can be and written to a file; `--file` repeats it.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.seeds import write_seeds, write_words
from tests.fuzz.targets import TARGETS

RUNS = {"reader": 500_000, "extractor": 20_000}
"""Inputs of `make fuzz`: some minutes."""
_MOST_BYTES = 6000
_MOST_SECONDS = 120
"""For one input, by the clock on the wall: one takes milliseconds."""
_MOST_MEBIBYTES = 1500
_TRIED = re.compile(r"^(?:#|Done )(\d+)", re.MULTILINE)


def main(arguments: list[str] | None = None) -> None:
    """Fuzz; exit code 1 where an input fails."""
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help="which; both by default")
    parser.add_argument("--runs", type=int, help="inputs; by default some minutes' worth")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same inputs")
    where = "where an input that fails is written; runs/fuzz by default"
    parser.add_argument("--output", type=Path, default=Path("runs/fuzz"), help=where)
    parser.add_argument("--file", type=Path, help="try just the input in this file")
    options = parser.parse_args(arguments)
    targets = options.target or list(TARGETS)
    if options.file:
        for target in targets:
            TARGETS[target](options.file.read_bytes())
        return
    failed = [
        target
        for target in targets
        if not fuzz(target, options.runs or RUNS[target], options.seed, options.output)
    ]
    sys.exit(bool(failed))


def fuzz(target: str, runs: int, seed: int, output: Path) -> bool:
    """Try so many inputs on a target; say how many were tried, and return whether all held."""
    with tempfile.TemporaryDirectory() as scratch:
        done = _run(target, runs, seed, Path(scratch))
        tried = max(map(int, _TRIED.findall(done.stderr)), default=0)
        crashes = sorted(Path(scratch).glob("failed-*"))
        if not done.returncode and tried >= runs:
            _say(f"{target}: {tried:,} inputs tried, seed {seed}: all of them hold")
            return True
        if not crashes:
            _say(done.stdout + done.stderr)
            return False
        path = _write(target, _smallest(target, crashes[0].read_bytes()), output)
    _say(f"{done.stdout}\n{target}: input {tried:,} of seed {seed} fails\n  Repeat it: "
         f"python -m tests.fuzz {target} --file {path}")  # fmt: skip
    return False


def _run(target: str, runs: int, seed: int, scratch: Path) -> subprocess.CompletedProcess[str]:
    (scratch / "seeds").mkdir()
    write_seeds(target, scratch / "seeds")
    write_words(target, scratch / "words")
    options = {
        "runs": runs, "seed": seed, "max_len": _MOST_BYTES, "timeout": _MOST_SECONDS,
        "rss_limit_mb": _MOST_MEBIBYTES, "dict": scratch / "words", "len_control": 0,
        "artifact_prefix": f"{scratch}/failed-",
    }  # fmt: skip
    given = [f"-{name}={value}" for name, value in options.items()]
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", target, *given, str(scratch / "seeds")],
        capture_output=True, text=True, errors="replace", check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip


def _smallest(target: str, data: bytes) -> bytes:
    """Take out of a failing input whatever it fails without, the large parts first."""
    kind = _failure(TARGETS[target], data)
    size = len(data) // 2
    while kind is not None and size:
        at = 0
        while at < len(data):
            less = data[:at] + data[at + size :]
            if _failure(TARGETS[target], less) == kind:
                data = less
            else:
                at += size
        size //= 2
    return data


def _failure(target: Callable[[bytes], None], data: bytes) -> str | None:
    try:
        target(data)
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
        return type(error).__name__
    return None


def _write(target: str, data: bytes, output: Path) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{target}-{hashlib.sha256(data).hexdigest()[:8]}"
    path.write_bytes(data)
    return path


def _say(line: str) -> None:
    print(line)


if __name__ == "__main__":
    main()
