"""Tokenizers: trained, found on the Hub or in a file, and hostile texts."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from filters.errors import UnitError, UsageError
from pipelines.tokenizer import END_OF_TEXT, count_tokens, encode, train_tokenizer
from pipelines.tokens.source import find_tokenizer
from tests.command import cuvee

TEXTS = [
    "the cat sat on the mat",
    "le chat s'est assis",
    "Ünïcödé — “quotes” 漢字 🙂",
    "a\tb\n\nc",
] * 20


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_bytes(train_tokenizer(TEXTS, 280))
    return str(path)


def test_training_twice_gives_the_same_bytes():
    assert train_tokenizer(TEXTS, 280) == train_tokenizer(iter(TEXTS), 280)


def test_the_vocabulary_has_the_size_asked_for(trained: str):
    assert Tokenizer.from_file(trained).get_vocab_size() == 280


@settings(max_examples=200)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_decodes_back_to_itself(trained: str, text: str):
    (ids,) = encode(trained, [text])
    assert Tokenizer.from_file(trained).decode(ids, skip_special_tokens=False) == text
    assert count_tokens(trained, text) == len(ids)


def test_a_page_cannot_spell_the_end_of_a_text(trained: str):
    tokenizer = Tokenizer.from_file(trained)
    end = tokenizer.token_to_id(END_OF_TEXT)
    (ids,) = encode(trained, [f"one{END_OF_TEXT}two"])
    assert end not in ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == f"one{END_OF_TEXT}two"


def test_a_file_and_its_folder_are_found(trained: str):
    assert find_tokenizer(trained) == Path(trained).read_bytes()
    assert find_tokenizer(str(Path(trained).parent)) == Path(trained).read_bytes()


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path):
    wrong = tmp_path / "tokenizer.json"
    wrong.write_text("{}")
    with pytest.raises(UsageError, match="not a tokenizer") as caught:
        find_tokenizer(str(wrong))
    assert str(wrong) in str(caught.value)


@pytest.fixture
def hub(trained: str) -> Iterator[str]:
    """A Hub on this machine that has one repository, `gpt2`, with one file."""
    content = Path(trained).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            found = self.path == "/gpt2/resolve/main/tokenizer.json"
            self.send_response(200 if found else 404)
            if found:
                self.send_header("ETag", '"1"')
                self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(content) if found else 0))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_hub_name_is_fetched_and_later_found_without_network(
    hub: str, trained: str, sample_crawl: Path, tmp_path: Path
):
    crawl = sample_crawl / "formasaurus-00000.warc.gz"
    env = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    command = ["run", "fineweb", "--input", crawl, "--engine", "inline", "--limit", "20"]
    done = cuvee(*command, "--output", tmp_path / "a", env=env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a/tokenizer.json").read_bytes() == Path(trained).read_bytes()
    nowhere = {**env, "HF_ENDPOINT": "http://127.0.0.1:1"}
    again = cuvee(*command, "--output", tmp_path / "b", env=nowhere)
    assert again.returncode == 0, again.stderr


@pytest.fixture(scope="module")
def by_words(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer that only the library can encode with."""
    words = Tokenizer(models.WordLevel({"?": 0, "the": 1, "cat": 2}, unk_token="?"))  # noqa: S106
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    words.save(str(path))
    return str(path)


@pytest.mark.parametrize("kind", ["trained", "by_words"])
def test_half_a_surrogate_pair_is_told(kind: str, request: pytest.FixtureRequest):
    place = request.getfixturevalue(kind)
    for call in (
        lambda: encode(place, ["the cat", "a \ud83d b"]),
        lambda: count_tokens(place, "\ud83d"),
    ):
        with pytest.raises(UnitError, match=r"U\+D83D at character \d, half of a surrogate pair"):
            call()
    assert encode(place, ["the"])  # and it goes on


@pytest.mark.parametrize("kind", ["trained", "by_words"])
def test_an_empty_text_has_no_token(kind: str, request: pytest.FixtureRequest):
    place = request.getfixturevalue(kind)
    assert encode(place, []) == []
    assert encode(place, ["", "the", ""])[::2] == [[], []]
    assert count_tokens(place, "") == 0


def test_a_document_of_fifty_megabytes_is_exact(trained: str):
    line = "the cat sat on the mat, Ünïcödé 漢字 🙂 1234\n"
    count = 50_000_000 // len(line.encode()) + 1
    (one,) = encode(trained, [line])
    (two,) = encode(trained, [line * 2])
    per_line = len(two) - len(one)
    (ids,) = encode(trained, [line * count])
    assert len(ids) == len(one) + per_line * (count - 1) == count_tokens(trained, line * count)
    assert ids[: len(two)] == two
    assert Tokenizer.from_file(trained).decode(ids[-len(one) :]) == line
    word = "a" * 3_000_000  # one piece
    assert count_tokens(trained, word) == len(Tokenizer.from_file(trained).encode(word).ids)
