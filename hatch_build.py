"""Compile the kernels of `filters/native` while the package is built or installed.

Without a C++ compiler there is a warning, and the same is computed in Python.
"""

import hashlib
import os
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("filters/native")
# A product and a sum are rounded one after the other, whatever the processor could do at once.
_OPTIONS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=default")


class KernelsHook(BuildHookInterface[Any]):
    """Makes `kernels.so`, in place for an editable installation, and part of a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; called by hatchling before it gathers the files."""
        del version
        if self.target_name != "wheel":
            return
        folder = Path(self.root) / FOLDER
        try:
            compile_kernels(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            (folder / "kernels.so").unlink(missing_ok=True)
            self.app.display_warning(f"no compiled kernels, slower ones are used: {error}")
            return
        platform = re.sub(r"[^a-z0-9]", "_", sysconfig.get_platform().lower())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"{FOLDER}/kernels.so")


def compile_kernels(folder: Path) -> None:
    """Compile the sources in a folder to `kernels.so` there; CXX names another compiler."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    said = re.search(r"^VERSION = (\d+)$", (folder / "__init__.py").read_text(), re.MULTILINE)
    assert said, "filters/native/__init__.py names no version"  # noqa: S101  as it always does
    unfinished = folder / f"kernels.{os.getpid()}.tmp"
    try:
        subprocess.run(  # noqa: S603  the compiler of whoever installs this
            [*compiler, *_OPTIONS, f"-DCUVEE_VERSION={said[1]}",
             f'-DCUVEE_SOURCES="{digest_of(folder)}"',
             "-o", str(unfinished), *map(str, sorted(folder.glob("*.cpp")))],
            check=True,
        )  # fmt: skip
        unfinished.replace(folder / "kernels.so")  # whoever has loaded the old one keeps it
    finally:
        unfinished.unlink(missing_ok=True)


def digest_of(folder: Path) -> str:
    """Return a digest of the sources."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.cpp"), *folder.glob("*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
