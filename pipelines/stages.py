"""The stages of a run, in order, and the units that each one consists of.

Every unit carries a fingerprint of all that determines its files: the part of
the recipe that it follows, versions, and the content of what it reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filters.errors import WorkError
from pipelines import dedup
from pipelines.crawl import CrawlFile
from pipelines.curate import CurateJob, curate_file
from pipelines.curator import curator_for
from pipelines.dataset import (
    SHARD_BYTES,
    PlanJob,
    ShardJob,
    TokensJob,
    plan_shards,
    read_plan,
    write_shard,
    write_tokens,
)
from pipelines.execute import Driver, Engine, Observer, Task
from pipelines.extract import extractor_version
from pipelines.fingerprint import (
    file_identity,
    stages_before_final_edits,
    stages_from_final_edits,
)
from pipelines.recipe.model import Recipe, TrainedTokenizer
from pipelines.settle import CuratedFile, SettleJob, TrainJob, settle_file, train
from pipelines.storage import Commit, CommitLog, digest, sha256_of, write_whole
from pipelines.tokenizer import find_tokenizer

STAGE_VERSIONS = {
    "curate": 1, "runs": 1, "repeats": 1, "edges": 1, "components": 1, "tokenizer": 1,
    "settle": 1, "plan": 1, "dataset": 1, "tokens": 1,
}  # fmt: skip
"""A stage's number grows whenever its code may write other bytes for the same input."""

_RUN_GROUP = 50  # curated files whose keys go into one run file
_PARTITION_DOCUMENTS = 1_000_000


