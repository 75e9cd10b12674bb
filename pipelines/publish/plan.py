"""What has to be done so that a repository holds a run's dataset: which commits, of what.

If one commit can take everything, one is made, and the dataset is there or it is not.
Otherwise the card is held back first (`card.held_card`), then tables are sent in batches,
and the last commit has the card, the manifest and all removals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filters.errors import UsageError, nearest
from pipelines.ledger import LICENCE_COLUMN
from pipelines.publish.card import complete_card, groups_of, held_card, is_held, split_card
from pipelines.publish.content import (
    CARD,
    DATA,
    MANIFEST,
    SAMPLE,
    SUMS,
    TOKENS,
    Content,
    Group,
    Item,
    folder_of,
    group_of,
    item_of,
)
from pipelines.publish.listing import make_listing, parse_listing, written
from pipelines.publish.repository import Held, State

_OWN_PAPERS = (CARD, MANIFEST, SUMS)
_GIT = ".gitattributes"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Options:
    """How to publish."""

    message: str | None = None
    replace: tuple[str, ...] = ()
    """Dumps that the repository has in another form and that may be replaced."""
    beside_others: bool = False
    """Whether a repository may hold what is not of cuvee."""
    commit_files: int = 100
    """Files of a commit; the Hub takes longer over more."""
    commit_bytes: int = 50 * 1000**3


@dataclass(frozen=True, slots=True)
class Step:
    """One commit."""

    title: str
    add: tuple[Item, ...]
    delete: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files that it adds."""
        return sum(item.size for item in self.add)


@dataclass(frozen=True, slots=True)
class Plan:
    """All commits, in order; none where the repository holds everything."""

    steps: tuple[Step, ...]
    unchanged: int
    """Files of the run that are there already."""
    listing: Mapping[str, Any]
    """The manifest that the repository will have."""
    paths: frozenset[str]
    """All files that the repository will have."""
    card: str

    @property
    def size(self) -> int:
        """Bytes of all files to be sent."""
        return sum(step.size for step in self.steps)

    def on_disk(self) -> Iterator[tuple[Item, Path]]:
        """Yield those of the files to be sent that the run has left, with where they are."""
        for step in self.steps:
            for item in step.add:
                if isinstance(item.source, Path):
                    yield item, item.source


def make_plan(content: Content, state: State, options: Options) -> Plan:
    """Compare a run with a repository; UsageError where that would overwrite something else."""
    before = parse_listing(state.manifest)
    _refuse_unknown(content, options)
    _refuse_other_content(content, state, before, options)
    _refuse_replacing(content, state, before, options)
    removed = _removed(content, state, before)
    listing = listing_after(content, state)
    _refuse_two_layouts(listing)
    refuse_two_schemas(listing)
    card = complete_card(content.card, state.card, listing)
    papers = papers_of(listing, card)
    wanted = [*content.items, *papers]
    changed = [item for item in wanted if not is_there(item, state)]
    tables = [item for item in changed if item.folder]
    last = tuple(item for item in changed if not item.folder)
    steps = tuple(_steps(content, state, options, tables, (last, removed)))
    paths = frozenset({item.path for item in wanted} | (state.files.keys() - set(removed)))
    return Plan(steps, len(wanted) - len(changed), listing, paths, card)


def listing_after(content: Content, state: State) -> dict[str, Any]:
    """Return the manifest that a repository will have when it has a run's content, too."""
    before = parse_listing(state.manifest)
    kept = _kept(content, state, before, _removed(content, state, before))
    found: dict[str, Any] = make_listing(content, kept, before)
    return found


def is_there(item: Item, state: State) -> bool:
    """Whether a repository has a file as it is to be."""
    held = state.files.get(item.path)
    return held is not None and held.equals(item)


def papers_of(listing: Mapping[str, Any], card: str) -> list[Item]:
    """Return the card, the manifest and the sums, as they will be."""
    shown = item_of(CARD, card.encode())
    manifest, sums = written(listing, shown)
    return [shown, item_of(MANIFEST, manifest), item_of(SUMS, sums)]


def _removed(content: Content, state: State, before: Any) -> tuple[str, ...]:
    """Return tables that the run's own replace: what is left of a dump's earlier form.

    Tokens and samples of a dump that has changed are of no dump that is there.
    """
    groups = content.groups()
    stale = {
        group_of(path)[1] for path, held in state.files.items()
        if folder_of(path) in (DATA, TOKENS) and group_of(path) in groups
        and not _equals(path, held, content)
    }  # fmt: skip
    alone = not before or set(before["dumps"]) <= set(content.dumps)
    found = []
    for path in state.files:
        if not folder_of(path) or path in content.by_path:
            continue
        folder, name = group_of(path)
        of_stale = bool(stale) and alone if folder == SAMPLE else name in stale
        if (folder, name) in groups or of_stale:
            found.append(path)
    return tuple(sorted(found))


def _kept(
    content: Content, state: State, before: Any, removed: Sequence[str]
) -> list[Mapping[str, Any]]:
    """Return what the repository's manifest says of files that are of other runs and stay."""
    own = {*content.by_path, *_OWN_PAPERS, *removed}
    kept = [facts for facts in (before or {"files": ()})["files"] if facts["path"] not in own]
    for facts in kept:
        held = state.files.get(facts["path"])
        if held is None or (held.sha256 or facts["sha256"]) != facts["sha256"]:
            raise UsageError(
                f"{facts['path']}: the repository does not hold it as its manifest says.\n"
                "  Publish the run that it is of again, then this one."
            )
    return kept


