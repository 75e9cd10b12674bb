"""Ranks of tiktoken and models of SentencePiece give the ids of the libraries that made them."""

import json
from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from filters.errors import UsageError
from pipelines.long_texts import Cutter, cutter
from pipelines.pieces import BYTE_CHARACTERS
from pipelines.recipe.parts import TiktokenRanks
from pipelines.tokenizer import count_tokens, encode, train_tokenizer
from pipelines.tokens.source import find_tokenizer, tokenizer_label
from tests.pipelines.small_run import prose
from tests.pipelines.test_pieces import PIECES
from tests.pipelines.test_tokenizer import TEXTS

BYTES = {shown: byte for byte, shown in enumerate(BYTE_CHARACTERS)}
SENTENCES = [*TEXTS, *(line for seed in range(60) for line in prose(seed))]
NAMES = ["gpt2", "cl100k_base", "o200k_base", "llama3"]
SPACES = st.sampled_from(
    [" ", "  ", "\u2581", "\n", "\t", "the", "<s>", "</s>", "<unk>", "<0x0A>", "[X]"]
)


def ranks() -> dict[bytes, int]:
    """Ranks of a small byte-level BPE."""
    vocab = json.loads(train_tokenizer(SENTENCES, 600))["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.__getitem__)[1:]  # the first one is special
    return {bytes(BYTES[shown] for shown in token): rank for rank, token in enumerate(tokens)}


def written(found: Mapping[bytes, int]) -> bytes:
    return b"".join(b"%s %d\n" % (b64encode(token), rank) for token, rank in found.items())


@pytest.fixture(scope="module", params=NAMES)
def by_ranks(request, tmp_path_factory) -> tuple[str, Any]:
    """Place of a tokenizer made of ranks, and tiktoken's own."""
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    from tiktoken_ext import openai_public

    with pytest.MonkeyPatch.context() as patch:  # only the patterns are wanted, not the ranks
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
        patch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda **_: {})
        known = {name: getattr(openai_public, name)()["pat_str"] for name in NAMES[:3]}
    # As Meta publishes it with the model's reference code (llama3, tokenizer.py).
    known["llama3"] = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
        r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    folder = tmp_path_factory.mktemp(request.param)
    file = folder / f"{request.param}.tiktoken"
    file.write_bytes(written(ranks()))
    place = folder / "tokenizer.json"
    place.write_bytes(find_tokenizer(str(file)))
    own = tiktoken.Encoding(
        request.param, pat_str=known[request.param], mergeable_ranks=ranks(), special_tokens={}
    )
    return str(place), own


@settings(max_examples=500, deadline=None)
@given(text=st.lists(PIECES, max_size=16).map("".join))
def test_ranks_give_the_ids_of_tiktoken(by_ranks: tuple[str, Any], text: str):
    place, own = by_ranks
    assert encode(place, [text]) == [own.encode_ordinary(text)]
    assert count_tokens(place, text) == len(own.encode_ordinary(text))


def test_the_library_alone_gives_them_too(by_ranks: tuple[str, Any]):
    place, own = by_ranks
    tokenizer = Tokenizer.from_file(place)
    tokenizer.encode_special_tokens = True
    for text in [*SENTENCES, "a  b\n  ", "\n \n", "don't DON'T", "1234567"]:
        assert tokenizer.encode(text, add_special_tokens=False).ids == own.encode_ordinary(text)


def test_special_strings_are_text_with_ranks(tmp_path: Path):
    file = tmp_path / "gpt2.tiktoken"
    file.write_bytes(written(ranks()))
    data = find_tokenizer(str(file))
    place = tmp_path / "tokenizer.json"
    place.write_bytes(data)
    tokenizer = Tokenizer.from_buffer(data)
    assert tokenizer.token_to_id("<|endoftext|>") == 50256
    (ids,) = encode(str(place), ["a<|endoftext|>b"])
    assert 50256 not in ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == "a<|endoftext|>b"


def test_a_pattern_of_ones_own_and_ranks_called_model(tmp_path: Path):
    file = tmp_path / "tokenizer.model"
    file.write_bytes(written(ranks()))
    with pytest.raises(UsageError, match="say no pattern") as caught:
        find_tokenizer(str(tmp_path))
    assert "pattern: cl100k_base" in str(caught.value)
    own = TiktokenRanks(str(file), r"\S+|\s+")
    data = find_tokenizer(own)
    assert tokenizer_label(own) == "tokenizer.model"
    parted = Tokenizer.from_buffer(data).pre_tokenizer.pre_tokenize_str("ab, c")
    assert [bounds for _, bounds in parted] == [(0, 3), (3, 4), (4, 5)]
    with pytest.raises(UsageError, match="the pattern is no regular expression"):
        find_tokenizer(TiktokenRanks(str(file), "(unclosed"))
    with pytest.raises(UsageError, match="Did you mean 'cl100k_base'"):
        find_tokenizer(TiktokenRanks(str(file), "cl100k_bas"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"IQ== 0\n", "255 bytes have no token, the first is 0"),
        (b"IQ== 0\nno base64 1\n", "line 2 is no token in base64"),
        (b"IQ== 0\nIg== 0\n", "two tokens have one rank"),
    ],
)
def test_ranks_that_are_none_are_told(tmp_path: Path, content: bytes, why: str):
    file = tmp_path / "gpt2.tiktoken"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=why) as caught:
        find_tokenizer(str(file))
    assert len(str(caught.value).splitlines()) <= 3
    with pytest.raises(UsageError, match="no such file"):
        find_tokenizer(TiktokenRanks(str(tmp_path / "gone.tiktoken")))


