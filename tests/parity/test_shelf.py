"""The shelf's recipes against datatrove's blocks: the same decision, reason and text."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from datatrove.pipeline.filters import (
    C4BadWordsFilter,
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.filters.c4_filters import _EN_BADWORDS_URL
from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter, SymbolLinesFormatter
from fsspec.core import strip_protocol

from filters.catalog import text_signals
from filters.errors import UsageError
from filters.judge import Judge
from filters.segment import segmenter
from filters.text import Text
from pipelines.assets import load_language_identifier
from pipelines.final_edits import FinalEdits
from pipelines.final_rules import FinalRules
from pipelines.recipe import Recipe, load_recipe
from pipelines.recipe.fineweb2 import fineweb2_recipe
from pipelines.word_lists import list_file, words_of
from tests.parity.compare import UNEDITED
from tests.parity.conftest import EVERYTHING
from tests.parity.oracle import Verdict, judged_by
from tests.parity.perturb import damaged

STEP = 1 if EVERYTHING else 12
"""`make parity` compares every page, `make test` every twelfth, and fewer languages."""
SEED = 19102020
REASONS = {"document_removed_with_badwords": "bad_words"}
"""Datatrove's reasons that our rules call otherwise."""

pytestmark = pytest.mark.usefixtures("oracle")  # which settles how spaCy meets its lost word


def judged(recipe: Recipe, texts: list[str]) -> list[Verdict]:
    """Return what a recipe's blocks say of texts that have passed its gates."""
    words, later = segmenter(recipe.words), recipe.final_rules
    judge, last = Judge(recipe.blocks, words, recipe.own_signals, later=later), FinalRules(recipe)
    found = ((its.decision or last.decide(its.values), its.text) for its in map(judge.judge, texts))
    return [Verdict(decision and decision.rule, text) for decision, text in found]


def differences(recipe: Recipe, blocks: list[BaseFilter], texts: list[str]) -> list[str]:
    found = []
    for text, ours in zip(texts, judged(recipe, texts), strict=True):
        theirs = judged_by(blocks, text)
        theirs = replace(theirs, reason=REASONS.get(theirs.reason or "", theirs.reason))
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


@pytest.fixture
def bad_words(tmp_path, monkeypatch) -> C4BadWordsFilter:
    """Datatrove's block, which finds the list of its own revision where it would keep it."""
    monkeypatch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", tmp_path)
    folder = tmp_path / "datatrove/filters/c4_badwords"
    folder.mkdir(parents=True)
    kept = folder / strip_protocol(_EN_BADWORDS_URL).replace("/", "_")
    kept.write_bytes(list_file("c4_bad_words_en.txt").read_bytes())
    kept.with_name(f"{kept.name}.completed").touch()
    return C4BadWordsFilter()


def test_bad_words_on_every_page_and_with_words_planted(sample_texts, bad_words, compared):
    (named,) = load_recipe("c4").word_lists
    listed = list_file(named.file).read_text("utf-8").splitlines()
    draw = random.Random(SEED)
    planted = []
    for page in sample_texts:
        at, word = draw.randint(0, len(page)), draw.choice(listed)
        word = draw.choice([word, word.upper(), f" {word}", f" {word}\n", f"({word})", f"{word}s"])
        planted.append(page[:at] + word + page[at:])
    texts = [*sample_texts, *planted]
    theirs = [judged_by([bad_words], text).reason is not None for text in texts]
    english = segmenter("en")
    ours = [words_of(named).count(Text(text, english)) > 0 for text in texts]
    found = sum(a != b for a, b in zip(ours, theirs, strict=True))
    of_pages, of_planted = sum(theirs[: len(sample_texts)]), sum(theirs[len(sample_texts) :])
    compared.append(
        f"{len(sample_texts)} pages, {of_pages} with bad words, and as often with one planted, "
        f"{of_planted} with any, {found} differences"
    )
    assert found == 0
    assert 0 < of_pages < of_planted < len(sample_texts)


