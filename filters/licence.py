"""The licence that a page's markup names: links to Creative Commons, `rel="license"` and its kin.

Read are `<meta name="license">` (also `og:license`, `dcterms.license`), JSON-LD's `license`
(schema.org), `<link rel="license">`, `<a rel="license">` (HTML, section 4.6.7.8; RDFa's
`cc:license`, microdata's `itemprop`), and last any other link to a licence of
creativecommons.org. The order is that of C5 (BramVanroy/CommonCrawl-CreativeCommons at 0518d74,
`license_annotator.py`), which looks at meta, JSON-LD, link and a, too. Other than there a link must
lead to creativecommons.org and not only name it, `rel="license"` goes before links without it,
JSON-LD is searched at any depth, and a licence that is none of Creative Commons is `other`. A link
to a licence may be of a picture on the page alone: `licence.kinds` above 1 is a sign of that.
"""

import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any, TypeAlias
from urllib.parse import unquote

from filters.signal import Signal
from filters.tags import Tag, open_tags, plain_markup

NONE, OTHER = "none", "other"
KINDS = ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd", "zero", "mark", OTHER, NONE)
"""Kinds of licence: those of Creative Commons, its two tools for the public domain, and others."""
PLACES = ("meta", "json_ld", "link", "rel", "a")
"""Where a licence may be named, what counts first of all coming first."""
_NAMES = {"zero": "cc0", "mark": "pdm"}
_META = {"license", "og:license", "cc:license", "dc.license", "dcterms.license", "dcterms:license"}
_RELS = {"license", "cc:license", "dct:license", "dcterms:license"}
_TAGS = (b"meta", b"link", b"a", b"area", b"script")
_WORDS = (b"license", b"creativecommons.org")
_ADDRESS = re.compile(
    r"\s*(?:https?:)?//(?:[a-z0-9-]{1,63}\.){0,4}creativecommons\.org(?::[0-9]{1,5})?"
    r"/(?:licenses|publicdomain)/([a-z+-]{1,40})(?:/([0-9]\.[0-9]))?"
)
_MOST_JSON = 1 << 20
_MOST_ADDRESS = 2000

Found: TypeAlias = tuple[int, str, str]
"""Rank of the place, kind, version."""
NOTHING: Mapping[str, str | int] = {
    "licence.name": NONE,
    "licence.kind": NONE,
    "licence.version": NONE,
    "licence.place": NONE,
    "licence.kinds": 0,
}


def read_licence(html: bytes) -> dict[str, str | int]:
    """Return what a page's markup says of its licence, by the names of `NOTHING`.

    `html` is in any charset that contains ASCII, or in UTF-16.
    """
    html = plain_markup(html)
    last = max(map(html.rfind, _WORDS))
    if last < 0:
        return dict(NOTHING)
    found = [each for tag in open_tags(html, _TAGS, last) for each in _of_tag(tag)]
    if not found:
        return dict(NOTHING)
    place, kind, version = min(found, key=lambda each: each[0])  # the first of the best place
    return {
        "licence.name": _name(kind, version),
        "licence.kind": kind,
        "licence.version": version or NONE,
        "licence.place": PLACES[place],
        "licence.kinds": len({each[1] for each in found}),
    }


def _name(kind: str, version: str) -> str:
    short = OTHER if kind == OTHER else _NAMES.get(kind, f"cc-{kind}")
    return f"{short}-{version}" if version else short


def _of_tag(tag: Tag) -> Iterator[Found]:
    """Yield the licences that a tag names."""
    has = tag.attributes
    if tag.name == b"meta":
        if has.get("name", has.get("property", "")).strip() in _META:
            yield from _licence("meta", has.get("content", ""), is_declared=True)
    elif tag.name == b"script":
        if has.get("type", "").strip() == "application/ld+json":
            for address in _in_json(tag.content):
                yield from _licence("json_ld", address, is_declared=True)
    else:
        words = {*has.get("rel", "").split(), *has.get("itemprop", "").split()}
        is_declared = not _RELS.isdisjoint(words)
        place = "link" if tag.name == b"link" else "rel" if is_declared else "a"
        yield from _licence(place, has.get("href", ""), is_declared=is_declared)


def _licence(place: str, written: str, *, is_declared: bool) -> Iterator[Found]:
    """Yield the licence at an address; at another than Creative Commons' if it is said to be one.

    An address with its slashes as %2F is read as well.
    """
    address = unquote(unescape(written[:_MOST_ADDRESS])).lower()
    found = _ADDRESS.match(address)
    if found is not None:
        parts = found[1].split("-")
        kind = "-".join(sorted(parts, key=lambda part: _ORDER.get(part, len(_ORDER))))
        yield PLACES.index(place), kind if kind in KINDS else OTHER, found[2] or ""
    elif is_declared and address.strip():
        yield PLACES.index(place), OTHER, ""


_ORDER = {"by": 0, "nc": 1, "sa": 2, "nd": 3}
"""How a licence's parts are written today; the first version had `by-nd-nc`."""


def _in_json(content: bytes) -> Iterator[str]:
    """Yield the values of `license` in JSON-LD, or their `@id` or `url`, at any depth."""
    if b'"license"' not in content or len(content) > _MOST_JSON:
        return
    try:
        open_values: list[Any] = [json.loads(content.decode("utf-8", "replace"))]
    except (ValueError, RecursionError):  # no JSON, or digits and depths that nobody writes
        return
    while open_values:
        value = open_values.pop()
        if isinstance(value, dict):
            yield from _addresses(value.get("license"))
            open_values.extend(reversed(value.values()))
        elif isinstance(value, list):
            open_values.extend(reversed(value))


def _addresses(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        address = each.get("@id", each.get("url")) if isinstance(each, dict) else each
        if isinstance(address, str):
            yield address


def _signal(name: str, kind: type, summary: str, **settings: Any) -> Signal:
    return Signal(name=name, kind=kind, summary=summary, module=__name__, settings=settings)


SIGNALS = (
    _signal("licence.name", str, "The licence named first of all, e.g. 'cc-by-4.0', or 'none'."),
    _signal("licence.kind", str, "Its kind, whatever its version.", labels=KINDS),
    _signal("licence.version", str, "Its version, e.g. '4.0', or 'none'."),
    _signal("licence.place", str, "Where it is named.", labels=(*PLACES, NONE)),
    _signal("licence.kinds", int, "How many kinds of licences the page names or links to."),
)
"""What gates read; null of an input that has no HTML."""
