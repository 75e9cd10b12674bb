"""Registered domains: those of tldextract, for every address."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tldextract import TLDExtract

from filters.hosts import host_reader

LABELS = (
    "", "a", "www", "x-y", "_z", "1", "255", "com", "co", "uk", "ck", "city", "kawasaki", "jp",
    "xn--p1ai", "xn--", "k12", "ca", "us", "bd", "*", "!www", "A", "ü", "рф", "github", "io", "％",
)  # fmt: skip
BEFORE = ("http://", "https://", "//", "", "HTTP://", "ftp://", "http:/", "http://u:p@", "http://@")
AFTER = (
    "", "/", ":80", ":80/x", ":", "?a", "#b", "@evil.com/", "/@x", ":x@y.co.uk", ":80@c.de", "\n",
    " ", "é", ".", "./", ":٣/", "\\", "。", "]", "\x00",
)  # fmt: skip


@cache
def extractor() -> TLDExtract:
    return TLDExtract(suffix_list_urls=(), cache_dir=None)


def theirs(url: str) -> tuple[str, str]:
    found = extractor()(url)
    return found.top_domain_under_public_suffix, found.fqdn


@st.composite
def addresses(draw) -> str:
    label = st.sampled_from(LABELS) | st.sampled_from(extractor().tlds)
    host = ".".join(draw(st.lists(label, max_size=6)))
    return draw(st.sampled_from(BEFORE)) + host + draw(st.sampled_from(AFTER))


@settings(max_examples=1500)
@given(addresses() | st.text() | st.text().map("http://".__add__))
def test_any_address(url):
    assert host_reader().domains(url) == theirs(url)


def test_every_rule():
    for rule in extractor().tlds:
        host = rule.lstrip("!").replace("*", "any")
        for before in ("", "a.", "a.b.", "www."):
            url = f"https://{before}{host}/x"
            assert host_reader().domains(url) == theirs(url), url


@pytest.mark.parametrize(
    ("url", "domains"),
    [
        ("http://forums.bbc.co.uk/x", ("bbc.co.uk", "forums.bbc.co.uk")),
        ("https://example.com", ("example.com", "example.com")),
        ("http://www.ck/", ("www.ck", "www.ck")),
        ("http://a.b.c.ck:80/", ("b.c.ck", "a.b.c.ck")),
        ("http://co.uk/", ("", "")),
        ("http://127.0.0.1/", ("", "")),
        ("http://me@evil.com:80/", ("evil.com", "evil.com")),
        ("http://user.github.io/", ("github.io", "user.github.io")),
    ],
)
def test_some(url, domains):
    assert host_reader().domains(url) == domains
