"""Xet on this machine: hf-xet's own store in a folder, and what it says of the files in it.

Given `local://` and a folder for the address of the storage service, the released client
keeps everything there, so no service is needed. A shard (`*.mdb`) lists files: after a
header of 48 bytes come, for each file, records of 48 bytes: its hash with flags and the
number of segments; the segments; as many verification records, if flagged; and, if
flagged, its sha256. Layout: https://huggingface.co/docs/xet/shard
"""

import struct
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tests.hub.repository import Blob

_RECORD = 48
_VERIFIED, _WITH_SHA256 = 1 << 31, 1 << 30


class XetStore:
    """A folder of Xet's, as a Hub sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"local://{folder}"

    def blob(self, sha256: str) -> "XetBlob | None":
        """Return a file that was sent; None where no shard lists it."""
        for path in sorted(self.folder.rglob("shards/*.mdb")):
            for found in _files(path.read_bytes()):
                if found[1] == sha256:
                    return XetBlob(self, *found)
        return None


class XetBlob(Blob):
    """A large file in the store; it is put together when it is first read."""

    def __init__(self, store: XetStore, xet_hash: str, sha256: str, size: int) -> None:
        self._store, self.xet_hash = store, xet_hash
        self.sha256, self.size, self.lfs = sha256, size, True

    @cached_property
    def data(self) -> bytes:
        from hf_xet import XetFileInfo, XetSession

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            with XetSession().new_file_download_group(endpoint=self._store.address) as group:
                group.start_download_file(XetFileInfo(self.xet_hash, self.size), str(path))
            return path.read_bytes()


def _files(shard: bytes) -> Iterator[tuple[str, str, int]]:
    """Yield Xet hash, sha256 and size of each file that a shard lists."""
    place = _RECORD
    while True:
        record = shard[place : place + _RECORD]
        name, (flags, segments) = record[:32], struct.unpack_from("<II", record, 32)
        if name == b"\xff" * 32:
            return
        place += _RECORD
        sizes = [
            struct.unpack_from("<I", shard, place + _RECORD * number + 36)[0]
            for number in range(segments)
        ]
        place += _RECORD * segments * (2 if flags & _VERIFIED else 1)
        if flags & _WITH_SHA256:
            yield _hex(name), _hex(shard[place : place + 32]), sum(sizes)
            place += _RECORD


def _hex(name: bytes) -> str:
    """Return a hash as Xet writes it: four numbers of 64 bits, little-endian."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", name))
