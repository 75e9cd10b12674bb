"""The whole recipe, from WARC files to final documents with token counts.

datatrove's blocks stand in the order of its `examples/fineweb.py` with personal data
replaced, and write what it writes there. They are chained in this process, one after
another over all files: its executor would load the URL lists for each of its tasks.
Cuvée's side is `cuvee run` itself, in this process.
"""

import gzip
import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pipelines.execute import Engine
from tests.bench import theirs

_BANDS = 14


class DatatroveRecipe:
    """FineWeb by datatrove; blocks that load something are made once."""

    def __init__(self, tokenizer: Path) -> None:
        import trafilatura  # noqa: F401  so that the sandbox's child need not load it
        from datatrove.pipeline.filters import (
            C4QualityFilter,
            FineWebQualityFilter,
            GopherQualityFilter,
            GopherRepetitionFilter,
        )

        self._tokenizer = tokenizer
        self._url, self._language = theirs.url_filter(), theirs.language_filter()
        self._filters = {
            "gopher_repetition": GopherRepetitionFilter(),
            "gopher_quality": GopherQualityFilter(),
            "c4": C4QualityFilter(filter_no_terminal_punct=False),
            "fineweb": FineWebQualityFilter(),
        }

    def run(self, crawl: Path, output: Path) -> None:
        """Take a crawl to final documents below `output`."""
        self._filter(crawl, output)
        if (output / "filtered").exists():  # nothing is written where nothing is kept
            self._deduplicate(output)
            self._finish(output)

    def _filter(self, crawl: Path, output: Path) -> None:
        from datatrove.pipeline.readers import WarcReader
        from datatrove.pipeline.writers.jsonl import JsonlWriter

        blocks = {"url": self._url, "language": self._language, **self._filters}
        for name, block in blocks.items():
            block.exclusion_writer = JsonlWriter(str(output / "removed" / name))
        _chain(
            WarcReader(str(crawl), default_metadata={"dump": "local"}),
            self._url,
            theirs.PurePages(favour_precision=True, timeout=theirs.SECONDS),
            self._language,
            *self._filters.values(),
            JsonlWriter(str(output / "filtered")),
        )

    def _deduplicate(self, output: Path) -> None:
        from datatrove.pipeline.dedup import MinhashDedupCluster
        from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets
        from datatrove.pipeline.readers import JsonlReader

        config = theirs.minhash_config()
        signatures, buckets = str(output / "signatures"), str(output / "buckets")
        sign = theirs.signature_block(output / "signatures")
        _exhaust(sign.run(JsonlReader(str(output / "filtered")).run(), 0, 1))
        for rank in range(_BANDS):
            _exhaust(
                MinhashDedupBuckets(signatures, buckets, config=config).run(None, rank, _BANDS)
            )
        _exhaust(
            MinhashDedupCluster(buckets, str(output / "remove"), config=config).run(None, 0, 1)
        )

    def _finish(self, output: Path) -> None:
        from datatrove.pipeline.dedup import MinhashDedupFilter
        from datatrove.pipeline.readers import JsonlReader
        from datatrove.pipeline.tokens import TokensCounter
        from datatrove.pipeline.writers.jsonl import JsonlWriter

        _chain(
            JsonlReader(str(output / "filtered")),
            TokensCounter(str(self._tokenizer)),
            MinhashDedupFilter(str(output / "remove")),
            theirs.PurePii(),
            JsonlWriter(str(output / "final")),
        )


def _chain(*blocks: Any) -> None:
    data: Any = None
    for block in blocks:
        data = block.run(data, 0, 1)
    _exhaust(data)


def _exhaust(data: Iterable[Any] | None) -> None:
    for _ in data or ():
        pass


def datatrove_documents(output: Path) -> dict[str, str]:
    """Return the final texts by page id."""
    found = {}
    for path in sorted((output / "final").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                found[row["id"]] = row["text"]
    return found


class CuveeRecipe:
    """`cuvee run fineweb`, everything in this process, or on Ray with some workers."""

    def __init__(self, tokenizer: Path, sets: Sequence[str] = ()) -> None:
        self._sets = [f"tokenizer={json.dumps(str(tokenizer))}", *sets]

    def run(self, crawl: Path, output: Path, engine: Engine | None = None) -> None:
        """Take a crawl to a finished run in `output`; `engine` is one that runs already."""
        from rich.console import Console

        from pipelines import pipeline
        from pipelines.progress import RunProgress
        from pipelines.recipe import load_recipe

        if engine is not None:  # its workers are warm: starting Ray is measured elsewhere
            vars(pipeline)["open_engine"] = lambda *_, **__: nullcontext(engine)
        recipe = load_recipe("fineweb", self._sets, [str(crawl)])
        options = pipeline.RunOptions(engine="ray" if engine else "inline")
        pipeline.run(recipe, output, options, RunProgress(Console(quiet=True)))


def cuvee_documents(output: Path, files: Sequence[Path] | None = None) -> dict[str, str]:
    """Return the published texts by page id, of all files or of some."""
    import pyarrow.dataset as ds

    folder = output / "dataset/data"
    among = None if files is None else ds.field("file_path").isin([file.name for file in files])
    table = ds.dataset(folder, format="parquet").to_table(columns=["id", "text"], filter=among)
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
