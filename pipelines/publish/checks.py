"""What must hold before a byte is sent: of the files on disk, of the card, of the Hub's limits.

Limits: https://huggingface.co/docs/hub/storage-limits and
https://huggingface.co/docs/hub/data-studio (row groups).
"""

from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from filters.errors import UsageError
from pipelines.card import missing_fields
from pipelines.card.person import CARD_FILE
from pipelines.files import sha256_of
from pipelines.ledger import TOKENS, is_dataset
from pipelines.publish.card import check_card, configs_of, patterns_of, split_card
from pipelines.publish.content import TOKENS as TOKENS_FOLDER
from pipelines.publish.content import Content, Item
from pipelines.publish.plan import Plan
from pipelines.tables import opened

MOST_FILES = 100_000
MOST_IN_FOLDER = 10_000
MOST_FILE_BYTES = 200 * 1000**3
MOST_GROUP_BYTES = 300 * 1000**2
"""Of a row group without a page index; the viewer shows none of a larger one."""


def check_shape(content: Content, plan: Plan, card: Path) -> None:
    """Raise UsageError where the card says too little, or the repository would hold too much."""
    check_person(card.parent.parent)
    check_card(content.card, str(card))
    check_limits(plan)
    check_configs(plan, str(card))


def check_person(root: Path) -> None:
    """Raise UsageError where `card.yaml` lacks what only a person can say."""
    missing = missing_fields(root)
    if missing:
        start = "" if (root / CARD_FILE).exists() else f"Start it: cuvee card {root} --init. "
        raise UsageError(
            f"{root / CARD_FILE}: does not say its {missing[0]}"
            f"{f', nor {len(missing) - 1} more' if len(missing) > 1 else ''}.\n"
            f"  {start}Fill it in, then write the card: cuvee card {root} --repo ORG/NAME"
        )


def check_files(plan: Plan, looked: Callable[[int], None]) -> None:
    """Raise UsageError for the first file that is not as the run has left it.

    `looked` is told of the bytes of each that was read.
    """
    for item, source in plan.on_disk():
        check_item(item, source)
        looked(item.size)


def check_limits(plan: Plan) -> None:
    """Raise UsageError where the repository would be more than the Hub takes."""
    folders = Counter(path.rpartition("/")[0] for path in plan.paths)
    folder, most = folders.most_common(1)[0]
    if len(plan.paths) > MOST_FILES:
        raise UsageError(
            f"the repository would have {len(plan.paths):,} files; the Hub takes {MOST_FILES:,}.\n"
            "  Publish some of the dumps under another name."
        )
    if most > MOST_IN_FOLDER:
        raise UsageError(
            f"{folder}: would have {most:,} files; the Hub takes {MOST_IN_FOLDER:,} in a folder.\n"
            "  Publish some of the dumps under another name."
        )


def check_configs(plan: Plan, place: str) -> None:
    """Raise UsageError where the card names files that the repository will not have."""
    for name, config in configs_of(split_card(plan.card)[0]).items():
        patterns = patterns_of(config)
        missing = [text for text in patterns if not _matches(text, plan.paths)]
        if missing or not patterns:
            raise UsageError(
                f"{place}: config '{name}' names no file that the dataset has: "
                f"{', '.join(missing) or 'it has no data_files'}.\n"
                "  Correct its data_files in the card's head, or remove the config."
            )


def _matches(pattern: str, paths: frozenset[str]) -> bool:
    plain = pattern.removeprefix("./")
    return any(fnmatchcase(path, plain) for path in paths)


def check_item(item: Item, source: Path) -> None:
    """Raise UsageError unless a file is what the run's manifest says, and a table the Hub shows."""
    try:
        size = source.stat().st_size
    except FileNotFoundError:
        raise UsageError(f"{source}: {_MISSING}\n  {_AGAIN}") from None
    if item.size > MOST_FILE_BYTES:
        raise UsageError(
            f"{source}: has {item.size / 1000**3:,.0f} GB; "
            f"the Hub takes {MOST_FILE_BYTES // 1000**3} GB in a file.\n"
            "  Publish it by other means."
        )
    if size != item.size or sha256_of(source) != item.sha256:
        raise UsageError(f"{source}: {_CHANGED}\n  {_AGAIN}")
    if item.folder:
        _check_table(item, source)


_MISSING = "is missing, though the run's manifest lists it."
_CHANGED = "has changed since the run finished: its sha256 is not the manifest's."
_AGAIN = "Nothing was sent. Remove it and run the recipe's command again: it is made anew."


def _check_table(item: Item, source: Path) -> None:
    file = pq.ParquetFile(opened(source))
    facts = file.metadata
    found = file.schema_arrow
    is_right = _same(found, TOKENS) if item.folder == TOKENS_FOLDER else is_dataset(found)
    if facts.num_rows != item.rows or not is_right:
        raise UsageError(
            f"{source}: does not have the rows and columns of a dataset of cuvee.\n  {_AGAIN}"
        )
    for number in range(facts.num_row_groups):
        group = facts.row_group(number)
        indexed = group.column(0).has_offset_index
        if group.total_byte_size > MOST_GROUP_BYTES and not indexed:
            raise UsageError(
                f"{source}: row group {number} has {group.total_byte_size / 1e6:,.0f} MB and no "
                f"page index; the Hub's viewer shows at most {MOST_GROUP_BYTES / 1e6:,.0f} MB.\n"
                "  Make the dataset again with this version of cuvee."
            )


def _same(found: pa.Schema, wanted: pa.Schema) -> bool:
    return bool(found.equals(wanted, check_metadata=False))
