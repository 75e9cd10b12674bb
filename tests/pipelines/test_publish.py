"""Publishing to a Hub that fails: complete or absent, and nothing is sent twice."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import ANY

import pytest

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.publish.content import read_content
from pipelines.publish.plan import Options, make_plan
from pipelines.publish.repository import Held, State
from tests.command import cuvee
from tests.hub.faults import Rule, by_rules
from tests.hub.people import TOKEN, environment, run_commands, shown_by
from tests.hub.repository import Blob, Repository
from tests.hub.runs import FIRST, SECOND, THIRD, beside, rows_of, wanted
from tests.hub.server import Hub, serve
from tests.hub.xet import XetStore
from tests.pipelines.hosts import Host
from tests.pipelines.small_run import edited

BATCHES = ("--commit-files", "3")
NOTHING = State(None, {}, card=None, manifest=None)
PAPERS = {"README.md", "manifest.json", "SHA256SUMS"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve(rights={TOKEN: "write"}) as hub:
        yield hub


def check_complete(repository: Repository, root: Path, branch: str = "main") -> None:
    files = repository.files(branch)
    tables = {path: blob.data for path, blob in files.items() if path.startswith("data/")}
    assert tables == wanted(root)
    assert files.keys() >= PAPERS
    assert shown_by(files)["default"] == set(tables)


def check_never_half(repository: Repository, *complete: set[str]) -> None:
    """No commit ever showed a part of something."""
    for oid, commit in repository.history("main"):
        for config, paths in shown_by(commit.files).items():
            assert paths in complete, (oid, commit.title, config)


def parts(root: Path, *more: set[str]) -> list[set[str]]:
    """What may be shown of a run: each dump, and all of them."""
    paths = set(wanted(root))
    dumps = {path.split("/")[1] for path in paths}
    return [*({p for p in paths if f"/{dump}/" in p} for dump in dumps), paths, *more]


def sent_twice(hub: Hub, name: str) -> list[str]:
    """Large files that were sent again although the Hub had them."""
    stored = Counter(
        request.target for request in hub.stored_puts if f"/lfs/{name}/" in request.target
    )
    return [target for target, count in stored.items() if count > 1]


def test_a_first_publish_is_one_commit(hub: Hub, two_dumps: Path, tmp_path: Path):
    env = environment(hub, tmp_path)
    publish = ["publish", two_dumps, "org/name"]
    (code, dry), *done = run_commands(
        [[*publish, "--dry-run"], publish, [*publish, "--tag", "v1.0"], [*publish, "--json"]], env
    )
    assert code == 0
    assert dry.startswith("org/name:\ncommit 1 of 1: Publish small\n  + data/")
    assert "nothing was sent" in dry
    assert [code for code, _ in done] == [0, 0, 0], done
    repository = hub.repositories["org/name"]
    check_complete(repository, two_dumps)
    assert [commit.title for _, commit in repository.history("main")] == [
        "Publish small", "initial commit",
    ]  # fmt: skip
    assert len(wanted(two_dumps)) == 8
    assert len(hub.puts()) == 8 + beside(two_dumps)
    assert repository.tags == {"v1.0": repository.branches["main"]}
    facts = json.loads(done[2][1])
    assert (facts["commits"], facts["made"], facts["bytes"]) == ([], [], 0)
    sums = dict(
        reversed(line.split("  "))
        for line in repository.files()["SHA256SUMS"].data.decode().splitlines()
    )
    listed = json.loads(repository.files()["manifest.json"].data)
    assert {facts["path"]: facts["sha256"] for facts in listed["files"]} == sums
    assert sums == {
        path: blob.sha256 for path, blob in repository.files().items()
        if path not in (".gitattributes", "manifest.json", "SHA256SUMS")
    }  # fmt: skip
    assert str(two_dumps.parent) not in str([blob.data for blob in repository.files().values()])
    assert listed["rows"] == len(rows_of(two_dumps))
    assert listed["tokens"] == sum(row["token_count"] for row in rows_of(two_dumps))


def test_many_files_are_shown_when_all_are_there(hub: Hub, two_dumps: Path, tmp_path: Path):
    hub.page_entries = 3
    hub.part_bytes = 4000
    commands = [["publish", two_dumps, "org/name", *BATCHES, "--message", "Spring"]]
    assert run_commands(commands, environment(hub, tmp_path))[0][0] == 0
    repository = hub.repositories["org/name"]
    check_complete(repository, two_dumps)
    titles = [commit.title for _, commit in reversed(repository.history("main"))]
    assert titles == [
        "initial commit", "Spring (0/4): begun", "Spring (1/4)", "Spring (2/4)", "Spring (3/4)",
        "Spring (4/4): complete",
    ]  # fmt: skip
    check_never_half(repository, *parts(two_dumps))
    assert any(request.target.endswith("/2") for request in hub.puts()), "none came in parts"


def test_a_branch_and_a_private_repository(hub: Hub, two_dumps: Path, tmp_path: Path):
    given = ["publish", two_dumps, "org/name", "--branch", "next", "--private"]
    env = environment(hub, tmp_path)
    assert [code for code, _ in run_commands([given, given], env)] == [0, 0]
    repository = hub.repositories["org/name"]
    assert repository.private
    check_complete(repository, two_dumps, "next")
    assert set(repository.files("main")) == {".gitattributes"}
    assert len(hub.puts()) == len(wanted(two_dumps)) + beside(two_dumps)


FAULTS = {
    "429-preupload": [Rule("429", "POST org/429-preupload/preupload/")],
    "429-commit": [Rule("429", "POST org/429-commit/commit/", times=2)],
    "429-create": [Rule("429", "POST /api/repos/create")],
    "500-commit": [Rule("500", "POST org/500-commit/commit/", skip=1)],
    "500-applied": [Rule("500 after", "POST org/500-applied/commit/", skip=1)],
    "500-last-applied": [Rule("500 after", "POST org/500-last-applied/commit/", skip=4)],
    "lost": [Rule("lost", "POST org/lost/commit/", skip=2)],
    "500-put": [Rule("500", "PUT /lfs/org/500-put/", skip=2)],
    "cut-put": [Rule("cut", "PUT /lfs/org/cut-put/", skip=4)],
    "500-tree": [Rule("500", "GET org/500-tree/tree/")],
    "500-refs": [Rule("500", "GET org/500-refs/refs", skip=1)],
    "stall": [Rule("stall", "POST org/stall/commit/", skip=1)],
    "batch": [Rule("503", "POST org/batch.git/info/lfs/objects/batch")],
    "503-card": [Rule("503", "HEAD org/503-card/resolve/ README.md")],
    "verify": [Rule("500", "POST /lfs/org/verify/ /verify")],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("429-commit", "500-applied", "cut-put", "stall"), id="some"),
        pytest.param(tuple(FAULTS), id="all", marks=pytest.mark.long),
    ],
)
def test_after_each_fault_all_is_there_and_nothing_came_twice(
    names: tuple[str, ...], two_dumps: Path, tmp_path: Path
):
    faults = {name: FAULTS[name] for name in names}
    rules = [rule for found in faults.values() for rule in found]
    with serve(plan=by_rules(*rules), rights={TOKEN: "write"}) as hub:
        env = environment(hub, tmp_path)
        commands = [["publish", two_dumps, f"org/{name}", *BATCHES] for name in faults]
        told = run_commands(commands, env)
        puts = len(hub.puts())
        again = run_commands(commands, env)
        for name, (code, said) in zip(faults, told, strict=True):
            assert code == 0, (name, said)
            repository = hub.repositories[f"org/{name}"]
            check_complete(repository, two_dumps)
            check_never_half(repository, *parts(two_dumps))
            assert sent_twice(hub, f"org/{name}") == []
            titles = Counter(commit.title for _, commit in repository.history("main"))
            assert max(titles.values()) == 1, titles
        assert all(rule.met > rule.skip for rule in rules), "a fault never came"
        assert {said.splitlines()[0] for _, said in again} == {"The Hub has all of it already."}
        assert len(hub.puts()) == puts


def test_the_same_by_xet(two_dumps: Path, tmp_path: Path):
    rules = [
        Rule("500", "GET org/name/xet-write-token/"),
        Rule("500", "POST org/name/commit/", skip=1),
    ]
    with serve(plan=by_rules(*rules), rights={TOKEN: "write"}) as hub:
        hub.xet = XetStore(tmp_path / "xet")
        env = environment(hub, tmp_path, HF_HUB_DISABLE_XET="0")
        command = ["publish", two_dumps, "org/name", *BATCHES]
        told = run_commands([command, command, ["verify", "org/name"]], env)
        assert [code for code, _ in told] == [0, 0, 0], told
        assert "The Hub has all of it already." in told[1][1]
        assert hub.puts() == []
        assert all(rule.met > rule.skip for rule in rules)
        check_complete(hub.repositories["org/name"], two_dumps)
        check_never_half(hub.repositories["org/name"], *parts(two_dumps))


@pytest.mark.slow
def test_a_run_on_s3_is_published_and_verified(two_dumps: Path, s3_host: Host, tmp_path: Path):
    root = run_folder("s3://runs/two")
    for path in two_dumps.rglob("[!.]*"):  # not the lock of a folder
        if path.is_file():
            (root / path.relative_to(two_dumps).as_posix()).write_bytes(path.read_bytes())
    with serve(rights={TOKEN: "write"}) as hub:
        publish = ["publish", str(root), "org/name", "--sample", "1KT"]
        told = run_commands(
            [publish, publish, ["verify", str(root), "--sample", "5"], ["verify", "org/name"]],
            environment(hub, tmp_path),
        )
        assert [code for code, _ in told] == [0, 0, 0, 0], told
        assert "The Hub has all of it already." in told[1][1]
        assert "5 pages)" in told[2][1]
        files = hub.repositories["org/name"].files()
        assert {path: files[path].data for path in wanted(two_dumps)} == wanted(two_dumps)
        assert any(path.startswith("sample/1KT/") for path in files)
    assert s3_host.asked


def test_somebody_elses_commit_in_between_is_kept(two_dumps: Path, tmp_path: Path):
    def meddle() -> None:
        notes = {"recipes/notes.yaml": Blob(b"mine: 1\n", lfs=False)}
        hub.repositories["org/name"].add("main", "notes", notes, None)

    rule = Rule(meddle, "POST org/name/commit/", skip=2)
    with serve(plan=by_rules(rule), rights={TOKEN: "write"}) as hub:
        ((code, said),) = run_commands(
            [["publish", two_dumps, "org/name", *BATCHES]], environment(hub, tmp_path)
        )
        assert code == 0, said
        assert "412" in said
        files = hub.repositories["org/name"].files()
        assert files["recipes/notes.yaml"].data == b"mine: 1\n"
        check_complete(hub.repositories["org/name"], two_dumps)
        assert sent_twice(hub, "org/name") == []


def test_a_hub_that_fails_for_good_ends_it_for_now(two_dumps: Path, tmp_path: Path):
    rule = Rule("503", "POST org/name/commit/", times=8, skip=2)
    with serve(plan=by_rules(rule), rights={TOKEN: "write"}) as hub:
        command = ["publish", two_dumps, "org/name", *BATCHES]
        env = environment(hub, tmp_path)
        (failed, said), (code, _) = run_commands([command, command], env)
        assert failed == 1
        assert "org/name: the Hub does not do it: 503" in said
        assert "the same command sends only the rest" in said
        assert code == 0
        check_complete(hub.repositories["org/name"], two_dumps)
        check_never_half(hub.repositories["org/name"], *parts(two_dumps))
        assert sent_twice(hub, "org/name") == []


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(two_dumps: Path, tmp_path: Path):
    moments = (1, 6, 11, 14, 19, 24)  # requests that it has made by then
    publishers: dict[str, subprocess.Popen] = {}
    killed: list[str] = []

    def kill(name: str) -> None:
        publishers[name].kill()
        publishers[name].wait()
        killed.append(name)

    names = [f"org/killed-{after}" for after in moments]
    rules = [
        Rule(partial(kill, name), name, skip=after)
        for name, after in zip(names, moments, strict=True)
    ]
    with serve(plan=by_rules(*rules), rights={TOKEN: "write"}) as hub:
        env = environment(hub, tmp_path)
        for name in names:
            words = [sys.executable, "-m", "pipelines", "publish", str(two_dumps), name, *BATCHES]
            publishers[name] = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL)
        for publisher in publishers.values():
            publisher.wait(100)
        assert sorted(killed) == sorted(names), "it was done before"
        for name in names:
            if name in hub.repositories:
                check_never_half(hub.repositories[name], *parts(two_dumps))
        begun = [name for name in names if name in hub.repositories]
        again = [["publish", two_dumps, name, *BATCHES] for name in names]
        told = run_commands([*(["verify", name] for name in begun), *again], env)
        for name, (code, said) in zip(begun, told, strict=False):
            assert code == 2, (name, said)
            assert "is being uploaded" in said or "has no manifest.json" in said
        assert [code for code, _ in told[len(begun) :]] == [0] * len(names), told
        for name in names:
            check_complete(hub.repositories[name], two_dumps)
            check_never_half(hub.repositories[name], *parts(two_dumps))
            assert sent_twice(hub, name) == []


def test_a_dump_is_added_and_one_is_replaced(
    hub: Hub, two_dumps: Path, third_dump: Path, changed_dump: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    add = ["publish", third_dump, "org/name", *BATCHES]
    again = ["publish", changed_dump, "org/name", *BATCHES]
    told = run_commands(
        [
            ["publish", two_dumps, "org/name"],
            add,
            again,
            [*again, "--replace-dump", "CC-MAIN-2024-1"],
            [*again, "--replace-dump", SECOND],
            [*again, "--replace-dump", SECOND],
        ],
        env,
    )
    assert [code for code, _ in told] == [0, 0, 2, 2, 0, 0], told
    assert f"To replace it: --replace-dump {SECOND}" in told[2][1]
    assert f"Did you mean '{SECOND}'?" in told[3][1]
    assert "The Hub has all of it already." in told[5][1]
    repository = hub.repositories["org/name"]
    files = repository.files()
    tables = {path: blob.data for path, blob in files.items() if path.startswith("data/")}
    first = {path: data for path, data in wanted(two_dumps).items() if FIRST in path}
    assert tables == {**first, **wanted(third_dump), **wanted(changed_dump)}
    shown = shown_by(files)
    assert set(shown) == {"default", FIRST, SECOND, THIRD}
    assert shown["default"] == set(tables)
    before = set(wanted(two_dumps))
    added = before | set(wanted(third_dump))
    without = {path for path in added if SECOND not in path}
    check_never_half(
        repository,
        *parts(two_dumps),
        *parts(third_dump),
        *parts(changed_dump),
        added,
        without,
        set(tables),
    )
    listed = json.loads(files["manifest.json"].data)
    assert set(listed["dumps"]) == {FIRST, SECOND, THIRD}
    assert len(listed["runs"]) == 3
    assert {path for path in files if path.startswith("recipes/")} == {
        f"recipes/{dump}.yaml" for dump in (FIRST, SECOND, THIRD)
    }


def test_what_a_person_adds_to_the_card_on_the_hub_stays(
    hub: Hub, two_dumps: Path, third_dump: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    assert run_commands([["publish", two_dumps, "org/name"]], env)[0][0] == 0
    repository = hub.repositories["org/name"]
    card = repository.files()["README.md"].data.decode()
    written = f"{card}\n## From a person\n\nMind the rivers.\n"
    added = edited(written, "tags:\n", "extra_gated_prompt: Be kind\ntags:\n")
    repository.add("main", "a note", {"README.md": Blob(added.encode(), lfs=False)}, None)
    again = ["publish", two_dumps, "org/name"]
    told = run_commands([again, again, ["publish", third_dump, "org/name", *BATCHES]], env)
    assert [code for code, _ in told] == [0, 0, 0], told
    assert "The Hub has all of it already." in told[1][1]
    cards = [
        commit.files["README.md"].data.decode() for _, commit in repository.history("main")[:-2]
    ]
    assert all("## From a person\n\nMind the rivers.\n" in text for text in cards)
    assert all("extra_gated_prompt: Be kind" in text for text in cards)
    assert "cuvee_upload" in cards[1]
    assert "cuvee_upload" not in cards[0]
    assert THIRD in cards[0]


def test_a_complete_dump_neither_grows_nor_shrinks_unasked(two_dumps: Path):
    content = read_content(two_dumps)
    shards = [item for item in content.items if item.path.startswith(f"data/{FIRST}/")]
    fewer = replace(content, items=tuple(item for item in content.items if item != shards[-1]))
    for held, published in ((content, fewer), (fewer, content)):
        listing = make_plan(held, NOTHING, Options()).listing
        files = {item.path: Held(item.size, item.sha256, "") for item in held.items}
        manifest = json.dumps(listing).encode()
        state = State("c" * 40, files, card=held.card, manifest=manifest)
        with pytest.raises(UsageError, match=f"{shards[-1].path}: .*\n.*--replace-dump {FIRST}"):
            make_plan(published, state, Options())
        plan = make_plan(published, state, Options(replace=(FIRST,)))
        (step,) = plan.steps
        assert step.delete == ((shards[-1].path,) if published is fewer else ())
        assert [item.path for item in step.add if item.folder] == (
            [] if published is fewer else [shards[-1].path]
        )


def test_batches_are_bounded_by_files_and_by_bytes(two_dumps: Path):
    content = read_content(two_dumps)
    sizes = {item.path: item.size for item in content.items if item.folder}
    most = 2 * max(sizes.values())
    for options in (Options(commit_files=3), Options(commit_bytes=most)):
        begun, *batches, last = make_plan(content, NOTHING, options).steps
        assert [item.path for item in begun.add] == ["README.md"]
        assert {item.path for item in last.add} >= PAPERS
        assert [item.path for step in batches for item in step.add] == sorted(sizes)
        assert all(len(step.add) <= options.commit_files for step in batches)
        assert all(step.size <= options.commit_bytes for step in batches)
        assert len(batches) > 1


def test_what_is_wrong_is_said_and_nothing_is_sent(two_dumps: Path, tmp_path: Path):
    def changed(name: str) -> Path:
        return Path(shutil.copytree(two_dumps, tmp_path / name))

    unfinished = changed("unfinished")
    (unfinished / "manifest.json").unlink()
    damaged, missing = changed("damaged"), changed("missing")
    shard = f"dataset/data/{FIRST}/000_00000.parquet"
    with (damaged / shard).open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\0\0\0\0")
    (missing / shard).unlink()
    no_license, no_yaml, no_files = changed("no_license"), changed("no_yaml"), changed("no_files")
    odd = changed("odd")
    card_file, card = "card.yaml", "dataset/README.md"
    mine = "- config_name: mine\n  data_files: nothing/*.parquet\n"
    for root, name, old, new in (
        (odd, card, "license: odc-by\n", "license: {odc: by}\n"),
        (no_license, card_file, "license: odc-by\n", "license: ''\n"),
        (no_yaml, card, "license: odc-by\n", "license: [odc-by\n"),
        (no_files, card, "configs:\n", f"configs:\n{mine}"),
    ):
        path = root / name
        path.write_text(edited(path.read_text(), old, new))
    theirs = {"org/theirs": {"train.csv": b"a,b\n", "README.md": b"# Mine\n"}}
    with serve(theirs, gated=("org/gated",), rights={TOKEN: "write", "hf_read": "read"}) as hub:
        env = environment(hub, tmp_path)

        def to(name: str, root: Path = two_dumps, *more: str) -> list[str | Path]:
            return ["publish", root, f"org/{name}", *more]

        cases = {
            "the run has not finished.": to("name", unfinished),
            "no run of cuvee is there.": to("name", tmp_path / "nothing"),
            "has changed since the run finished": to("name", damaged),
            "is missing, though the run's manifest": to("name", missing),
            "card.yaml: does not say its license.": to("name", no_license),
            "its head cannot be read": to("name", no_yaml),
            'accept the card: Invalid metadata in README.md. - "license" must be': to("odd", odd),
            "config 'mine' names no file": to("name", no_files),
            "is not the name of a repository.": to("na/me"),
            "files that cuvee has not made: README.md, train.csv": to("theirs"),
            "--commit-size big: is no size.": to("name", two_dumps, "--commit-size", "big"),
            "the Hub does not accept the token": to("name", two_dumps, "--token", "hf_unknown"),
            "this token may not write there": to("name", two_dumps, "--token", "hf_read"),
        }
        told = run_commands(list(cases.values()), env)
        for words, (code, said) in zip(cases, told, strict=True):
            assert words in said, said
            assert (code, len(said.strip().splitlines()) <= 3) == (2, True), said
            assert "hf_" not in said.replace("hf_hub", "")
        nobody = cuvee("publish", two_dumps, "org/name", env={**env, "HF_TOKEN": ""})
        assert nobody.returncode == 2
        assert "there is no token for the Hub." in nobody.stderr
        assert hub.puts() == []
        assert set(hub.repositories) == {"org/theirs", "org/odd"}
        assert len(hub.repositories["org/odd"].commits) == 1
        assert len(hub.repositories["org/theirs"].commits) == 1
        beside = ["publish", two_dumps, "org/theirs", "--beside-others"]
        full = ["publish", two_dumps, "org/full"]
        hub.quotas = {"org/full": 20_000}
        (beside_code, _), (code, said) = run_commands([beside, full], env)
        assert beside_code == 0
        assert (code, "takes no more files" in said) == (1, True), said
        hub.quotas.clear()
        assert run_commands([full], env) == [(0, ANY)]
        assert hub.repositories["org/theirs"].files()["train.csv"].data == b"a,b\n"
        check_complete(hub.repositories["org/full"], two_dumps)


def test_token_ids_go_where_the_card_file_says_unless_an_option_does(
    hub: Hub, two_dumps: Path, tmp_path: Path
):
    root = Path(shutil.copytree(two_dumps, tmp_path / "run"))
    said = (root / "card.yaml").read_text()
    env = environment(hub, tmp_path)

    def published(name: str, where: str, *options: str) -> set[str]:
        (root / "card.yaml").write_text(f"{said}tokens: {where}\n")
        ((code, told),) = run_commands([["publish", root, f"org/{name}", *options]], env)
        assert code == 0, told
        return set(hub.repositories)

    def has_tokens(name: str) -> bool:
        return any(path.startswith("tokens/") for path in hub.repositories[name].files())

    assert published("own", "org/ids") == {"org/own", "org/ids"}
    assert (has_tokens("org/own"), has_tokens("org/ids")) == (False, True)
    published("config", "config")
    assert has_tokens("org/config")
    published("none", "config", "--no-tokens")
    assert not has_tokens("org/none")
    published("option", "config", "--tokens-repo", "org/others")
    assert (has_tokens("org/option"), has_tokens("org/others")) == (False, True)
    (root / "card.yaml").write_text(f"{said}tokens: somewhere\n")
    ((code, told),) = run_commands([["publish", root, "org/wrong"]], env)
    assert (code, "tokens must be config or ORG/NAME" in told) == (2, True), told
