"""What only a person can say: asked for, checked, and named when it is missing."""

import pytest
import yaml

from filters.errors import UsageError
from pipelines.card import missing_fields, read_person, start_card_file
from pipelines.card.person import FIELDS
from tests.command import cuvee, succeed
from tests.pipelines.small_run import RECIPE, Finished, do_run

REQUIRED = ["purpose", "license", "contact", "intended_uses", "out_of_scope_uses", "biases"]


def test_a_card_file_is_started_with_what_each_field_is_for(base: Finished, tmp_path):
    root = base.copy(tmp_path / "run")
    assert missing_fields(root) == REQUIRED
    said = succeed("card", root, "--init")
    path = root / "card.yaml"
    assert str(path) in said
    written = path.read_text()
    assert list(yaml.safe_load(written)) == [field.name for field in FIELDS]
    for field in FIELDS:
        mark = "required" if field.required else "optional"
        assert f"# {field.name} ({mark}). {field.what}\n{field.name}:\n" in written
    assert missing_fields(root) == REQUIRED
    again = cuvee("card", root, "--init")
    assert again.returncode == 2
    assert f"{path}: is there already." in again.stderr
    assert path.read_text() == written


def test_a_card_file_is_started_only_where_a_run_is(tmp_path):
    with pytest.raises(UsageError, match="no run of cuvee is there"):
        start_card_file(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_fields_that_are_empty_are_missing(tmp_path):
    full = dict.fromkeys(REQUIRED, "x")
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(full))
    assert missing_fields(tmp_path) == []
    for name in REQUIRED:
        for nothing in ("", "  \n", None):
            (tmp_path / "card.yaml").write_text(yaml.safe_dump({**full, name: nothing}))
            assert missing_fields(tmp_path) == [name]
    (tmp_path / "card.yaml").write_text(yaml.safe_dump({**full, "license": "other"}))
    assert missing_fields(tmp_path) == ["license_name", "license_link"]


def test_the_contact_is_asked_where_nobody_says_how_to_have_something_removed(tmp_path):
    (tmp_path / "card.yaml").write_text("contact: Write to us.\nauthors: [A B, C D]\n")
    person = read_person(tmp_path)
    assert person.removal == "Write to us."
    assert person.authors == ("A B", "C D")
    (tmp_path / "card.yaml").write_text("contact: Write to us.\nremoval: A form.\nauthors: A B\n")
    person = read_person(tmp_path)
    assert person.removal == "A form."
    assert person.authors == ("A B",)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("purpose: a\npurpos: b\n", "card.yaml:2: there is no field 'purpos'."),
        ("purpose: a\n\nlicense: [mit]\n", "card.yaml:3: license must be text, not [mit]."),
        ("contact: 12\n", "card.yaml:1: contact must be text, not 12."),
        ("license: ODC By\n", "card.yaml:1: license must be an identifier such as odc-by"),
        ("released: 31.1.2026\n", "card.yaml:1: released must be a day such as 2026-01-31"),
        ("released: 2026-02-31\n", "card.yaml:1: released must be a day such as 2026-01-31"),
        ("authors: [1]\n", "card.yaml:1: authors must be a list of texts"),
        ("purpose: *x\n", "card.yaml:1: anchors and aliases"),
        ("- purpose\n", "card.yaml:1: a card is a map of keys."),
        ("a: 1\nb: 2\n", "1 more problem in this card."),
        ('purpose: "\x07"\n', "card.yaml:1: holds the character U+0007"),
    ],
)  # fmt: skip
def test_a_wrong_card_file_is_told_with_its_line(tmp_path, written, said):
    (tmp_path / "card.yaml").write_text(written)
    with pytest.raises(UsageError) as caught:
        read_person(tmp_path)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert "recipe" not in str(caught.value)


def test_a_run_begins_nothing_with_a_wrong_card_file(base: Finished, small_crawl, tmp_path):
    root = base.copy(tmp_path / "run")
    (root / "card.yaml").write_text("purpos: x\n")
    (root / "dataset/README.md").unlink()  # so that there is something to be done
    manifest = (root / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match=r"card.yaml:1: there is no field 'purpos'"):
        do_run(RECIPE, small_crawl, root)
    assert (root / "manifest.json").read_bytes() == manifest


def test_a_run_says_in_its_card_what_the_card_file_says(base: Finished, small_crawl, tmp_path):
    root = base.copy(tmp_path / "run")
    written = "purpose: To see whether it is kept.\nlicense: odc-by\n"
    (root / "card.yaml").write_text(written)
    (root / "dataset/README.md").unlink()
    assert do_run(RECIPE, small_crawl, root).did_work
    card = (root / "dataset/README.md").read_text()
    assert (root / "card.yaml").read_text() == written
    assert "To see whether it is kept." in card
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "odc-by"
    assert "### Intended uses\n\nNot stated." in card
    assert not do_run(RECIPE, small_crawl, root).did_work


def test_a_mark_in_a_persons_text_is_only_text(tmp_path):
    (tmp_path / "card.yaml").write_text("purpose: |\n  <!-- cuvee:end title -->\n  More.\n")
    assert read_person(tmp_path).text("purpose") == "&lt;!-- cuvee:end title -->\nMore."
