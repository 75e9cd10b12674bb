"""Opening tags of a page's markup with their attributes, without a parser, in linear time.

What a browser takes for no tag, in comments, scripts, styles, titles and text fields, is passed
over. Names and values are in lower case, as the page must be that is given.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

_CLOSED = (b"script", b"style", b"textarea", b"title")
"""Elements in which nothing is a tag."""
# Each part ends somewhere, if only with the page: no place is looked at twice, whatever it has.
_REST = re.compile(rb"((?:[^>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+)(?:>|\Z)")
_ATTRIBUTE = re.compile(
    rb"(?<![a-z:-])([a-z:-]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))"
)


@dataclass(frozen=True, slots=True)
class Tag:
    """An opening tag; `content` is what stands in a script, and empty of all others."""

    name: bytes
    attributes: dict[str, str]
    """Values as written, character references included; of a name that comes twice the last."""
    content: bytes = b""


def plain_markup(html: bytes) -> bytes:
    """Return a page in lower case in a charset that contains ASCII: of UTF-16 half of the bytes."""
    return (html.replace(b"\0", b"") if b"\0" in html[:64] else html).lower()


def open_tags(html: bytes, names: Sequence[bytes], last: int) -> Iterator[Tag]:
    """Yield the tags of these names that begin before byte `last`, in order."""
    at, opening = 0, _opening(tuple(names))
    while at < last and (found := opening.search(html, at, last)) is not None:
        name = found[1]
        if name is None:
            at = _behind(html, b"-->", found.end(), last)
            continue
        rest = _REST.match(html, found.end())
        assert rest is not None  # noqa: S101  it matches anything, up to the page's end
        at = rest.end()
        content = b""
        if name in _CLOSED:
            at = _behind(html, b"</" + name, at, last)
            content = html[rest.end() : at]
        if name in names:
            yield Tag(name, _attributes(rest[1]), content)


def _behind(html: bytes, end: bytes, at: int, last: int) -> int:
    found = html.find(end, at)
    return found if found >= 0 else max(last, len(html))


@cache
def _opening(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    words = b"|".join(dict.fromkeys((*_CLOSED, *names)))
    return re.compile(rb"<(?:!--|(" + words + rb")(?=[\s/>]))")


def _attributes(written: bytes) -> dict[str, str]:
    return {
        name.decode("latin-1"): (first or second or third).decode("utf-8", "replace")
        for name, first, second, third in _ATTRIBUTE.findall(written)
    }
