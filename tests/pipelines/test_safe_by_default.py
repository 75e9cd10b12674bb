"""Nothing of a credential is left anywhere, and nothing of a page or name does anything."""

import tempfile
from pathlib import Path

import pytest
import yaml

from pipelines.card import write_card
from pipelines.manifest import read_manifest
from pipelines.recipe import load_recipe
from tests.command import cuvee
from tests.pipelines.hosts import NAMES, SEGMENT, folder_answers, serving
from tests.pipelines.small_run import RECIPE, Finished

SECRET = "verysecret"  # noqa: S105  planted
ENVIRONMENT = {
    name: f"{SECRET}-{number}"
    for number, name in enumerate(
        ("HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    )
}


def holding(folder: Path) -> list[str]:
    """Return the files below a folder in which the secret stands."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [str(path.relative_to(folder)) for path in files if SECRET.encode() in path.read_bytes()]


def test_no_credential_is_left_in_files_logs_or_on_the_screen(hosted: Path, tmp_path: Path):
    root, recipe = tmp_path / "run", tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as logs,  # sockets have short names
        serving(folder_answers(hosted)) as host,
    ):
        base = host.url.replace("//", f"//me:{SECRET}@", 1)
        given = ("--input", f"{base}/{SEGMENT}/{NAMES[1]}?token={SECRET}", "--limit", "10")
        env = {**ENVIRONMENT, "RAY_TMPDIR": logs, "CUVEE_RETRY_SECONDS": "0.01"}
        wanted = ("run", recipe, *given, "--output", root, "--workers", "1")
        done = cuvee(*wanted, env=env)
        assert done.returncode == 0, done.stderr
        again = cuvee(*wanted, "--json", "--log-json", env=env)
        missing = ("--input", f"{base}/{SEGMENT}/none.warc.gz?token={SECRET}", "--debug")
        gone = cuvee("run", recipe, *missing, "--output", tmp_path / "gone", env=env)
        assert gone.returncode != 0
        told = [cuvee("status", root, *more, env=env) for more in ((), ("--json",))]
        assert any(SECRET in asked.target for asked in host.asked)
        assert list(Path(logs).rglob("raylet.out"))
        assert holding(Path(logs)) == []
    for said in (done, again, gone, *told):
        assert SECRET not in said.stdout + said.stderr
    assert (root / "events.jsonl").read_bytes().count(b"\n") > 10
    assert holding(tmp_path) == []


@pytest.mark.parametrize("name", ["a`b\n# Head\n<script>.warc.gz", "x\x1b[31m|y.warc"])
def test_the_card_shows_names_and_does_not_obey_them(base: Finished, tmp_path: Path, name: str):
    manifest = {**(read_manifest(base.root) or {}), "failed_units": {name: f"'{name}' is gone"}}
    recipe = load_recipe(str(base.root / "recipe.yaml"))
    (tmp_path / "dataset").mkdir()
    card = write_card(tmp_path, recipe, manifest, manifest["files"]).read_text()
    head, body = card.removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(head)["pretty_name"] == "small"
    (line,) = [line for line in body.splitlines() if "is gone" in line]
    assert line.count("`") == 4
    assert not any(control in card for control in ("\x1b", "\n# Head", "\n<script>"))
