"""Tokens by pieces are the tokenizer's own, whatever the text."""

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from filters.native import kernels
from pipelines.patterns import CL100K, GPT2, LLAMA3, O200K, ONE_DIGIT
from pipelines.pieces import PieceEncoder, piece_encoder
from pipelines.tokenizer import count_tokens, encode, train_tokenizer
from tests.pipelines.test_tokenizer import TEXTS

PIECES = st.one_of(
    st.sampled_from([" ", "  ", "\n", "\t", "\r\n", "\x0b", "\x1c", "\x85", "\xa0", "\u3000"]),
    st.sampled_from(["'s", "'re", "'ll", "'S", "'", "''", "’s", "don't", "word", "Ω", "ß", "日本"]),
    st.sampled_from(["12", "½", "٣", "Ⅷ", "²", "_", "-", "…", "€", "🙂", "é", "e\u0301"]),
    st.sampled_from(["\x00", "\u200d", "\u2003", "\r", "\n \n", "/", "//\n", "'LL", "ſ"]),
    st.sampled_from(["'Ve", "'ſ"]),
    st.sampled_from(["WORD", "Word", "wORd", "A", "ǅ", "ʰ", "\u0301", "\u0301\u0301", "\u0903"]),
    st.sampled_from(["<|endoftext|>", "ªº", "\u16ee", "\U000e0100", "\u0378", "\U00016d40"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)  # fmt: skip


def by_pattern(pattern: str, *, whole: bool = False) -> Tokenizer:
    """A small byte-level BPE that parts texts by a pattern; `whole` pieces may be tokens."""
    tokenizer = Tokenizer(models.BPE())
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, by_bytes])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<s>"], show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    if whole:
        model = json.loads(tokenizer.to_str())["model"]
        more = {
            token: 300 + number for number, token in enumerate(["Ġgarden", "WORD", "\u0120Word"])
        }
        vocab = model["vocab"] | more
        tokenizer = changed(tokenizer, model={**model, "vocab": vocab, "ignore_merges": True})
    return tokenizer


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    tokenizer = Tokenizer.from_str(train_tokenizer(TEXTS, 300).decode())
    tokenizer.encode_special_tokens = True
    return tokenizer


@pytest.fixture(scope="module", params=[GPT2, LLAMA3, CL100K, O200K, ONE_DIGIT])
def patterned(request: pytest.FixtureRequest) -> tuple[Tokenizer, PieceEncoder]:
    tokenizer = by_pattern(request.param, whole=True)
    tokenizer.encode_special_tokens = True
    found = piece_encoder(tokenizer)
    assert found is not None
    return tokenizer, found


@pytest.fixture(scope="module")
def pieces(trained: Tokenizer) -> PieceEncoder:
    found = piece_encoder(trained)
    assert found is not None
    return found


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


@settings(max_examples=1500, deadline=None)
@given(text=st.lists(PIECES, max_size=16).map("".join))
def test_any_text(trained: Tokenizer, pieces: PieceEncoder, text: str):
    expected = ids_of(trained, text)
    assert pieces.encode(text).tolist() == expected
    assert pieces.count(text) == len(expected)


@settings(max_examples=600, deadline=None)
@given(text=st.lists(PIECES, max_size=16).map("".join))
def test_any_text_by_each_pattern(patterned: tuple[Tokenizer, PieceEncoder], text: str):
    tokenizer, pieces = patterned
    expected = ids_of(tokenizer, text)
    assert pieces.encode(text).tolist() == expected
    assert pieces.count(text) == len(expected)


def test_characters_of_every_script_by_each_pattern(patterned: tuple[Tokenizer, PieceEncoder]):
    tokenizer, pieces = patterned
    for text in of_every_script(150):
        assert pieces.encode(text).tolist() == ids_of(tokenizer, text)


def of_every_script(texts: int) -> Iterator[str]:
    chance = random.Random("scripts")
    codes = [code for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
    for _ in range(texts):
        drawn = map(chr, chance.sample(codes, 20))
        yield "".join(
            f"{chance.choice(['', ' ', 'a', 'A', '1', '!', chr(39)])}{one}" for one in drawn
        )


def test_characters_of_every_script(trained: Tokenizer, pieces: PieceEncoder):
    for text in of_every_script(300):
        assert pieces.encode(text).tolist() == ids_of(trained, text)


def test_a_small_memory_gives_the_same(trained: Tokenizer):
    small = PieceEncoder(kernels(), trained, most_pieces=3)
    for text in [*TEXTS, " ".join(map(str, range(500))), *TEXTS]:
        assert small.encode(text).tolist() == ids_of(trained, text)
    forgetful = piece_encoder(trained)
    assert forgetful is not None
    one_text = " ".join(f"word{number}" for number in range(200_000))  # more pieces than are kept
    assert forgetful.encode(one_text).tolist() == ids_of(trained, one_text)


def changed(tokenizer: Tokenizer, **parts: object) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(json.loads(tokenizer.to_str()) | parts))


