"""Which column is the text: guessed in a fixed order, said before work, or a message."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import RecipeError, UsageError
from pipelines.crawl import find_inputs, look_at_columns
from pipelines.crawl.text.columns import GUESSES, choose, value_at
from pipelines.recipe import Columns, load_recipe
from tests.pipelines.text_rows import lines


@pytest.mark.parametrize("field", GUESSES)
def test_names_are_tried_in_their_order(field):
    names = list(GUESSES[field])
    while names:
        assert getattr(choose(Columns(), names.__contains__), field) == names[0]
        del names[0]
    assert getattr(choose(Columns(), names.__contains__), field) is None


def test_what_is_said_is_taken_and_false_means_none():
    chosen = choose(Columns(text="x", id=False), lambda _: True)
    assert chosen.paths() == {"text": "x", "url": "url", "date": "date"}


def test_a_key_with_a_dot_comes_before_a_place_in_an_object():
    row = {"a.b": 1, "a": {"b": 2, "c": {"d": 3}, "e.f": 4}}
    assert [value_at(row, path) for path in ("a.b", "a.c.d", "a.e.f")] == [1, 3, 4]


def look(folder, columns=None):
    said = []
    found = look_at_columns(find_inputs([str(folder)]), columns or Columns(), said.append)
    return found, said


@pytest.fixture
def folder(tmp_path):
    rows = [{"doc_id": 1, "content": "some words", "meta": {"url": "u", "lang": "en"}}] * 3
    (tmp_path / "a.jsonl").write_bytes(lines(rows))
    pq.write_table(pa.table({"text": ["other"]}), tmp_path / "b.parquet")
    return tmp_path


def test_the_first_file_of_an_input_is_looked_at_and_said(folder):
    wanted = {"text": "content", "id": "doc_id", "url": "meta.url"}
    assert look(folder) == (
        {"a.jsonl": wanted},
        ["columns of a.jsonl: text from 'content', id from 'doc_id', url from 'meta.url'; no date"],
    )


def test_each_input_is_looked_at_but_the_same_is_said_once(folder):
    said = []
    inputs = [str(folder / name) for name in ("a.jsonl", "b.parquet")]
    (folder / "c.parquet").write_bytes((folder / "b.parquet").read_bytes())
    found = look_at_columns(
        find_inputs([*inputs, str(folder / "c.parquet")]), Columns(), said.append
    )
    assert list(found) == ["a.jsonl", "b.parquet", "c.parquet"]
    assert len(said) == 2


def test_what_cannot_be_read_is_left_to_its_unit(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    (tmp_path / "b.jsonl").write_bytes(b"no json")
    for name in ("a.parquet", "b.jsonl"):
        assert look(tmp_path / name) == ({}, [])


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_without_a_text_column_there_is_a_message(suffix, tmp_path):
    rows = [{"title": "short", "story": "a longer text\n\x1b[31m", "n": 1, "meta": {"x": "y"}}]
    path = tmp_path / f"a.{suffix}"
    if suffix == "jsonl":
        path.write_bytes(lines(rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(UsageError) as caught:
        look(path)
    first, second, third = str(caught.value).split("\n")
    assert first == f"input '{path}' has no text column."
    assert second.split(":")[0] == "  Its columns"
    assert {"title", "story", "meta.x"} <= set(second.partition(": ")[2].rstrip(".").split(", "))
    assert "--set columns.text=story" in third


def test_a_column_that_is_not_there_is_named_with_the_nearest(folder):
    with pytest.raises(UsageError, match=r"no column 'contnt'\.\n.*\n.*columns.text=content"):
        look(folder, Columns(text="contnt"))
    with pytest.raises(UsageError, match=r"no column 'txt'(.|\n)*columns.url=text"):
        look(folder / "b.parquet", Columns(url="txt"))
    # A key may be missing from the first lines and come later.
    look(folder, Columns(url="elsewhere"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("columns.tex=a", "has no option 'tex'"),
        ("columns=3", "must be a map, not 3"),
        ("columns.text=false", "columns.text must be the name of a column, not false"),
        ("columns.url=[1]", "columns.url must be the name of a column"),
        ("columns.id=''", "columns.id must be the name of a column"),
    ],
)
def test_a_wrong_key_of_the_recipe_is_an_error_in_words(given, message):
    with pytest.raises(RecipeError) as caught:
        load_recipe("demo", [given])
    assert message in str(caught.value)
    assert str(caught.value).count("\n") <= 2


def test_columns_are_set_and_resolved(tmp_path):
    recipe = load_recipe("demo", ["columns.text=content", "columns.id=false"])
    assert recipe.columns == Columns(text="content", id=False)
    path = tmp_path / "again.yaml"
    path.write_text(recipe.to_yaml())
    assert load_recipe(str(path)) == recipe
    assert load_recipe("demo", ["columns.text=x"]).digest != recipe.digest
    assert json.loads(json.dumps(recipe.resolved()))["columns"]["id"] is False
