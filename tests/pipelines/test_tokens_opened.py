"""SentencePiece models of every form: ids of its own library, in shards, exports and words."""

import json
import sys
from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from filters.errors import UnitError, UsageError
from pipelines.export.binary import Options, export_tokens
from pipelines.export.tools import export_for
from pipelines.pipeline import RunOptions
from pipelines.recipe.parts import TokenOptions
from pipelines.tokenizer import count_tokens, encode, load_tokenizer
from pipelines.tokens.another import Tokenized, tokenize_run
from pipelines.tokens.opened import SentencePieceModel
from pipelines.tokens.source import find_tokenizer
from pipelines.verify import verify_run
from tests.parity.conftest import extract_texts
from tests.pipelines.memmaps import read_ds
from tests.pipelines.small_run import Finished
from tests.pipelines.units import Listener

sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
INLINE = RunOptions(engine="inline")
ODD = [
    "", " ", "  a  b ", "\u2581x", "</s><s><unk><0x0A>", "a\0b", "\ufb01\u0344\xbd\u200d",
    "İ ﬁ ㍿ Ⅷ", "क्षि\u0958", "\u3000\u0300", "🇩🇪👩\u200d👩\r\n", "the [X]the",
    "1234 567", "漢字かな",
]  # fmt: skip
BYTES = {"byte_fallback": True, "remove_extra_whitespaces": False}
RULES = ("identity", "nmt_nfkc", "nfkc", "nmt_nfkc_cf")
KEPT: Mapping[str, dict[str, Any]] = {
    **{f"unigram, {rule}": {"normalization_rule_name": rule} for rule in RULES},
    **{
        f"byte-pair, {rule}": {"model_type": "bpe", "normalization_rule_name": rule}
        for rule in RULES[1:]
    },
    "unigram, bytes and digits": {**BYTES, "split_digits": True, "add_dummy_prefix": False},
    "unigram, symbols of its user": {"user_defined_symbols": ["[X]", "the"]},
    "byte-pair, symbols of its user": {
        "model_type": "bpe",
        "normalization_rule_name": "identity",
        "user_defined_symbols": ["[X]", "the"],
    },
    "spaces after a word": {"treat_whitespace_as_suffix": True},
    "words": {"model_type": "word"},
    "characters": {"model_type": "char"},
}
CONVERTED: Mapping[str, dict[str, Any]] = {
    "as Llama 2": {"model_type": "bpe", "normalization_rule_name": "identity", **BYTES},
    "one space": {"model_type": "bpe", "normalization_rule_name": "identity"},
}


@pytest.fixture(scope="module")
def real_texts(sample_crawl: Path) -> list[str]:
    return extract_texts(sample_crawl, 25)


def trained(texts: list[str], **options: Any) -> bytes:
    out = BytesIO()
    lines = [line for text in texts for line in text.split("\n")][:1200]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=700, minloglevel=2,
        num_threads=1, hard_vocab_limit=False, **options,
    )  # fmt: skip
    return out.getvalue()


