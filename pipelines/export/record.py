"""The record that makes an export one: written last, it names all files."""

from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.files import read_json, sizes_of

RECORD = "export.json"


def finished(output: Path, fingerprint: str, begun: str) -> dict[str, Any] | None:
    """Return the record of an export that is there whole; None where there is none yet.

    `begun` is the path, below the output folder, of what an interrupted export has left.
    UsageError where the folder holds anything else.
    """
    try:
        record = read_json(output / RECORD, "fingerprint", "files")
    except (FileNotFoundError, NotADirectoryError):
        _check_free(output, begun)
        return None
    sizes = sizes_of(output / item["path"] for item in record["files"])
    whole = all(sizes.get(output / item["path"]) == item["bytes"] for item in record["files"])
    if record["fingerprint"] != fingerprint or not whole:
        raise another(output)
    return record


def another(output: Path) -> UsageError:
    """Return the error for a folder that holds another export."""
    return UsageError(
        f"{output}: holds another export, or files of it are missing.\n"
        "  Choose another --output, or remove that folder."
    )


def _check_free(output: Path, begun: str) -> None:
    """Refuse a folder with something in it that no export has begun."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file.\n  Choose another --output.")
    if (output / begun).is_dir() or not output.is_dir():
        return
    foreign = sorted(path.name for path in output.iterdir() if path.name != ".lock")
    if foreign:
        raise UsageError(
            f"{output}: is not empty; it has {foreign[0]}.\n"
            "  Choose a new or empty folder with --output."
        )
