"""From a page's HTML to its main text.

Extraction is a pure function of the page: trafilatura's `deduplicate` looks
into a cache that belongs to the process, so each page gets a cache of its own
(design section 3).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.accelerate import Accelerate, choose

Extractor = Callable[[str], str]
"""Takes decoded HTML, returns the main text, empty where there is none."""


def make_extractor(
    name: str,
    options: Mapping[str, Any],
    accelerate: Accelerate = False,
    counts: Counter[str] | None = None,
) -> Extractor:
    """Return the extractor of that name with a recipe's options.

    `trafilatura` follows datatrove's block (comments are left out); `accelerate` makes it
    faster and adds to `counts` what it has to tell (`pipelines.accelerate.choose`).
    `resiliparse` is its plain text extraction, `justext` the paragraphs that jusText does not take
    for boilerplate. KeyError for another name.
    """
    if name == "trafilatura":
        known = {"include_comments": False, **options}
        return choose(
            accelerate, known, _trafilatura(known), Counter() if counts is None else counts
        )
    return {"resiliparse": _resiliparse, "justext": _justext}[name](dict(options))


def _trafilatura(options: Mapping[str, Any]) -> Extractor:
    from trafilatura import extract
    from trafilatura.deduplication import LRUCache
    from trafilatura.settings import LRU_SIZE

    others = {name: value for name, value in options.items() if name != "deduplicate"}

    def run(html: str) -> str:
        seen = LRUCache(maxsize=LRU_SIZE) if options.get("deduplicate") else False
        return extract(html, deduplicate=seen, **others) or ""

    return run


def _resiliparse(options: dict[str, Any]) -> Extractor:
    from resiliparse.extract.html2text import extract_plain_text

    def run(html: str) -> str:
        return extract_plain_text(html, **options) or ""

    return run


def _justext(options: dict[str, Any]) -> Extractor:
    from justext import get_stoplist, justext
    from lxml.etree import ParserError

    others = {name: value for name, value in options.items() if name != "stoplist"}
    stop_words = get_stoplist(options.get("stoplist", "English"))

    def run(html: str) -> str:
        try:
            paragraphs = justext(html, stop_words, **others)
        except ParserError:  # a page that is empty, as lxml sees it
            return ""
        return "\n\n".join(part.text for part in paragraphs if not part.is_boilerplate)

    return run
