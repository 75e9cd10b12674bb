"""A run of a few seconds whose pages are made here, and what must be true of it at its end."""

import json
import random
import threading
from collections import Counter
from pathlib import Path

from pipelines.storage import CommitLog
from tests.command import contents
from tests.pipelines.small_run import RECIPE, edited, page, prose
from tests.pipelines.warc_bytes import gzip_each

FILES = 8
PAGES = 120
TRIES = 7
"""The driver begins a unit so often at most: twice for errors, five times for lost workers."""
_KNOWN = {".lock", "events.jsonl", "recipe.yaml", "manifest.json", "dataset/README.md",
          "dataset/funnel.svg", "commits/format.json", "commits/plan.json",
          "commits/failed.json"}  # fmt: skip


def lay_out(folder: Path) -> tuple[Path, Path]:
    """Make a crawl and a recipe; returns where they are."""
    crawl, recipe = folder / "crawl", folder / "small.yaml"
    crawl.mkdir(parents=True)
    for number in range(FILES):
        (crawl / f"part-{number}.warc.gz").write_bytes(gzip_each(_pages(number)))
    recipe.write_text(edited(RECIPE, "input: crawl\n", ""))
    return crawl, recipe


def _pages(number: int) -> list[bytes]:
    """Pages of which some are too short, some near-duplicates of those in other files."""
    chance = random.Random(number)
    first = 1000 * number
    made = [page(first + at, prose(first + at, chance.choice((4, 12, 30)))) for at in range(PAGES)]
    told = [*prose(number % 3, 20), f"It was printed in {number} papers, said the teacher."]
    return [*made, page(first + PAGES, told), page(first + PAGES + 1, prose(7), "porn/")]


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of every commit record."""
    found = {}
    for path in root.glob("commits/*/[!.]*.json"):
        facts = path.stat()
        found[path.relative_to(root).as_posix()] = (facts.st_ino, facts.st_mtime_ns)
    return found


def strangers(root: Path) -> list[str]:
    """Return the files that neither a commit record names nor every run has."""
    log = CommitLog(root)
    stages = [path.name for path in (root / "commits").iterdir() if path.is_dir()]
    commits = [commit for stage in stages for commit in log.commits(stage).values()]
    named = {item.path for commit in commits for item in commit.files} | _KNOWN | set(stamps(root))
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    there |= {path.relative_to(root).as_posix() for path in (root / "work").iterdir()}
    return sorted(there - named) + [f"missing: {name}" for name in sorted(named - there - _KNOWN)]


def broken(root: Path, undisturbed: dict[str, str], before: dict[str, tuple[int, int]]) -> str:
    """Say what a finished run breaks of its promises; nothing if it keeps them all.

    `before` are the stamps of what was committed when a fault came.
    """
    found, after = contents(root), stamps(root)
    differing = [n for n in {*found, *undisturbed} if found.get(n) != undisturbed.get(n)]
    again = [name for name, stamp in before.items() if after.get(name) != stamp]
    units = sum(
        s["units"] for s in json.loads((root / "manifest.json").read_text())["stages"].values()
    )
    said = {
        "other bytes": differing,
        "unreferenced": strangers(root),
        "done again": again,
        "records": [] if len(after) == units else [f"{len(after)} of {units}"],
    }
    return "; ".join(f"{what}: {', '.join(names[:4])}" for what, names in said.items() if names)


class Attempts(threading.Thread):
    """Watches a run's attempts come."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self._work = root / "work"
        self._over = threading.Event()
        self._seen: set[str] = set()

    def run(self) -> None:
        while not self._over.wait(0.005):
            self.look()

    def look(self) -> None:
        try:
            self._seen.update(path.name for path in self._work.iterdir())
        except FileNotFoundError:
            return  # not there yet

    def end(self) -> Counter[str]:
        """Return how often each unit was seen begun."""
        self._over.set()
        self.join()
        return Counter(name.rpartition(".")[0] for name in self._seen)
