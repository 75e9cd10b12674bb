"""The house's own rules, as programs."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import filters
import pipelines

ROOT = Path(__file__).parent.parent
MODULES = sorted((*(ROOT / "filters").rglob("*.py"), *(ROOT / "pipelines").rglob("*.py")))
CORE = sorted((ROOT / "filters").rglob("*.py"))
MOST_LINES = 350


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports relatively"
            yield node.module or ""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_packages_are_those_of_this_repository():
    assert Path(filters.__file__).parent == ROOT / "filters"
    assert Path(pipelines.__file__).parent == ROOT / "pipelines"


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_knows_no_pipeline_no_ray_and_no_files(path: Path):
    forbidden = ("pipelines", "ray", "pyarrow", "fsspec", "pathlib", "os", "io", "socket", "httpx2")
    found = {module.partition(".")[0] for module in imports(path)}
    assert not found.intersection(forbidden)
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "open" not in calls
    assert "print" not in calls


def test_importing_the_core_loads_no_pipeline_and_no_ray():
    import subprocess

    program = (
        "import sys, filters.catalog, filters.judge, filters.minhash\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'pipelines', 'ray', 'pyarrow', 'spacy', 'fasttext'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_execute_imports_ray_and_only_the_command_line_prints(path: Path):
    if name(path) != "pipelines/execute.py":
        assert not {m for m in imports(path) if m.partition(".")[0] == "ray"}
    if not name(path).startswith("pipelines/cli/"):
        calls = (
            node.func
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        )
        assert "print" not in {call.id for call in calls if isinstance(call, ast.Name)}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_grows_too_long_and_none_reads_pickles(path: Path):
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES
    assert not {m for m in imports(path) if m.partition(".")[0] in ("pickle", "dill", "shelve")}
    assert "yaml.load(" not in source


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_is_unpacked_to_a_name_or_run_from_a_file(path: Path):
    """An archive's member is read by a name of our own; YAML and arrays make no objects."""
    forbidden = {
        "extractall", "unpack_archive", "unsafe_load", "full_load", "UnsafeLoader", "FullLoader",
        "read_pickle", "eval", "exec",
    }  # fmt: skip
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            found = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            assert found not in forbidden, (found, node.lineno)
            assert "allow_pickle" not in {keyword.arg for keyword in node.keywords}
        elif isinstance(node, ast.ClassDef):
            bases = {base.attr for base in node.bases if isinstance(base, ast.Attribute)}
            assert not bases & forbidden


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-trainers.lock"])
def test_the_lock_holds_hashes_and_no_addresses(name: str):
    lock = (ROOT / name).read_text()
    assert "://" not in lock
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(pins) > 50
    assert all("==" in pin for pin in pins)
    assert lock.count("--hash=sha256:") >= len(pins)
