"""The shelf's recipes against datatrove's blocks: the same decision, reason and text."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter, SymbolLinesFormatter

from filters.catalog import text_signals
from filters.judge import Judge
from filters.segment import segmenter
from filters.text import Text
from pipelines.assets import load_language_identifier
from pipelines.final_edits import FinalEdits
from pipelines.recipe import Recipe, load_recipe
from pipelines.recipe.fineweb2 import fineweb2_recipe
from tests.parity.compare import UNEDITED
from tests.parity.conftest import EVERYTHING
from tests.parity.oracle import Verdict, judged_by
from tests.parity.perturb import damaged

STEP = 1 if EVERYTHING else 12
"""`make parity` compares every page, `make test` every twelfth, and fewer languages."""
SEED = 19102020

pytestmark = pytest.mark.usefixtures("oracle")  # which settles how spaCy meets its lost word


def judged(recipe: Recipe, texts: list[str]) -> list[Verdict]:
    """Return what a recipe's blocks say of texts that have passed its gates."""
    judge = Judge(recipe.blocks, segmenter(recipe.words), recipe.own_signals)
    found = map(judge.judge, texts)
    return [Verdict(its.decision and its.decision.rule, its.text) for its in found]


def differences(recipe: Recipe, blocks: list[BaseFilter], texts: list[str]) -> list[str]:
    found = []
    for text, ours in zip(texts, judged(recipe, texts), strict=True):
        theirs = judged_by(blocks, text)
        if ours.reason != theirs.reason:
            found.append(f"{theirs.reason} became {ours.reason}: {text[:80]!r}")
        elif theirs.reason not in UNEDITED and ours.text != theirs.text:
            found.append(f"another text, {theirs.reason}: {text[:80]!r}")
    return found


def test_gopher(sample_texts, compared):
    texts = sample_texts[::STEP]
    found = differences(
        load_recipe("gopher"), [GopherQualityFilter(), GopherRepetitionFilter()], texts
    )
    compared.append(f"{len(texts)} pages by the recipe gopher, {len(found)} differences")
    assert found == []


