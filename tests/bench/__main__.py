"""The command: `make bench`, with options as `make bench BENCH="--rounds 3 --only words"`."""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.assets import cache_folder
from pipelines.sample import fetch_sample_crawl
from pipelines.tokenizer import train_tokenizer
from tests.bench.compare import as_json, compare, growth, memory, scaling
from tests.bench.crawl import Prepared, prepare, read_lines, write_texts
from tests.bench.memory import memory_table
from tests.bench.signals import signal_costs, signal_table
from tests.bench.step import STEPS, Crawl
from tests.bench.table import report

_TOKENS = 8192
_LONG = {"workers", "growth", "memory"}
_NAMES = [*(step.name for step in STEPS), "signals", *sorted(_LONG)]
_ON_PAGES = {"read", "url", "extract", "trafilatura", "sandbox"}
"""Steps that need no text."""


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--input", type=Path, help="folder of WARC files; else the sample crawl")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, 3 by default")
    parser.add_argument("--repeat", type=int, default=1, help="every page so often, altered")
    parser.add_argument("--pages", type=int, help="only so many pages")
    in_others = "share of pages in other languages, for cascade; 2/3 by default"
    parser.add_argument("--foreign", type=float, default=2 / 3, metavar="SHARE", help=in_others)
    longer = "every page so often, altered, for workers, growth, memory, added; 10 by default"
    parser.add_argument("--long", type=int, default=10, metavar="K", help=longer)
    parser.add_argument("--only", action="append", choices=_NAMES, help="only this step; again")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="PATH=VALUE",
                        help="change the recipe of the whole run")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write everything measured to this file too")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    chosen = options.only or _NAMES
    say = Console(stderr=True).print
    given = options.input or fetch_sample_crawl().folder
    place = cache_folder() / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        folder = Path(scratch)
        say("reading every page with both sides")
        crawls = _prepare(given, folder, options, set(chosen))
        sets = tuple(options.sets)
        steps = [step for step in STEPS if step.name in chosen]
        compared = compare(folder, steps, options.rounds, say, sets)
        scaled = scaling(folder, options.rounds, say, sets) if "workers" in chosen else {}
        grown = growth(folder, options.rounds, say, sets) if "growth" in chosen else {}
        looked = memory(folder, say, sets) if "memory" in chosen else None
        costs = signal_costs(folder / "given", options.rounds) if "signals" in chosen else []
        texts = _english(folder / "given") if costs else 0
    wide = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    for part in report(crawls, compared, scaled, grown):
        wide.print(part)
    if costs:
        wide.print(signal_table(costs, texts, crawls["given"].pages))
    if looked:
        wide.print(memory_table(looked.memory, crawls["long"].pages))
    if options.json:
        facts = {"crawls": {kind: _facts(crawl) for kind, crawl in crawls.items()},
                 "signals": [asdict(cost) for cost in costs], "cores": os.cpu_count(),
                 "memory": looked.memory if looked else []}  # fmt: skip
        options.json.write_text(json.dumps(as_json(compared, facts, scaled, grown), indent=1))


def _prepare(
    given: Path, folder: Path, options: argparse.Namespace, chosen: set[str]
) -> dict[Crawl, Prepared]:
    """Write the crawls that the chosen steps take, and what they need beside the pages."""
    repeat, limit = options.repeat, options.pages
    crawls: dict[Crawl, Prepared] = {}
    crawls["given"] = prepare(given, folder / "given", repeat=repeat, limit=limit)
    if chosen - _ON_PAGES:
        write_texts(folder / "given")
    if "cascade" in chosen:
        crawls["foreign"] = prepare(
            given, folder / "foreign", repeat=repeat, limit=limit, foreign=options.foreign
        )
    if chosen & {*_LONG, "added"}:
        crawls["long"] = prepare(given, folder / "long", repeat=repeat * options.long, limit=limit)
    if chosen & {"whole", "cascade", "resiliparse", "added", *_LONG}:
        texts = (row["text"] for row in read_lines(folder / "given", "texts.jsonl"))
        tokenizer = train_tokenizer(texts, _TOKENS)
        for crawl in crawls.values():
            (crawl.folder / "tokenizer.json").write_bytes(tokenizer)
    return crawls


def _english(folder: Path) -> int:
    return sum(row["english"] for row in read_lines(folder, "texts.jsonl"))


def _facts(crawl: Prepared) -> dict[str, Any]:
    return {"pages": crawl.pages, "warc_bytes": crawl.warc_bytes, "apart": crawl.apart}


if __name__ == "__main__":
    main()
