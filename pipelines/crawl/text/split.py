"""Big text files in parts, so that several workers share one (design section 7).

Parts are byte ranges of the size that is known already; no file is opened for them.
A row group of Parquet, or a line, belongs to the part in which its first byte lies.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipelines.crawl.model import CrawlFile, Part

PART_BYTES = 512 << 20
"""About how large a part is."""

_PACKED = (".gz", ".zst")


def split_files(files: Iterable[CrawlFile], part_bytes: int = PART_BYTES) -> list[CrawlFile]:
    """Return the files with each big one of plain JSON lines or Parquet replaced by its parts.

    The lines of a part that is not the first have no numbers yet (`first_record`).
    """
    return [part for file in files for part in _parts(file, part_bytes)]


def _parts(file: CrawlFile, part_bytes: int) -> Iterator[CrawlFile]:
    size = file.size or 0
    count = round(size / part_bytes)
    if count <= 1 or not _can_be_split(file):
        yield file
        return
    for number in range(count):
        part = Part(number, size * number // count, size * (number + 1) // count)
        known = number == 0 or file.format != "jsonl"
        yield replace(file, part=part, first_record=0 if known else None)


def _can_be_split(file: CrawlFile) -> bool:
    if file.beside:  # what belongs to a line is known only by counting from the first
        return False
    if file.format == "jsonl":
        return not file.file_path.lower().endswith(_PACKED)
    return file.format == "parquet"
