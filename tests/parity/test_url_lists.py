"""The URL gate against datatrove's own: the same reason for every address."""

import random
from collections import Counter

import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import URLFilter
from tldextract import TLDExtract

from pipelines.blocklist import load_blocker
from pipelines.crawl import find_inputs, read_pages

SHAPES = (
    "http://{}", "https://{}/", "http://www.{}/a/b?c=d#e", "http://a.b.c.{}:8080/", "//{}/x",
    "ftp://user:secret@{}/f", "http://{}./", "HTTP://{}/", "{}", "http://x{}/", "http://{}.com/",
    "http://example.com/{}", "http://example.com/?to=http://{}/", "http://{}%2e/", " http://{} ",
)  # fmt: skip
ODD = (
    "http://127.0.0.1/", "http://[::1]:80/x", "http://[::1", "http://localhost/", "about:blank",
    "javascript:alert(1)", "data:text/html,x", "http://xn--mnchen-3ya.de/", "http://münchen.de/",
    "http://xn--", "http://a..b/", "http://.", "http:///x", "http://co.uk/", "http://github.io/",
    "http://a.github.io/", "http://%00/", "mailto:x@example.com", "http://example.com:99999/", " ",
    "http://ex ample.com/", "http://例え.テスト/", "http://\u3002com/", "\x00",
    "dns:www.archive.org",
    "http://" + "a" * 5000 + ".com/", "http://\ud800.com/", "_", "-", "http://SEX.com/Sex/SEX",
)  # fmt: skip


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """datatrove's filter, with the bundled suffix list and an assets folder of its own."""
    patch = pytest.MonkeyPatch()
    folder = str(tmp_path_factory.mktemp("assets"))
    patch.setattr("huggingface_hub.constants.HF_ASSETS_CACHE", folder)
    found = URLFilter()
    found.tldextractor = TLDExtract(suffix_list_urls=(), cache_dir=None)
    found.download_data()
    yield found
    patch.undo()


def their_reason(theirs: URLFilter, url: str) -> str:
    verdict = theirs.filter(Document(text="", id="", metadata={"url": url}))
    return "none" if verdict is True else verdict[1]


def made_urls(theirs: URLFilter) -> list[str]:
    """Addresses made of the lists' entries, so that every reason occurs."""
    chance = random.Random(11)
    domains = chance.sample(sorted(theirs.block_listed_domains), 1500)
    urls = chance.sample(sorted(theirs.block_listed_url), 300)
    words = sorted(theirs.banned_words | theirs.soft_banned_words | theirs.banned_subwords)
    spelled = [chance.choice([word, word.upper(), "-".join(word), f"x{word}"]) for word in words]
    soft = sorted(theirs.soft_banned_words)
    pairs = ["_".join(chance.sample(soft, chance.randint(1, 3))) for _ in range(500)]
    paths = [f"http://example.org/{word}.html" for word in [*words, *spelled, *pairs]]
    shaped = [chance.choice(SHAPES).format(entry) for entry in [*domains, *domains, *urls]]
    return [*shaped, *urls, *paths, *ODD]


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # datatrove uses an old name of tldextract
def test_every_address_gets_the_same_reason(theirs, sample_crawl):
    ours = load_blocker()
    others: Counter[str] = Counter()
    crawled = {
        page.url for file in find_inputs([str(sample_crawl)]) for page in read_pages(file, others)
    }
    urls = sorted(crawled) + made_urls(theirs)
    differing, reasons = [], Counter()
    for url in urls:
        reason = ours.block_reason(url)
        reasons[reason] += 1
        if reason != their_reason(theirs, url):
            differing.append(url)
    assert not differing
    assert len(urls) > 5000
    expected = "none domain subdomain url hard_blacklisted soft_blacklisted blacklisted_subword"
    assert sorted(reasons) == sorted(expected.split())
    assert min(reasons.values()) >= 20, reasons


def test_an_address_that_is_not_there_is_not_blocked():
    assert load_blocker().block_reason("") == "none"
