"""Token shards: special tokens by the recipe's words, `cuvee tokenize`, and what it refuses."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from filters.errors import RecipeError, UsageError
from pipelines.bucket.path import run_folder
from pipelines.events import Event, UnitDone
from pipelines.pipeline import RunOptions
from pipelines.recipe import load_recipe
from pipelines.recipe.parts import TokenOptions
from pipelines.tokenizer import END_OF_TEXT, encode, train_tokenizer
from pipelines.tokens.another import Tokenized, default_name, tokenize_run
from pipelines.tokens.source import find_tokenizer
from pipelines.tokens.special import special_tokens
from pipelines.verify import verify_run
from tests.command import cuvee
from tests.pipelines.small_run import RECIPE, Finished, do_run, edited, stamps
from tests.pipelines.test_tokenizer_kinds import ranks, written
from tests.pipelines.units import Listener

INLINE = RunOptions(engine="inline")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "tokenizer.json"
    path.write_bytes(train_tokenizer(["the cat sat on the mat", "a river and a house"] * 9, 320))
    return path


@pytest.fixture
def run(base: Finished, tmp_path: Path) -> Path:
    return base.copy(tmp_path / "run")


def metadata(path: Path) -> dict[str, str]:
    found = pq.read_schema(path).metadata
    return {key.decode(): value.decode() for key, value in found.items()}


def committed(listener: Listener) -> list[str]:
    """The stage of each unit that was done."""
    return [event.commit.stage for event in listener.events if isinstance(event, UnitDone)]


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def test_special_tokens_stand_around_each_document(tokenizer: Path):
    given = Tokenizer.from_file(str(tokenizer))
    end = given.token_to_id(END_OF_TEXT)
    special = special_tokens(given, TokenOptions(begin=END_OF_TEXT, end=END_OF_TEXT))
    assert special.vocab_size == given.get_vocab_size()
    assert special.pad_id == end
    ids = np.array([5, 6, 7], np.int32)
    found, lengths = special.around(ids, np.array([2, 0, 1]))
    assert found.tolist() == [end, 5, 6, end, end, end, end, 7, end]
    assert lengths.tolist() == [4, 2, 3]
    only_end = special_tokens(given, TokenOptions(end=END_OF_TEXT))
    found, lengths = only_end.around(ids, np.array([0, 3, 0]))
    assert found.tolist() == [end, 5, 6, 7, end, end]
    assert lengths.tolist() == [1, 4, 1]
    assert found.dtype == np.int32


def test_a_token_that_there_is_not_or_that_a_page_could_spell_is_refused(tokenizer: Path):
    given = Tokenizer.from_file(str(tokenizer))
    with pytest.raises(UsageError, match="is no token of this tokenizer") as caught:
        special_tokens(given, TokenOptions(end="<|endoftex|>"))
    assert "Did you mean '<|endoftext|>'?" in str(caught.value)
    with pytest.raises(UsageError, match="which a page may spell"):
        special_tokens(given, TokenOptions(begin="the"))


def test_a_recipe_says_special_tokens_and_packed_rows(base: Finished, small_crawl, tmp_path):
    root = base.copy(tmp_path / "run")
    before = stamps(root)
    plain = json.loads((root / "manifest.json").read_bytes())
    assert plain["token_shards"]["special_tokens"].startswith("none added")
    assert "packed" not in plain
    asked = f"{RECIPE}tokens: {{end: '{END_OF_TEXT}', packed: 128}}\n"
    manifest = do_run(asked, small_crawl, root).manifest
    after = stamps(root)
    assert {stage for stage in after if before.get(stage) != after[stage]} == {"tokens", "packed"}
    (shard,) = shards(root / "tokens")
    table = pq.read_table(shard)
    end = Tokenizer.from_file(str(root / "tokenizer.json")).token_to_id(END_OF_TEXT)
    counted = pq.read_table(root / "dataset/data", columns=["token_count"], partitioning=None)
    for row, without in zip(table.to_pylist(), counted["token_count"].to_pylist(), strict=True):
        assert row["input_ids"][-1] == end
        assert end not in row["input_ids"][:-1]
        assert row["token_count"] == len(row["input_ids"]) == without + 1
    said = metadata(shard)
    assert said["end_token"] == END_OF_TEXT
    assert said["end_token_id"] == str(end)
    assert "begin_token" not in said
    assert said["vocab_size"] == "400"
    assert said["special_tokens"].startswith(f"{END_OF_TEXT} ({end}) after each document")
    totals = manifest["token_shards"]
    assert totals["tokens"] == manifest["tokens"] == sum(counted["token_count"].to_pylist())
    assert totals["special_tokens_added"] == totals["documents"] == manifest["rows"]
    packed = manifest["packed"]
    assert packed["tokens"] == totals["tokens"] + totals["special_tokens_added"]
    assert packed["padding_share"] == packed["padding"] / (packed["rows"] * 128)
    assert any(item["path"] == f"packed/{shard.name}" for item in manifest["files"])
    assert verify_run(root, 0, lambda *_: None).ok
    again = do_run(RECIPE, small_crawl, root).manifest  # without them
    assert "packed" not in again
    assert not shards(root / "packed")


def test_a_run_that_asks_for_a_token_that_is_not_there_ends_before_its_work(small_crawl, tmp_path):
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_bytes(train_tokenizer(["the cat"], 300))
    recipe = edited(RECIPE, "{train: {vocab_size: 400}}", str(tokenizer))
    with pytest.raises(UsageError, match=r"tokens\.end: '</s>' is no token of this"):
        do_run(f"{recipe}tokens: {{end: </s>}}\n", small_crawl, tmp_path / "run")
    assert not list((tmp_path / "run/commits").glob("*/*.json"))


def test_a_run_counts_with_ranks_of_tiktoken(small_crawl: Path, tmp_path: Path):
    file = tmp_path / "secret" / "gpt2.tiktoken"
    file.parent.mkdir()
    file.write_bytes(written(ranks()))
    given = f"{{tiktoken: {{ranks: {file}}}}}"
    root = tmp_path / "run"
    recipe = edited(RECIPE, "{train: {vocab_size: 400}}", given)
    manifest = do_run(f"{recipe}tokens: {{end: '{END_OF_TEXT}'}}\n", small_crawl, root).manifest
    assert (root / "tokenizer.json").read_bytes() == find_tokenizer(str(file))
    rows = pq.read_table(root / "dataset/data", partitioning=None).to_pylist()
    ids = encode(str(root / "tokenizer.json"), [row["text"] for row in rows])
    assert [row["token_count"] for row in rows] == list(map(len, ids))
    (shard,) = shards(root / "tokens")
    assert pq.read_table(shard)["input_ids"].to_pylist() == [[*one, 50256] for one in ids]
    assert metadata(shard)["vocab_size"] == "50257"
    assert manifest["token_shards"]["tokenizer"] == "gpt2.tiktoken"
    card = (root / "dataset/README.md").read_text()
    assert "gpt2.tiktoken" in card
    assert "secret" not in card
    assert verify_run(root, 20, lambda *_: None).differences == []
    assert (
        do_run(f"{recipe}tokens: {{end: '{END_OF_TEXT}'}}\n", small_crawl, root).did_work is False
    )


def test_another_tokenizer_beside_the_runs_own(run: Path, tokenizer: Path):
    own = {path: path.read_bytes() for path in shards(run / "tokens")}
    options = TokenOptions(end=END_OF_TEXT, packed=64, packing="in_order")
    made = tokenize_run(run, str(tokenizer), options, "other", INLINE, Listener())
    assert made.folder == run / "tokenized/other"
    assert {path: path.read_bytes() for path in shards(run / "tokens")} == own
    (shard,) = shards(made.folder / "tokens")
    assert shard.name == next(iter(own)).name
    table = pq.read_table(shard)
    dataset = pq.read_table(run / "dataset/data", columns=["id", "text"], partitioning=None)
    assert table["id"].to_pylist() == dataset["id"].to_pylist()
    given = Tokenizer.from_file(str(tokenizer))
    for ids, text in zip(table["input_ids"].to_pylist(), dataset["text"].to_pylist(), strict=True):
        assert given.decode(ids[:-1]) == text
    listed = {item["path"] for item in made.manifest["files"]}
    assert listed == {f"tokens/{shard.name}", f"packed/{shard.name}", "tokenizer.json"}
    assert made.manifest["packed"]["padding"] < 64
    assert (made.folder / "tokenizer.json").read_bytes() == tokenizer.read_bytes()
    assert not list((made.folder / "work").iterdir())


def test_verify_looks_at_every_tokenizers_shards(run: Path, tokenizer: Path):
    def found() -> list[str]:
        return verify_run(run, 0, lambda *_: None).differences

    options = TokenOptions(end=END_OF_TEXT, packed=64)
    made = tokenize_run(run, str(tokenizer), options, "x", INLINE, Listener())
    assert found() == []
    (made.folder / "tokenizer.json").write_bytes((run / "tokenizer.json").read_bytes())
    said = "\n".join(found())
    assert "tokenized/x/tokenizer.json: its sha256 is" in said
    assert "tokenized/x/tokens/local-000_00000.parquet: the tokenizer of its ids is" in said
    assert "tokenized/x/packed/local-000_00000.parquet: the tokenizer of its ids is" in said
    (made.folder / "tokenizer.json").unlink()
    assert any("tokenized/x/tokenizer.json: is missing" in line for line in found())
    tokenize_run(run, str(tokenizer), options, "x", INLINE, Listener())
    assert found() == []
    manifest = json.loads((made.folder / "manifest.json").read_bytes())
    manifest["made_from"]["dataset"] = "0" * 64
    (made.folder / "manifest.json").write_text(json.dumps(manifest))
    assert found() == ["tokenized/x: is of another dataset; 'cuvee tokenize' makes it anew"]
    (made.folder / "manifest.json").unlink()
    assert "has not ended there" in verify_run(run, 0, lambda *_: None).notes[0]


def test_what_is_made_is_not_made_again_and_what_has_changed_is(run: Path, tokenizer: Path):
    def again(**options: object) -> tuple[bool, list[str]]:
        listener = Listener()
        chosen = TokenOptions(**options)
        made = tokenize_run(run, str(tokenizer), chosen, None, INLINE, listener)
        assert made.folder.name == tokenizer.parent.name
        return made.did_work, sorted(committed(listener))

    assert again(packed=64) == (True, ["packed", "tokens"])
    assert again(packed=64) == (False, [])
    assert again(packed=32) == (True, ["packed"])
    assert again() == (True, [])
    folder = run / "tokenized" / tokenizer.parent.name
    assert not shards(folder / "packed")
    (shard,) = shards(folder / "tokens")
    whole = shard.read_bytes()
    shard.unlink()
    (folder / "manifest.json").unlink()
    assert again() == (True, ["tokens"])
    assert shard.read_bytes() == whole


@pytest.mark.usefixtures("s3_host")
def test_another_tokenizer_of_a_run_in_a_bucket(run: Path, tokenizer: Path):
    bucket = run_folder("s3://runs/tokens/run")
    for path in run.rglob("[!.]*"):
        if path.is_file():
            (bucket / path.relative_to(run)).write_bytes(path.read_bytes())
    options = TokenOptions(end=END_OF_TEXT, packed=64)

    def make(root: Path) -> Tokenized:
        return tokenize_run(root, str(tokenizer), options, "x", INLINE, Listener())

    here, there = make(run), make(bucket)
    files = {item["path"]: item["sha256"] for item in here.manifest["files"]}
    assert {item["path"]: item["sha256"] for item in there.manifest["files"]} == files
    for name in files:
        assert (there.folder / name).read_bytes() == (here.folder / name).read_bytes()
    assert make(bucket).did_work is False
    assert verify_run(bucket, 0, lambda *_: None).differences == []


def test_what_cannot_be_is_told(run: Path, tokenizer: Path, tmp_path: Path):
    def refused(root: Path, given: str, name: str | None = None) -> str:
        with pytest.raises(UsageError) as caught:
            tokenize_run(root, given, TokenOptions(), name, INLINE, Listener())
        assert len(str(caught.value).splitlines()) <= 3
        return str(caught.value)

    assert "no run of cuvee" in refused(tmp_path / "nothing", str(tokenizer))
    assert "no name of a folder" in refused(run, str(tokenizer), "../up")
    missing = cuvee("tokenize", run, "--tokenizer", "no/such", env={"HF_HUB_OFFLINE": "1"})
    assert missing.returncode == 2
    assert "neither a file here nor reachable on the Hub" in missing.stderr
    assert not (run / "tokenized").exists()


def test_the_command_says_what_it_has_made(run: Path, tokenizer: Path):
    command = ("tokenize", run, "--tokenizer", tokenizer, "--name", "x", "--engine", "inline")
    said = cuvee(*command, "--end", END_OF_TEXT, "--packed", "128")
    assert said.returncode == 0, said.stderr
    assert "after each document" in said.stdout
    assert "padding" in said.stdout
    assert str(run / "tokenized/x") in said.stdout
    found = json.loads(cuvee(*command, "--end", END_OF_TEXT, "--packed", "128", "--json").stdout)
    assert found["did_work"] is False
    assert found["token_shards"]["documents"] > 5
    wrong = cuvee(*command, "--packing", "best")
    assert wrong.returncode == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("tokens={end: 5}", "tokens.end must be a text or null, not 5"),
        ("tokens={packed: -1}", "tokens.packed must be a whole number from 0 to 1,048,576"),
        ("tokens={packing: worst_fit}", "tokens.packing must be one of best_fit, in_order"),
        ("tokens={ending: x}", "tokens has no option 'ending'"),
        ("tokenizer={tiktoken: {}}", "tiktoken names no file of ranks"),
        ("tokenizer={train: {}, tiktoken: {}}", "tokenizer must be a name, a path"),
    ],
)
def test_a_recipe_that_says_it_wrongly_is_told(said: str, why: str):
    with pytest.raises(RecipeError, match=re.escape(why)) as caught:
        load_recipe("demo", [said])
    assert len(str(caught.value).splitlines()) <= 3


def test_names_of_folders():
    assert default_name("org/name") == "org--name"
    assert default_name("gpt2") == "gpt2"


@pytest.mark.slow
def test_the_same_bytes_with_any_number_of_workers(
    two_dumps: Path, tokenizer: Path, tmp_path: Path
):
    one, other = (Path(shutil.copytree(two_dumps, tmp_path / name)) for name in ("one", "other"))
    options = TokenOptions(packed=64)
    made = tokenize_run(one, str(tokenizer), options, "x", INLINE, Listener())
    command = ("tokenize", other, "--tokenizer", tokenizer, "--name", "x", "--packed", "64")
    done = cuvee(*command, "--workers", "2")
    assert done.returncode == 0, done.stderr
    written = sorted(made.folder.rglob("*.parquet"))
    assert len(written) == 16
    for path in written:
        twin = other / path.relative_to(one)
        assert twin.read_bytes() == path.read_bytes()


def test_an_interrupted_command_goes_on(two_dumps: Path, tokenizer: Path, tmp_path: Path):
    root = Path(shutil.copytree(two_dumps, tmp_path / "run"))

    class Stopped(Listener):
        def __call__(self, event: Event) -> None:
            super().__call__(event)
            if len(committed(self)) == 3:
                raise KeyboardInterrupt

    def make(listener: Listener) -> Tokenized:
        return tokenize_run(root, str(tokenizer), TokenOptions(), "x", INLINE, listener)

    with pytest.raises(KeyboardInterrupt):
        make(Stopped())
    assert not (root / "tokenized/x/manifest.json").exists()
    listener = Listener()
    assert make(listener).manifest["stages"]["tokens"]["units"] == 8
    assert len(committed(listener)) == 5
