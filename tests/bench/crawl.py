"""What is measured: a crawl of pages that both sides read alike, and their texts.

Every record is read by both sides first. A page that one of them does not take, or that
the two decode to other characters, is set apart: it would compare other things than time.
"""

import gzip
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from pipelines.assets import load_language_identifier
from pipelines.crawl import Damage, Page, find_inputs, open_file
from pipelines.crawl.archive.decode import decode_page
from pipelines.crawl.archive.records import Record, RecordReader
from pipelines.crawl.archive.warc import read_warc
from pipelines.extract import make_extractor
from tests.bench.alter import altered

WARM_UP = 3
"""One page in so many is for warming up: a worker lives long, so its memos are full."""

_ENGLISH = 0.65  # the score that FineWeb's gate asks for
_PER_FILE = 120
_WARM_FILES = 4  # so that more than one worker gets warm
_HTML = "text/html"  # as in every record of Common Crawl: else datatrove guesses with libmagic
_FINEWEB = {"favor_precision": True, "deduplicate": True}
_NO_PAGE = "no page for either side"


@dataclass(slots=True)
class Prepared:
    """A crawl ready to be measured: `crawl/`, `warm/`, `pages.jsonl`, `texts.jsonl` in `folder`."""

    folder: Path
    pages: int = 0
    """Pages in `crawl/`; those in `warm/` are not counted."""
    warc_bytes: int = 0
    apart: dict[str, list[str]] = field(default_factory=dict)
    """Ids of pages that are not compared, by reason."""


def prepare(
    given: Path,
    folder: Path,
    *,
    repeat: int = 1,
    limit: int | None = None,
    foreign: float | None = None,
) -> Prepared:
    """Write the pages of the crawl files in `given` that both sides read alike to `folder`.

    `repeat` gives every page so many times, altered but the first time; `limit` takes only
    the first pages. `foreign` leaves pages out so that this share of those with a text is in
    other languages than English, and those without a text too.
    """
    made = Prepared(folder)
    wanted = None if foreign is None else _in_proportion(given, foreign)
    seen = 0
    writer = _Writer(folder)
    apart: dict[str, list[str]] = {}
    for record in _records(given):
        html, why = _read_by_both(record)
        if why == _NO_PAGE:
            writer.write(record.headers, record.block, page=None)
        elif html is None:
            apart.setdefault(why, []).append(record.headers.get("warc-record-id", "without id"))
        elif wanted is not None and (seen := seen + 1) not in wanted:
            continue
        else:
            for copy in range(repeat):
                writer.write_page(record, html, copy)
            if limit and writer.pages >= limit * repeat:
                break
    writer.close()
    made.apart = apart
    made.pages = writer.pages - writer.warm
    made.warc_bytes = sum(path.stat().st_size for path in (folder / "crawl").iterdir())
    (folder / "prepared.json").write_text(json.dumps({**asdict(made), "folder": str(folder)}))
    return made


def _in_proportion(given: Path, foreign: float) -> set[int]:
    """Return the numbers, from 1, of pages that both sides read, the first ones of each kind."""
    extract = make_extractor("trafilatura", _FINEWEB, accelerate=True)
    identifier = load_language_identifier("lid.176.ftz")
    kinds: dict[bool, list[int]] = {True: [], False: []}
    number = 0
    for record in _records(given):
        html, _ = _read_by_both(record)
        if html is None:
            continue
        number += 1
        text = extract(html)
        if text:
            kinds[identifier.identify(text)[0] == "en"].append(number)
    english = min(len(kinds[True]), round(len(kinds[False]) * (1 - foreign) / foreign))
    others = min(len(kinds[False]), round(english * foreign / (1 - foreign)))
    return {*kinds[True][:english], *kinds[False][:others]}


def _records(given: Path) -> Iterator[Record]:
    for file in find_inputs([str(given)]):
        if file.format == "crawl":
            with open_file(file) as opened:
                yield from (item for item in RecordReader(opened) if not isinstance(item, Damage))


