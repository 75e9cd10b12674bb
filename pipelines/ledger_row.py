"""A page's row of the ledger before anything is known of what it holds."""

import hashlib
from typing import Any

from filters.hosts import host_of
from pipelines.crawl import CrawlFile, Damage, Item, Page, Row

_AUDIT_SCALE = 1 << 64


def base_row(page: Item, file: CrawlFile, audit_fraction: float) -> dict[str, Any]:
    """Return a page's row of the ledger before anything is known of what it holds."""
    row: dict[str, Any] = {
        "dump": file.dump,
        "file_path": file.file_path,
        "record": page.record,
        "offset": page.offset,
        "status": "kept",
        "stage": None,
        "rule": None,
        "audited": False,
    }
    row.update(id=page.id, url=page.url or None, host=host_of(page.url), date=page.date or None)
    if isinstance(page, Page):
        row["truncated"] = page.truncated
    if isinstance(page, Row):
        row.update(page.signals)
    if not isinstance(page, Damage):
        row["audited"] = is_audited(page.id, audit_fraction)
    return row


def is_audited(page_id: str, fraction: float) -> bool:
    """Choose a share of all pages by hash of their id: the same pages on every run."""
    point = int.from_bytes(hashlib.blake2b(page_id.encode(), digest_size=8).digest(), "big")
    return point < fraction * _AUDIT_SCALE
