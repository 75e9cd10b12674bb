"""The manifest: what a finished run is made of and what it did.

Written last and atomically, so its existence means that the run has finished.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.bucket.path import S3Path
from pipelines.files import is_full_or_closed, read_json, sha256_of, write_whole
from pipelines.storage import CommitLog, CommittedFile
from pipelines.tables import count_rows
from pipelines.totals import file_totals, published_files

FORMAT = 1
"""Grows when a run directory can no longer be read by an older or newer version."""

_PACKAGES = (
    "cuvee", "datasets", "datatrove", "fasttext-numpy2-wheel", "ftfy", "justext", "lxml",
    "pyarrow", "ray", "resiliparse", "spacy", "tldextract", "tokenizers", "trafilatura",
)  # fmt: skip
_MARKER = Path("commits/format.json")
_LISTED_FILES = 10_000  # a manifest of a whole dump names totals, not its files


def open_run_directory(root: Path) -> None:
    """Make `root` a run directory, or check that it is one that this version can go on with.

    UsageError where it holds something else or was made by an incompatible version.
    """
    if check_format(root):
        return
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root}: is a file.\n  Choose another folder with --output.")
    own = (".lock", ".probe.")  # of a driver that has come no further
    if root.exists() and any(not path.name.startswith(own) for path in root.iterdir()):
        raise UsageError(
            f"{root}: is not empty and not a run of cuvee.\n"
            "  Choose a new or empty folder with --output."
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if is_full_or_closed(error):
            raise
        raise UsageError(
            f"{root}: cannot be made a folder: {error.strerror}.\n"
            "  Choose another one with --output."
        ) from error
    if isinstance(root, S3Path):
        from pipelines.bucket.probe import check_rights

        check_rights(root)
    data = {"format": FORMAT, "version": version("cuvee")}
    write_whole(root / _MARKER, json.dumps(data, indent=1).encode())


def check_format(root: Path) -> bool:
    """Return whether `root` is a run directory; UsageError if an incompatible version made it."""
    try:
        made_by = read_json(root / _MARKER)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if made_by.get("format") != FORMAT:
        raise UsageError(
            f"{root}: made by cuvee {made_by.get('version', '?')} in another format.\n"
            "  Use a new --output folder, or that version of cuvee."
        )
    return True


def read_manifest(root: Path) -> dict[str, Any] | None:
    """Return the manifest of a finished run, or None where the run has not finished."""
    try:
        return read_json(root / "manifest.json", "format", "files")  # what comes first and last
    except (FileNotFoundError, NotADirectoryError):
        return None


def load_manifest(root: Path) -> dict[str, Any]:
    """Return the manifest of a finished run; UsageError in words where there is none."""
    is_run = check_format(root)
    manifest = read_manifest(root) if is_run else None
    if manifest is not None:
        return manifest
    if is_run:
        raise UsageError(
            f"{root}: the run has not finished.\n"
            f"  See how far it is with 'cuvee status {root}'; run its command again to go on."
        )
    raise UsageError(
        f"{root}: no run of cuvee is there.\n  Make one with 'cuvee run' or 'cuvee demo'."
    )


def code_version() -> dict[str, str]:
    """Return the package's version and the digest of its sources."""
    digest = hashlib.sha256()
    for package in ("filters", "pipelines"):
        folder = Path(__file__).parent.parent / package
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return {"version": version("cuvee"), "sources_sha256": digest.hexdigest()}


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def described(root: Path, path: Path) -> dict[str, Any]:
    """Describe a published file that no stage has written, as a manifest lists it."""
    name = path.relative_to(root).as_posix()
    rows = count_rows(path) if path.suffix == ".parquet" else 0
    return asdict(CommittedFile(name, rows, path.stat().st_size, sha256_of(path)))


def run_files(root: Path, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return path, rows, bytes and sha256 of every published file of a finished run.

    They are in its manifest or, where that has only totals, in its commits.
    """
    if manifest["files"]:
        return list(manifest["files"])
    log = CommitLog(root)
    files = published_files({s: list(log.commits(s).values()) for s in log.planned()})
    named = {item["path"] for item in files}
    beside = (root / "dataset").glob("[!.]*"), (root / "dataset/domains").glob("[!.]*")
    others = [root / "tokenizer.json", *sorted(path for each in beside for path in each)]
    return files + [
        described(root, path)
        for path in others
        if path.relative_to(root).as_posix() not in named and path.is_file()
    ]


def write_manifest(root: Path, manifest: Mapping[str, Any], files: Sequence[Any]) -> None:
    """Write the manifest, with the list of files where it is short enough to be read."""
    listed = list(files) if len(files) <= _LISTED_FILES else []
    data = {"format": FORMAT, **manifest, "file_totals": file_totals(files), "files": listed}
    write_whole(root / "manifest.json", json.dumps(data, indent=1, ensure_ascii=False).encode())
