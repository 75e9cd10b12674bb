"""The URL gate: datatrove's reasons on real and made-up addresses, with its word lists."""

from importlib.resources import files
from itertools import pairwise

import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import URLFilter
from datatrove.pipeline.filters.base_filter import get_filter_result
from tldextract import TLDExtract

from filters.url import UrlBlocker, normalize_word
from pipelines.sample import sample_pages

DOMAINS = ["blocked.com", "sub.host.co.uk", "10.0.0.1", "blogspot.com", "user.github.io", ""]
URLS = ["http://fine.org/this/one", "https://fine.org/"]
MADE_UP = [
    "http://blocked.com/", "https://www.blocked.com:8080/x", "http://BLOCKED.com/",
    "http://a.blocked.com", "http://sub.host.co.uk/", "http://host.co.uk/",
    "http://deep.sub.host.co.uk/", "http://10.0.0.1/x", "http://me.blogspot.com/",
    "http://user.github.io/", "http://other.github.io/", "http://fine.org/this/one",
    "http://fine.org/this/one/", "https://fine.org/", "http://localhost/", "ftp://x",
    "no address", "http://", "http://xn--bcher-kva.example/", "http://bücher.de/",
    "http://user:pw@blocked.com/", "//blocked.com/x", "http://blocked.com./", "http://[::1]/",
    "http://fine.org/a%20b?q=1#x", "http://1.2.3.4.5/", "mailto:a@blocked.com",
]  # fmt: skip


def listed(name: str) -> list[str]:
    written = (files("datatrove") / "assets" / f"{name}.txt").read_text("utf-8")
    return [entry for entry in written.splitlines(keepends=True) if not entry.startswith("#")]


@pytest.fixture(scope="module")
def lists() -> dict[str, list[str]]:
    return {name: listed(name) for name in ("banned_words", "soft_banned_words", "banned_subwords")}


@pytest.fixture(scope="module")
def reference(lists) -> URLFilter:
    block = URLFilter(
        extra_domains=[f"{entry}\n" for entry in DOMAINS],
        extra_urls=URLS,
        use_integrated_lists=False,
        **lists,
    )
    block.tldextractor = TLDExtract(suffix_list_urls=(), cache_dir=None)
    return block


@pytest.fixture(scope="module")
def blocker(lists) -> UrlBlocker:
    words = {name: {normalize_word(entry) for entry in entries} for name, entries in lists.items()}
    return UrlBlocker(
        set(DOMAINS),
        set(URLS),
        words["banned_words"],
        words["soft_banned_words"],
        words["banned_subwords"],
    )


def worded(lists: dict[str, list[str]]) -> list[str]:
    """Return addresses with words of the lists: whole, in pairs, glued, in capitals."""
    made = []
    for entries in lists.values():
        words = [entry.strip() for entry in entries]
        made += [f"http://fine.org/{word}/x" for word in words]
        made += [f"http://fine.org/{word.upper()}/x" for word in words]
        made += [f"http://{a}.fine.org/y?{b}=1" for a, b in pairwise(words)]
        made += [f"http://fine.org/a{word[:2]}-{word[2:]}b" for word in words]
    return made


# datatrove asks tldextract for the registered domain by its old name.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_reasons(reference, blocker, lists):
    urls = MADE_UP + worded(lists) + [page.url for page in sample_pages()]
    seen = set()
    for url in urls:
        kept, reason = get_filter_result(
            reference.filter(Document(text="", id="0", metadata={"url": url}))
        )
        expected = "none" if kept else reason
        assert blocker.block_reason(url) == expected, url
        seen.add(expected)
    assert seen == {
        "none", "domain", "subdomain", "url",
        "hard_blacklisted", "soft_blacklisted", "blacklisted_subword",
    }  # fmt: skip
