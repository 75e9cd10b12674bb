"""Inputs: finding their files and reading the pages in them.

`find` turns what a person gives into files; `read` turns a file into pages.
"""

from pipelines.crawl.find import find_inputs
from pipelines.crawl.model import CrawlFile, Damage, Item, Page, Row
from pipelines.crawl.read import open_file, read_pages
from pipelines.crawl.remote.patience import Traffic
from pipelines.crawl.text.look import look_at_columns
from pipelines.crawl.text.split import split_files

__all__ = [
    "CrawlFile",
    "Damage",
    "Item",
    "Page",
    "Row",
    "Traffic",
    "find_inputs",
    "look_at_columns",
    "open_file",
    "read_pages",
    "split_files",
]
