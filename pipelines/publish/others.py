"""What a run publishes into a repository that has dumps of other runs: said of all together."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from pipelines.publish.content import Content, Item
from pipelines.publish.listing import parse_listing, run_key
from pipelines.publish.plan import listing_after
from pipelines.publish.repository import State
from pipelines.publish.whole import domains_of, is_told, whole_facts, whole_papers

Fetch = Callable[[str, str], AbstractContextManager[Path]]
"""Gives a copy of a file of the repository, by its path and commit."""


def with_others(content: Content, state: State, repo_id: str, fetch: Fetch) -> Content:
    """Return content whose card, and what lies beside it, are of all dumps of a repository.

    The content itself where the repository has no others, or where these were published by a
    version of cuvee that did not say enough of them.
    """
    before = parse_listing(state.manifest)
    if before is None or set(before["dumps"]) <= set(content.dumps):
        return content
    listing = listing_after(content, state)
    own = [name for name in domains_of(content.dumps) if name in content.by_path]
    if not is_told(listing) or len(own) < len(content.dumps):
        return content
    facts = whole_facts(listing, content.recipe, repo_id, run_key(content.run))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cuvee-whole-")))
        others = [dump for dump in listing["dumps"] if dump not in content.dumps]
        assert state.commit is not None  # noqa: S101  it has a manifest
        paths = [stack.enter_context(fetch(n, state.commit)) for n in domains_of(others)]
        card, papers = whole_papers(facts, [*paths, *_own(content, own)], folder)
    return replace(content, card=card, items=_in_place(content.items, papers))


def _own(content: Content, names: Sequence[str]) -> list[Path]:
    sources = (content.by_path[name].source for name in names)
    return [source for source in sources if isinstance(source, Path)]


def _in_place(items: Iterable[Item], papers: Iterable[Item]) -> tuple[Item, ...]:
    found = {**{item.path: item for item in items}, **{item.path: item for item in papers}}
    return tuple(found[path] for path in sorted(found))