LLAMA = {"byte_fallback": True, "remove_extra_whitespaces": False}
MODELS: Mapping[str, dict[str, Any]] = {
    "as Llama 2": LLAMA,
    "as Llama 2, digits apart": {
        **LLAMA,
        "split_digits": True,
        "allow_whitespace_only_pieces": True,
    },
    "spaces made one": {},
    "no space before it": {**LLAMA, "add_dummy_prefix": False},
    "symbols of its user": {
        **LLAMA,
        "add_dummy_prefix": False,
        "user_defined_symbols": ["[X]", "the"],
    },
}


def model(**options: Any) -> bytes:
    sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    out = BytesIO()
    chosen = {"model_type": "bpe", "normalization_rule_name": "identity", **options}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=out, vocab_size=500, minloglevel=2,
        num_threads=1, hard_vocab_limit=False, **chosen,
    )  # fmt: skip
    return out.getvalue()


@pytest.fixture(scope="module", params=MODELS, ids=[name.replace(" ", "-") for name in MODELS])
def by_model(request, tmp_path_factory) -> tuple[str, Any]:
    return made_of_model(request.param, tmp_path_factory.mktemp("model"))


def made_of_model(name: str, folder: Path) -> tuple[str, Any]:
    """Place of a tokenizer made of a model, and SentencePiece's own."""
    data = model(**MODELS[name])
    import sentencepiece

    (folder / "some.model").write_bytes(data)
    place = folder / "tokenizer.json"
    place.write_bytes(find_tokenizer(str(folder / "some.model")))
    return str(place), sentencepiece.SentencePieceProcessor(model_proto=data)


@pytest.fixture(scope="module", params=["as Llama 2", "no space before it"])
def by_cut_model(request, tmp_path_factory) -> tuple[str, Any]:
    return made_of_model(request.param, tmp_path_factory.mktemp("cut"))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.lists(PIECES | SPACES, max_size=16).map("".join))
def test_a_model_gives_the_ids_of_sentencepiece(by_model: tuple[str, Any], text: str):
    place, own = by_model
    assert encode(place, [text]) == [own.encode(text)]
    assert count_tokens(place, text) == len(own.encode(text))


def test_a_model_decodes_to_the_text_and_keeps_its_special_tokens_to_itself(tmp_path: Path):
    data = model(**LLAMA)
    (tmp_path / "tokenizer.model").write_bytes(data)
    found = find_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer.json").write_bytes(found)
    tokenizer = Tokenizer.from_buffer(found)
    special = {tokenizer.token_to_id(token) for token in ("<s>", "</s>", "<unk>")}
    assert special == {0, 1, 2}
    for text in ("one</s>two <s>", "Ünïcödé  漢字 🙂\n", *SENTENCES[:40]):
        (ids,) = encode(str(tmp_path / "tokenizer.json"), [text])
        assert not special & set(ids)
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.lists(PIECES | SPACES, max_size=24).map("".join), size=st.integers(0, 6))
def test_long_texts_are_cut_where_no_id_changes(by_cut_model, text: str, size: int):
    place, own = by_cut_model
    cuts = cutter(Tokenizer.from_file(place))
    assert cuts is not None
    parts = list(cuts.stretches(text, size))
    assert [id_ for ids in encode(place, parts) for id_ in ids] == own.encode(text)


@pytest.mark.parametrize("name", ["spaces made one", "symbols of its user"])
def test_texts_are_left_whole_where_a_cut_might_change_ids(name: str, tmp_path: Path):
    place, _ = made_of_model(name, tmp_path)
    assert cutter(Tokenizer.from_file(place)) is None


def test_a_document_of_many_stretches_is_exact(tmp_path: Path):
    (tmp_path / "tokenizer.model").write_bytes(model(**LLAMA))
    place = tmp_path / "tokenizer.json"
    place.write_bytes(find_tokenizer(str(tmp_path)))
    cuts = cutter(Tokenizer.from_file(str(place)))
    assert cuts == Cutter(has_prefix=True)
    text = " ".join(SENTENCES) * 15 + "  end. "
    assert len(list(cuts.stretches(text))) > 2
    tokenizer = Tokenizer.from_file(str(place))
    assert (
        encode(str(place), ["a", text])[1] == tokenizer.encode(text, add_special_tokens=False).ids
    )


@pytest.mark.parametrize(
    "content", [b"", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\x0a", b"no model"]
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes):
    file = tmp_path / "some.model"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="damaged, or none"):
        find_tokenizer(str(file))
