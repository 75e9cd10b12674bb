"""Exact membership in millions of lines, from one file that all processes map into memory.

The lines lie in buckets by their CRC-32. Beside them is a Bloom filter of one word a bucket
(Bloom 1970; blocked, as in Putze, Sanders and Singler 2007): every line sets two of the
word's 32 bits, told by its checksum. An entry that lacks one of its two bits is no line;
about 99 of 100 strangers are told so, by one access to memory. For any other entry the bytes
themselves are looked for in its bucket, of one line on average, so the answer is exact.

The file, in the machine's own byte order: the number of buckets; a word of bits for each;
where each begins in the file, and where the last one ends; the lines, with a line feed
before and after each.
"""

import mmap
from collections.abc import Iterable
from pathlib import Path
from sys import byteorder
from zlib import crc32

_WORD = 4
_LINE_END = b"\n"


class HashedLines:
    """The lines of a file that `write_lines` wrote, without reading it.

    Raises OSError when the file cannot be mapped, ValueError when it is empty.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            buckets = int.from_bytes(file.read(_WORD), byteorder)
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            # What every look-up needs is mapped at once, where the system can: in milliseconds,
            # where page by page it would cost several of them per thousand entries.
            at_once = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
            size = _WORD * (1 + buckets + buckets + 1)
            head = mmap.mmap(file.fileno(), size, flags=at_once, prot=mmap.PROT_READ)
        words = memoryview(head).cast("I")
        self._bits, self._starts = words[1 : 1 + buckets], words[1 + buckets :]
        self._mask = buckets - 1

    def __contains__(self, entry: object) -> bool:
        if not isinstance(entry, str):
            return False
        try:
            line = entry.encode()
        except UnicodeEncodeError:  # a lone surrogate is in no file
            return False
        checksum = crc32(line)
        bucket = checksum >> 5 & self._mask
        bits = self._bits[bucket]
        if not bits >> (checksum & 31) & bits >> (checksum >> 27) & 1 or _LINE_END in line:
            return False
        wanted = _LINE_END + line + _LINE_END
        # The line feed that ends a bucket's last line begins the next bucket.
        return self._data.find(wanted, self._starts[bucket], self._starts[bucket + 1] + 1) >= 0


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write lines, without their ends, for `HashedLines`."""
    import numpy as np  # slow to import, and needed once on a machine

    entries = list(lines)
    count = 1 << max(len(entries) // 2, 1).bit_length()
    checksums = np.fromiter(map(crc32, entries), np.uint32, len(entries))
    buckets = checksums >> 5 & np.uint32(count - 1)
    bits = np.zeros(count, np.uint32)
    for place in (checksums & np.uint32(31), checksums >> 27):
        np.bitwise_or.at(bits, buckets, np.uint32(1) << place)
    sizes = np.fromiter(map(len, entries), np.uint32, len(entries)) + 1
    filled = np.bincount(buckets, weights=sizes, minlength=count)
    starts = _WORD * (1 + count + count + 1) + np.cumsum(np.concatenate(([0], filled)))
    order = np.argsort(buckets, kind="stable")
    with path.open("wb") as out:
        out.write(np.uint32(count).tobytes())
        out.write(bits.tobytes())
        out.write(starts.astype(np.uint32).tobytes())
        out.write(_LINE_END)
        out.writelines(entries[at] + _LINE_END for at in order.data)