@pytest.fixture(scope="module")
def unigram(real_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A unigram model as T5's and mT5's are: nmt_nfkc, spaces made one."""
    path = tmp_path_factory.mktemp("unigram") / "uni.model"
    path.write_bytes(trained(real_texts, byte_fallback=True))
    return path


@pytest.mark.parametrize("name", [*KEPT, *CONVERTED])
def test_every_form_gives_the_ids_of_its_library(real_texts: list[str], tmp_path: Path, name: str):
    data = trained(real_texts, **{**KEPT, **CONVERTED}[name])
    (tmp_path / "some.model").write_bytes(data)
    place = tmp_path / "tokenizer.json"
    place.write_bytes(find_tokenizer(str(tmp_path / "some.model")))
    own = sentencepiece.SentencePieceProcessor(model_proto=data)
    assert isinstance(load_tokenizer(str(place)), SentencePieceModel) is (name in KEPT)
    texts = [*real_texts, *ODD]
    expected = own.encode(texts)
    assert sum(map(len, expected)) > 10_000
    assert encode(str(place), texts) == expected
    assert [count_tokens(str(place), text) for text in ODD] == list(map(len, expected[-len(ODD) :]))


@pytest.fixture(scope="module")
def tokenized(base: Finished, unigram: Path, tmp_path_factory: pytest.TempPathFactory) -> Tokenized:
    run = base.copy(tmp_path_factory.mktemp("tokenized") / "run")
    options = TokenOptions(begin="<s>", end="</s>", packed=64)
    return tokenize_run(run, str(unigram), options, "uni", INLINE, Listener())


def test_shards_are_made_verified_and_not_made_again(tokenized: Tokenized, unigram: Path):
    own = sentencepiece.SentencePieceProcessor(model_proto=unigram.read_bytes())
    run = tokenized.folder.parent.parent
    texts = pq.read_table(run / "dataset/data", partitioning=None)["text"].to_pylist()
    (shard,) = (tokenized.folder / "tokens").glob("*.parquet")
    ids = pq.read_table(shard)["input_ids"].to_pylist()
    assert ids == [[own.bos_id(), *own.encode(text), own.eos_id()] for text in texts]
    said = pq.read_schema(shard).metadata
    assert said[b"vocab_size"] == str(own.get_piece_size()).encode()
    assert verify_run(run, 0, lambda *_: None).differences == []
    options = TokenOptions(begin="<s>", end="</s>", packed=64)
    for given in (unigram, tokenized.folder / "tokenizer.json"):
        again = tokenize_run(run, str(given), options, "uni", INLINE, Listener())
        assert again.did_work is (given != unigram), "another name is another label"
        assert again.manifest["token_shards"]["tokens"] == sum(map(len, ids)) - 2 * len(ids)


def test_an_export_of_ids_has_the_model_beside_it(
    tokenized: Tokenized, unigram: Path, tmp_path: Path
):
    done = export_tokens(tokenized.folder, tmp_path / "out", "nanotron", Options())
    (shard,) = (tokenized.folder / "tokens").glob("*.parquet")
    ids = pq.read_table(shard)["input_ids"].to_pylist()
    names = [name for name in done.files if name.endswith(".ds")]
    assert [row for name in names for row in read_ds(done.output / name)[0]] == ids
    (beside,) = (tmp_path / "out/tokenizer").iterdir()
    assert (beside.name, beside.read_bytes()) == ("tokenizer.model", unigram.read_bytes())


@pytest.mark.parametrize("tool", ["torchtitan", "megatron", "nanotron"])
def test_a_tool_that_needs_another_form_is_not_served(
    base: Finished, tokenized: Tokenized, tmp_path: Path, tool
):
    run = base.copy(tmp_path / "run")
    kept = (tokenized.folder / "tokenizer.json").read_bytes()
    (run / "tokenizer.json").write_bytes(kept)
    with pytest.raises(UsageError, match=f"without an equal in the form that {tool} loads"):
        export_for(run, tmp_path / "out", tool, Options())
    assert not (tmp_path / "out").exists()


def test_a_policy_takes_only_what_no_text_is_made_of(base: Finished, real_texts, tmp_path: Path):
    model = tmp_path / "own.model"
    model.write_bytes(trained(real_texts, user_defined_symbols=["[X]"], control_symbols=["<sep>"]))
    run = base.copy(tmp_path / "run")
    with pytest.raises(UsageError, match="a token of text") as caught:
        tokenize_run(run, str(model), TokenOptions(end="[X]"), "x", INLINE, Listener())
    assert "Special tokens that it has: <unk>, <s>, </s>, <sep>." in str(caught.value)


def test_half_a_surrogate_pair_is_told(unigram: Path, tmp_path: Path):
    place = tmp_path / "tokenizer.json"
    place.write_bytes(find_tokenizer(str(unigram)))
    with pytest.raises(UnitError, match=r"U\+D800 at character 1"):
        encode(str(place), ["fine", "a\ud800"])
    with pytest.raises(UnitError, match=r"U\+D800 at character 0"):
        count_tokens(str(place), "\ud800")


def test_without_the_library_it_is_told_what_to_install(
    unigram: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = tmp_path / "tokenizer.json"
    place.write_bytes(find_tokenizer(str(unigram)))
    assert find_tokenizer(str(place)) == place.read_bytes()
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    for use in (lambda: find_tokenizer(str(unigram)), lambda: load_tokenizer(str(place))):
        with pytest.raises(UsageError, match=r"pip install 'cuvee\[sentencepiece\]'") as caught:
            use()
        assert len(str(caught.value).splitlines()) <= 3


def test_another_version_of_the_library_is_another_tokenizer(
    unigram: Path, monkeypatch: pytest.MonkeyPatch
):
    now = json.loads(find_tokenizer(str(unigram)))
    monkeypatch.setattr(sentencepiece, "__version__", "99.0")
    then = json.loads(find_tokenizer(str(unigram)))
    assert then == {**now, "version": "99.0"}


@pytest.mark.parametrize("kept", ["no base64!", b64encode(b"no model").decode()])
def test_a_kept_model_that_is_damaged_is_told(tmp_path: Path, kept: str):
    place = tmp_path / "tokenizer.json"
    place.write_text(json.dumps({"sentencepiece": kept, "version": "0.2.3"}))
    with pytest.raises(UsageError, match="not a"):
        find_tokenizer(str(place))
    with pytest.raises(UsageError, match="not a SentencePiece model that its library can load"):
        load_tokenizer(str(place))
