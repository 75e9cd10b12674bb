"""trafilatura's own extraction, linked with faster parts that give the same."""

import sys
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any, TypeAlias

from trafilatura import (
    core,
    external,
    htmlprocessing,
    settings,
    utils,
    xml,
    xpaths,
)

from pipelines.accelerate import cleaning, compare, lighten, links, paragraphs
from pipelines.accelerate.marks import Marker
from pipelines.accelerate.parse import fast_parser, has_control_characters
from pipelines.accelerate.repeated import Repeated, body_duplicate_test
from pipelines.accelerate.twin import linked_copy

_LISTS = (
    "BODY_XPATH",
    "COMMENTS_XPATH",
    "COMMENTS_DISCARD_XPATH",
    "DISCARD_IMAGE_ELEMENTS",
    "OVERALL_DISCARD_XPATH",
    "PRECISION_DISCARD_XPATH",
    "RAW_TREE_PRUNE_XPATH",
    "REMOVE_COMMENTS_XPATH",
    "REMOVE_COMMENTS_AND_LISTS_XPATH",
    "TEASER_DISCARD_XPATH",
)
"""Lists of trafilatura.xpaths that choose elements of the text; the others are for metadata."""
_KEYWORDS = {
    "favor_precision": "precision",
    "favor_recall": "recall",
    "fast": "fast",
    "include_comments": "comments",
    "include_tables": "tables",
    "include_links": "links",
    "include_formatting": "formatting",
}


Run: TypeAlias = Callable[[str], str]


def accelerated(options: Mapping[str, bool], reference: Run) -> Run:
    """Return a function from HTML to the text of `trafilatura.extract` with these options.

    The options are those that `support.OPTIONS` names. Each page has a cache of repeated
    text of its own. `reference` is trafilatura itself, for pages that need its every step.
    """
    deduplicate = options.get("deduplicate", False)
    keywords = {_KEYWORDS[name]: value for name, value in options.items() if name in _KEYWORDS}
    prepared = settings.Extractor(**keywords)  # type: ignore[arg-type]  # all of them booleans
    extract = _linked_extract(lighter=prepared.focus == "precision")

    def run(html: str) -> str:
        if has_control_characters(html):
            return reference(html)
        its_own = copy(prepared)
        its_own.dedup = Repeated() if deduplicate else False
        text: str | None = extract(html, options=its_own)
        return text or ""

    return run


def _linked_extract(*, lighter: bool) -> Callable[..., str | None]:
    """Return a copy of `trafilatura.extract` that works with the faster parts.

    `lighter` says that no extraction will ask for scripts.
    """
    marker = Marker()
    replacements = [*_selections(marker), *_functions(), *_values()]
    if lighter:
        replacements.append((core._forum_thread_page, lighten.forum_thread_page))  # noqa: SLF001
    modules = (
        sys.modules["trafilatura.baseline"],  # the package has a function of this name
        utils, xml, htmlprocessing, external, core, cleaning, compare, links,
        sys.modules["trafilatura.main_extractor"],
    )  # fmt: skip
    spaces = linked_copy([module.__name__ for module in modules], replacements)
    _load_marked(spaces["trafilatura.core"], marker)
    spaces["trafilatura.core"]["duplicate_test"] = body_duplicate_test
    extract: Callable[..., str | None] = spaces["trafilatura.core"]["extract"]
    return extract


def _selections(marker: Marker) -> Iterator[tuple[object, object]]:
    for name in _LISTS:
        expressions = getattr(xpaths, name)
        yield expressions, [marker.selection(expression) for expression in expressions]
    yield settings.BASIC_CLEAN_XPATH, marker.selection(settings.BASIC_CLEAN_XPATH)


def _functions() -> Iterator[tuple[object, object]]:
    yield core._extract_and_compare, compare.extract_and_compare  # noqa: SLF001  it is replaced
    yield external.try_justext, paragraphs.try_justext
    yield htmlprocessing.tree_cleaning, cleaning.tree_cleaning
    yield htmlprocessing.delete_by_link_density, links.delete_by_link_density


def _values() -> Iterator[tuple[object, object]]:
    yield utils.HTML_PARSER, fast_parser()
    yield utils.INVALID_XML_CHARS, lighten.ForbiddenCharacters()


def _load_marked(space: dict[str, Any], marker: Marker) -> None:
    """Have pages marked as soon as they are parsed."""
    load_html = space["load_html"]

    def load_and_mark(html: Any, max_size: int | None = None) -> Any:
        tree = load_html(html, max_size)
        if tree is not None and isinstance(html, str):
            marker.mark(tree)
        return tree

    space["load_html"] = load_and_mark
