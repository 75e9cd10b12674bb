"""What labels of language models mean."""

import csv
from importlib.resources import files

import pytest

from filters.errors import UsageError
from filters.languages import UNDETERMINED, find_language, language_of, lid_176_labels
from pipelines.assets import load_language_identifier
from pipelines.language_names import language_name

GOLDEN = [
    # lid.176
    ("fr", "fra_Latn", "fr", "French"),
    ("zh", "cmn_Hani", "zh", "Mandarin Chinese"),
    ("ja", "jpn_Jpan", "ja", "Japanese"),
    ("ko", "kor_Hang", "ko", "Korean"),
    ("sr", "srp_Cyrl", "sr", "Serbian"),
    ("sh", "hbs_Latn", "hbs", "Serbo-Croatian"),
    ("als", "gsw_Latn", "gsw", "Swiss German"),
    ("sq", "als_Latn", "sq", "Tosk Albanian"),
    ("bh", "bho_Deva", "bho", "Bhojpuri"),
    ("no", "nob_Latn", "nb", "Norwegian Bokmål"),
    ("tl", "fil_Latn", "fil", "Filipino"),
    ("ku", "kmr_Latn", "ku", "Northern Kurdish"),
    ("ckb", "ckb_Arab", "ckb", "Central Kurdish"),
    ("ar", "arb_Arab", "ar", "Standard Arabic"),
    ("arz", "arz_Arab", "arz", "Egyptian Arabic"),
    ("yue", "yue_Hani", "yue", "Yue Chinese"),
    # GlotLID v3
    ("fra_Latn", "fra_Latn", "fr", "French"),
    ("cmn_Hani", "cmn_Hani", "zh", "Mandarin Chinese"),
    ("srp_Latn", "srp_Latn", "sr", "Serbian"),
    ("arb_Latn", "arb_Latn", "ar", "Standard Arabic"),
    ("und_Xsux", "und_Xsux", "und", "Undetermined"),
    ("zxx_Zzzz", "zxx_Zzzz", "zxx", "No linguistic content"),
    # OpenLID and FLORES-200
    ("zho_Hans", "cmn_Hani", "zh", "Mandarin Chinese"),
    ("zho_Hant", "cmn_Hani", "zh", "Mandarin Chinese"),
    ("yue_Hant", "yue_Hani", "yue", "Yue Chinese"),
    ("est_Latn", "ekk_Latn", "et", "Standard Estonian"),
    ("pes_Arab", "fas_Arab", "fa", "Persian"),
    ("ace_Arab", "ace_Arab", "ace", "Achinese"),
    # inputs of others
    ("xh", "xho_Latn", "xh", "Xhosa"),
    ("", "und_Zyyy", "und", "Undetermined"),
]


@pytest.mark.parametrize(("label", "name", "short", "english"), GOLDEN)
def test_a_label_means_a_language_and_a_script(label: str, name: str, short: str, english: str):
    language = language_of(label)
    assert str(language) == name
    assert language.short == short
    assert language_name(language) == english


def test_every_label_of_the_default_model_is_known_and_no_two_are_one_language():
    labels = {label.removeprefix("__label__") for label in _labels_of("lid.176.ftz")}
    assert labels == set(lid_176_labels())
    found = {str(language_of(label)): label for label in labels}
    assert len(found) == len(labels) == 176


def _labels_of(model: str) -> list[str]:
    return load_language_identifier(model).model.get_labels()


def test_every_language_of_lid_176_is_one_that_fineweb_2_tokenizes():
    theirs = _datatroves()
    assert {str(language_of(label)) for label in lid_176_labels()} - theirs == set()


def test_glotlids_labels_stay_but_for_macro_languages():
    """datatrove's table has what GlotLID's three versions have between them."""
    changed = {name: str(found) for name in _datatroves() if (found := find_language(name))}
    changed = {name: to for name, to in changed.items() if name != to}
    assert len(changed) == 30
    assert changed["aze_Arab"] == "azb_Arab"
    assert changed["aze_Cyrl"] == "azj_Cyrl"
    assert changed["kur_Arab"] == "ckb_Arab"
    assert {language_name(language_of(name)) for name in changed} >= {"Plateau Malagasy", "Odia"}


def _datatroves() -> set[str]:
    table = files("datatrove").joinpath("assets", "tokenizer_assignment.csv")
    rows = csv.DictReader(table.read_text("utf-8").splitlines())
    return {f"{row['code_3']}_{row['script']}" for row in rows}


@pytest.mark.parametrize("label", ["french", "FR", "fra_latn", "fra-Latn", "fra_Latn ", "x"])
def test_a_label_of_no_known_set_is_told(label: str):
    assert find_language(label) is None
    with pytest.raises(UsageError, match=r"no label of lid\.176, GlotLID or OpenLID"):
        language_of(label)


def test_no_language_is_undetermined_and_so_is_its_script():
    assert find_language("") == UNDETERMINED
