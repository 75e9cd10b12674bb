"""A whole run: from crawl files to a published dataset.

A repeated run finds the commits that still hold and does the rest; a changed
recipe re-does what it affects. The manifest, written last, says that the run
has finished.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pipelines.benchmarks import benchmark_facts, short_items
from pipelines.card import Person, card_files, ready_for_card, remove_beside, write_card
from pipelines.cascade import measured_loss
from pipelines.classifiers.signals import pinned
from pipelines.crawl import CrawlFile, find_inputs, look_at_columns, split_files
from pipelines.crawl.remote.address import without_secrets
from pipelines.crawl.text.split import PART_BYTES
from pipelines.curator import asset_digests
from pipelines.event_log import Recorder
from pipelines.events import Observer, RunFinished, RunStarted, Said
from pipelines.execute import Engine, open_engine
from pipelines.fetching import fetch_named
from pipelines.files import (
    empty_work,
    plain_errors,
    remove_unnamed,
    sha256_of,
    sizes_of,
    write_whole,
)
from pipelines.hold import held
from pipelines.ledger import LICENCE_COLUMN
from pipelines.leftovers import remove_temporaries
from pipelines.manifest import (
    code_version,
    described,
    open_run_directory,
    package_versions,
    read_manifest,
    write_manifest,
)
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import TrainedTokenizer
from pipelines.stages import STAGE_VERSIONS, RunContext, run_stages
from pipelines.stages.earlier import earlier_manifests
from pipelines.stages.fingerprint import file_identity
from pipelines.storage import CommitLog, digest
from pipelines.takedown.run import take_down_again
from pipelines.takedown.switch import complete, takedowns
from pipelines.tokens.source import find_tokenizer, local_tokenizer
from pipelines.totals import (
    accelerated,
    at_limits,
    fetched,
    funnel,
    opt_outs,
    published_files,
    run_totals,
    stage_totals,
    token_totals,
)

_NO_HEADERS = (
    "opt-outs: texts have no HTTP headers and no HTML, so only lists of opt_outs can be asked; "
    "what the rules on the others read is null, and lets a page pass."
)
_NO_HTML = (
    "licences: texts have no HTML that could name one; what the rules on it read is null, and lets "
    "a page pass."
)
_OUTPUT_FOLDERS = ("ledger", "documents", "dataset/data", "tokens", "packed", "stages")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run; nothing here changes what comes out, except `limit` and `match`."""

    workers: int | None = None
    engine: Literal["ray", "inline"] = "ray"
    address: str | None = None
    limit: int | None = None
    input_base: str | None = None
    match: str | None = None
    """Only files of the input whose path or address fits this pattern."""
    part_bytes: int = PART_BYTES
    """About how large the parts are that big text files are worked on in."""

    def opened(self, recipe: Recipe) -> AbstractContextManager[Engine]:
        """Start or join the engine; it is left at the end."""
        memory = recipe.memory_per_worker
        return open_engine(self.engine, workers=self.workers, address=self.address, memory=memory)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run."""

    root: Path
    manifest: Mapping[str, Any]
    did_work: bool
    """False when the run had been finished before."""


def run(recipe: Recipe, output: Path, options: RunOptions, observer: Observer) -> Outcome:
    """Run a recipe into `output`, or go on with a run that is there.

    Raises UsageError for what cannot be done as asked, WorkError for work that
    failed; what was committed stays and the same call goes on from there.
    """
    began = time.monotonic()
    recorder = Recorder(observer)

    def say(line: str) -> None:
        recorder(Said(line))

    fetch_named(recipe, say)
    recipe = pinned(recipe)
    where = recipe.input, options.input_base, recipe.dump, options.match
    files = find_inputs(*where, recipe.input_format, say)
    # What follows is written down, and the secrets of an address must not be.
    recipe = replace(recipe, input=tuple(without_secrets(uri) for uri in recipe.input))
    if any(file.format != "crawl" for file in files):
        if recipe.optout_gates:
            say(_NO_HEADERS)
        if recipe.measures_licence:
            say(_NO_HTML)
    found = look_at_columns(files, recipe.read_columns, say, recipe.reads_imported)
    if options.limit is None:  # which counts the pages of a file, not of its parts
        files = split_files(files, options.part_bytes)
    inputs = _describe_inputs(files, options.limit) | ({"columns": found} if found else {})
    with plain_errors(output):
        open_run_directory(output)
        started = _started(recipe, output, options, inputs)
        with held(output) as still_ours, recorder.writing(output, started):
            assets = asset_digests(recipe)
            for line in short_items(recipe.benchmarks):
                say(line)
            complete(output)
            manifest = read_manifest(output)
            known = {**assets, **_given_tokenizer(recipe)}
            now = {**_versions(recipe), "inputs": inputs, "assets_sha256": known}
            if manifest and _is_finished(manifest, now, output):
                recorder(_finished(manifest, began, did_work=False))
                return Outcome(output, manifest, did_work=False)
            person = ready_for_card(output)
            (output / "manifest.json").unlink(missing_ok=True)
            remove_beside(output)  # it is of what was there before
            empty_work(output)
            remove_temporaries(output)
            write_whole(output / "recipe.yaml", recipe.to_yaml().encode())
            worked = time.monotonic()
            with options.opened(recipe) as engine:
                work = RunContext(recipe, output, files, assets, options.limit, engine, recorder)
                run_stages(work)
                facts = {"name": options.engine, "slots": engine.slots}
                inputs |= fetched(work.commits["curate"].values())
            still_ours()
            seconds = round(time.monotonic() - worked, 1)
            told = {"inputs": inputs, "engine": facts, "seconds": seconds}
            manifest = _finish(work, told, person)
            recorder(_finished(manifest, began, did_work=True))
    return Outcome(output, manifest, did_work=True)


def _started(
    recipe: Recipe, output: Path, options: RunOptions, inputs: Mapping[str, Any]
) -> RunStarted:
    return RunStarted(
        recipe=recipe.recipe,
        digest=recipe.digest,
        output=str(output),
        files=inputs["files"],
        bytes=inputs["bytes"],
        engine=options.engine,
        version=version("cuvee"),
    )


def _finished(manifest: Mapping[str, Any], began: float, *, did_work: bool) -> RunFinished:
    return RunFinished(
        did_work=did_work,
        pages=manifest["pages"],
        rows=manifest["rows"],
        tokens=manifest["tokens"],
        failed_units=len(manifest["failed_units"]),
        seconds=round(time.monotonic() - began, 3),
    )


def _describe_inputs(files: Sequence[CrawlFile], limit: int | None) -> dict[str, Any]:
    identity = [file_identity(file) for file in files]
    whole = {file.ordinal: file for file in files}.values()
    return {
        "files": len(whole),
        "bytes": sum(file.size or 0 for file in whole),
        "digest": digest([identity, limit]),
        "list_sha256": _list_sha256(whole),
        **({"limit_per_file": limit} if limit is not None else {}),
    }


def _list_sha256(files: Iterable[CrawlFile]) -> str:
    """Return the digest of the files' paths as the ledger has them, one a line, in order."""
    return hashlib.sha256("".join(f"{file.file_path}\n" for file in files).encode()).hexdigest()