def test_tokenizers_that_part_texts_otherwise_are_left_alone(trained: Tokenizer):
    written = json.loads(trained.to_str())
    prefixed = {**written["pre_tokenizer"], "add_prefix_space": True}
    no_pattern = {**written["pre_tokenizer"], "use_regex": False}
    assert piece_encoder(changed(trained)) is not None
    assert piece_encoder(changed(trained, pre_tokenizer=prefixed)) is None
    assert piece_encoder(changed(trained, pre_tokenizer=no_pattern)) is None
    assert piece_encoder(by_pattern(LLAMA3)) is not None
    assert piece_encoder(by_pattern(LLAMA3 + "|x")) is None
    assert piece_encoder(changed(trained, model={**written["model"], "dropout": 0.1})) is None
    lowered = changed(trained)
    lowered.normalizer = normalizers.Lowercase()
    assert piece_encoder(lowered) is None
    more = changed(trained)
    more.add_tokens(["the cat"])
    assert piece_encoder(more) is None


def test_without_kernels_and_for_other_tokenizers_the_library_encodes(tmp_path, monkeypatch):
    words = Tokenizer(models.WordLevel(unk_token="?"))  # noqa: S106  a token of text
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.decoder = decoders.WordPiece()
    words.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=["?"]))
    other, own = tmp_path / "words.json", tmp_path / "bytes.json"
    words.save(str(other))
    own.write_bytes(train_tokenizer(TEXTS, 300))
    assert encode(str(other), ["the cat nobody"]) == [ids_of(words, "the cat nobody")]
    assert count_tokens(str(other), "the cat nobody") == 3
    compiled = encode(str(own), TEXTS)
    monkeypatch.setattr(PieceEncoder, "takes", lambda *_: False)
    assert encode(str(own), TEXTS) == compiled
    assert [count_tokens(str(own), text) for text in TEXTS] == list(map(len, compiled))


def with_merges(trained: Tokenizer, chance: random.Random) -> Tokenizer:
    """A tokenizer whose merges come in any order, and make the same token in several ways."""
    written = json.loads(trained.to_str())
    letters = [chr(code) for code in range(ord("a"), ord("e"))]
    vocab = {
        token: number for number, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))
    }
    known, pairs = list(letters), []
    for _ in range(chance.randint(1, 25)):
        left, right = chance.choice(known), chance.choice(known)
        vocab.setdefault(left + right, len(vocab))
        known.append(left + right)
        pairs.append([left, right])
    chance.shuffle(pairs)
    model = {**written["model"], "vocab": vocab, "merges": pairs}
    return changed(trained, model=model, added_tokens=[])


def test_merges_in_any_order_join_as_the_library_joins_them(trained: Tokenizer):
    chance = random.Random("merges")
    for _ in range(60):
        tokenizer = with_merges(trained, chance)
        pieces = piece_encoder(tokenizer)
        assert pieces is not None
        for _ in range(40):
            text = "".join(chance.choices("abcdf ", k=chance.randint(1, 40)))
            assert pieces.encode(text).tolist() == ids_of(tokenizer, text), text


def test_a_piece_of_any_length_is_joined(trained: Tokenizer, pieces: PieceEncoder):
    for text in ("a" * 100_000, "the" * 20_000, "é" * 5_000, "\n" * 3_000):
        assert pieces.count(text) == len(ids_of(trained, text))


def test_a_piece_that_is_a_token_is_taken_whole(trained: Tokenizer):
    written = json.loads(trained.to_str())
    whole = {**written["model"]["vocab"], "garden": len(written["model"]["vocab"])}
    model = {**written["model"], "vocab": whole, "ignore_merges": True}
    asked = changed(trained, model=model)
    pieces = piece_encoder(asked)
    assert pieces is not None
    assert pieces.takes("x" * 5_000_000)
    for text in ("garden", "the garden gardens", *TEXTS):
        assert pieces.encode(text).tolist() == ids_of(asked, text)
    assert len(ids_of(asked, "garden")) == 1 < len(ids_of(trained, "garden"))


def test_a_model_that_does_more_than_merge_is_asked(trained: Tokenizer):
    written = json.loads(trained.to_str())
    tokens = {"the": 0, "cat": 1, "?": 2}
    model = {"type": "WordLevel", "vocab": tokens, "unk_token": "?"}
    asked = changed(trained, model=model, added_tokens=[], pre_tokenizer=written["pre_tokenizer"])
    pieces = piece_encoder(asked)
    assert pieces is not None
    assert not pieces.takes("x" * 5_000_000)
    for text in ("the cat", "thecat", *TEXTS):
        assert pieces.encode(text).tolist() == ids_of(asked, text)
