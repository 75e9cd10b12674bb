"""Token shards in the formats of Megatron-LM and nanotron, read back by others than ours."""

import hashlib
import json
import shutil
from itertools import count
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models

from filters.errors import UsageError, WorkError
from pipelines.export import binary, formats
from pipelines.export.binary import Exported, Options, export_tokens
from tests.pipelines.memmaps import DEEPSPEED, MEGATRON, read_ds, read_megatron
from tests.pipelines.token_shards import SAID, numbered, write_shards

END = 2
DOCUMENTS = numbered(90, longest=30, first=10)
FILLED = [document for document in DOCUMENTS if document]
ENDED = [[*document, END] for document in DOCUMENTS]


def tokenizer(size: int, special: str | None = "</s>") -> bytes:
    """A tokenizer of so many ids, of which one is added."""
    vocabulary = {f"t{i}": i for i in range(size) if i != END}
    made = Tokenizer(models.WordLevel({**vocabulary, "unused": END}, unk_token="t0"))  # noqa: S106
    if special:
        vocabulary |= {special: END}
        made = Tokenizer(models.WordLevel(vocabulary, unk_token="t0"))  # noqa: S106
        made.add_special_tokens([AddedToken(special, special=True)])
    return made.to_str().encode()


def a_run(root: Path, said: dict[str, str] | None = None, made: bytes | None = None) -> Path:
    """What an export reads of a finished run."""
    said = SAID if said is None else said
    write_shards(root / "tokens", DOCUMENTS, files=3, said={k: v for k, v in said.items() if v})
    (root / "tokenizer.json").write_bytes(made or tokenizer(3000))
    (root / "manifest.json").write_text(json.dumps({"format": 1, "files": []}))
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_run(tmp_path_factory.mktemp("run"), {**SAID, "vocab_size": ""})


def everything(exported: Exported) -> list[list[int]]:
    if exported.facts["format"] == "nanotron":
        names = [name for name in exported.files if name.endswith(".ds")]
        return [row for name in names for row in read_ds(exported.output / name)[0]]
    return read_megatron(exported.output / "corpus_text_document", MEGATRON)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".lock", "export.json")
    }


@pytest.mark.parametrize("kind", ["megatron", "nanotron"])
@pytest.mark.parametrize(("end", "expected"), [(None, ENDED), ("</s>", ENDED), ("none", FILLED)])
def test_all_documents_are_there_with_the_end_that_was_asked_for(
    run: Path, tmp_path: Path, kind, end, expected
):
    done = export_tokens(run, tmp_path / "out", kind, Options(end=end))
    assert everything(done) == expected
    assert done.documents == len(expected)
    assert done.tokens == sum(map(len, expected))
    assert done.facts["empty"] == len(DOCUMENTS) - len(expected)
    assert done.facts["end_of_document"] == (None if end == "none" else END)


def test_both_megatron_and_deepspeed_read_the_default_and_only_one_uint16(
    run: Path, tmp_path: Path
):
    prefix = "corpus_text_document"
    export_tokens(run, tmp_path / "both", "megatron", Options())
    assert read_megatron(tmp_path / "both" / prefix, MEGATRON) == ENDED
    assert read_megatron(tmp_path / "both" / prefix, DEEPSPEED) == ENDED
    export_tokens(run, tmp_path / "small", "megatron", Options(dtype="uint16"))
    assert read_megatron(tmp_path / "small" / prefix, MEGATRON) == ENDED
    with pytest.raises(AssertionError):
        read_megatron(tmp_path / "small" / prefix, DEEPSPEED)


def test_the_bytes_are_those_of_the_formats(tmp_path: Path):
    run = tmp_path / "run"
    write_shards(run / "tokens", [[5, 6], [], [7]], files=1)
    (run / "tokenizer.json").write_bytes(tokenizer(10))
    (run / "manifest.json").write_text(json.dumps({"format": 1, "files": []}))
    export_tokens(run, tmp_path / "m", "megatron", Options(end="none"))
    assert (tmp_path / "m/corpus_text_document.bin").read_bytes().hex() == (
        "050000000600000007000000"
    )
    assert (tmp_path / "m/corpus_text_document.idx").read_bytes() == bytes.fromhex(MMIDIDX)
    said = {**SAID, "vocab_size": "10", "tokenizer": "org/name"}
    write_shards(run / "tokens", [[5, 6], [], [7]], files=1, said=said)
    export_tokens(run, tmp_path / "n", "nanotron", Options(end="none"))
    assert (tmp_path / "n/00000_tokens.ds").read_bytes().hex() == "050006000700"
    assert (tmp_path / "n/00000_tokens.ds.index").read_bytes().hex(" ", 8) == (
        "0200000000000000 0300000000000000"
    )
    assert (tmp_path / "n/00000_tokens.ds.metadata").read_text() == "org/name|2\n3\n3 T"


MMIDIDX = """
4d4d494449445800 00  0100000000000000  04
0200000000000000  0300000000000000
02000000 01000000
0000000000000000 0800000000000000
0000000000000000 0100000000000000 0200000000000000
"""
"""Magic, version, code of int32; sequences, indices; lengths; byte offsets; document indices."""


