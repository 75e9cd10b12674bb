"""Personal data: e-mail and public IP addresses become stand-ins.

Patterns, stand-ins and their order follow FineWeb as datatrove 0.10.1 publishes it
(`formatters/pii.py`). There the stand-ins run on from page to page, so a page's text
depends on what came before; here they start again on every page.

The e-mail pattern is the dot-atom address of RFC 5322 section 3.4.1 in ASCII, with a
host name (RFC 1123) or a bracketed address literal after the `@`.
"""

import ipaddress
import re
from collections.abc import Callable
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
_EMAIL = re.compile(
    rf"\b{_ATOM}(?:\.{_ATOM})*@"
    rf"(?:(?:{_LABEL}\.)+{_LABEL}"
    rf"|\[(?:{_OCTET}\.){{3}}(?:{_OCTET}|[A-Za-z0-9-]*[A-Za-z0-9]:)\])"
)
_IP = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")


def replace_emails(text: str) -> tuple[str, int]:
    """Return the text with stand-ins for e-mail addresses, and how many."""
    if "@" not in text:  # the pattern is slow on long runs of letters
        return text, 0
    stand_ins = cycle(EMAIL_STAND_INS)
    return _EMAIL.subn(lambda _: next(stand_ins), text)


def replace_ips(text: str) -> tuple[str, int]:
    """Return the text with stand-ins for IPv4 addresses of the public network, and how many."""
    stand_ins = cycle(IP_STAND_INS)
    replaced = 0

    def stand_in(match: re.Match[str]) -> str:
        nonlocal replaced
        if not _is_public(match[0]):
            return match[0]
        replaced += 1
        return next(stand_ins)

    return _IP.sub(stand_in, text), replaced


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
