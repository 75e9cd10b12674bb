"""Which label is meant by one that a model has not: near ones only, in the same form."""

import pytest

from filters.errors import RecipeError, UsageError
from filters.languages import language_of, lid_176_labels
from pipelines.near_label import near_label
from pipelines.recipe import load_recipe
from tests.command import cuvee

GLOTLID = ("cmn_Hani", "deu_Latn", "fra_Latn", "srp_Cyrl", "zsm_Latn")


@pytest.mark.parametrize(
    ("wanted", "of_lid", "of_glotlid"),
    [
        ("deu_Latin", "de", "deu_Latn"),
        ("Deu_latn", "de", "deu_Latn"),
        ("deu", "de", "deu_Latn"),
        ("de_DE", "de", "deu_Latn"),
        ("German", "de", "deu_Latn"),
        ("zh-CN", "zh", "cmn_Hani"),
        ("zho_Hans", "zh", "cmn_Hani"),
        ("srp_Latn", "sr", "srp_Cyrl"),
        ("kor_Kore", "ko", None),
        ("nb", "no", None),
        ("frq_Latn", "fy", "fra_Latn"),
        ("frra", "frr", None),
        ("xx_Latn", None, None),
        ("qqq_Arab", None, None),
        ("xx", None, None),
        ("jp", None, None),
        ("", None, None),
        ("_", None, None),
    ],
)
def test_what_is_meant(wanted, of_lid, of_glotlid):
    assert near_label(wanted, lid_176_labels()) == of_lid
    assert near_label(wanted, GLOTLID) == of_glotlid
    assert near_label(wanted, []) is None


def refused(folder, written: str) -> str:
    (folder / "mine.yaml").write_text(f"recipe: mine\nextends: fineweb2\n{written}\n", "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(folder / "mine.yaml"))
    return str(caught.value).replace(f"{folder}/", "")


def test_a_label_that_is_like_none_has_no_far_off_hint(tmp_path):
    assert refused(tmp_path, "set: {other_language: xx_Latn}") == (
        "mine.yaml:3: the language model has no label 'xx_Latn'.\n"
        "  It has 176, such as af, als, am; a language may be named like fra_Latn, too."
    )
    with pytest.raises(UsageError) as caught:
        language_of("xx_latn")
    assert "Did you mean" not in str(caught.value)


def test_a_language_whose_file_is_missing_is_told_where_it_is_named(tmp_path):
    said = refused(tmp_path, "languages: {sv: {from: swe_Latn.yml}}")
    assert said == (
        "mine.yaml:3: swe_Latn.yml cannot be read: there is no such file.\n"
        "  FineWeb-2's are in huggingface/fineweb-2, configs/. Thresholds for a language without: "
        "cuvee tune proposes them from a run."
    )
    done = cuvee("recipes", "fineweb2", tmp_path / "swe_Latn.yml")
    assert done.returncode == 2
    assert "swe_Latn.yml: there is no such file.\n  FineWeb-2's are in" in done.stderr
