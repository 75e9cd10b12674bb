"""Reservations against use by machines that a page carries, by protocol.

In the HTTP header `X-Robots-Tag` and in `<meta name="robots">`: `noai` and `noimageai`, which
sites use although no standard has them, and `noindex`, which `none` stands for, too (Google's
robots meta specification). By the TDM Reservation Protocol (W3C community group, 2024,
sections 4 and 5): the header `TDM-Reservation: 1` and `<meta name="tdm-reservation"
content="1">`. What is said to one robot by name says nothing to others and is not counted. A
site may also be on a list that somebody else keeps.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from filters.canonical_url import canonical_url
from filters.signal import Signal
from filters.tags import open_tags, plain_markup

HEADERS = ("x-robots-tag", "tdm-reservation")
"""Names, in lower case, of the HTTP headers that are read."""
NOTHING: Mapping[str, int] = {
    "optout.noai": 0,
    "optout.noimageai": 0,
    "optout.noindex": 0,
    "optout.tdm_reservation": 0,
}
_BY_DIRECTIVE = {
    "noai": "optout.noai",
    "noimageai": "optout.noimageai",
    "noindex": "optout.noindex",
    "none": "optout.noindex",
}
_WITH_VALUES = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
_NAMES = (b"robots", b"tdm-reservation")


def read_opt_outs(headers: Iterable[tuple[str, str]], html: bytes) -> dict[str, int]:
    """Return how many headers and tags of a page say each thing, by the names of `NOTHING`.

    Header names are in lower case; `html` is in any charset that contains ASCII, or in UTF-16.
    """
    found = dict(NOTHING)
    for name, value in headers:
        for said in _said(name, value, "x-robots-tag"):
            found[said] += 1
    for name, value in _metas(plain_markup(html)):
        for said in _said(name, value, "robots"):
            found[said] += 1
    return found


def _said(name: str, value: str, robots: str) -> set[str]:
    """Return what a header or a tag says; each thing once."""
    if name == "tdm-reservation":
        return {"optout.tdm_reservation"} if value.strip() == "1" else set()
    words = _directives(value) if name == robots else ()
    return {_BY_DIRECTIVE[word] for word in words if word in _BY_DIRECTIVE}


def _directives(value: str) -> Iterator[str]:
    """Yield the directives to all robots; behind a robot's name they are for that one."""
    for part in value.lower().split(","):
        word, colon, _ = part.strip().partition(":")
        if colon and word.strip() not in _WITH_VALUES:
            return
        yield word.strip()


def _metas(html: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and content of the meta tags of a page in lower case, as far as names go."""
    for tag in open_tags(html, (b"meta",), max(map(html.rfind, _NAMES))):
        if "name" in tag.attributes and "content" in tag.attributes:
            yield tag.attributes["name"].strip(), tag.attributes["content"]


class OptOutList:
    """Domains, each with every host below it, and addresses that have opted out elsewhere."""

    def __init__(self, domains: Iterable[str], urls: Iterable[str]) -> None:
        self._domains, self._urls = frozenset(domains), frozenset(urls)

    def listed(self, url: str, host: str) -> int:
        """Return 1 where the list has the address in some form, its host or a domain above it."""
        parts = host.split(".")
        above = (".".join(parts[start:]) for start in range(len(parts)))
        if not self._domains.isdisjoint(above):
            return 1
        return int(bool(self._urls) and canonical_url(url) in self._urls)


def _signal(name: str, summary: str) -> Signal:
    return Signal(name=name, kind=int, summary=summary, module=__name__)


SIGNALS = (
    _signal("optout.noai", "Headers and meta tags for robots that say `noai`."),
    _signal("optout.noimageai", "Those that say `noimageai`, which is about images alone."),
    _signal("optout.noindex", "Those that say `noindex` or `none`."),
    _signal("optout.tdm_reservation", "Headers and meta tags that reserve text and data mining."),
    _signal("optout.listed", "1 where a list of `opt_outs` names the address or a domain of it."),
)
"""What gates read; all but the last are null of an input that has no HTTP headers and no HTML."""


def tally(row: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield what is to be counted of a page's row: `examined`, and 1 or 0 for each signal."""
    if row.get(SIGNALS[0].name) is not None:
        yield "examined", 1
    for signal in SIGNALS:
        value = row.get(signal.name)
        if value is not None:
            yield signal.name, int(value > 0)
