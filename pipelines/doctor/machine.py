"""Cores, memory, disk space and folders that can be written to.

What a run needs was measured on the sample crawl: 0.5 GB of memory for the
driver and one worker together, and on disk a quarter of the packed input.
"""

import os
import shutil
import tempfile
from pathlib import Path

from filters.errors import CuveeError
from pipelines.assets import cache_folder
from pipelines.bucket.path import S3Path
from pipelines.doctor.check import Check, size
from pipelines.manifest import check_format

_GB = 1_000_000_000
_LEAST_MEMORY = _GB
_MEMORY_PER_CORE = _GB
_LEAST_DISK = 64_000_000
_EASY_DISK = _GB
_OUTPUT_SHARE = 0.5  # twice what was measured: attempts and merges come and go
_CGROUP_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_cores() -> Check:
    """Count the cores that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check("cores", "ok", f"{count or 1}, so many units are worked on at a time")


def check_memory() -> Check:
    """Compare the machine's memory with what a worker on each core takes."""
    there = _memory()
    cores = os.cpu_count() or 1
    if there < _LEAST_MEMORY:
        return Check("memory", "problem", size(there), "A run needs about 1 GB.")
    if there < cores * _MEMORY_PER_CORE:
        fitting = max(there // _MEMORY_PER_CORE, 1)
        return Check(
            "memory",
            "warning",
            f"{size(there)} for {cores} cores; a worker may take 1 GB",
            f"Give --workers {fitting}.",
        )
    return Check("memory", "ok", size(there))


def _memory() -> int:
    """Return the bytes that the machine has, or that its container may use."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [Path(name).read_text() for name in _CGROUP_MEMORY if Path(name).is_file()]
    return min([installed, *(int(limit) for limit in limits if limit.strip().isdigit())])


def check_output(output: Path, input_bytes: int) -> list[Check]:
    """Look whether a run may write to `output`, and whether there is room for it."""
    if isinstance(output, S3Path):
        return [_bucket(output)]
    place = _existing(output)
    try:
        earlier = check_format(output)
    except CuveeError as error:
        first, _, rest = str(error).partition("\n")
        return [Check("output", "problem", first, " ".join(rest.split()))]
    problem = _why_not_writable(place)
    if problem:
        fact = f"{output}: cannot be written: {problem}"
        return [Check("output", "problem", fact, "Choose another folder with --output.")]
    fact = f"{output}: an earlier run is there and goes on" if earlier else f"{output}: writable"
    wanted = max(_EASY_DISK, int(input_bytes * _OUTPUT_SHARE))
    advice = "Make room, or choose another folder with --output."
    return [Check("output", "ok", fact), _room("disk", place, wanted, advice)]


def _bucket(output: S3Path) -> Check:
    """Look whether a run may write to S3, read, list and remove there: by doing it."""
    from pipelines.bucket.probe import check_rights

    earlier = check_format(output)
    check_rights(output)
    fact = f"{output}: an earlier run is there and goes on" if earlier else f"{output}: writable"
    return Check("output", "ok", fact)


def check_cache() -> list[Check]:
    """Look whether the cache can be written to, and whether there is room for what it holds."""
    folder = cache_folder()
    place, advice = _existing(folder), "Set CUVEE_CACHE to a folder that can be written to."
    problem = _why_not_writable(place)
    if problem:
        return [Check("cache", "problem", f"{folder}: cannot be written: {problem}", advice)]
    return [
        Check("cache", "ok", f"{folder}: writable"),
        _room("cache disk", place, _EASY_DISK, "Make room, or set CUVEE_CACHE to another folder."),
    ]


def _room(name: str, place: Path, wanted: int, advice: str) -> Check:
    free = shutil.disk_usage(place).free
    if free < _LEAST_DISK:
        return Check(name, "problem", f"{size(free)} free at {place}", advice)
    if free < wanted:
        fact = f"{size(free)} free at {place}; {size(wanted)} would be safe"
        return Check(name, "warning", fact, advice)
    return Check(name, "ok", f"{size(free)} free at {place}")


def _existing(folder: Path) -> Path:
    """Return the folder itself, or what is there of the way to it."""
    absolute = folder.absolute()
    return next(path for path in (absolute, *absolute.parents) if path.exists())


def _why_not_writable(place: Path) -> str:
    """Return why nothing can be written there; empty where it can be. Tries it."""
    if not place.is_dir():
        return f"{place} is a file"
    try:
        with tempfile.TemporaryFile(dir=place) as stream:
            stream.write(b"cuvee")
            stream.flush()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""