def _is_finished(manifest: Mapping[str, Any], now: Mapping[str, Any], root: Path) -> bool:
    """Return whether a run would do nothing.

    Other code or packages may leave every unit as it is; that is for the stages to say.
    """
    then, assets = manifest["assets_sha256"], now["assets_sha256"]
    keys = ("recipe", "code", "packages", "stage_versions", "against")
    return (
        [manifest.get(key) for key in keys] == [now[key] for key in keys]
        and manifest["inputs"]["digest"] == now["inputs"]["digest"]
        and {"tokenizer": then["tokenizer"], **assets} == then
        and not manifest["failed_units"]
        and _are_there(root, manifest["files"])
    )


def _are_there(root: Path, files: Sequence[Mapping[str, Any]]) -> bool:
    sizes = sizes_of(root / item["path"] for item in files)
    return all(sizes.get(root / item["path"]) == item["bytes"] for item in files)


def _given_tokenizer(recipe: Recipe) -> dict[str, str]:
    """Return the digest of a tokenizer that is a local file, which may change between runs."""
    if isinstance(recipe.tokenizer, TrainedTokenizer) or local_tokenizer(recipe.tokenizer) is None:
        return {}
    return {"tokenizer": hashlib.sha256(find_tokenizer(recipe.tokenizer)).hexdigest()}


def _versions(recipe: Recipe) -> dict[str, Any]:
    return {
        "recipe": {"name": recipe.recipe, "digest": recipe.digest},
        "code": code_version(),
        "packages": package_versions(),
        "stage_versions": STAGE_VERSIONS,
        "against": earlier_manifests(recipe),
    }


def _finish(work: RunContext, facts: Mapping[str, Any], person: Person) -> dict[str, Any]:
    """Take down what was ever asked for, remove what no commit names, write card and manifest."""
    root, recipe = work.root, work.recipe
    done = {stage: list(units.values()) for stage, units in work.commits.items()}
    if take_down_again(root):
        log = CommitLog(root)
        done = {stage: list(log.commits(stage).values()) for stage in done}
    named = {item.path for units in done.values() for commit in units for item in commit.files}
    remove_unnamed(root, _OUTPUT_FOLDERS, named)
    empty_work(root)
    remove_temporaries(root)
    tokenizer = root / "tokenizer.json"
    sha256 = sha256_of(tokenizer)
    files = published_files(done)
    if not isinstance(recipe.tokenizer, TrainedTokenizer):  # no stage has written it
        files.append(described(root, tokenizer))
    manifest = {
        **_versions(recipe),
        "assets_sha256": {**work.assets, "tokenizer": sha256},
        **facts,
        "stages": stage_totals(done),
        **run_totals(done),
        **token_totals(done),
        "failed_units": _failed_units(work),
        "funnel": funnel(recipe, done["settle"], done["curate"]),
        "dedup": work.found,
        **takedowns(root),
        **measured_loss(recipe, done["settle"]),
        **accelerated(done["curate"]),
        **opt_outs(done["curate"]),
        **({"benchmarks": benchmark_facts(recipe.benchmarks)} if recipe.benchmarks else {}),
        **({LICENCE_COLUMN: True} if recipe.dataset.licence else {}),
        **at_limits([*done["curate"], *done["settle"]]),
    }
    write_card(root, recipe, manifest, files, person)
    files.extend(card_files(root))
    write_manifest(root, manifest, files)
    return read_manifest(root) or {}


def _failed_units(work: RunContext) -> dict[str, str]:
    """Return the crawl files that could not be read, with the reason."""
    failed = CommitLog(work.root).failed("curate")
    return {
        _named(file): failed[file.unit].removeprefix(f"{file.file_path}: ")
        for file in work.files
        if file.unit in failed
    }


def _named(file: CrawlFile) -> str:
    part = f", bytes {file.part.start} to {file.part.end}" if file.part else ""
    return f"{file.file_path}{part}"
