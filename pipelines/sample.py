"""The sample crawl: 954 real pages in 29 languages, and 159 more in four foreign files.

The pages were collected for Formasaurus (a form classifier) and for ipwb (an
archive replay system), whose source packages are fetched and verified. The
crawl's bytes are the same on every run.
"""

import json
import struct
import tarfile
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filters.errors import WorkError
from pipelines.assets import Package, Report, appearing, cache_folder, fetch_package, say_nothing

FORMASAURUS = Package(
    name="formasaurus",
    version="0.10.0",
    archive="formasaurus-0.10.0.tar.gz",
    sha256="e2bfdd91ffac16ae3be2238b35e4b221e8902c73d62e85ba1791a02aeec6760d",
    licence="MIT",
)
IPWB = Package(
    name="ipwb",
    version="0.2018.7.4.1917",
    archive="ipwb-0.2018.7.4.1917.tar.gz",
    sha256="b8db84252dcc8b2b8455e7bd98638551ded5def2e6b48330a8101f0a2acbe952",
    licence="MIT",
)
PAGES = 954
"""Pages out of the first package."""

_VERSION = 1  # grows whenever other bytes would be written
_DONE = "sample.json"
_PAGES_PER_FILE = 120
_DATE = "1970-01-01T00:00:00Z"  # when the pages were collected is not recorded
_DATA = "formasaurus-0.10.0/formasaurus/data/"
_WARCS = "ipwb-0.2018.7.4.1917/ipwb/samples/warcs/"
_FOREIGN = (
    "IAH-20080430204825-00000-blackbook.warc.gz",
    "baconIpsum.warc.gz",
    "froggie.warc.gz",
    "sample-1.warc.gz",
)
_MAX_MEMBER = 1 << 26
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no time and no system: the same bytes everywhere


@dataclass(frozen=True, slots=True)
class SampleCrawl:
    """The sample crawl on disk."""

    folder: Path
    files: tuple[str, ...]
    pages: int
    """Pages written here; those in the foreign files are not counted."""
    repeated: int
    """How many of them bear the URL, and so the record id, of an earlier one."""


@dataclass(frozen=True, slots=True)
class SamplePage:
    """One page of the sample: its address and its bytes."""

    url: str
    html: bytes


def fetch_sample_crawl(folder: Path | None = None, report: Report = say_nothing) -> SampleCrawl:
    """Write the sample crawl to `folder` (in the cache by default), unless it is there already.

    `report` is told where the pages come from and their licences. Nothing half-written
    bears a final name, and the marker `sample.json` is written last. WorkError when a
    package cannot be fetched or the folder not be written.
    """
    report(f"Sample crawl: pages of {FORMASAURUS} and {IPWB}; contents stay their authors'")
    folder = folder or default_folder()
    done = _read_marker(folder)
    if done is not None:
        return done
    pages = sample_pages(report)
    sample = SampleCrawl(
        folder=folder,
        files=(*_write_pages(folder, pages), *_write_foreign(folder, report)),
        pages=len(pages),
        repeated=len(pages) - len({page.url for page in pages}),
    )
    with appearing(folder / _DONE) as written:
        written.write_text(json.dumps(_marker(sample), indent=1) + "\n")
    report(f"Wrote {sample.pages} pages and {len(_FOREIGN)} foreign files to {folder}")
    return sample


def default_folder() -> Path:
    """Return where the sample crawl is kept unless somebody says otherwise."""
    return cache_folder() / "sample-crawl"


def sample_pages(report: Report = say_nothing) -> list[SamplePage]:
    """Return the 954 pages in the order of their index; WorkError as `fetch_sample_crawl`."""
    archive = fetch_package(FORMASAURUS, report)
    with tarfile.open(archive) as packed:
        members = _members(packed)
        index = json.loads(_read(packed, members, f"{_DATA}index.json"))
        pages = [
            SamplePage(entry["url"], _read(packed, members, f"{_DATA}{name}"))
            for name, entry in index.items()
        ]
    if len(pages) != PAGES:
        raise WorkError(f"{archive}: has {len(pages)} pages instead of {PAGES}.\n  Delete it.")
    return pages


def _members(packed: tarfile.TarFile) -> Mapping[str, tarfile.TarInfo]:
    """Return the regular files by name; nothing is ever extracted to a path of the archive."""
    return {member.name: member for member in packed.getmembers() if member.isfile()}


def _read(packed: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], name: str) -> bytes:
    member = members.get(name)
    opened = packed.extractfile(member) if member and member.size <= _MAX_MEMBER else None
    if opened is None:
        raise WorkError(f"{packed.name!s}: has no '{name}'.\n  Delete it, it is fetched again.")
    return opened.read()


def _write_pages(folder: Path, pages: Sequence[SamplePage]) -> Iterator[str]:
    for number, start in enumerate(range(0, len(pages), _PAGES_PER_FILE)):
        name = f"formasaurus-{number:05d}.warc.gz"
        with appearing(folder / name) as written, written.open("wb") as out:
            out.write(_gzip(_warcinfo(name)))
            for page in pages[start : start + _PAGES_PER_FILE]:
                out.write(_gzip(_response(page)))
        yield name


def _write_foreign(folder: Path, report: Report) -> Iterator[str]:
    with tarfile.open(fetch_package(IPWB, report)) as packed:
        members = _members(packed)
        for name in _FOREIGN:
            with appearing(folder / f"ipwb-{name}") as written:
                written.write_bytes(_read(packed, members, f"{_WARCS}{name}"))
            yield f"ipwb-{name}"


def _response(page: SamplePage) -> bytes:
    """Return a WARC response record; the type is given without a charset, which is not known."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    head += f"Content-Length: {len(page.html)}\r\n\r\n"
    fields = {
        "WARC-Type": "response",
        "WARC-Target-URI": page.url,
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, page.url)}>",
        "Content-Type": "application/http; msgtype=response",
    }
    return _record(fields, head.encode() + page.html)


def _warcinfo(name: str) -> bytes:
    fields = {
        "WARC-Type": "warcinfo",
        "WARC-Filename": name,
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>",
        "Content-Type": "application/warc-fields",
    }
    return _record(fields, f"description: pages of {FORMASAURUS}\r\n".encode())


def _record(fields: Mapping[str, str], block: bytes) -> bytes:
    lines = {**fields, "WARC-Date": _DATE, "Content-Length": str(len(block))}
    header = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return b"WARC/1.1\r\n" + header.encode() + b"\r\n" + block + b"\r\n\r\n"


def _gzip(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    trailer = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return _GZIP_HEADER + deflate.compress(data) + deflate.flush() + trailer


def _marker(sample: SampleCrawl) -> dict[str, Any]:
    sizes = {name: (sample.folder / name).stat().st_size for name in sample.files}
    return {
        "version": _VERSION,
        "sources": [f"{item} sha256:{item.sha256}" for item in (FORMASAURUS, IPWB)],
        "pages": sample.pages,
        "repeated": sample.repeated,
        "files": sizes,
    }


def _read_marker(folder: Path) -> SampleCrawl | None:
    """Return the finished crawl, or None where it is absent, incomplete or of another version."""
    try:
        facts = json.loads((folder / _DONE).read_bytes())
        sample = SampleCrawl(folder, tuple(facts["files"]), facts["pages"], facts["repeated"])
        return sample if facts == _marker(sample) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
