"""One round: a run, a fault at a moment drawn by chance, and whether all promises were kept."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.cluster import ROOT, Nodes
from tests.chaos.faults import FAULTS, Stage
from tests.chaos.small import FILES, TRIES, Attempts, broken, lay_out, stamps
from tests.command import commit_count, contents

STRAGGLER_SECONDS = 2
_PATIENCE = 600
_STRIKES = {"node killed: raylet and workers": 1, "raylet killed, workers orphaned": 1,
            "worker stopped, writes late": 1, "node added": 1}  # fmt: skip
_MOST_STRIKES = 3
_DRIVER = "driver killed"


@dataclass(frozen=True)
class Round:
    """What came of it."""

    kind: str
    seed: int
    strikes: int
    """How many faults found a victim."""
    begun_again: int
    """Attempts that were seen beyond one for each unit."""
    late: bool
    """Whether a stopped worker went on with its unit after another had committed it."""
    wrong: str
    """What was broken; nothing if all was kept."""
    seconds: float


class Chaos:
    """A cluster and a crawl, and what an undisturbed run makes of it."""

    def __init__(self, folder: Path, *, dashboard: bool = False) -> None:
        self._folder = folder
        self.crawl, self.recipe = lay_out(folder)
        undisturbed = folder / "undisturbed"
        with (folder / "undisturbed.log").open("wb") as said:
            done = self._start(undisturbed, "--engine", "inline", said=said).wait(_PATIENCE)
        assert done == 0, (folder / "undisturbed.log").read_text()
        self.undisturbed = contents(undisturbed)
        self._commits = commit_count(undisturbed)
        assert len(self.undisturbed) > 2 * FILES
        self.nodes = Nodes(dashboard=dashboard)

    def close(self) -> None:
        """End the cluster."""
        self.nodes.close()

    def _start(self, root: Path, *where: str, said: object) -> subprocess.Popen[bytes]:
        command = ["run", self.recipe, "--input", self.crawl, "--output", root, *where]
        env = {**os.environ, "CUVEE_STRAGGLER_SECONDS": str(STRAGGLER_SECONDS)}
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines", *map(str, command)],
            cwd=ROOT, env=env, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip

    def round(self, kind: str, seed: int) -> Round:
        """Run, strike, and look; the cluster is whole again afterwards."""
        began = time.monotonic()
        one = _OneRound(self, kind, seed, self._folder / f"round-{seed}")
        try:
            strikes, again, late, wrong = one.play()
        finally:
            one.end()
            self.nodes.mend()
        if not wrong:
            shutil.rmtree(one.root)
        return Round(kind, seed, strikes, again, late, wrong, time.monotonic() - began)

    def start(self, root: Path, said: object) -> subprocess.Popen[bytes]:
        """Start the run on the cluster, or again."""
        return self._start(root, "--address", self.nodes.address, said=said)

    def judge(self, root: Path, before: dict[str, tuple[int, int]]) -> str:
        """See `small.broken`."""
        return broken(root, self.undisturbed, before)

    def moment(self, chance: random.Random, kind: str) -> int:
        """Return after how many commits a fault comes: those of sandboxes and stops in curate."""
        early = kind.startswith(("sandbox", "worker stopped"))
        return chance.randrange(6 if early else self._commits)


class _OneRound:
    def __init__(self, chaos: Chaos, kind: str, seed: int, root: Path) -> None:
        self.root = root
        self._chaos = chaos
        self._kind = kind
        self._chance = random.Random(seed)
        self._said = (root.parent / f"{root.name}.log").open("wb")
        self._attempts = Attempts(root)
        self._before: dict[str, tuple[int, int]] = {}
        self._stage = Stage(chaos.nodes, self._driver(), root, self._chance)
        self._late = False
        self._others = chaos.nodes.raylets()

    def _driver(self) -> subprocess.Popen[bytes]:
        return self._chaos.start(self.root, self._said)

    def play(self) -> tuple[int, int, bool, str]:
        self._attempts.start()
        most = self._chance.randint(1, _STRIKES.get(self._kind, _MOST_STRIKES))
        moments = sorted(self._chaos.moment(self._chance, self._kind) for _ in range(most))
        strikes = sum(self._strike(after) for after in moments)
        code = self._stage.driver.wait(_PATIENCE)
        self._go_on()
        if code:
            return strikes, 0, self._late, f"exit code {code}: {self._last_words()}"
        attempts = self._attempts.end()
        wrong = self._chaos.judge(self.root, self._before)
        often = [f"{unit} {count} times" for unit, count in attempts.items() if count > TRIES]
        if often:
            wrong += f"; begun too often: {', '.join(often)}"
        return strikes, sum(attempts.values()) - len(attempts), self._late, wrong

    def _strike(self, after: int) -> bool:
        """Wait for so many commits and a moment more; strike as soon as there is a victim."""
        delay = self._chance.uniform(0, 0.3)
        for _ in self._while_running():
            if commit_count(self.root) >= after:
                break
        time.sleep(delay)
        for _ in self._while_running():
            before = stamps(self.root)
            if FAULTS[self._kind](self._stage):
                self._before |= before
                self._follow_up()
                return True
        return False

    def _while_running(self) -> Iterator[None]:
        until = time.monotonic() + _PATIENCE
        while self._stage.driver.poll() is None and time.monotonic() < until:
            yield
            time.sleep(0.005)

    def _follow_up(self) -> None:
        if self._kind == _DRIVER:
            self._stage.driver.wait()
            self._before |= stamps(self.root)
            self._stage.driver = self._driver()
        if self._stage.stopped is not None:
            record = self._stage.record()
            for _ in self._while_running():
                if record.exists():
                    break
            time.sleep(self._chance.uniform(0, 0.3))
            self._late = record.exists() and (self.root / "work" / self._stage.held).exists()
            self._go_on()

    def _go_on(self) -> None:
        if self._stage.stopped is not None:
            with suppress(psutil.NoSuchProcess):
                self._stage.stopped.send_signal(signal.SIGCONT)

    def _last_words(self) -> str:
        self._said.flush()
        return (self.root.parent / f"{self.root.name}.log").read_text().strip()[-600:]

    def end(self) -> None:
        """Leave nothing running of this round."""
        if self._stage.driver.poll() is None:
            self._stage.driver.kill()
        self._go_on()
        self._attempts.end()
        self._said.close()