def _read_by_both(record: Record) -> tuple[str | None, str]:
    """Return the page's HTML if both sides read the same, else why there is none."""
    raw = warc_record({"warc-identified-payload-type": _HTML, **record.headers}, record.block)
    ours = _ours(warc_record(record.headers, record.block))
    theirs = _theirs(raw if ours is not None else warc_record(record.headers, record.block))
    if theirs is None and ours is None:
        return None, _NO_PAGE
    if theirs is None or ours is None:
        return None, f"only {'Cuvée' if theirs is None else 'datatrove'} reads it"
    return (ours, "") if theirs == ours else (None, "another charset")


def _theirs(raw: bytes) -> str | None:
    from datatrove.pipeline.readers.warc import process_record
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    try:
        found: Mapping[str, Any] | None = process_record(next(iter(ArchiveIterator(BytesIO(raw)))))
    except (ArchiveLoadFailed, KeyError, StopIteration):
        return None
    return found["text"] if found else None


def _ours(raw: bytes) -> str | None:
    for page in read_warc(BytesIO(raw), "", Counter()):
        if isinstance(page, Page) and not page.is_text:
            return decode_page(page).text
    return None


def warc_record(headers: Mapping[str, str], block: bytes) -> bytes:
    """Return a record as it stands in a WARC file."""
    fields = {**headers, "content-length": str(len(block))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return b"WARC/1.1\r\n" + lines.encode() + b"\r\n" + block + b"\r\n\r\n"


class _Writer:
    """Writes the crawl, the pages for warming up, and the pages once more as JSON lines."""

    def __init__(self, folder: Path) -> None:
        for name in ("crawl", "warm"):
            (folder / name).mkdir(parents=True)
        self._folder = folder
        self._lines = (folder / "pages.jsonl").open("w", encoding="utf-8")
        self.pages = self.warm = self._originals = 0

    def write_page(self, record: Record, html: str, copy: int) -> None:
        """Write a page, or an altered copy of it, under an id and address that only it has."""
        headers, block = dict(record.headers), record.block
        self._originals += not copy
        if copy:
            html = altered(html, copy)
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
            block = (head + html).encode()
            url = headers["warc-target-uri"]
            headers["warc-target-uri"] = f"{url}{'&' if '?' in url else '?'}copy={copy}"
            headers.pop("warc-payload-digest", None)
            headers.pop("warc-block-digest", None)
        name = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.pages}")
        headers["warc-record-id"] = f"<urn:uuid:{name}>"
        headers.setdefault("warc-identified-payload-type", _HTML)
        page = {"id": headers["warc-record-id"], "url": headers["warc-target-uri"], "html": html}
        self.write(headers, block, page)

    def write(
        self, headers: Mapping[str, str], block: bytes, page: dict[str, Any] | None = None
    ) -> None:
        """Write a record; one that is no page goes where the last page went."""
        if page is not None:
            # A page's copies are where it is itself, as they hold its words.
            page["warm"] = self._originals % WARM_UP == 1
            page["half"] = self._originals % 2
            self._lines.write(json.dumps(page) + "\n")
            self.pages += 1
            self.warm += page["warm"]
        place = self._place(page)
        with place.open("ab") as out:
            out.write(gzip.compress(warc_record(headers, block), 6, mtime=0))

    def _place(self, page: Mapping[str, Any] | None) -> Path:
        if page and page["warm"]:
            return self._folder / f"warm/pages-{self.warm % _WARM_FILES:05d}.warc.gz"
        return self._folder / f"crawl/pages-{self.pages // _PER_FILE:05d}.warc.gz"

    def close(self) -> None:
        """End the list of pages."""
        self._lines.close()


def read_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of `pages.jsonl` or `texts.jsonl`."""
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write_texts(folder: Path) -> None:
    """Extract the text of every page as the FineWeb recipe does, for the steps that follow."""
    if (folder / "texts.jsonl").exists():
        return
    extract = make_extractor("trafilatura", _FINEWEB)
    identifier = load_language_identifier("lid.176.ftz")
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as out:
        for page in read_lines(folder, "pages.jsonl"):
            text = extract(page["html"])
            if text:
                code, score = identifier.identify(text)
                english = code == "en" and score > _ENGLISH
                row = {"id": page["id"], "warm": page["warm"], "half": page["half"]}
                out.write(json.dumps({**row, "text": text, "english": english}) + "\n")
