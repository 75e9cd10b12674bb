"""What gates measure: language and URL."""

import pytest

from filters.language import LanguageIdentifier
from filters.url import UrlBlocker, normalize_word
from pipelines.assets import load_language_identifier


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return load_language_identifier("lid.176.ftz")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("This is a sentence that is written in English.", "en"),
        ("Das ist ein Satz, der auf Deutsch geschrieben ist.", "de"),
        ("これは日本語で書かれた文です。", "ja"),
    ],
)
def test_languages(identifier, text, code):
    found, score = identifier.identify(text)
    assert found == code
    assert 0.65 < score < 1.01


def test_newlines_are_spaces_to_the_model(identifier):
    assert identifier.identify("one two\nthree") == identifier.identify("one two three")


def test_the_score_is_that_of_fasttexts_own_wrapper(identifier):
    for text in ("Guten Tag, how are you?", "x", "", "日本 and more"):
        labels, scores = identifier.model.predict(text, k=1)
        assert identifier.identify(text) == (labels[0].removeprefix("__label__"), scores[0])


def test_without_the_newline_at_the_end_another_score(identifier):
    text = "Das ist gut"
    bare = identifier.model.f.predict(text, 1, 0.0, "strict")[0][0]
    assert identifier.identify(text)[1] != bare


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://bad.com/x", "domain"),
        ("http://www.bad.com/x", "domain"),
        ("http://bad.co.uk/", "none"),
        ("http://one.host.org/", "subdomain"),
        ("http://two.host.org/", "none"),
        ("http://fine.org/page", "url"),
        ("http://fine.org/page2", "none"),
        ("http://fine.org/hard", "hard_blacklisted"),
        ("http://fine.org/hardly", "none"),
        ("http://fine.org/HARD", "none"),
        ("http://fine.org/soft", "none"),
        ("http://fine.org/soft-softer", "soft_blacklisted"),
        ("http://fine.org/soft-soft", "none"),
        ("http://fine.org/a-s.U_Bbed", "blacklisted_subword"),
        ("", "none"),
    ],
)
def test_block_reasons(url, reason):
    blocker = UrlBlocker(
        {"bad.com", "one.host.org"},
        {"http://fine.org/page"},
        {"hard"},
        {"soft", "softer"},
        {"subbed"},
    )
    assert blocker.block_reason(url) == reason


def test_the_soft_threshold():
    blocker = UrlBlocker(set(), set(), set(), {"soft"}, set(), soft_threshold=1)
    assert blocker.block_reason("http://fine.org/soft") == "soft_blacklisted"


def test_normal_words():
    assert normalize_word("Ab-C 1é_\n") == "abc1"
