"""`cuvee tokenizer train`: a tokenizer of a run's own, beside others."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from filters.errors import UsageError
from pipelines.patterns import LLAMA3
from pipelines.tokenizer import END_OF_TEXT, encode
from pipelines.tokens import training
from pipelines.tokens.training import train_on_run
from tests.command import cuvee
from tests.pipelines.small_run import Finished


def quietly(_: str) -> None:
    """Say nothing."""


def test_the_same_run_gives_the_same_tokenizer_and_table(base: Finished, tmp_path: Path):
    own = {"own": (base.root / "tokenizer.json").read_bytes()}
    first, second = (
        train_on_run(base.root, tmp_path / name, 420, 10**8, LLAMA3, own, quietly)
        for name in ("a", "b")
    )
    assert first.plain() == second.plain()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    tokenizer = Tokenizer.from_file(str(tmp_path / "a/tokenizer.json"))
    assert tokenizer.get_vocab_size() == first.vocab_size == 420
    assert tokenizer.token_to_id(END_OF_TEXT) == 0
    assert LLAMA3 in json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False).replace(
        "\\\\", "\\"
    )


def test_the_table_counts_what_the_tokenizers_make_of_the_texts(
    base: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(training, "_HELD_OUT", 0.4)
    own = base.root / "tokenizer.json"
    found = train_on_run(
        base.root, tmp_path, 400, 10**8, LLAMA3, {"own": own.read_bytes()}, quietly
    )
    table = pq.read_table(base.root / "dataset/data", partitioning=None)
    rows = table.select(["id", "language", "text"]).to_pylist()
    apart = [row for row in rows if training._point(row["id"]) >= 0.6]
    assert found.held_out
    assert 0 < len(apart) == len(rows) - found.documents
    (language,) = found.languages
    assert language == "en"
    group = found.languages["en"]
    texts = [row["text"] for row in apart]
    assert group.words == sum(len(text.split()) for text in texts)
    assert group.bytes == sum(len(text.encode()) for text in texts)
    assert group.tokens["own"] == sum(map(len, encode(str(own), texts)))
    new = str(tmp_path / "tokenizer.json")
    assert group.tokens["new"] == sum(map(len, encode(new, texts)))
    assert group.fertility("new") == group.tokens["new"] / group.words


def test_a_sample_is_a_part_of_a_larger_one(base: Finished, tmp_path: Path):
    size = json.loads((base.root / "manifest.json").read_bytes())["text_bytes"]
    less, more = (
        train_on_run(base.root, tmp_path, 300, part, LLAMA3, {}, quietly)
        for part in (size // 3, size)
    )
    assert 0 < less.documents < more.documents
    with pytest.raises(UsageError, match="no document to train on"):
        train_on_run(base.root, tmp_path / "none", 300, 1, LLAMA3, {}, quietly)
    assert not (tmp_path / "none").exists()


def test_the_command(base: Finished, tmp_path: Path):
    own = base.root / "tokenizer.json"
    command = ("tokenizer", "train", base.root, "--vocab-size", "300", "--beside", own)
    said = cuvee(*command, "--output", tmp_path / "a")
    assert said.returncode == 0, said.stderr
    assert "tokens a word" in said.stdout
    assert str(tmp_path / "a") in said.stdout
    found = json.loads(cuvee(*command, "--output", tmp_path / "b", "--json").stdout)
    assert found["vocab_size"] == 300
    assert found["languages"]["en"]["tokens_a_word"].keys() == {"new", str(own)}
    used = cuvee("tokenize", base.copy(tmp_path / "run"), "--tokenizer", tmp_path / "a",
                 "--engine", "inline", "--json")  # fmt: skip
    assert json.loads(used.stdout)["token_shards"]["tokenizer"] == "a"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--sample", "much"], "is no size"),
        (["--beside", "{train: {vocab_size: 300}}"], "not trained on the way"),
        (["--beside", "no/such"], "neither a file here"),
    ],
)
def test_what_cannot_be_is_told(base: Finished, more: list[str], why: str):
    command = ["tokenizer", "train", base.root, "--vocab-size", "300", *more]
    said = cuvee(*command, env={"HF_HUB_OFFLINE": "1"})
    assert said.returncode == 2
    assert why in said.stderr


def test_transformers_reads_what_is_written(base: Finished, tmp_path: Path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    train_on_run(base.root, tmp_path, 300, 10**8, LLAMA3, {}, quietly)
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = "The quiet river, 1234 houses.\n"
    assert [loaded(text)["input_ids"]] == encode(str(tmp_path / "tokenizer.json"), [text])
    assert loaded.eos_token_id == 0
    assert loaded.decode(loaded(text)["input_ids"]) == text
