"""A small crawl, a recipe for it, and what a finished run of it says."""

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.events import Observer
from pipelines.pipeline import Outcome, RunOptions, run
from pipelines.recipe import load_recipe
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import http, record

DEDUP = "- dedup: {minhash: {ngram: 5, bands: 14, rows: 8}}\n"
RECIPE = """\
recipe: small
input: crawl
extract: {trafilatura: {favor_precision: true, deduplicate: true}}
stages:
- gate:
    blocked: url.block_reason == "hard_blacklisted"
    not_english: language.code != "en"
    unsure_language: language.score <= 0.65
- drop:
    top_2_gram: top_2gram_chars / chars > 0.20
    short: lexical_words < 50
    very_short: lexical_words < 80
    long: lexical_words > 100000
    alpha: alpha_words / words < 0.8
- edit: {c4_lines: {terminal_punctuation: false}}
- drop:
    curly_bracket: c4_lines.curly_lines > 0
    too_few_sentences: c4_lines.sentences < 5
    line_punct_ratio: c4_lines.terminal_lines / c4_lines.nonblank_lines < 0.12
- dedup: {minhash: {ngram: 5, bands: 14, rows: 8}}
- edit: {pii: {kinds: [email, ip]}}
tokenizer: {train: {vocab_size: 400}}
audit_fraction: 0.3
keep_text: gated
"""
LATE = RECIPE.replace(
    DEDUP,
    f"""{DEDUP}- drop:
    few_sentences: c4_lines.sentences < 13
    numbers: c4_lines.alpha_words / c4_lines.words < 0.9
""",
)
"""The same with rules after deduplication."""
CARD_FILE = """\
pretty_name: A small run
purpose: Made for tests.
license: odc-by
contact: The discussions of the repository.
intended_uses: Tests.
out_of_scope_uses: Everything else.
biases: Rivers and houses.
authors: [A. Person, B. Person]
released: 2026-01-31
version: 1.0.0
"""
REPOSITORY = "org/small"
PUBLISHED = ("ledger", "documents", "dataset/data", "tokens")
NOUNS = (
    "river",
    "house",
    "engine",
    "letter",
    "garden",
    "window",
    "teacher",
    "market",
    "forest",
    "bridge",
    "table",
    "city",
)
VERBS = (
    "found",
    "carried",
    "painted",
    "counted",
    "opened",
    "mended",
    "described",
    "followed",
    "measured",
    "left",
)
ADJECTIVES = (
    "quiet",
    "heavy",
    "yellow",
    "early",
    "narrow",
    "famous",
    "broken",
    "gentle",
    "empty",
    "foreign",
)


def prose(seed: int, sentences: int = 12) -> list[str]:
    """English of no great sense: long enough words, stop words, full stops."""
    pick = random.Random(seed).choice

    def thing() -> str:
        return f"the {pick(ADJECTIVES)} {pick(NOUNS)}"

    return [
        f"That {pick(NOUNS)} and {thing()} of {thing()} were {pick(VERBS)} with {thing()}."
        for _ in range(sentences)
    ]


def page(number: int, sentences: list[str], place: str = "") -> bytes:
    body = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    html = f"<!doctype html><html><body><article>{body}</article></body></html>"
    return record(
        block=http(html.encode()),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://host{number % 3}.example/{place}{number}",
    )


def made_pages() -> list[bytes]:
    """Plain pages, near-duplicates, personal data, short lines, records that come twice."""
    pages = [page(number, prose(number)) for number in range(10)]
    pages += [page(100, [*prose(0), "It was printed again later that year."])]
    pages += [page(101, [*prose(0), "A reader wrote to us about the river in the forest."])]
    pages += [page(102, [*prose(1), "Write to somebody@example.net or ask 8.8.8.8 about it."])]
    pages += [page(103, [*prose(20), "Write to somebody@example.net or ask 8.8.4.4 about it."])]
    pages += [page(104, [*prose(21), "too short.", "A line of many words without an end"])]
    pages += [page(105, prose(22, sentences=4)), page(106, [*prose(23), "Some { bracket here."])]
    pages += [page(number, prose(number), "porn/") for number in range(110, 120)]
    return [*pages, page(3, prose(3)), page(4, prose(30))]


def do_run(written: str, crawl: Path, root: Path, observer: Observer | None = None) -> Outcome:
    root.parent.mkdir(parents=True, exist_ok=True)
    recipe = root.parent / f"{root.name}.yaml"
    recipe.write_text(written)
    options = RunOptions(engine="inline", limit=30)
    return run(load_recipe(str(recipe), (), [str(crawl)]), root, options, observer or Listener())


@dataclass
class Finished:
    """A finished run, to be copied before it goes on."""

    root: Path

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.root, to, copy_function=shutil.copy2)
        return to

    def ledger(self) -> dict[tuple[str, int], Mapping[str, Any]]:
        rows = pq.read_table(self.root / "ledger", partitioning=None).to_pylist()
        return {(row["file_path"], row["record"]): row for row in rows}

    def documents(self) -> set[tuple[str, int]]:
        rows = pq.read_table(self.root / "documents", partitioning=None).to_pylist()
        return {(row["file_path"], row["record"]) for row in rows}


def published(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in PUBLISHED
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def stamps(root: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Return inode and time of every commit record, by stage and unit."""
    return {
        stage.name: {
            path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in stage.iterdir()
        }
        for stage in (root / "commits").iterdir()
        if stage.is_dir()
    }


def edited(written: str, old: str, new: str) -> str:
    assert written.count(old) == 1, old
    return written.replace(old, new)