@dataclass(slots=True)
class Stages:
    """The stages of one run, in order; each returns its commits by unit."""

    recipe: Recipe
    root: Path
    files: Sequence[CrawlFile]
    assets: Mapping[str, str]
    """Digests of the model and lists that decisions depend on."""
    limit: int | None
    engine: Engine
    observer: Observer
    commits: dict[str, dict[str, Commit]] = field(default_factory=dict)
    """What is done, by stage and unit."""

    def run(self) -> None:
        """Bring every stage to its end."""
        given = self._given_tokenizer()
        self._curate(given)
        self._deduplicate()
        tokenizer = given or self._train_tokenizer()
        self._settle(tokenizer)
        self._write_dataset()
        self._write_tokens(tokenizer)
        log = CommitLog(self.root)
        for stage in log.progress().keys() - self.commits.keys():
            log.forget(stage)

    def _do(self, stage: str, tasks: Sequence[Task]) -> dict[str, Commit]:
        # Without one crawl file the rest is right; without a part of a later stage it is not.
        allowed = self.recipe.max_failed_units if stage == "curate" else 0
        driver = Driver(self.root, self.engine, self.observer, allowed)
        self.commits[stage] = driver.run(stage, tasks)
        return self.commits[stage]

    def _fingerprint(self, stage: str, *facts: Any) -> str:
        return digest([stage, STAGE_VERSIONS[stage], version("pyarrow"), *facts])

    def _path(self, commit: Commit, folder: str) -> Path:
        return self.root / commit.file(folder).path

    def _given_tokenizer(self) -> Path | None:
        """Put a tokenizer that is known beforehand into the run directory."""
        if isinstance(self.recipe.tokenizer, TrainedTokenizer):
            return None
        # One that was trained here bears the same name.
        CommitLog(self.root).forget("tokenizer")
        path = self.root / "tokenizer.json"
        found = find_tokenizer(self.recipe.tokenizer)
        if not path.exists() or path.read_bytes() != found:
            write_whole(path, found)
        return path

    def _curate(self, tokenizer: Path | None) -> None:
        curator = curator_for(self.recipe)
        judging = [
            stages_before_final_edits(self.recipe),
            [str(item.metadata) for item in curator.schema],
            curator.segmenter.fingerprint,
        ]
        extractions = {file.unit: self._extraction(file, tokenizer) for file in self.files}
        tasks = [
            Task(
                stage="curate",
                unit=file.unit,
                fingerprint=self._fingerprint("curate", extractions[file.unit], judging),
                work=curate_file,
                argument=CurateJob(
                    recipe=self.recipe,
                    file=file,
                    tokenizer=str(tokenizer) if tokenizer else None,
                    limit=self.limit,
                    extraction=extractions[file.unit],
                ),
            )
            for file in self.files
        ]
        _check_failed_pages(self._do("curate", tasks), self.recipe.max_failed_pages)

    def _extraction(self, file: CrawlFile, tokenizer: Path | None) -> str:
        """Return the digest of what determines a file's text, gates and stored columns."""
        plain = self.recipe.resolved()
        rules = (*self.recipe.url_gates, *self.recipe.text_gates)
        gates = [[rule.name, str(rule)] for rule in rules]
        return self._fingerprint(
            "curate",
            {key: plain[key] for key in ("extract", "language", "audit_fraction", "keep_text")},
            gates,
            extractor_version(self.recipe.extract.extractor),
            self.assets,
            sha256_of(tokenizer) if tokenizer else None,
            self.limit,
            file.ordinal,
            file_identity(file),
        )

    def _deduplicate(self) -> None:
        curated = self.commits["curate"]
        documents = sum(commit.facts["kept"] for commit in curated.values())
        partitions = documents // _PARTITION_DOCUMENTS + 1
        runs = self._do("runs", self._run_tasks(partitions))
        repeats = self._do("repeats", self._partition_tasks("repeats", partitions, runs, "ids"))
        if self.recipe.dedup is None:
            return
        found = tuple(self._path(commit, "stages/repeats") for commit in repeats.values())
        edges = self._do(
            "edges",
            self._partition_tasks("edges", partitions, runs, "bands", repeats, found),
        )
        paths = tuple(self._path(commit, "stages/edges") for commit in edges.values())
        content = [commit.content for commit in edges.values()]
        task = Task(
            stage="components",
            unit="all",
            fingerprint=self._fingerprint("components", content),
            work=dedup.join_components,
            argument=dedup.ComponentsJob(paths),
        )
        self._do("components", [task])

    def _run_tasks(self, partitions: int) -> list[Task]:
        hasher = curator_for(self.recipe).minhasher
        curated = [(file, self.commits["curate"].get(file.unit)) for file in self.files]
        done = [(file.ordinal, commit) for file, commit in curated if commit]
        tasks = []
        for number, start in enumerate(range(0, len(done), _RUN_GROUP)):
            group = done[start : start + _RUN_GROUP]
            job = dedup.RunsJob(
                unit=f"{number:05d}",
                candidates=self._tables(group, "stages/curate/candidates"),
                signatures=self._tables(group, "stages/curate/signatures") if hasher else (),
                hasher=hasher,
                partitions=partitions,
            )
            folders = ("stages/curate/candidates", "stages/curate/signatures")
            content = [[ordinal, commit.content_of(*folders)] for ordinal, commit in group]
            print_ = self._fingerprint("runs", content, partitions)
            tasks.append(Task("runs", job.unit, print_, dedup.write_runs, job))
        return tasks

    def _tables(
        self, group: Sequence[tuple[int, Commit]], folder: str
    ) -> tuple[tuple[int, Path], ...]:
        return tuple((ordinal, self._path(commit, folder)) for ordinal, commit in group)

    def _partition_tasks(
        self,
        stage: str,
        partitions: int,
        runs: Mapping[str, Commit],
        keys: str,
        repeats: Mapping[str, Commit] | None = None,
        repeat_paths: tuple[Path, ...] = (),
    ) -> list[Task]:
        work = {"repeats": dedup.find_repeats, "edges": dedup.find_edges}[stage]
        paths = tuple(self._path(commit, f"stages/runs/{keys}") for commit in runs.values())
        content = [
            *(commit.content_of(f"stages/runs/{keys}") for commit in runs.values()),
            *(commit.content for commit in (repeats or {}).values()),
        ]
        tasks = []
        for partition in range(partitions):
            job = dedup.PartitionJob(f"{partition:05d}", partition, paths, repeat_paths)
            print_ = self._fingerprint(stage, content, partition)
            tasks.append(Task(stage, job.unit, print_, work, job))
        return tasks

    def _curated_files(self) -> list[tuple[CuratedFile, str]]:
        """Return every curated file with its labels, and the digest of what they hold."""
        repeats = tuple(self.commits["repeats"].values())
        components = self.commits.get("components", {}).get("all")
        labels = self._labels()
        files = []
        for file in self.files:
            commit = self.commits["curate"].get(file.unit)
            if commit is None:
                continue
            has_judged = isinstance(self.recipe.tokenizer, TrainedTokenizer)
            curated = CuratedFile(
                unit=file.unit,
                ordinal=file.ordinal,
                ledger=self._path(commit, "stages/curate/ledger"),
                candidates=self._path(commit, "stages/curate/candidates"),
                judged=self._path(commit, "stages/curate/judged") if has_judged else None,
                repeats=tuple(self._path(item, "stages/repeats") for item in repeats),
                components=self._path(components, "stages/components") if components else None,
            )
            files.append((curated, digest([commit.content, labels])))
        return files

    def _labels(self) -> list[str]:
        """Return the digests of what deduplication found."""
        found = (*self.commits["repeats"].values(), *self.commits.get("components", {}).values())
        return [commit.content for commit in found]

    def _final_edits(self) -> Any:
        return stages_from_final_edits(self.recipe)

    def _train_tokenizer(self) -> Path:
        files = self._curated_files()
        content: list[Any] = [self._labels()]
        content += [
            commit.content_of("stages/curate/candidates")
            for commit in self.commits["curate"].values()
        ]
        options = self.recipe.resolved()["tokenizer"]
        task = Task(
            stage="tokenizer",
            unit="all",
            fingerprint=self._fingerprint(
                "tokenizer", content, options, self._final_edits(), version("tokenizers")
            ),
            work=train,
            argument=TrainJob(self.recipe, tuple(file for file, _ in files)),
        )
        commit = self._do("tokenizer", [task])["all"]
        return self.root / commit.files[0].path

    def _settle(self, tokenizer: Path) -> None:
        sha256 = sha256_of(tokenizer)
        tasks = [
            Task(
                stage="settle",
                unit=file.unit,
                fingerprint=self._fingerprint("settle", content, sha256, self._final_edits()),
                work=settle_file,
                argument=SettleJob(self.recipe, file, str(tokenizer)),
            )
            for file, content in self._curated_files()
        ]
        self._do("settle", tasks)

    def _write_dataset(self) -> None:
        settled = self.commits["settle"].values()
        sizes = [commit.content_of("stages/settle/hosts") for commit in settled]
        rows = [commit.content_of("stages/settle/rows") for commit in settled]
        hosts = tuple(self._path(commit, "stages/settle/hosts") for commit in settled)
        plan = Task(
            stage="plan",
            unit="all",
            fingerprint=self._fingerprint("plan", sizes, SHARD_BYTES),
            work=plan_shards,
            argument=PlanJob(hosts, SHARD_BYTES),
        )
        planned = self._do("plan", [plan])["all"]
        sources = tuple(self._path(commit, "stages/settle/rows") for commit in settled)
        shards = [
            ShardJob(row["dump"], row["shard"], row["first_host"], row["last_host"], sources)
            for row in read_plan(self._path(planned, "stages/plan"))
        ]
        tasks = [
            Task(
                stage="dataset",
                unit=job.name,
                fingerprint=self._fingerprint("dataset", rows, planned.content, job.name),
                work=write_shard,
                argument=job,
            )
            for job in shards
        ]
        self._do("dataset", tasks)

    def _write_tokens(self, tokenizer: Path) -> None:
        name = self.recipe.tokenizer
        label = name if isinstance(name, str) else f"trained on this run ({name.vocab_size})"
        sha256 = sha256_of(tokenizer)
        tasks = [
            Task(
                stage="tokens",
                unit=unit,
                fingerprint=self._fingerprint("tokens", shard.content, label, sha256),
                work=write_tokens,
                argument=TokensJob(
                    unit, self.root / shard.files[0].path, str(tokenizer), label, sha256
                ),
            )
            for unit, shard in self.commits["dataset"].items()
        ]
        self._do("tokens", tasks)


def _check_failed_pages(curated: Mapping[str, Commit], allowed: float) -> None:
    pages = sum(commit.facts["pages"] for commit in curated.values())
    failed = sum(commit.facts["failed"] for commit in curated.values())
    if pages and failed / pages > allowed:
        raise WorkError(
            f"curate: {failed} of {pages} pages failed, more than max_failed_pages: {allowed}.\n"
            "  'cuvee status' says why; go on with a higher --set max_failed_pages=SHARE."
        )
