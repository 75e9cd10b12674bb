"""Rounds of faults, by seed: `make chaos N=50`, again from a seed: `make chaos N=1 SEED=17`."""

import argparse
import shutil
import tempfile
from pathlib import Path

from tests.chaos.faults import FAULTS
from tests.chaos.rounds import Chaos, Round

KINDS = tuple(FAULTS)


def kind_of(seed: int) -> str:
    """Return the fault of a seed: all kinds in turn."""
    return KINDS[seed % len(KINDS)]


def main() -> int:
    """Play rounds and print a table; the exit code is 1 when a round broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=len(KINDS), help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the others follow it")
    parser.add_argument("--kind", choices=KINDS, help="this fault only")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cuvee-chaos-"))
    print(f"{options.rounds} rounds from seed {options.seed} in {folder}", flush=True)
    chaos = Chaos(folder)
    played: list[Round] = []
    try:
        for seed in range(options.seed, options.seed + options.rounds):
            played.append(chaos.round(options.kind or kind_of(seed), seed))
            print(in_words(played[-1]), flush=True)
    finally:
        chaos.close()
        print(table(played))
    broken = any(one.wrong for one in played)
    if not broken:
        shutil.rmtree(folder)
    return int(broken)


def in_words(one: Round) -> str:
    """Return a round as a line."""
    what = one.wrong or "identical"
    late = ", wrote late" if one.late else ""
    return (
        f"seed {one.seed:<4} {one.kind:<32} {one.strikes} fault(s){late}, "
        f"{one.begun_again} attempt(s) more, {one.seconds:.0f} s: {what}"
    )


def table(played: list[Round]) -> str:
    """Return the rounds by kind."""
    head = f"{'fault':<32}{'rounds':>8}{'faults':>8}{'late':>6}{'again':>7}{'identical':>11}"
    lines = [head]
    for kind in (*KINDS, "all"):
        rounds = [one for one in played if kind in ("all", one.kind)]
        lines.append(
            f"{kind:<32}{len(rounds):>8}{sum(one.strikes for one in rounds):>8}"
            f"{sum(one.late for one in rounds):>6}{sum(one.begun_again for one in rounds):>7}"
            f"{sum(not one.wrong for one in rounds):>11}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
