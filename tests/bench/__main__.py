"""The command: `make bench`, with options as `make bench BENCH="--rounds 3 --only words"`."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from pipelines.assets import cache_folder
from pipelines.sample import fetch_sample_crawl
from pipelines.tokenizer import train_tokenizer
from tests.bench.compare import as_json, compare, scaling
from tests.bench.crawl import prepare, read_lines, write_texts
from tests.bench.step import STEPS
from tests.bench.table import report

_TOKENS = 8192
_NAMES = [*(step.name for step in STEPS), "workers"]


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--input", type=Path, help="folder of WARC files; else the sample crawl")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, 3 by default")
    parser.add_argument("--repeat", type=int, default=1, help="every page so often, altered")
    parser.add_argument("--pages", type=int, help="only so many pages")
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
        crawl = prepare(given, folder, repeat=options.repeat, limit=options.pages)
        if set(chosen) - {"read", "url", "extract"}:
            write_texts(folder)
        if {"whole", "workers"} & set(chosen):
            texts = (row["text"] for row in read_lines(folder, "texts.jsonl"))
            (folder / "tokenizer.json").write_bytes(train_tokenizer(texts, _TOKENS))
        sets = tuple(options.sets)
        steps = [step for step in STEPS if step.name in chosen]
        compared = compare(folder, steps, options.rounds, say, sets)
        scaled = scaling(folder, options.rounds, say, sets) if "workers" in chosen else {}
    wide = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    for part in report(crawl, compared, scaled):
        wide.print(part)
    if options.json:
        facts = {"pages": crawl.pages, "warc_bytes": crawl.warc_bytes, "apart": crawl.apart,
                 "cores": os.cpu_count()}  # fmt: skip
        options.json.write_text(json.dumps(as_json(compared, facts), indent=1))


if __name__ == "__main__":
    main()
