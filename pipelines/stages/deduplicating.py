"""The stages of deduplication: repeated records, then the recipe's kinds in its order.

Each kind that joins pages clusters them (`pipelines.stages.clustering`) and says who stays;
lines edit texts (`pipelines.stages.lines`). What one has removed takes no part in the next.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.crawl import CrawlFile
from pipelines.curator import curator_for
from pipelines.dedup.kinds import SAME_RECORD, KeyMaker, KeysOfGroup, keys_of_group
from pipelines.dedup.pages import Group, Pages
from pipelines.dedup.parts import Part, Source
from pipelines.recipe.kinds import JoiningOptions, KindOptions, LinesOptions, MinHashOptions
from pipelines.stages.clustering import MEMORY, Clustering, Clusters, cluster, join
from pipelines.stages.context import RunContext
from pipelines.stages.earlier import earlier_parts
from pipelines.stages.lines import earlier_passages, edit_lines
from pipelines.stages.oversized import check_largest
from pipelines.stages.surviving import verdicts
from pipelines.stages.verifying import Verifier
from pipelines.storage import Commit, digest

_GROUP = 50  # curated files whose keys go into one run
_TABLES = ("candidates", "bands", "ledger")


def deduplicate(run: RunContext) -> tuple[Group, ...]:
    """Find repeats of every kind that the recipe asks for; return what was found by group.

    Raises WorkError where a cluster is larger than the recipe allows.
    """
    groups = _groups(run)
    for kind, options in _kinds(run):
        if isinstance(options, LinesOptions):
            groups = edit_lines(run, options, groups, per_dump=_per_dump(run, options.per))
        elif isinstance(options, JoiningOptions):
            groups = _join(run, kind, options, groups)
    return groups


def check_against(run: RunContext) -> None:
    """Raise UsageError where an earlier run's keys cannot be used: before any work is done."""
    for kind, options in _kinds(run):
        if isinstance(options, LinesOptions):
            earlier_passages(run, options, per_dump=_per_dump(run, options.per))
        elif isinstance(options, JoiningOptions):
            _earlier(run, options, _maker(run, kind, options))


def _kinds(run: RunContext) -> Iterator[tuple[str, KindOptions]]:
    """Yield the kinds in order; repeated records, which every recipe has removed, come first."""
    kinds = run.recipe.dedup.kinds if run.recipe.dedup else ()
    against = dict.fromkeys(folder for options in kinds for folder in options.against)
    yield SAME_RECORD, JoiningOptions(per="all", against=tuple(against))
    yield from ((options.kind, options) for options in kinds)


def _groups(run: RunContext) -> tuple[Group, ...]:
    curated = run.commits["curate"]
    done = [(file, curated[file.unit]) for file in run.files if file.unit in curated]
    has_bands = curator_for(run.recipe).minhasher is not None
    return tuple(
        _group(run, f"{number:05d}", done[start : start + _GROUP], has_bands=has_bands)
        for number, start in enumerate(range(0, len(done), _GROUP))
    )


def _group(
    run: RunContext, unit: str, done: Sequence[tuple[CrawlFile, Commit]], *, has_bands: bool
) -> Group:
    contents = {
        table: digest(
            [[file.ordinal, file.dump, commit.content_of(_folder(table))] for file, commit in done]
        )
        for table in _TABLES
    }
    return Group(unit, tuple(_pages(run, *one, has_bands=has_bands) for one in done), contents)


def _folder(table: str) -> str:
    return f"stages/curate/{table}/"


def _pages(run: RunContext, file: CrawlFile, commit: Commit, *, has_bands: bool) -> Pages:
    candidates, bands, ledger = (f"stages/curate/{table}" for table in _TABLES)
    return Pages(
        unit=file.unit,
        ordinal=file.ordinal,
        dump=file.dump,
        ledger=run.path(commit, ledger),
        candidates=run.path(commit, candidates),
        bands=run.path(commit, bands) if has_bands else None,
    )


def _per_dump(run: RunContext, per: str) -> bool:
    """Return whether dumps must be kept apart; the only one is not marked as such in its keys."""
    return per == "dump" and len({file.dump for file in run.files}) > 1


def _join(
    run: RunContext, kind: str, options: JoiningOptions, groups: Sequence[Group]
) -> tuple[Group, ...]:
    """Cluster what is left, choose who stays, and return the groups with what was found."""
    maker = _maker(run, kind, options)
    clusters, checked = _clusters(run, maker, options, groups)
    check_largest(kind, options.max_cluster, clusters, groups, maker)
    run.found[kind] = {"keys": maker.identity, **_facts(clusters), **checked}
    found = verdicts(run, kind, options.keep, groups, clusters)
    return tuple(
        group.judged(kind, part.path, part.content)
        for group, part in zip(groups, found, strict=True)
    )


def _maker(run: RunContext, kind: str, options: JoiningOptions) -> KeyMaker:
    hasher = curator_for(run.recipe).minhasher if isinstance(options, MinHashOptions) else None
    return KeyMaker(kind, hasher, per_dump=_per_dump(run, options.per))


def _earlier(run: RunContext, options: JoiningOptions, maker: KeyMaker) -> tuple[Part, ...]:
    kind = maker.kind
    return earlier_parts(run.root, options.against, kind, f"runs_{kind}", maker.identity)


def _clusters(
    run: RunContext, maker: KeyMaker, options: JoiningOptions, groups: Sequence[Group]
) -> tuple[Clusters, dict[str, Any]]:
    """Return the clusters of all who share a key; verified, with what that has shown, if asked."""
    kind = maker.kind
    sources = [
        Source(group.unit, KeysOfGroup(group, maker), maker.content(group)) for group in groups
    ]
    how = Clustering(
        keys=keys_of_group,
        facts=maker.identity,
        way=options.clustering,
        memory=run.recipe.memory_per_worker or MEMORY,
        earlier=_earlier(run, options, maker),
    )
    clusters = cluster(run, kind, sources, options=how)
    if not isinstance(options, MinHashOptions) or not options.verify:
        return clusters, {}
    verify = Verifier(groups, maker, options.verify, how.memory)
    edges = verify(run, kind, clusters)
    checked = verify.facts(run, kind, clusters)
    verified = f"{kind}_verified"
    return join(run, verified, edges, clusters.groups, way=how.way, memory=how.memory), checked


def _facts(clusters: Clusters) -> dict[str, Any]:
    return {
        "clusters": clusters.clusters,
        "documents": clusters.documents,
        "largest": clusters.largest[1],
        "histogram": {str(size): count for size, count in sorted(clusters.histogram.items())},
    }