def test_datatrove_writes_the_same_bytes(run: Path, tmp_path: Path):
    from datatrove.pipeline.tokens.megatron_tokenizer import MegatronTokenizedFile
    from datatrove.pipeline.tokens.tokenizer import TokenizedFile

    theirs = MegatronTokenizedFile(str(tmp_path), "theirs", token_size=4)
    for document in ENDED:
        theirs.write(document)
    theirs.close()
    ours = tmp_path / "m/corpus_text_document"
    export_tokens(run, tmp_path / "m", "megatron", Options())
    for ending in (".bin", ".idx"):
        assert Path(f"{ours}{ending}").read_bytes() == (tmp_path / f"theirs{ending}").read_bytes()
    done = export_tokens(run, tmp_path / "n", "nanotron", Options())
    shards = [name for name in done.files if name.endswith(".ds")]
    assert len(shards) == 3
    for name in shards:
        file = TokenizedFile(str(tmp_path), "theirs.ds", token_size=2)
        for document in read_ds(tmp_path / "n" / name)[0]:
            file.write(document, None)
        file.close()
        for ending in ("", ".index"):
            written = (tmp_path / f"n/{name}{ending}").read_bytes()
            assert written == (tmp_path / f"theirs.ds{ending}").read_bytes()


def test_a_wide_vocabulary_makes_wide_ids(tmp_path: Path):
    for size, width in ((65_536, 2), (65_537, 4)):
        root = a_run(tmp_path / str(size), {**SAID, "vocab_size": ""}, tokenizer(size))
        done = export_tokens(root, tmp_path / f"{size}-out", "nanotron", Options())
        assert done.facts["vocabulary"] == size
        assert done.facts["dtype"] == f"uint{8 * width}"
        assert everything(done) == ENDED
    with pytest.raises(UsageError, match=r"uint16: the vocabulary has 65,536 ids"):
        export_tokens(tmp_path / "65536", tmp_path / "no", "megatron", Options(dtype="uint16"))


def test_tokens_added_to_a_vocabulary_count(tmp_path: Path):
    made = Tokenizer.from_buffer(tokenizer(65_536, special=None))
    made.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    assert made.get_vocab_size(with_added_tokens=False) == 65_536
    root = a_run(tmp_path / "run", {**SAID, "vocab_size": ""}, made.to_str().encode())
    done = export_tokens(root, tmp_path / "out", "nanotron", Options())
    assert done.facts["vocabulary"] == 65_537
    assert done.facts["dtype"] == "uint32"
    assert everything(done) == [[*document, 65_536] for document in DOCUMENTS]


@pytest.mark.parametrize("kind", ["megatron", "nanotron"])
def test_documents_are_mixed_by_a_seed(run: Path, tmp_path: Path, kind):
    one = export_tokens(run, tmp_path / "one", kind, Options(shuffle=1))
    found = everything(one)
    assert found != ENDED
    assert sorted(found) == sorted(ENDED)
    again = export_tokens(run, tmp_path / "again", kind, Options(shuffle=1))
    assert everything(again) == found
    other = export_tokens(run, tmp_path / "other", kind, Options(shuffle=2))
    assert everything(other) != found


class Crash(BaseException):
    """As if the process were killed: nothing of the program sees to it."""


@pytest.mark.parametrize("kind", ["megatron", "nanotron"])
def test_after_a_crash_anywhere_the_same_call_goes_on(
    run: Path, tmp_path: Path, kind, monkeypatch: pytest.MonkeyPatch
):
    whole = export_tokens(run, tmp_path / "whole", kind, Options(shuffle=7))
    expected = contents(tmp_path / "whole")
    places = _crashing(monkeypatch)
    for place in count(1):
        output = tmp_path / f"after-{place}"
        places["left"] = place
        try:
            export_tokens(run, output, kind, Options(shuffle=7))
        except Crash:
            assert not (output / "export.json").exists()
            _tear(output)
        else:
            break
        places["left"] = 10**9
        done = export_tokens(run, output, kind, Options(shuffle=7))
        found = contents(output)
        assert _without_names(found) == _without_names(expected), place
        assert (done.documents, done.tokens) == (whole.documents, whole.tokens)
        assert not (output / ".partial").exists()
        shutil.rmtree(output)
    assert place > 10


def _without_names(found: dict[str, str]) -> dict[str, str]:
    """But for the metadata, in which the output folder is named."""
    return {name: value for name, value in found.items() if not name.endswith(".metadata")}