def test_c4_with_terminal_punctuation(sample_texts, bad_words, compared):
    recipe, pages = load_recipe("c4"), sample_texts[::STEP]
    hurt = list(damaged(sample_texts, SEED, 1200 // STEP))
    found = differences(recipe, [C4QualityFilter(), bad_words], [*pages, *hurt])
    reasons = {verdict.reason for verdict in judged(recipe, hurt)}
    compared.append(
        f"{len(pages)} pages and {len(hurt)} damaged ones by the recipe c4, "
        f"{len(found)} differences"
    )
    assert found == []
    assert reasons == {None, "too_few_sentences", "lorem_ipsum", "curly_bracket", "bad_words"}


def test_c4_with_the_numbers_of_its_code(sample_texts, bad_words):
    recipe = load_recipe("c4", ["too_few_sentences=3", "c4_lines.min_words_per_line=5"])
    blocks = [C4QualityFilter(min_num_sentences=3, min_words_per_line=5), bad_words]
    assert differences(recipe, blocks, sample_texts[:: 2 * STEP]) == []


LANGUAGES = {
    "fr": ("fra_Latn", ["de", "la", "le", "et", "à", "en", "l'", "les", "est", "d'"]),
    "ru": ("rus_Cyrl", ["и", "в", "не", "на", "что", "с", "по", "это"]),
    "de": ("deu_Latn", ["der", "die", "und", "in", "den", "von", "zu", "das", "mit"]),
    "es": ("spa_Latn", ["de", "la", "que", "el", "en", "y", "a", "los"]),
    "pt": ("por_Latn", ["de", "a", "o", "que", "e", "do", "da", "em", "um"]),
    "ar": ("arb_Arab", ["في", "من", "على", "و", "أن", "إلى"]),
    "fa": ("fas_Arab", ["و", "در", "به", "از", "که", "این"]),
    "ja": ("jpn_Jpan", ["の", "に", "は", "を", "が", "と", "で"]),
    "zh": ("cmn_Hani", ["的", "是", "在", "了", "和", "有"]),
    "ko": ("kor_Hang", ["이", "을", "의", "는", "에", "를"]),
    "it": ("ita_Latn", ["di", "e", "la", "il", "che", "in", "un"]),
    "pl": ("pol_Latn", ["w", "i", "na", "z", "do", "nie", "się"]),
    "hu": ("hun_Latn", ["a", "az", "és", "hogy", "nem", "egy"]),
    "da": ("dan_Latn", ["og", "i", "at", "det", "er", "en", "til"]),
    "lt": ("lit_Latn", ["ir", "į", "iš", "su", "kad", "yra"]),
    "bg": ("bul_Cyrl", ["на", "и", "за", "от", "да", "се"]),
    "sk": ("slk_Latn", ["a", "v", "na", "je", "sa", "s"]),
    "cs": ("ces_Latn", ["a", "v", "na", "je", "se", "s"]),
    "no": ("nob_Latn", ["og", "i", "er", "det", "til", "på"]),
    "fi": ("fin_Latn", ["ja", "on", "ei", "että", "oli"]),
    "id": ("ind_Latn", ["yang", "dan", "di", "dengan", "untuk"]),
    "nl": ("nld_Latn", ["de", "en", "van", "het", "een", "in"]),
    "tr": ("tur_Latn", ["ve", "bir", "bu", "için", "de"]),
    "nds": ("nds_Latn", ["de", "un", "in", "is", "to"]),
    "vi": ("vie_Latn", ["và", "của", "là", "có", "các"]),
    "gl": ("glg_Latn", ["de", "a", "e", "o", "que"]),
    "ro": ("ron_Latn", ["de", "și", "în", "a", "la"]),
    "sr": ("srp_Cyrl", ["и", "у", "је", "да", "се"]),
    "ca": ("cat_Latn", ["de", "la", "i", "el", "a"]),
}
"""Languages of which the sample crawl has pages: FineWeb-2's name, stop words of our own."""
OWN = {
    "heb_Hebr": [
        "הילדים משחקים בגינה של הבית, והחתול ישן על השולחן.",
        "האם ראית את הספר שלי? הוא היה כאן אתמול בערב!",
        "בשנה שעברה נסענו לירושלים ואכלנו שם ארוחה טובה.",
    ],
    "tha_Thai": [
        "เด็กๆ เล่นอยู่ในสวนและแมวนอนหลับอยู่บนโต๊ะ",
        "คุณเห็นหนังสือของฉันไหม เมื่อวานมันยังอยู่ที่นี่",
        "ปีที่แล้วเราไปเที่ยวเชียงใหม่และกินอาหารอร่อยมาก",
    ],
    "hin_Deva": [
        "बच्चे बगीचे में खेल रहे हैं और बिल्ली मेज पर सो रही है।",
        "क्या तुमने मेरी किताब देखी? वह कल शाम यहीं थी।",
        "पिछले साल हम दिल्ली गए और वहाँ अच्छा खाना खाया",
    ],
}
TESTED = tuple(LANGUAGES) if EVERYTHING else ("fr", "ru", "ar", "zh")
_FEW = 8
"""Pages from which on rules are expected to tell them apart."""


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of spaCy's Japanese with SudachiPy
@pytest.mark.parametrize("code", TESTED)
def test_fineweb2_in_a_language(code, texts_by_language, tmp_path: Path, compared):
    language, _ = LANGUAGES[code]
    try:
        segmenter(language)
    except UsageError as error:
        compared.append(f"no pages in {language}: {error}")
        pytest.skip(str(error))
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
    assert len(reasons) > 1 or len(texts) < _FEW


REAL = {
    "deu_Latn": {
        "dup_line_frac": 0.263,
        "dup_n_grams": [[5, 0.141], [6, 0.134], [7, 0.126], [8, 0.117], [9, 0.108], [10, 0.098]],
        "language_score": 0.821, "line_punct_thr": 0.0, "max_avg_word_length": 15,
        "max_non_alpha_words_ratio": 0.774, "min_avg_word_length": 0, "new_line_ratio": 0.152,
        "stopwords": ["der", "und", "die", "in", "von", "im", "den", "des", "mit", "das", "er",
                      "dem", "als", "wurde", "für"],
        "top_n_grams": [[2, 0.169], [3, 0.153], [4, 0.137]],
    },
    "ace_Arab": {
        "dup_line_frac": 0.077,
        "dup_n_grams": [[5, 0.178], [6, 0.136], [7, 0.015], [8, 0.0], [9, 0.0], [10, 0.0]],
        "language_score": 0.3, "line_punct_thr": -1, "max_avg_word_length": 11,
        "max_non_alpha_words_ratio": 0.84, "min_avg_word_length": 4, "new_line_ratio": 0.1,
        "stopwords": ["،", "يڠ", "ڠن", "جيه", "ڽن", "بق", "دان", "د", "نا", "دري", "ڽڠ"],
        "top_n_grams": [[2, 0.407], [3, 0.56], [4, 0.199]],
    },
}  # fmt: skip
"""huggingface/fineweb-2, configs/ at 05e6729 and baedee4: one of much text, one of little."""


@pytest.mark.parametrize(("language", "code"), [("deu_Latn", "de"), ("ace_Arab", "ar")])
def test_real_files_of_fineweb2(language, code, texts_by_language, tmp_path: Path, compared):
    path = tmp_path / f"{language}.yml"
    path.write_text(yaml.safe_dump(REAL[language]), "utf-8")  # with escapes, as theirs
    (tmp_path / "mine.yaml").write_text(fineweb2_recipe(path), "utf-8")
    recipe = load_recipe(str(tmp_path / "mine.yaml"))
    pages = texts_by_language[code] + (texts_by_language["fa"] if code == "ar" else [])
    texts = [*pages[: None if EVERYTHING else 12], *damaged(pages, SEED, 20)]
    found = differences(recipe, fineweb2_blocks(language, REAL[language]), texts)
    reasons = {verdict.reason for verdict in judged(recipe, texts)}
    compared.append(
        f"{len(texts)} pages by FineWeb-2's file of {language}, {len(reasons)} outcomes, "
        f"{len(found)} differences"
    )
    assert found == []
    assert len(reasons) > 3


def test_thai_and_hebrew_and_hindi(tmp_path: Path, compared):
    """Of these the sample crawl has no page: sentences of our own, made long by repetition."""
    for language, sentences in OWN.items():
        try:
            segmenter(language)
        except UsageError as error:
            compared.append(f"no texts in {language}: {error}")
            continue
        texts = [
            "\n".join(sentences[at % len(sentences)] for at in range(start, start + lines))
            for start in range(3)
            for lines in (1, 4, 9, 40)
        ]
        settings = {**settings_of("ar"), "stopwords": sentences[0].split()[:3]}
        path = tmp_path / f"{language}.yml"
        path.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
        (tmp_path / "mine.yaml").write_text(fineweb2_recipe(path), "utf-8")
        recipe = load_recipe(str(tmp_path / "mine.yaml"))
        assert differences(recipe, fineweb2_blocks(language, settings), texts) == []
        compared.append(f"{len(texts)} made texts in {language}, 0 differences")


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
