"""Real texts for the parity tests, extracted as the FineWeb recipe says."""

import os
from collections import Counter
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.assets import model_file
from pipelines.crawl import Page, find_inputs, read_pages
from pipelines.crawl.archive.decode import decode_page
from pipelines.extract import make_extractor
from tests.parity.oracle import Oracle
from tests.parity.ours import RECIPE, Ours

COMPARED = pytest.StashKey[list[str]]()
EVERYTHING = bool(os.environ.get("CUVEE_FULL_PARITY"))
"""Set by `make parity`; else what takes long is compared on a share of the pages."""


@pytest.fixture(scope="session")
def compared(pytestconfig: pytest.Config) -> list[str]:
    """Lines that say what was compared; printed when the tests have ended."""
    return pytestconfig.stash.setdefault(COMPARED, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was compared."""
    for line in terminalreporter.config.stash.get(COMPARED, []):
        terminalreporter.write_line(f"parity: {line}")


def extract_texts(folder: Path, step: int = 1) -> list[str]:
    """Return the text of every page, or every `step`th, that has one, in the crawl's order."""
    ((name, options),) = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))["extract"].items()
    extract = make_extractor(name, options, accelerate=True)
    pages = (
        page
        for file in find_inputs([str(folder)])
        for page in read_pages(file, Counter())
        if isinstance(page, Page)
    )
    texts = (extract(decode_page(page).text) for page in islice(pages, 0, None, step))
    return [text for text in texts if text]


@pytest.fixture(scope="session")
def sample_texts(demo_run: Path) -> list[str]:
    """Every text of the sample crawl, in its order, as the demo has kept it."""
    rows = pq.read_table(demo_run / "documents", partitioning=None).to_pylist()
    rows.sort(key=lambda row: (row["file_path"], row["record"]))
    return [row["text"] for row in rows]


@pytest.fixture(scope="session")
def language_model() -> Path:
    return model_file("lid.176.ftz")


@pytest.fixture(scope="session")
def oracle(language_model: Path) -> Oracle:
    return Oracle(language_model)


@pytest.fixture(scope="session")
def ours(language_model: Path) -> Ours:
    return Ours(language_model)


@pytest.fixture(scope="session")
def kept_texts(sample_texts: list[str], ours: Ours) -> list[str]:
    """Texts of the sample crawl that the recipe keeps."""
    return [text for text in sample_texts if ours.judge(text).reason is None]
