"""Folders laid out as The Pile, RedPajama-V2, Dolma, FineWeb, FineWeb-2 and C4 are."""

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.pipelines.text_rows import lines, made_rows

Rows: TypeAlias = list[dict[str, Any]]
CRAWL, SHARD = "2018-43", "2018-43/0000/en_head"


def packed(path: Path, rows: Rows) -> Path:
    """Write JSON lines, packed as the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = lines(rows)
    if path.suffix == ".zst":
        path.write_bytes(zstandard.compress(data))
    else:
        path.write_bytes(gzip.compress(data, mtime=0))
    return path


def _pile(root: Path, rows: Rows) -> None:
    names = ("Pile-CC", "Github", "PubMed Abstracts")
    made = [
        {"text": row["text"], "meta": {"pile_set_name": names[number % 3]}}
        for number, row in enumerate(rows)
    ]
    packed(root / "train/00.jsonl.zst", made[:-5])
    packed(root / "val.jsonl.zst", made[-5:])


def redpajama2_document(row: Mapping[str, Any]) -> dict[str, Any]:
    text = row["text"]
    return {
        "url": row["url"], "date_download": "2018-10-15T12:00:00Z", "digest": "sha1:AAAA",
        "length": len(text), "nlines": text.count("\n") + 1, "source_domain": "host.example",
        "title": "A title", "raw_content": text, "cc_segment": "crawl-data/CC-MAIN-2018-43/x.wet",
        "original_nlines": 40, "original_length": 4000, "line_ids": [0, 1, 2], "language": "en",
        "language_score": 0.97, "perplexity": 300.0, "bucket": "head",
    }  # fmt: skip


def redpajama2_signals(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of signals: the words are true, the perplexity counts up."""
    text = row["text"]
    whole = {
        "rps_doc_word_count": float(len(text.split())),
        "ccnet_perplexity": 300.5 + number,
        "rps_doc_books_importance": -1.5 * number,
        "rps_doc_ml_palm_score": None,
    }
    ends = [index for index, char in enumerate(f"{text}\n") if char == "\n"]
    starts = [0, *(end + 1 for end in ends[:-1])]
    words = [
        [start, end, float(len(text[start:end].split()))]
        for start, end in zip(starts, ends, strict=True)
    ]
    return {
        "id": f"{SHARD}.json.gz/{number}",
        "id_int": number,
        "metadata": {
            "cc_segment": "crawl-data/CC-MAIN-2018-43/x.wet",
            "cc_net_source": f"{SHARD}.json.gz",
            "url": row["url"],
            "source_domain": "host.example",
            "language": "en",
            "snapshot_id": CRAWL,
        },
        "quality_signals": {
            **{name: [[0, len(text), value]] for name, value in whole.items()},
            "rps_lines_num_words": words,
        },
    }


def _redpajama2(root: Path, rows: Rows) -> None:
    packed(root / f"documents/{SHARD}.json.gz", list(map(redpajama2_document, rows)))
    signals = [redpajama2_signals(number, row) for number, row in enumerate(rows)]
    packed(root / f"quality_signals/{SHARD}.signals.json.gz", signals)
    for folder, ending in (("duplicates", "duplicates"), ("minhash", "minhash")):
        path = root / folder / f"{SHARD}.{ending}.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table({"doc_id": [f"{SHARD}.json.gz/3"]}), path)


def dolma_attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    half = len(row["text"]) // 2
    return {
        "id": row["id"],
        "source": "common-crawl",
        "attributes": {
            "exp__gopher-v2__words": [[0, len(row["text"]), len(row["text"].split())]],
            "exp__lang__en": [[0, half, 0.9], [half, len(row["text"]), 0.3]],
            "toxicity": 0.25,
        },
    }


def _dolma(root: Path, rows: Rows) -> None:
    documents = [
        {
            "id": row["id"], "text": row["text"], "source": "common-crawl",
            "added": "2023-01-01T00:00:00.000Z", "created": "2019-09-01T00:00:00.000Z",
            "metadata": {"url": row["url"]},
        }
        for row in rows
    ]  # fmt: skip
    packed(root / "documents/2019-09/0933_en_all.jsonl.gz", documents)
    packed(root / "attributes/exp/2019-09/0933_en_all.jsonl.gz", list(map(dolma_attributes, rows)))
    flags = [{"id": row["id"], "attributes": {"dup": [[0, 4, 1]]}} for row in rows]
    packed(root / "attributes/repeats-1/2019-09/0933_en_all.jsonl.gz", flags)


def _fineweb(root: Path, rows: Rows) -> None:
    made = [
        {
            "text": row["text"], "id": f"<urn:uuid:{row['id']}>", "dump": "CC-MAIN-2024-10",
            "url": row["url"], "date": "2024-02-21T06:10:12Z", "file_path": "s3://x/y.warc.gz",
            "language": "en", "language_score": 0.9 + number / 1000, "token_count": 200 + number,
        }
        for number, row in enumerate(rows)
    ]  # fmt: skip
    path = root / "data/CC-MAIN-2024-10/000_00000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(made), path, row_group_size=10)


def _fineweb2(root: Path, rows: Rows) -> None:
    made = [
        {
            "text": row["text"], "id": f"<urn:uuid:{row['id']}>", "dump": "CC-MAIN-2024-10",
            "url": row["url"], "date": "2024-02-21T06:10:12Z", "file_path": "s3://x/y.warc.gz",
            "language": "eng", "language_score": 0.9, "language_script": "Latn",
            "minhash_cluster_size": number, "top_langs": "{}",
        }
        for number, row in enumerate(rows)
    ]  # fmt: skip
    path = root / "data/eng_Latn/train/000_00000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(made), path)


def _c4(root: Path, rows: Rows) -> None:
    made = [
        {"text": row["text"], "timestamp": "2019-04-25T12:57:54Z", "url": row["url"]}
        for row in rows
    ]
    packed(root / "en/c4-train.00000-of-00002.json.gz", made[:20])
    packed(root / "en/c4-train.00001-of-00002.json.gz", made[20:])


MAKERS: Mapping[str, Callable[[Path, Rows], None]] = {
    "pile": _pile,
    "redpajama2": _redpajama2,
    "dolma": _dolma,
    "fineweb": _fineweb,
    "fineweb2": _fineweb2,
    "c4": _c4,
}


def laid_out(root: Path, name: str, count: int = 40) -> Path:
    """Lay a folder out as a dataset of that name; the texts are those of `made_rows`."""
    MAKERS[name](root, made_rows(count))
    return root
