"""The command line, run as a command: what it says and how it exits."""

import json
import socket
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.command import commit_count, cuvee, kill_after_commits, succeed
from tests.pipelines.disk import fill_up, remount

COMMANDS = ("run", "demo", "status", "show", "funnel", "signals", "recipes", "schema", "doctor")


def refused(*arguments: str | Path, code: int = 2, env: dict[str, str] | None = None) -> str:
    """Run what cannot be done: an exit code, three lines at most, no trace."""
    done = cuvee(*arguments, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert 1 <= len(done.stderr.strip().splitlines()) <= 3, done.stderr
    return done.stderr


@pytest.fixture
def crawl(sample_crawl: Path, tmp_path: Path) -> Path:
    """One file of the sample crawl, in a folder of its own."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    (folder / "a.warc.gz").symlink_to(sample_crawl / "formasaurus-00000.warc.gz")
    return folder


def small_run(crawl: Path, output: Path, *more: str) -> tuple[str | Path, ...]:
    return (
        *("run", "demo", "--input", crawl, "--output", output, "--engine", "inline"),
        *("--limit", "30", "--set", "tokenizer.train.vocab_size=300", *more),
    )


def test_help_lists_every_command_and_each_has_an_example():
    listed = succeed("--help")
    for command in COMMANDS:
        assert f" {command} " in listed
        assert f"cuvee {command}" in succeed(command, "--help")


def test_signals_recipes_and_schema_describe_what_there_is():
    rows = {row["name"]: row for row in json.loads(succeed("signals", "--json"))["signals"]}
    assert rows["dup_lines"]["kind"] == "count"
    assert rows["language.score"]["kind"] == "score"
    assert Path(rows["pii.emails"]["source"]).is_file()
    assert "dup_lines" in succeed("signals")
    assert {"demo", "fineweb", "gopher", "c4"} <= json.loads(succeed("recipes", "--json"))[
        "recipes"
    ].keys()
    schema = json.loads(succeed("schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    recipe = yaml.safe_load(Path("configs/fineweb.yaml").read_text())
    jsonschema.validate(recipe, schema)


def test_a_run_its_status_its_pages_and_its_picture(crawl: Path, tmp_path: Path):
    output = tmp_path / "run"
    manifest = json.loads(succeed(*small_run(crawl, output, "--json")))
    assert manifest["pages"] == 30
    status = json.loads(succeed("status", output, "--json"))
    assert status["finished"]
    assert status["stages"]["curate"] == {"units": 1, "done": 1, "failed": {}}
    assert "finished" in succeed("status", output)
    kept = json.loads(succeed("show", output, "--kept", "--json"))["pages"]
    assert kept
    assert all(page["status"] == "kept" and page["text"] for page in kept)
    rule = next(
        row["rule"] for row in manifest["funnel"] if row["stage"] == "quality" and row["pages"]
    )
    shown = succeed("show", output, "--rule", rule, "-n", "1")
    assert f"dropped by quality: {rule}, because" in shown
    picture = tmp_path / "funnel.svg"
    succeed("funnel", output, "--svg", picture)
    assert picture.read_text().startswith("<svg")
    assert "30" in succeed("funnel", output)
    assert "Did you mean" in refused("show", output, "--rule", rule[:-1])


def test_set_changes_a_rule_and_reaches_the_ledger(crawl: Path, tmp_path: Path):
    plain = json.loads(succeed(*small_run(crawl, tmp_path / "a", "--json")))
    strict = json.loads(
        succeed(*small_run(crawl, tmp_path / "b", "--json", "--set", "gopher_short_doc=400"))
    )
    assert _removed(strict, "gopher_short_doc") > _removed(plain, "gopher_short_doc")


def _removed(manifest: dict, rule: str) -> int:
    return sum(row["pages"] for row in manifest["funnel"] if row["rule"] == rule)


def test_nothing_to_read(tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    missing = refused("run", "demo", "--input", tmp_path / "crowl", "--output", tmp_path / "o")
    assert "does not exist" in missing
    found = refused("run", "demo", "--input", empty, "--output", tmp_path / "o")
    assert "folder without files that can be read" in found
    assert not (tmp_path / "o").exists()


def test_a_wrong_recipe_names_file_line_and_the_nearest_name(crawl: Path, tmp_path: Path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "recipe: mine\nextends: fineweb\nstages:\n- drop:\n    many: top_2gram_char / chars > 0.2\n"
    )
    message = refused("run", recipe, "--input", crawl, "--output", tmp_path / "o")
    assert f"{recipe}:5: rule 'many' reads 'top_2gram_char', which nothing measures." in message
    assert "Did you mean 'top_2gram_chars' (filters/ngrams.py)?  List all: cuvee signals" in message
    assert not (tmp_path / "o").exists()


def test_an_unreadable_recipe(crawl: Path, tmp_path: Path):
    binary = tmp_path / "mine.yaml"
    binary.write_bytes(b"\xff\xfe\x00recipe")
    assert str(binary) in refused("run", binary, "--input", crawl, "--output", tmp_path / "o")
    assert "no such recipe" in refused(
        "run", tmp_path / "none.yaml", "--input", crawl, "--output", tmp_path / "o"
    )


def test_an_output_that_cannot_be_used(crawl: Path, tmp_path: Path):
    other = tmp_path / "holiday"
    other.mkdir()
    (other / "photo.jpg").write_bytes(b"x")
    assert "not a run of cuvee" in refused(*small_run(crawl, other))
    assert (other / "photo.jpg").exists()
    assert "is a file" in refused(*small_run(crawl, other / "photo.jpg"))
    assert "cannot be made a folder" in refused(*small_run(crawl, Path("/proc/none")))


def test_a_run_of_an_incompatible_version(crawl: Path, tmp_path: Path):
    output = tmp_path / "run"
    (output / "commits").mkdir(parents=True)
    (output / "commits/format.json").write_text('{"format": 99, "version": "9.9"}')
    message = refused(*small_run(crawl, output))
    assert "cuvee 9.9 in another format" in message


def test_a_model_with_the_wrong_hash(crawl: Path, tmp_path: Path):
    model = tmp_path / "lid.176.ftz"
    model.write_bytes(b"not the model")
    message = refused(*small_run(crawl, tmp_path / "o", "--set", f"language.model={model}"))
    assert "wrong sha256" in message
    assert not (tmp_path / "o/manifest.json").exists()


def test_a_tokenizer_that_cannot_be_had(crawl: Path, tmp_path: Path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    env = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(tmp_path / "hf")}
    command = [*small_run(crawl, tmp_path / "o")[:-1], "tokenizer=gpt2"]
    message = refused(*command, env=env)
    assert "tokenizer 'gpt2'" in message
    assert "train one on the kept text" in message


def test_a_cluster_that_is_not_there(crawl: Path, tmp_path: Path):
    command = small_run(crawl, tmp_path / "o", "--engine", "ray", "--address", "127.0.0.1:1")
    assert "no Ray could be reached at 127.0.0.1:1" in refused(*command)


def test_too_many_failed_pages(tmp_path: Path):
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    (crawl / "broken.warc").write_bytes(b"this is no crawl file" * 50)
    message = refused(*small_run(crawl, tmp_path / "o"), code=1)
    assert "1 of 1 pages failed, more than max_failed_pages" in message
    allowed = json.loads(
        succeed(*small_run(crawl, tmp_path / "o", "--set", "max_failed_pages=1", "--json"))
    )
    assert allowed["pages"] == 1
    assert allowed["rows"] == 0


def test_debug_shows_the_trace(tmp_path: Path):
    done = cuvee("status", tmp_path, "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_wrong_use_exits_with_two(tmp_path: Path):
    assert cuvee("run", "demo").returncode == 2
    assert cuvee("frobnicate").returncode == 2
    assert "no run of cuvee is there" in refused("status", tmp_path)
    assert "no run of cuvee is there" in refused("show", tmp_path)


def test_a_full_disk_keeps_what_is_done_and_goes_on(crawl: Path, mounted: Path):
    ballast = mounted / "ballast"
    fill_up(ballast)
    with ballast.open("rb+") as stream:
        stream.truncate(ballast.stat().st_size - 160 * 1024)
    run = mounted / "run"
    assert "the disk is full" in refused(*small_run(crawl, run), code=1)
    assert not (run / "manifest.json").exists()
    assert "not finished" in succeed("status", run)
    ballast.unlink()
    assert json.loads(succeed(*small_run(crawl, run, "--json")))["pages"] == 30


def test_a_read_only_disk_is_named_and_keeps_what_is_done(crawl: Path, mounted: Path):
    run = mounted / "run"
    remount(mounted, "ro")
    told = refused(*small_run(crawl, run), code=1)
    assert "read-only" in told
    assert "--output" in told
    remount(mounted, "rw")
    assert json.loads(succeed(*small_run(crawl, run, "--json")))["pages"] == 30
    remount(mounted, "ro")
    assert f"{run}: finished" in succeed("status", run)


def test_status_of_a_run_that_was_killed(crawl: Path, tmp_path: Path):
    output = tmp_path / "run"
    assert kill_after_commits(1, output, *small_run(crawl, output))
    assert commit_count(output) >= 1
    assert "not finished" in succeed("status", output)
    assert "The run has not finished" in succeed("show", output)
