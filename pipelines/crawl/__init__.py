"""Inputs: finding their files and reading the pages in them.

`find` turns what a person gives into files; `read` turns a file into pages.
"""

from pipelines.crawl.find import find_inputs
from pipelines.crawl.model import CrawlFile, Damage, Item, Page, Row
from pipelines.crawl.read import open_file, read_pages

__all__ = [
    "CrawlFile",
    "Damage",
    "Item",
    "Page",
    "Row",
    "find_inputs",
    "open_file",
    "read_pages",
]
