"""What the sandbox costs: the same pages curated in it and without it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.crawl import CrawlFile, Item, Traffic, find_inputs, read_pages
from pipelines.curator import curator_for
from pipelines.recipe import load_recipe
from pipelines.sandbox.pages import PageWork


def curated(crawl: Path, *, inside: bool) -> Iterator[tuple[str, Any]]:
    """Yield id and outcome of every page of the crawl files in a folder, by FineWeb's recipe."""
    recipe = load_recipe("fineweb", () if inside else ("limits=false",))
    curator = curator_for(recipe)
    for file in find_inputs([str(crawl)]):
        work = PageWork(curator, file, Asking(file))
        for page in work.each(Asking(file)()):
            yield page.row["id"], [page.row["status"], page.row["rule"], page.text]


class Asking:
    """Reads the pages of a file, again at every call."""

    def __init__(self, file: CrawlFile) -> None:
        self._file = file

    def __call__(self) -> Iterator[Item]:
        """Return the pages from the first one."""
        return read_pages(self._file, Counter(), traffic=Traffic())