def test_c4_with_terminal_punctuation(sample_texts, compared):
    recipe, pages = load_recipe("c4"), sample_texts[::STEP]
    hurt = list(damaged(sample_texts, SEED, 1200 // STEP))
    found = differences(recipe, [C4QualityFilter()], [*pages, *hurt])
    reasons = {verdict.reason for verdict in judged(recipe, hurt)}
    compared.append(
        f"{len(pages)} pages and {len(hurt)} damaged ones by the recipe c4, "
        f"{len(found)} differences"
    )
    assert found == []
    assert reasons == {None, "too_few_sentences", "lorem_ipsum", "curly_bracket"}


def test_c4_with_the_numbers_of_its_code(sample_texts):
    recipe = load_recipe("c4", ["too_few_sentences=3", "c4_lines.min_words_per_line=5"])
    blocks = [C4QualityFilter(min_num_sentences=3, min_words_per_line=5)]
    assert differences(recipe, blocks, sample_texts[:: 2 * STEP]) == []


LANGUAGES = {
    "fr": ("fra_Latn", ["de", "la", "le", "et", "à", "en", "l'", "les", "est", "d'"]),
    "ru": ("rus_Cyrl", ["и", "в", "не", "на", "что", "с", "по", "это"]),
    "de": ("deu_Latn", ["der", "die", "und", "in", "den", "von", "zu", "das", "mit"]),
    "es": ("spa_Latn", ["de", "la", "que", "el", "en", "y", "a", "los"]),
    "pt": ("por_Latn", ["de", "a", "o", "que", "e", "do", "da", "em", "um"]),
    "ar": ("arb_Arab", ["في", "من", "على", "و", "أن", "إلى"]),
}
"""Languages of which the sample crawl has pages: FineWeb-2's name, stop words of our own."""
TESTED = tuple(LANGUAGES) if EVERYTHING else ("fr", "ru")


def settings_of(code: str) -> dict[str, Any]:
    """Return a file in the form of FineWeb-2's, with numbers at which rules fire on such pages."""
    _, stop_words = LANGUAGES[code]
    return {
        "dup_line_frac": 0.1,
        "dup_n_grams": [[n, 0.16 - n / 100] for n in range(5, 11)],
        "language_score": 0.7,
        "line_punct_thr": 0.2,
        "max_avg_word_length": 8,
        "max_non_alpha_words_ratio": 0.75,
        "min_avg_word_length": 2,
        "new_line_ratio": 0.15,
        "stopwords": stop_words,
        "top_n_grams": [[2, 0.12], [3, 0.11], [4, 0.1]],
    }


def fineweb2_blocks(language: str, settings: dict[str, Any]) -> list[BaseFilter]:
    """Return the blocks of fineweb-2-pipeline.py for a language."""
    return [
        GopherRepetitionFilter(
            language=language,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            dup_line_frac=settings["dup_line_frac"],
            top_n_grams=settings["top_n_grams"],
            dup_n_grams=settings["dup_n_grams"],
        ),
        FineWebQualityFilter(
            language=language,
            short_line_thr=999,
            char_duplicates_ratio=0.1,
            line_punct_thr=settings["line_punct_thr"],
            new_line_ratio=settings["new_line_ratio"],
        ),
        GopherQualityFilter(
            language=language,
            max_avg_word_length=settings["max_avg_word_length"],
            min_avg_word_length=settings["min_avg_word_length"],
            stop_words=settings["stopwords"],
            max_non_alpha_words_ratio=settings["max_non_alpha_words_ratio"],
            min_stop_words=2,
        ),
    ]


@pytest.fixture(scope="session")
def texts_by_language(sample_texts, language_model) -> dict[str, list[str]]:
    identifier = load_language_identifier(str(language_model))
    found: dict[str, list[str]] = {}
    for text in sample_texts:
        found.setdefault(identifier.identify(text)[0], []).append(text)
    return found


@pytest.mark.parametrize("code", TESTED)
def test_fineweb2_in_a_language(code, texts_by_language, tmp_path: Path, compared):
    language, _ = LANGUAGES[code]
    path = tmp_path / f"{language}.yml"
    path.write_text(yaml.safe_dump(settings_of(code), allow_unicode=True), "utf-8")
    (tmp_path / "mine.yaml").write_text(fineweb2_recipe(path, code), "utf-8")
    recipe = load_recipe(str(tmp_path / "mine.yaml"))
    texts = texts_by_language[code][: None if EVERYTHING else 12]
    blocks = fineweb2_blocks(language, yaml.safe_load(path.read_text("utf-8")))
    found = differences(recipe, blocks, texts)
    reasons = {verdict.reason for verdict in judged(recipe, texts)}
    compared.append(
        f"{len(texts)} pages in {language} by FineWeb-2's rules, {len(reasons)} outcomes, "
        f"{len(found)} differences"
    )
    assert found == []
    assert len(reasons) > 1


def test_what_fineweb2_publishes_of_a_kept_page(texts_by_language):
    edits = FinalEdits(load_recipe("fineweb2"))
    odd = "|\nC’est lâ€™idÃ©e de joe@example.org &amp; co.\n | \n|\nFin."
    for text in [odd, *texts_by_language["fr"][:20]]:
        fixed = PIIFormatter().format(FTFYFormatter().format(text))
        expected = SymbolLinesFormatter(symbols_to_remove=["|"], replace_char="\n").format(fixed)
        assert edits.apply(text)[0] == expected


def test_plain_words_are_those_of_fasttext(sample_texts, compared):
    from fasttext.FastText import tokenize

    measure = text_signals()["plain_words"].measure
    assert measure is not None
    texts = [*sample_texts[::STEP], *damaged(sample_texts, SEED, 100)]
    for text in texts:
        # What DCLM counts: split_words(…, model="fasttext", ignore_punctuation=True).
        expected = sum(word[0].isalnum() for word in tokenize(text))
        assert measure(Text(text, segmenter("en"))) == expected
    compared.append(f"{len(texts)} texts split as fastText splits them")