def _steps(
    content: Content,
    state: State,
    options: Options,
    tables: Sequence[Item],
    last: tuple[tuple[Item, ...], tuple[str, ...]],
) -> Iterator[Step]:
    papers, removed = last
    title = options.message or f"Publish {content.name}"
    if not (tables or papers or removed):
        return
    batches = list(_batches(tables, options))
    fits = len(batches) <= 1 and len(tables) + len(papers) + len(removed) <= options.commit_files
    if fits:
        yield Step(title, (*tables, *papers), removed)
        return
    total = len(batches) + 1
    if not is_held(state.card):
        held = held_card(content.name, state.card, _stable(state, tables, removed))
        yield Step(f"{title} (0/{total}): begun", (item_of(CARD, held.encode()),))
    for number, batch in enumerate(batches, 1):
        yield Step(f"{title} ({number}/{total})", tuple(batch))
    yield Step(f"{title} ({total}/{total}): complete", papers, removed)


def _stable(state: State, tables: Sequence[Item], removed: Sequence[str]) -> list[Group]:
    """Return the complete tables of the repository that will not be touched."""
    touched = {group_of(path) for path in (*(item.path for item in tables), *removed)}
    before = parse_listing(state.manifest)
    groups = groups_of(before) if before else ()
    return [group for group in groups if (group.folder, group.name) not in touched]


def _batches(items: Sequence[Item], options: Options) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        full = len(batch) >= options.commit_files or size + item.size > options.commit_bytes
        if batch and full:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch


def _refuse_unknown(content: Content, options: Options) -> None:
    for dump in options.replace:
        if dump not in content.dumps:
            near = nearest(dump, content.dumps)
            hint = f"Did you mean '{near}'?  " if near else ""
            raise UsageError(
                f"--replace-dump {dump}: the run has no such dump.\n"
                f"  {hint}Its dumps: {', '.join(content.dumps[:_SHOWN])}"
            )


def _refuse_other_content(content: Content, state: State, before: Any, options: Options) -> None:
    """Refuse a repository in which somebody keeps something else."""
    head, body = split_card(state.card) if state.card else ({}, "")
    ours = before or is_held(state.card) or "cuvee" in (head.get("tags") or ())
    if ours or options.beside_others:
        return
    others = [
        path for path, held in state.files.items()
        if path != _GIT and not _equals(path, held, content) and (path != CARD or body.strip())
    ]  # fmt: skip
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise UsageError(
            f"the repository holds files that cuvee has not made: {', '.join(others[:_SHOWN])}"
            f"{more}.\n  Choose another name, or leave them there with --beside-others."
        )


def _equals(path: str, held: Held, content: Content) -> bool:
    item = content.by_path.get(path)
    return item is not None and held.equals(item)


def _refuse_replacing(content: Content, state: State, before: Any, options: Options) -> None:
    """Refuse to change a complete dump, or samples of other dumps, unless that was asked for."""
    if before is None and is_held(state.card):
        return  # an upload that was begun and never complete
    others = sorted(set((before or {}).get("dumps", {})) - set(content.dumps))
    for path in _changed(content, state, before):
        folder, name = group_of(path)
        if folder == SAMPLE and others:
            raise UsageError(
                f"sample {name}: the repository's is drawn from other dumps, too: "
                f"{', '.join(others[:_SHOWN])}.\n"
                "  Draw it in a run over all of them, or remove it there."
            )
        if folder != SAMPLE and name not in options.replace:
            raise UsageError(
                f"{path}: the repository has this dump with other content.\n"
                f"  To replace it: --replace-dump {name}"
            )


def _refuse_two_layouts(listing: Mapping[str, Any]) -> None:
    """Refuse a repository of which some dumps would be laid out by language, and others not."""
    groups = [group for group in groups_of(listing) if group.folder == DATA]
    if len({bool(group.language) for group in groups}) > 1:
        by_dump = sorted({group.name for group in groups if not group.language})
        by_language = sorted({group.name for group in groups if group.language})
        raise UsageError(
            f"the repository would have dumps laid out by dump ({', '.join(by_dump[:_SHOWN])}) and "
            f"by language ({', '.join(by_language[:_SHOWN])}).\n"
            "  Run with --set dataset.by=dump or dataset.by=language, as the repository has them."
        )


def refuse_two_schemas(listing: Mapping[str, Any]) -> None:
    """Refuse a repository of which some runs' rows would name a licence, and others' not."""
    dumps: dict[bool, list[str]] = {}
    for dump, key in sorted(listing["dumps"].items()):
        has_it = bool(listing["runs"][key].get(LICENCE_COLUMN))
        dumps.setdefault(has_it, []).append(dump)
    if len(dumps) > 1:
        some, others = (", ".join(dumps[has_it][:_SHOWN]) for has_it in (True, False))
        raise UsageError(
            f"the repository would have dumps with a column `licence` ({some}) "
            f"and without ({others}).\n"
            "  Run with --set dataset.licence=true or dataset.licence=false, as the others have it."
        )


def _changed(content: Content, state: State, before: Any) -> Iterator[str]:
    """Yield tables of the run's dumps and samples that are complete there in another form.

    Without a manifest there is nothing that tells what is complete: then what has the same name.
    """
    if before is None:
        held = state.files.items()
        yield from (path for path, file in held if _differs(path, file, content))
        return
    groups = content.groups()
    listed = {
        str(facts["path"]): facts["sha256"] for facts in before["files"]
        if folder_of(facts["path"]) and group_of(facts["path"]) in groups
    }  # fmt: skip
    complete = {group_of(path) for path in listed}
    for path in sorted({*listed, *content.by_path}):
        if folder_of(path) and group_of(path) in complete:
            item = content.by_path.get(path)
            if item is None or listed.get(path) != item.sha256:
                yield path


def _differs(path: str, held: Held, content: Content) -> bool:
    return bool(folder_of(path)) and path in content.by_path and not _equals(path, held, content)
