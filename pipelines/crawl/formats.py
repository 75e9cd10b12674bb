"""What a file of the input is, by the ending of its name."""

from typing import Literal, TypeAlias

Format: TypeAlias = Literal["crawl", "parquet", "jsonl", "dataset"]
"""`crawl` is WARC, WET or ARC, told apart by the file's first bytes.

`dataset` is a shard of a Hub dataset that only the library `datasets` can read.
"""

_PACKED = ("", ".gz", ".zst")
_CRAWL = tuple(root + packed for root in (".warc", ".wet", ".arc") for packed in _PACKED)
_LINES = tuple(root + packed for root in (".jsonl", ".ndjson") for packed in _PACKED)
# JSON lines where they are packed, but plain usually something else that lies beside them.
_PACKED_JSON = (".json.gz", ".json.zst")

ENDINGS = (*_CRAWL, ".parquet", *_LINES, *_PACKED_JSON)
"""What a folder is searched for; a file that is named itself may be called anything."""


# What people have lying about and would otherwise find in the ledger as damage.
_OTHERS = (
    ".csv", ".tsv", ".xlsx", ".arrow", ".avro", ".orc", ".html", ".htm", ".pdf", ".md",
    ".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".bz2", ".xz", ".lz4", ".wacz",
)  # fmt: skip


def is_of_another_kind(name: str) -> bool:
    """Return whether a name ends as those of files do that surely cannot be read."""
    return name.lower().endswith(_OTHERS)


def is_known(name: str) -> bool:
    """Return whether a name's ending says what a file holds."""
    return name.lower().endswith((*ENDINGS, ".json"))


def format_of(name: str) -> Format:
    """Return what a file holds; one with an unknown ending is read as a crawl file."""
    lower = name.lower()
    if lower.endswith((*_LINES, *_PACKED_JSON, ".json")):
        return "jsonl"
    return "parquet" if lower.endswith(".parquet") else "crawl"
