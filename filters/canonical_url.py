"""One form for the addresses of one page, for deduplication by address.

Syntax as RFC 3986, section 6.2, has it: case of scheme and host, default port,
percent-encoding, dot segments, an empty path. Beyond that, what web archives do in
the keys of their indexes (SURT): http and https, a leading `www.`, a slash at the end
and the order of parameters tell no page from another. Parameters that only say how a
reader came are left out; anything else, case of the path included, stays.
"""

import re
from urllib.parse import quote, unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEPT = "%/:?#[]@!$&'()*+,;=~"
"""What is left as it is written: delimiters of RFC 3986, and escapes made regular before."""

TRACKING_PREFIXES = ("utm_", "mtm_", "pk_")
"""Campaigns of Google Analytics and of Matomo, once Piwik, by their documentation."""
TRACKING_PARAMETERS = frozenset(
    {
        "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "_ga", "_gl",  # Google
        "fbclid", "igshid",  # Meta
        "msclkid", "twclid", "ttclid", "yclid", "li_fat_id",  # other advertisers
        "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi",  # newsletters
        "vero_id", "vero_conv", "oly_anon_id", "oly_enc_id", "__s",
    }
)  # fmt: skip
"""Identifiers of clicks and readers, from the lists of Firefox's query stripping and ClearURLs."""


def canonical_url(url: str) -> str:
    """Return the form that addresses of one page share; it names a page, it is not to be fetched.

    What is no address with http or https is returned as it is, without space around it.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host = f"[{host}]" if ":" in host else host
    except ValueError:
        return url
    if parts.scheme not in _DEFAULT_PORTS or not host or host.split() != [host]:
        return url
    login, at, _ = parts.netloc.rpartition("@")
    shown_port = f":{port}" if port not in (None, _DEFAULT_PORTS[parts.scheme]) else ""
    query = _query(parts.query)
    # Behind `#!` pages of an application were told apart; any other fragment is a place in one.
    fragment = f"#{_regular(parts.fragment)}" if parts.fragment.startswith("!") else ""
    where = f"{login}{at}{host.removeprefix('www.')}{shown_port}"
    return f"{where}{_path(parts.path)}{'?' if query else ''}{query}{fragment}"


def _path(path: str) -> str:
    """Return a path without dot segments (RFC 3986, section 5.2.4) and slashes at its end."""
    kept: list[str] = []
    for segment in _regular(path).split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return f"/{'/'.join(kept)}".rstrip("/")


def _query(query: str) -> str:
    """Return the parameters sorted, without those that only say how a reader came."""
    parameters = [_regular(item) for item in query.split("&") if item]
    return "&".join(sorted(item for item in parameters if not _tracks(item)))


def _tracks(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in TRACKING_PARAMETERS or name.startswith(TRACKING_PREFIXES)


def _regular(part: str) -> str:
    """Return a part with escapes in one form: only where needed, hexadecimal digits upper case."""
    # A percent sign that begins no escape is one itself.
    whole = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", part)
    return quote(_ESCAPE.sub(_unescape, whole), safe=_KEPT, errors="replace")


def _unescape(found: re.Match[str]) -> str:
    character = unquote(found[0], "latin-1")
    return character if character in _UNRESERVED else f"%{found[1].upper()}"
