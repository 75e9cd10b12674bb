"""Personal data: e-mail and public IP addresses become stand-ins.

Patterns, stand-ins and their order follow FineWeb as datatrove 0.10.1 publishes it
(`formatters/pii.py`). There the stand-ins run on from page to page, so a page's text
depends on what came before; here they start again on every page.

The e-mail pattern is the dot-atom address of RFC 5322 section 3.4.1 in ASCII, with a
host name (RFC 1123) or a bracketed address literal after the `@`.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle
from types import MappingProxyType

from filters.edit import Edit, Edited, Options, own_signals
from filters.text import Text

EMAIL_STAND_INS = ("email@example.com", "firstname.lastname@example.org")
IP_STAND_INS = (
    "22.214.171.124",
    "126.96.36.199",
    "188.8.131.52",
    "184.108.40.206",
    "220.127.116.11",
    "18.104.22.168",
)
"""Public addresses that answered nobody when the list was made, says datatrove."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_ATOM_START = re.compile(rf"\b(?={_ATOM})")
_DOMAIN = re.compile(
    rf"@(?:(?:{_LABEL}\.)+{_LABEL}"
    rf"|\[(?:{_OCTET}\.){{3}}(?:{_OCTET}|[A-Za-z0-9-]*[A-Za-z0-9]:)\])"
)
_DOTTED = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]")
"""In every address: a whole octet between two dots."""
_IP = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")


def replace_emails(text: str) -> tuple[str, int]:
    """Return the text with stand-ins for e-mail addresses, and how many."""
    return _replaced(text, email_spans(text), EMAIL_STAND_INS)


def email_spans(text: str) -> Iterator[tuple[int, int]]:
    r"""Yield where the pattern `\b` dot-atom `@` domain matches, in time linear in the text.

    As one pattern it is tried at every place of a run of letters to its end, which takes hours
    on some texts. Here every `@` is looked at once, and what is before it is read backwards.
    """
    free, sign = 0, text.find("@")
    while sign >= 0:
        domain = _DOMAIN.match(text, sign)
        local = _DOT_ATOM.match(text[free:sign][::-1]) if domain else None
        start = _ATOM_START.search(text, sign - local.end(), sign) if local else None
        free = sign + 1
        if domain and start:
            yield start.start(), domain.end()
            free = domain.end()
        sign = text.find("@", free)


def replace_ips(text: str) -> tuple[str, int]:
    """Return the text with stand-ins for IPv4 addresses of the public network, and how many."""
    return _replaced(text, ip_spans(text), IP_STAND_INS)


def ip_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where IPv4 addresses of the public network are."""
    if _DOTTED.search(text) is not None:  # far faster than the whole pattern
        yield from (match.span() for match in _IP.finditer(text) if _is_public(match[0]))


def _replaced(
    text: str, spans: Iterable[tuple[int, int]], stand_ins: Sequence[str]
) -> tuple[str, int]:
    """Return the text with one stand-in after the other in the place of its spans."""
    pieces: list[str] = []
    copied = 0
    for (start, end), stand_in in zip(spans, cycle(stand_ins), strict=False):
        pieces += (text[copied:start], stand_in)
        copied = end
    return "".join((*pieces, text[copied:])), len(pieces) // 2


def _is_public(written: str) -> bool:
    try:
        return ipaddress.ip_address(written).is_global
    except ValueError:  # a leading zero makes no address
        return False


_KINDS: MappingProxyType[str, tuple[str, Callable[[str], tuple[str, int]]]] = MappingProxyType(
    {"email": ("emails", replace_emails), "ip": ("ips", replace_ips)}
)


def redact(text: Text, options: Options) -> Edited:
    """Replace the kinds of personal data that `options["kinds"]` names; e-mail addresses first."""
    raw = text.raw
    counts = {}
    for kind, (name, replace) in _KINDS.items():
        counts[name] = 0
        if kind in options["kinds"]:
            raw, counts[name] = replace(raw)
    return Edited(raw, counts)


PII = Edit(
    name="pii",
    summary="Put stand-ins for e-mail and public IP addresses (FineWeb).",
    version=1,
    options=MappingProxyType({"kinds": ["email", "ip"]}),
    meanings=MappingProxyType({"kinds": "Which kinds get a stand-in."}),
    signals=MappingProxyType(
        own_signals(
            __name__,
            1,
            {"emails": "Count e-mail addresses replaced.", "ips": "Count IP addresses replaced."},
        )
    ),
    apply=redact,
)
