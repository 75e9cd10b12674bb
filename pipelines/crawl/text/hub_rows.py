"""Rows of a Hub dataset that our own readers do not know, as `datasets` streams them."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any
from urllib.parse import parse_qsl

from filters.errors import UnitError
from pipelines.crawl.model import CrawlFile, Damage, Row
from pipelines.crawl.text.columns import choose_from_rows, value_at
from pipelines.crawl.text.hub import parse_address, quiet_datasets
from pipelines.crawl.text.rows import make_row
from pipelines.recipe.layouts import Columns

_HEAD = 100  # rows by which columns are guessed


def read_dataset(file: CrawlFile, columns: Columns) -> Iterator[Row | Damage]:
    """Yield the rows of one shard.

    What `datasets` cannot make rows of ends the shard with one `Damage`. Raises UnitError
    where the Hub does not answer.
    """
    rows = _stream(file)
    head = list(islice(rows, _HEAD))
    objects = [row for row in head if isinstance(row, dict)]
    paths = choose_from_rows(columns, objects).paths()
    record = -1
    for record, row in enumerate(chain(head, rows)):
        if isinstance(row, str):
            yield Damage(record, None, row)
        else:
            values = {field: value_at(row, path) for field, path in paths.items()}
            yield make_row(values, file.file_path, record)
    if record < 0:
        yield Damage(0, None, "empty_file")


def dataset_head(file: CrawlFile) -> list[dict[str, Any]]:
    """Return the first rows of a shard; none where they cannot be read."""
    return [row for row in islice(_stream(file), _HEAD) if isinstance(row, dict)]


def _stream(file: CrawlFile) -> Iterator[dict[str, Any] | str]:
    """Yield rows; last of all the reason why there are no more, where there is one."""
    address, _, query = file.uri.partition("?")
    options = dict(parse_qsl(query))
    wanted = parse_address(address)
    datasets = quiet_datasets()
    try:
        stream = datasets.load_dataset(
            f"hf://datasets/{wanted.name}",
            options["config"],
            split=options["split"],
            revision=wanted.revision,
            streaming=True,
        )
        shard = stream.shard(int(options["shards"]), int(options["shard"]))
        yield from shard
    except OSError as error:
        raise _no_answer(wanted.address, error) from error
    except Exception as error:  # a hostile file makes every reader raise its own
        if type(error).__module__.partition(".")[0] in ("httpx", "httpcore", "huggingface_hub"):
            raise _no_answer(wanted.address, error) from error
        yield "dataset_unreadable"


def _no_answer(address: str, error: Exception) -> UnitError:
    return UnitError(
        f"input '{address}': the Hub does not answer ({type(error).__name__}).\n"
        "  Check the connection, then repeat the command: it resumes."
    )
