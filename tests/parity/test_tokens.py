"""Every real text: the ids that the tokenizers library gives, by three vocabularies."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from filters.errors import WorkError
from pipelines.pieces import BYTE_CHARACTERS, piece_encoder
from pipelines.tokenizer import encode
from pipelines.tokens.source import find_tokenizer
from tests.bench.vocabularies import VOCABULARIES, vocabulary_file
from tests.parity.conftest import extract_texts


@pytest.fixture(scope="module", params=VOCABULARIES)
def vocabulary(request: pytest.FixtureRequest) -> tuple[str, Path]:
    try:
        return request.param, vocabulary_file(request.param)
    except WorkError as error:
        pytest.skip(str(error).partition("\n")[0])


@pytest.fixture(scope="session")
def test_data_texts(test_data: Path) -> list[str]:
    return extract_texts(test_data / "crawl")


def of_library(place: Path, texts: list[str]) -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(place))
    tokenizer.encode_special_tokens = True
    return [found.ids for found in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


@pytest.mark.slow
def test_sample_crawl_has_the_same_ids(vocabulary, sample_texts: list[str], compared):
    name, place = vocabulary
    assert piece_encoder(Tokenizer.from_file(str(place))) is not None, "the kernels know it"
    expected = of_library(place, sample_texts)
    assert len(expected) > 900
    assert encode(str(place), sample_texts) == expected
    total = sum(map(len, expected))
    compared.append(
        f"{total:,} ids of {name}, {len(expected)} texts of the sample crawl, all equal"
    )


@pytest.mark.long
def test_third_party_crawl_has_the_same_ids(vocabulary, test_data_texts: list[str], compared):
    name, place = vocabulary
    expected = of_library(place, test_data_texts)
    assert len(expected) > 900
    assert encode(str(place), test_data_texts) == expected
    total = sum(map(len, expected))
    compared.append(f"{total:,} ids of {name}, {len(expected)} of CUVEE_TEST_DATA, all equal")


def ranks_of(place: Path) -> dict[bytes, int]:
    """The vocabulary as ranks: what is made of bytes, without special tokens."""
    table = {ord(shown): byte for byte, shown in enumerate(BYTE_CHARACTERS)}
    tokenizer = Tokenizer.from_file(str(place))
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    return {
        token.translate(table).encode("latin-1"): number
        for token, number in tokenizer.get_vocab().items()
        if token not in special and not set(token) - set(BYTE_CHARACTERS)
    }


def tiktoken_of(name: str, ranks: dict[bytes, int]) -> Any:
    """tiktoken's own encoding with these ranks; only its pattern is wanted of what it fetches."""
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    from tiktoken_ext import openai_public

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
        patch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda **_: {})
        pattern = getattr(openai_public, name)()["pat_str"]
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


@pytest.mark.long
@pytest.mark.parametrize("name", ["gpt2", "cl100k_base", "o200k_base"])
def test_ranks_of_every_text_are_those_of_tiktoken(name, sample_texts, tmp_path: Path, compared):
    try:
        place = vocabulary_file({"gpt2": "gpt2", "o200k_base": "gpt4o"}.get(name, "llama3"))
    except WorkError as error:
        pytest.skip(str(error).partition("\n")[0])
    ranks = ranks_of(place)
    own = tiktoken_of(name, ranks)
    file = tmp_path / f"{name}.tiktoken"
    lines = sorted(ranks.items(), key=lambda item: item[1])
    file.write_bytes(b"".join(b"%s %d\n" % (b64encode(token), rank) for token, rank in lines))
    made = tmp_path / "tokenizer.json"
    made.write_bytes(find_tokenizer(str(file)))
    expected = own.encode_ordinary_batch(sample_texts, num_threads=1)
    assert encode(str(made), sample_texts) == expected
    compared.append(f"{sum(map(len, expected)):,} ids of tiktoken's {name}, all equal")
