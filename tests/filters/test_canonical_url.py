"""Addresses of one page have one form, and other pages have another."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.canonical_url import canonical_url

FORM = "host.example/a/c?x=1&y=2"


@pytest.mark.parametrize(
    "url",
    [
        "http://host.example/a/c?x=1&y=2",
        "https://host.example/a/c?x=1&y=2",
        "HTTP://WWW.Host.Example.:80/a/c/?y=2&x=1#part",
        "https://host.example:443/a/b/../c?x=1&&y=2&",
        "http://host.example/a/./c?x=1&y=2&utm_source=letter&UTM_Medium=mail",
        "http://host.example/a/c?fbclid=Iw&x=1&gclid=&y=2&msclkid=0",
        "  http://host.example/%61/c?%78=1&y=%32 ",
    ],
)
def test_addresses_of_one_page(url):
    assert canonical_url(url) == FORM


@pytest.mark.parametrize(
    "url",
    [
        "http://host.example/A/c?x=1&y=2",  # a path has its case
        "http://m.host.example/a/c?x=1&y=2",
        "http://www2.host.example/a/c?x=1&y=2",
        "http://host.example:8080/a/c?x=1&y=2",
        "http://host.example/a/c?x=1&y=2&id=3",
        "http://host.example/a/c?x=2&y=1",
        "http://host.example/a/c?x=1&y=2&ref=5",  # may well name a page
        "http://host.example/a%2Fc?x=1&y=2",  # an escaped slash is none
        "http://host.example/a//c?x=1&y=2",
        "http://host.example/a/c?x=1%26y=2",
        "http://host.example/a/c#!x=1&y=2",
        "ftp://host.example/a/c?x=1&y=2",
        "http://who@host.example/a/c?x=1&y=2",
    ],
)
def test_addresses_of_other_pages(url):
    assert canonical_url(url) != FORM


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("http://host.example", "host.example"),
        ("http://host.example/?utm_id=1", "host.example"),
        ("http://host.example/%7euser/%c3%a9é %zz", "host.example/~user/%C3%A9%C3%A9%20%25zz"),
        ("http://host.example/../../a/..", "host.example"),
        ("http://[2001:DB8::1]:8080/a", "[2001:db8::1]:8080/a"),
        ("https://host.example:80/", "host.example:80"),
        ("http://host.example:99999/", "http://host.example:99999/"),  # no address: as it is
        ("http://[::1", "http://[::1"),
        ("mailto:a@b", "mailto:a@b"),
        ("", ""),
    ],
)
def test_forms(url, form):
    assert canonical_url(url) == form


parts = st.text(st.sampled_from("aA0%2fF/.?&=#!:@[]é +;"), max_size=25)


@given(parts)
@example("www.www.host/")
@example("a/%252e%252E/b")
@example("a/?&=&utm_=")
def test_a_form_is_its_own(rest):
    form = canonical_url(f"http://{rest}")
    if not form.startswith(("http:", "www.")):
        assert canonical_url(f"https://{form}") == form


@given(st.text(max_size=40))
def test_anything_has_a_form(text):
    assert isinstance(canonical_url(text), str)
    assert isinstance(canonical_url(f"http://{text}"), str)
