"""One measurement, in a process of its own: `python -m tests.bench.worker JOB.json`."""

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.bench.memory import Sampler, family
from tests.bench.step import STEPS, Measured, Side, Step

_Row = dict[str, Any]
_ALL = ("url", "extract", "language", "quality", "minhash")


@dataclass(frozen=True, slots=True)
class Job:
    """What one process is to measure."""

    side: Side
    step: str
    folder: str
    """Where the prepared crawl is."""
    scratch: str
    """An empty folder that is removed afterwards."""
    workers: int | None = None
    """Ray workers for the whole recipe; None is this process."""
    sets: tuple[str, ...] = ()
    """Changes of the recipe, as `--set` takes them."""


class _Meter:
    """CPU time of this process and all that it started, wall time, and memory."""

    def __init__(self) -> None:
        _cpu_seconds()  # the first call is slow, next to a thousand decisions on addresses
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()

    def read(self, results: dict[str, str] | None = None) -> Measured:
        """Return what was spent since the beginning."""
        wall, cpu = time.perf_counter() - self._wall, _cpu_seconds() - self._cpu
        reaped = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
        peak = max(reaped, *(_peak_bytes(process) for process in family(os.getpid())))
        return Measured(len(results or ()), cpu, wall, peak, results or {})


def _cpu_seconds() -> float:
    """Return what this process and its descendants, those that have ended too, have spent."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found = sum(one.ru_utime + one.ru_stime for one in used)
    ticks = os.sysconf("SC_CLK_TCK")
    for process in family(os.getpid())[1:]:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        found += sum(map(int, fields[11:15])) / ticks  # with what its own ended children spent
    return found


def _peak_bytes(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def measure(job: Job) -> Measured:
    """Warm up, then take everything once under the meter."""
    step = next(step for step in STEPS if step.name == job.step)
    if job.workers is None:  # both sides on one core, whatever they start
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    others = {"read": _read, "sandbox": _sandbox, "added": _added}
    if step.rows == "first" or step.name in others:
        return others.get(step.name, _first)(job)
    if step.name.startswith("tokens_"):
        return _tokens(job)
    if step.is_whole:
        return _whole(job) if job.workers is None else _on_ray(job, job.workers)
    return _by_page(job, step)


def _by_page(job: Job, step: Step) -> Measured:
    from tests.bench.crawl import read_lines

    loader = getattr(_side(job.side), step.name)
    rows = read_lines(Path(job.folder), "pages.jsonl" if step.rows == "pages" else "texts.jsonl")
    if step.rows != "english":
        warm, timed = _parted(rows, "warm")
        return _timed(job, loader, warm, timed, step.passes)
    # No other text gets there. Every one is taken, by a worker that has read the other half.
    halves = _parted([row for row in rows if row["english"]], "half")
    one, other = (_timed(job, loader, *turn) for turn in (halves, halves[::-1]))
    return Measured(
        one.pages + other.pages,
        one.cpu_seconds + other.cpu_seconds,
        one.wall_seconds + other.wall_seconds,
        max(one.peak_bytes, other.peak_bytes),
        one.results | other.results,
    )


def _parted(rows: list[_Row], by: str) -> tuple[list[_Row], list[_Row]]:
    """Return the rows that have a mark, and the others."""
    return [row for row in rows if row[by]], [row for row in rows if not row[by]]


def _timed(job: Job, loader: Any, warm: list[_Row], timed: list[_Row], passes: int = 1) -> Measured:
    """Take some rows by a worker that is new but for others taken before; the mean of passes."""
    with loader(Path(job.scratch)) as work:
        for row in warm:
            work(row)
        meter = _Meter()
        for _ in range(passes):
            found = [(row["id"], work(row)) for row in timed]
        read = meter.read()
        measured = replace(
            read, cpu_seconds=read.cpu_seconds / passes, wall_seconds=read.wall_seconds / passes
        )
    return _with_results(measured, found)


def _read(job: Job) -> Measured:
    crawl = Path(job.folder) / "crawl"
    for _ in _pages(job.side, Path(job.folder) / "warm"):
        pass
    meter = _Meter()
    found = list(_pages(job.side, crawl))
    return _with_results(meter.read(), found)


def _sandbox(job: Job) -> Measured:
    from tests.bench.sandboxed import curated

    inside = job.side == "cuvee"
    for _ in curated(Path(job.folder) / "warm", inside=inside):
        pass
    meter = _Meter()
    found = list(curated(Path(job.folder) / "crawl", inside=inside))
    return _with_results(meter.read(), found)


def _pages(side: Side, crawl: Path) -> Iterator[tuple[str, str]]:
    if side == "datatrove":
        from datatrove.pipeline.readers import WarcReader

        yield from ((page.id, page.text) for page in WarcReader(str(crawl)).run())
        return
    from collections import Counter

    from pipelines.crawl import Page, find_inputs, read_pages
    from pipelines.crawl.archive.decode import decode_page

    for file in find_inputs([str(crawl)]):
        for page in read_pages(file, Counter()):
            if isinstance(page, Page):
                yield page.id, decode_page(page).text


def _whole(job: Job) -> Measured:
    from tests.bench import whole

    folder, scratch = Path(job.folder), Path(job.scratch)
    tokenizer = folder / "tokenizer.json"
    ours = job.side == "cuvee"
    recipe = whole.CuveeRecipe(tokenizer, job.sets) if ours else whole.DatatroveRecipe(tokenizer)
    recipe.run(folder / "warm", scratch / "warm")
    meter = _Meter()
    recipe.run(folder / "crawl", scratch / "timed")
    measured = meter.read()
    documents = whole.cuvee_documents if ours else whole.datatrove_documents
    return _with_results(measured, documents(scratch / "timed").items())


def _tokens(job: Job) -> Measured:
    from tests.bench.tokens import CuveeTokens, DatatroveTokens, write_documents

    scratch = Path(job.scratch)
    write_documents(Path(job.folder), scratch)
    made = CuveeTokens if job.side == "cuvee" else DatatroveTokens
    side = made(job.step.removeprefix("tokens_"), scratch)
    side.run("warm")
    meter = _Meter()
    side.run("timed")
    return _with_results(meter.read(), side.ids("timed"))


def _added(job: Job) -> Measured:
    """Take a whole crawl, or its last tenth against an earlier run of the others."""
    from tests.bench import whole

    folder, scratch = Path(job.folder), Path(job.scratch)
    files = sorted((folder / "crawl").iterdir())
    parts = {"earlier": files[: -len(files) // 10], "last": files[-len(files) // 10 :]}
    for name, some in parts.items():
        (scratch / name).mkdir()
        for file in some:
            (scratch / name / file.name).hardlink_to(file)
    tokenizer, output = folder / "tokenizer.json", scratch / "timed"
    recipe = whole.CuveeRecipe(tokenizer, job.sets)
    recipe.run(folder / "warm", scratch / "warm")
    if job.side == "cuvee":
        recipe.run(scratch / "earlier", scratch / "before")
        against = f"minhash.against=[{json.dumps(str(scratch / 'before'))}]"
        recipe = whole.CuveeRecipe(tokenizer, (*job.sets, against))
    meter = _Meter()
    recipe.run(scratch / "last" if job.side == "cuvee" else folder / "crawl", output)
    measured = meter.read()
    return _with_results(measured, whole.cuvee_documents(output, parts["last"]).items())


def _on_ray(job: Job, workers: int) -> Measured:
    from pipelines.execute import open_engine
    from tests.bench import whole

    folder, scratch = Path(job.folder), Path(job.scratch)
    # As many cores as workers, for all of Ray: a lone worker's sandbox is not to have one more.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:workers])
    recipe = whole.CuveeRecipe(folder / "tokenizer.json", job.sets)
    with open_engine("ray", workers=workers, address=None) as engine:
        recipe.run(folder / "warm", scratch / "warm", engine)
        meter = _Meter()
        sampler = Sampler()
        recipe.run(folder / "crawl", scratch / "timed", engine)
        measured = replace(meter.read(), memory=sampler.stop())
    return _with_results(measured, whole.cuvee_documents(scratch / "timed").items())


def _first(job: Job) -> Measured:
    """Load and decide on one page; whoever started this process takes its time."""
    side = _side(job.side)
    row = _first_row(Path(job.folder))
    names = ("url",) if job.step == "start_url" else _ALL
    found = []
    for name in names:
        with getattr(side, name)(Path(job.scratch)) as work:
            found.append(work(row))
    return _with_results(Measured(1, 0, 0, 0, {}), [(row["id"], found)])


def _first_row(folder: Path) -> dict[str, Any]:
    """Return the first page that has a text, with the text."""
    with (folder / "texts.jsonl").open(encoding="utf-8") as texts:
        text = json.loads(next(texts))
    with (folder / "pages.jsonl").open(encoding="utf-8") as pages:
        page = next(row for row in map(json.loads, pages) if row["id"] == text["id"])
    return {**page, **text}


def _side(side: Side) -> ModuleType:
    return import_module("tests.bench.ours" if side == "cuvee" else "tests.bench.theirs")


def _with_results(measured: Measured, found: Iterable[tuple[str, Any]]) -> Measured:
    results = {name: _digest(result) for name, result in found}
    return replace(measured, pages=len(results), results=results)


def _digest(result: Any) -> str:
    return hashlib.sha256(json.dumps(result).encode()).hexdigest()[:16]


def main() -> None:
    """Measure what the file of a job says; leave the result beside it."""
    path = Path(sys.argv[1])
    job = Job(**json.loads(path.read_text()))
    measured = measure(job)
    path.with_suffix(".out").write_text(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
