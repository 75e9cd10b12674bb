"""The registered domain of an address, as tldextract 5 finds it, in a quarter of its time.

Almost every address of a crawl has a plain host: lower-case ASCII labels behind `http://`
or `https://`, no user name, no international label. For those the public suffix is found
here; every other address goes to tldextract itself. The rules are those of the Public
Suffix List (https://publicsuffix.org/list/) without its private part, out of the snapshot
that tldextract brings.
"""

import re
from functools import cache
from urllib.parse import urlsplit

# Groups: the host, its last two labels, its last one.
_PLAIN = re.compile(
    r"https?://((?:[a-z0-9_-][a-z0-9_.-]*\.)?([a-z0-9_-]+\.([a-z0-9_-]+)))(?::[0-9]*)?(?:[/?#]|\Z)"
)
_INTERNATIONAL = "xn--"

_ENDS, _GOES_ON, _WILD = 1, 2, 4  # a rule ends here; longer rules exist; any label may follow


class HostReader:
    """Reads the host of an address, by the rules of the bundled public suffix list."""

    def __init__(self) -> None:
        from tldextract import TLDExtract  # slow to import

        # Without addresses and cache folder it knows its snapshot only, and asks no network.
        self._extract = TLDExtract(suffix_list_urls=(), cache_dir=None)
        self._kinds: dict[str, int] = {}
        for rule in self._extract.tlds:
            self._add(rule)

    def domains(self, url: str) -> tuple[str, str]:
        """Return the registered domain and the whole host; both empty if there is no domain."""
        plain = _PLAIN.match(url)
        if plain is not None:
            host, last_two, last = plain.groups()
            if self._kinds.get(last) == _ENDS:  # as `com` is: nothing longer to look for
                return last_two, host
            if _INTERNATIONAL not in host:
                registered = self._registered_domain(host)
                return registered, host if registered else ""
        split = self._extract(url)
        return split.top_domain_under_public_suffix, split.fqdn

    def _registered_domain(self, host: str) -> str:
        """Return the label before the public suffix, and the suffix; empty without either."""
        end = self._suffix_start(host) - 1
        start = host.rfind(".", 0, max(end, 0)) + 1
        return host[start:] if start < end else ""

    def _suffix_start(self, host: str) -> int:
        """Return where the public suffix begins; 0 if there is none or nothing else.

        As tldextract has it: a label that a rule names goes before a wild card, and behind
        a wild card nothing longer is looked for.
        """
        found, at, wild = 0, len(host) + 1, 0
        while at:
            after, at = at, host.rfind(".", 0, at - 1) + 1
            kind = self._kinds.get(host[at:])
            if kind is None:
                if wild:
                    return after if f"!{host[at:]}" in self._kinds else at
                break
            if kind & _ENDS:
                found = at
            if not kind & _GOES_ON:
                break
            wild = kind & _WILD
        return found

    def _add(self, rule: str) -> None:
        """Remember a rule, e.g. `co.uk`, `*.ck` or `!www.ck`, and everything that it ends with."""
        self._mark(rule, _ENDS)
        while "." in rule:
            label, _, rule = rule.partition(".")
            self._mark(rule, _GOES_ON | (_WILD if label == "*" else 0))

    def _mark(self, suffix: str, kind: int) -> None:
        self._kinds[suffix] = self._kinds.get(suffix, 0) | kind


@cache
def host_reader() -> HostReader:
    """Return the reader of this process; the first call takes a tenth of a second."""
    return HostReader()


def host_of(url: str | None) -> str | None:
    """Return the lower-case host name of a URL, without port and credentials; None without one."""
    try:
        return urlsplit(url or "").hostname
    except ValueError:
        return None
