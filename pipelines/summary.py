"""What a run's commands show, as renderables; printing is the command line's."""

import glob
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as Styled

from filters.errors import UsageError
from pipelines.bucket.path import S3Path
from pipelines.cascade import loss_in_words
from pipelines.dedup.told import HEAD, dedup_notes, dedup_rows
from pipelines.manifest import check_format, read_manifest
from pipelines.recipe.reads import SignalRow
from pipelines.recipe.rule_stages import TEXT_STAGES
from pipelines.storage import CommitLog
from pipelines.terminal import harmless
from pipelines.timing import by_step
from pipelines.totals import stage_totals

if TYPE_CHECKING:
    from pipelines.pipeline import Outcome

_BAR = 24
_SHOWN_PAGES = 5
_OF_REPEATS = ("pages", "funnel", "dedup")
_SMALL_SHARE = 0.005  # steps below it are shown together


def funnel_table(manifest: Mapping[str, Any]) -> Table:
    """Return the funnel: what each rule removed, in order, and what is left after it."""
    total = manifest["pages"] or 1
    table = Table(title=f"{manifest['pages']:,} pages", box=None, pad_edge=False)
    for name, justify in (("stage", "left"), ("rule", "left"), ("removed", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # literals, as strings
    table.add_column("left", justify="right")
    table.add_column("", justify="left")
    left = manifest["pages"]
    block = None
    for row in manifest["funnel"]:
        if row["status"] == "kept" or not row["pages"]:
            continue
        if row.get("block") and row["block"] != block:
            table.add_row(*map(Styled, (row["stage"], f"{row['block']}:")), style="dim")
        block = row.get("block")
        left -= row["pages"]
        bar = "█" * round(left / total * _BAR)
        style = "red" if row["status"] == "failed" else ""
        rule = f"  {row['rule']}" if block else row["rule"]
        cells = (row["stage"], harmless(rule), f"{row['pages']:,}", f"{left:,}", bar)
        table.add_row(*map(Styled, cells), style=style)
    kept, tokens = manifest["rows"], manifest["tokens"]
    counted = "" if tokens is None else f", {tokens:,} tokens"  # None: not counted yet
    table.add_row("", "kept", "", f"{kept:,}", f"{kept / total:.1%}{counted}", style="bold")
    return table


def run_summary(outcome: "Outcome") -> Iterator[RenderableType]:
    """Yield what a person sees at the end of a run."""
    manifest, root = outcome.manifest, outcome.root
    yield ""
    yield funnel_table(manifest)
    yield ""
    yield from _dedup_parts(manifest)
    if "accelerate" in manifest:
        yield Styled(_accelerate_in_words(manifest["accelerate"]))
        yield ""
    if "cascade" in manifest:
        yield loss_in_words(manifest["cascade"])
        yield ""
    if "at_limits" in manifest:
        yield from _limits_in_words(manifest["at_limits"])
        yield ""
    yield _places(root, manifest)
    yield ""
    if outcome.did_work:
        speed = manifest["pages"] / max(manifest["seconds"], 0.1)
        yield f"Done in {manifest['seconds']:.0f} s ({speed:.0f} pages/s, all stages)."
    else:
        yield "Already finished: nothing has changed, nothing was done."
    yield ""
    yield time_table(manifest["stages"], manifest["pages"])
    yield ""
    if manifest["failed_units"]:
        yield Styled(f"{len(manifest['failed_units'])} crawl file(s) could not be read:", "red")
        for name, why in manifest["failed_units"].items():
            yield Styled(harmless(f"  {name}: {why}"))
        yield "The same command tries just these again."
        yield ""
    yield "Next:"
    for command in _next_commands(root, manifest):
        yield Styled(f"  {command}")


def _dedup_parts(manifest: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what each kind of deduplication found, if any found something."""
    rows, notes = dedup_rows(manifest), list(dedup_notes(manifest))
    if rows:
        table = Table(title="repeats", title_justify="left", box=None, pad_edge=False)
        for name in HEAD:
            table.add_column(name, justify="left" if name in (HEAD[0], HEAD[-1]) else "right")
        for row in rows:
            table.add_row(*map(Styled, row))
        yield table
    yield from map(Styled, notes)
    if rows or notes:
        yield ""


def _limits_in_words(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what went over a limit, which may go otherwise on another machine, and which pages."""
    failed, passed = (sum(found[name].values()) for name in ("failed", "passed_later"))
    yield Styled(
        f"limits: {failed:,} page(s) failed, {passed:,} passed with double the limits:", "red"
    )
    for page in found["pages"][:_SHOWN_PAGES]:
        became = "failed" if page["failed"] else "passed"
        yield Styled(
            harmless(f"  unit {page['unit']}, record {page['record']}: {page['reason']}, {became}")
        )
    more = failed + passed - _SHOWN_PAGES
    if more > 0:
        yield Styled(f"  and {more:,} more: at_limits in manifest.json names up to 100")


def _accelerate_in_words(counts: Mapping[str, int]) -> str:
    """Say what comparing the faster extraction with trafilatura's own has shown."""
    if counts.get("aside"):
        return f"accelerate: stepped aside; trafilatura itself extracted {counts['aside']:,} pages."
    checked, differing = counts.get("checked", 0), counts.get("differing", 0)
    told = "; they have trafilatura's text" if differing else ""
    return f"accelerate: {checked:,} pages extracted both ways, {differing:,} differ{told}."


def time_table(stages: Mapping[str, Any], pages: int) -> Table:
    """Return where the CPU time of the work that made a run went, by step."""
    table = Table(title="where the time went", title_justify="left", box=None, pad_edge=False)
    for name in ("step", "CPU s", "ms a page", "share"):
        table.add_column(name, justify="left" if name == "step" else "right")
    seconds = by_step(stages)
    whole = sum(seconds.values()) or 1.0
    small = {name: spent for name, spent in seconds.items() if spent / whole < _SMALL_SHARE}
    shown = {name: spent for name, spent in seconds.items() if name not in small}
    for name, spent in {**shown, "all else": sum(small.values())}.items():
        cells = (name, f"{spent:.1f}", f"{1e3 * spent / max(pages, 1):.2f}", f"{spent / whole:.0%}")
        table.add_row(*map(Styled, cells))
    return table


def _places(root: Path, manifest: Mapping[str, Any]) -> Table:
    what = {
        "dataset": "the published shards, with their card",
        "tokens": "the same documents as token ids",
        "packed": "the same tokens in rows of one length",
        "ledger": "one row for every crawled page",
        "documents": "extracted text before any edit",
        "tokenizer.json": "the tokenizer",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(4):
        table.add_column(no_wrap=True, overflow="ignore")
    for name, meaning in what.items():
        totals = manifest["file_totals"].get(name)
        if totals:
            size = f"{totals['bytes'] / 1e6:.1f} MB"
            rows = f"{totals['rows']:,} rows" if name != "tokenizer.json" else ""
            table.add_row(*map(Styled, (harmless(str(root / name)), rows, size, meaning)))
    return table


def _next_commands(root: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return three commands that show something for this run."""
    where = shlex.quote(str(root))
    rules = [row for row in manifest["funnel"] if row["status"] == "dropped" and row["pages"]]
    telling = [row for row in rules if row["stage"] in TEXT_STAGES] or rules
    commands = []
    if telling:
        most = max(telling, key=lambda row: int(row["pages"]))
        commands.append(f"cuvee show {where} --rule {shlex.quote(most['rule'])}")
    if manifest["rows"]:
        load = f"print(datasets.load_dataset({str(root / 'dataset')!r}, split='train')[0])"
        program = _quoted(f"import datasets; {load}")
        commands.append(f"cuvee show {where} --kept")
        # `datasets` would look for what a pattern matches, and knows no folders of S3.
        if not glob.has_magic(str(root)) and not isinstance(root, S3Path):
            commands.append(f"python -c {program}")
    return [*commands, f"cuvee funnel {where}", f"cuvee status {where}"][:3]


def _quoted(program: str) -> str:
    """Quote for a shell, in double quotes where that is enough: they read better here."""
    return shlex.quote(program) if set(program) & set('"$`\\!') else f'"{program}"'


def read_status(root: Path) -> dict[str, Any]:
    """Return stages with units planned, done and failed; UsageError where no run is."""
    if not check_format(root):
        raise UsageError(
            f"{root}: no run of cuvee is there.\n  Make one with 'cuvee run' or 'cuvee demo'."
        )
    log = CommitLog(root)
    failures: Counter[str] = Counter()
    for commit in log.commits("curate").values():
        failures.update(commit.facts["failures"])
    for commit in log.commits("settle").values():
        failures.update(commit.facts.get("failures", {}))
    progress = log.progress()
    done = {stage: list(log.commits(stage).values()) for stage in progress}
    manifest = read_manifest(root)
    return {
        "finished": manifest is not None,
        "repeats": {key: manifest.get(key) for key in _OF_REPEATS} if manifest else None,
        "stages": progress,
        "failed_pages": dict(failures),
        "pages": sum(commit.facts["pages"] for commit in done.get("curate", ())),
        "time": stage_totals(done),
    }


def progress_table(root: Path, found: Mapping[str, Any]) -> Group:
    """Return the stages of a run as a table."""
    table = Table(box=None, pad_edge=False)
    for name in ("stage", "done", "failed", "left"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    lines: list[RenderableType] = []
    for stage, units in found["stages"].items():
        failed = len(units["failed"])
        left = max(units["units"] - units["done"] - failed, 0)
        table.add_row(*map(Styled, (stage, str(units["done"]), str(failed), str(left))))
        lines.extend(Styled(harmless(f"  {unit}: {why}")) for unit, why in units["failed"].items())
    lines.extend(
        Styled(f"  {count:,} page(s) failed at {why}")
        for why, count in found["failed_pages"].items()
    )
    state = _state(found)
    times: list[RenderableType] = []
    if found["pages"]:
        times = [Styled(""), time_table(found["time"], found["pages"]), Styled("")]
    repeats = list(_dedup_parts(found["repeats"])) if found["repeats"] else []
    return Group(table, *lines, *times, *repeats, Styled(harmless(f"{root}: {state}")))


def _state(found: Mapping[str, Any]) -> str:
    failed = sum(len(units["failed"]) for units in found["stages"].values())
    again = f"its command again tries just the {failed} failed unit(s)" if failed else ""
    if found["finished"]:
        return f"finished; {again}" if again else "finished"
    return f"not finished: {again or 'run its command again to go on'}"


def signals_table(rows: Sequence[SignalRow]) -> Table:
    """Return everything that can be measured."""
    table = Table(box=None, pad_edge=False)
    for name in ("signal", "kind", "measured in", "what"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Styled, (row.name, row.kind, row.source, row.summary)))
    return table