def _crashing(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Make every write of the journal and every renaming a place where a crash may come."""
    from pipelines.export import journal

    places = {"left": 10**9}

    def counted(inner):
        def call(*arguments, **named):
            places["left"] -= 1
            if places["left"] == 0:
                raise Crash
            return inner(*arguments, **named)

        return call

    for name in ("write_whole", "move_into_place"):
        monkeypatch.setattr(journal, name, counted(getattr(journal, name)))
    monkeypatch.setattr(binary, "read_window", counted(binary.read_window))
    return places


def _tear(output: Path) -> None:
    """Leave bytes behind what is noted, as a crash in the middle of a write does."""
    for path in (output / ".partial").glob("*"):
        if path.suffix != ".json":
            with path.open("ab") as stream:
                stream.write(b"torn")


def test_what_a_crash_at_the_very_end_leaves_is_removed(run: Path, tmp_path: Path):
    export_tokens(run, tmp_path / "out", "megatron", Options())
    (tmp_path / "out/.partial").mkdir()
    (tmp_path / "out/.partial/done.json").write_text("{}")
    export_tokens(run, tmp_path / "out", "megatron", Options())
    assert not (tmp_path / "out/.partial").exists()


def test_a_run_without_a_token_is_told(tmp_path: Path):
    root = a_run(tmp_path / "run")
    write_shards(root / "tokens", [[], []], files=3)
    with pytest.raises(UsageError, match=r"no document has a token\.\n.*cuvee funnel"):
        export_tokens(root, tmp_path / "out", "megatron", Options())


def test_another_export_that_has_begun_is_not_gone_on_with(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    places = _crashing(monkeypatch)
    places["left"] = 6
    with pytest.raises(Crash):
        export_tokens(run, tmp_path / "out", "megatron", Options())
    places["left"] = 10**9
    with pytest.raises(UsageError, match="holds another export"):
        export_tokens(run, tmp_path / "out", "megatron", Options(end="none"))
    assert everything(export_tokens(run, tmp_path / "out", "megatron", Options())) == ENDED


def test_what_is_done_is_not_done_again(run: Path, tmp_path: Path):
    first = export_tokens(run, tmp_path / "out", "megatron", Options())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert export_tokens(run, tmp_path / "out", "megatron", Options()) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_another_export_is_not_written_into_the_same_folder(run: Path, tmp_path: Path):
    export_tokens(run, tmp_path / "out", "megatron", Options())
    with pytest.raises(UsageError, match=r"holds another export.*\n.*--output"):
        export_tokens(run, tmp_path / "out", "megatron", Options(end="none"))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"is not empty; it has thesis\.tex"):
        export_tokens(run, tmp_path / "foreign", "megatron", Options())


def test_shards_that_end_documents_get_no_second_end(tmp_path: Path):
    said = {**SAID, "vocab_size": "", "end_token": "</s>", "end_token_id": str(END)}
    root = a_run(tmp_path / "run", said)
    done = export_tokens(root, tmp_path / "out", "megatron", Options())
    assert everything(done) == FILLED
    assert done.facts["end_of_document"] == END
    with pytest.raises(UsageError, match=r"end with '</s>' in the shards"):
        export_tokens(root, tmp_path / "no", "megatron", Options(end="none"))


def test_ends_that_are_not_there_are_told(tmp_path: Path):
    root = a_run(tmp_path / "run", {**SAID, "vocab_size": ""}, tokenizer(3000, "<|end|>"))
    with pytest.raises(
        UsageError, match=r"no special token that is known to end a text\.\n.*<\|end\|>"
    ):
        export_tokens(root, tmp_path / "out", "megatron", Options())
    with pytest.raises(
        UsageError, match=r"no special token '<\|ends\|>'\.\n.*Did you mean '<\|end\|>'"
    ):
        export_tokens(root, tmp_path / "out", "megatron", Options(end="<|ends|>"))
    with pytest.raises(UsageError, match="no special token 't5'"):  # a page may spell it
        export_tokens(root, tmp_path / "out", "megatron", Options(end="t5"))
    done = export_tokens(root, tmp_path / "out", "megatron", Options(end="<|end|>"))
    assert everything(done) == ENDED


def test_a_tokenizer_of_another_vocabulary_is_told(tmp_path: Path):
    root = a_run(tmp_path / "run", {**SAID, "vocab_size": ""}, tokenizer(100))
    with pytest.raises(UsageError, match=r"has the id \d+, and tokenizer\.json has 100 ids"):
        export_tokens(root, tmp_path / "out", "megatron", Options())
    (root / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"tokenizer\.json: is missing"):
        export_tokens(root, tmp_path / "out", "megatron", Options())
    (root / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match=r"tokenizer\.json: .*\n.*Put back"):
        export_tokens(root, tmp_path / "out", "megatron", Options())


def test_a_document_that_an_index_cannot_count_is_told(tmp_path: Path):
    path = tmp_path / "lengths"
    path.write_bytes((2**31).to_bytes(8, "little"))
    with pytest.raises(WorkError, match=r"a document has 2,147,483,648 tokens"):
        formats.Megatron(10).index(tmp_path, 0, path)


def test_an_address_as_output_and_an_unfinished_run_are_told(run: Path, tmp_path: Path):
    from pipelines.bucket.path import run_folder

    with pytest.raises(UsageError, match=r"written to a folder of this machine"):
        export_tokens(run, run_folder("s3://bucket/name"), "megatron", Options())
    with pytest.raises(UsageError, match="no run of cuvee is there"):
        export_tokens(tmp_path, tmp_path / "out", "megatron", Options())
