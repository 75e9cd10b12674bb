"""Tables of static embeddings as files, made here in the three forms that are read."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from filters.errors import UsageError
from pipelines.classifiers.embeddings import open_embeddings, read_tensor
from pipelines.classifiers.opened import open_classifier
from pipelines.classifiers.training.fasttext_trainer import FastTextOptions
from pipelines.classifiers.training.items import Labelled
from pipelines.classifiers.training.train import TrainOptions, train
from tests.pipelines.labelled import rows

WORDS = ("[UNK]", "the", "river", "buy", "cheap")
TABLE = np.array([[9, 9], [1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)


def write_safetensors(path: Path, kind: str = "<f4") -> None:
    data = TABLE.astype(kind).tobytes()
    about = {"dtype": {"<f4": "F32", "<f2": "F16"}[kind], "shape": [5, 2]}
    head = json.dumps({"embeddings": {**about, "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)


def write_model2vec(folder: Path, *, normalize: bool) -> Path:
    folder.mkdir()
    write_safetensors(folder / "model.safetensors")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=WORDS[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"normalize": normalize}))
    return folder


def test_a_folder_of_model2vec_leaves_unknown_tokens_out(tmp_path):
    plain = open_embeddings(write_model2vec(tmp_path / "a", normalize=False))
    assert plain("the river what").tolist() == [0.5, 0.5]
    assert plain("what").tolist() == [0, 0]
    normal = open_embeddings(write_model2vec(tmp_path / "b", normalize=True))
    assert normal("the river").tolist() == pytest.approx([2**-0.5] * 2)


def test_numbers_of_half_precision_are_read(tmp_path):
    write_safetensors(tmp_path / "half.safetensors", "<f2")
    assert (read_tensor(tmp_path / "half.safetensors", "embeddings") == TABLE).all()


def test_vectors_of_words_are_read_with_and_without_their_sizes(tmp_path):
    lines = "".join(f"{word} {a} {b}\n" for word, (a, b) in zip(WORDS, TABLE, strict=True))
    for name, head in (("a.vec", "5 2\n"), ("b.txt", "")):
        (tmp_path / name).write_text(head + lines)
        assert open_embeddings(tmp_path / name)("The river").tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no.bin", b"nothing"), ("no.ftz", b""), ("no.vec", b""), ("no.vec", b"a b c\n"),
        ("no.vec", b"\xff\xfe"), ("missing.vec", None),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told(name, content, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"embeddings '.*{name}' cannot be read"):
        open_embeddings(tmp_path / name)


def test_a_head_on_a_given_table_takes_it_along(tmp_path):
    good, bad = rows(60)
    items = [Labelled(row["text"], row["url"], 1.0) for row in good]
    items += [Labelled(row["text"], row["url"], 0.0) for row in bad]
    table = write_model2vec(tmp_path / "table", normalize=False)
    options = TrainOptions(
        kind="embedding", embeddings=str(table), fasttext=FastTextOptions(dimensions=8)
    )
    trained = train(items, options, tmp_path / "out")
    assert trained.metrics["held_out"]["roc_auc"] > 0.95
    table.rename(tmp_path / "away")
    score = open_classifier(trained.classifier)
    assert score("the river of the river") > 0.5 > score("buy cheap buy")
    assert (tmp_path / "out/embeddings/model.safetensors").exists()
