"""A look at the signals that a text file brings along: whether those that rules read are there.

Done before any work, as a rule that reads what is never there would fail every page.
"""

from collections.abc import Iterable, Sequence

from filters.errors import UnitError, UsageError, nearest
from filters.imported import column_in_row, rule_name
from filters.spans import split_name
from pipelines.crawl.model import Beside, CrawlFile
from pipelines.crawl.read import open_beside
from pipelines.crawl.remote.address import without_secrets
from pipelines.crawl.text.beside import KINDS
from pipelines.crawl.text.columns import listed
from pipelines.crawl.text.jsonl import read_head


def check_signals(file: CrawlFile, columns: Sequence[str], reads: Sequence[str]) -> None:
    """Check that a file, and those beside it, have the signals that rules read, by full name.

    `columns` are those of the file itself. UsageError where a file beside it cannot be opened,
    and for a signal that is not in the first rows.
    """
    if file.format == "crawl":
        return
    inside = {name: column for name in reads if (column := column_in_row(name)) is not None}
    for name, column in inside.items():
        if column not in columns:
            raise _absent(file.uri, name, column, columns)
    found = [name for beside in file.beside for name in _names(file, beside)]
    for name in reads:
        own = split_name(name.partition(".")[2])[0]
        if file.beside and name not in inside and own not in found:
            raise _absent(file.beside[0].uri, name, own, found)


def _names(file: CrawlFile, beside: Beside) -> list[str]:
    """Return the names of the signals in the first lines, as rules write them."""
    try:
        with open_beside(file, beside) as opened:
            lines = read_head(opened)
    except UnitError as error:
        raise UsageError(str(error)) from error
    key = KINDS[file.layout].key
    objects = (line[key] for line in lines if isinstance(line.get(key), dict))
    return list(dict.fromkeys(rule_name(name) for found in objects for name in found))


def _absent(uri: str, name: str, own: str, there: Iterable[str]) -> UsageError:
    there = list(there)
    close = nearest(own, there)
    hint = f"Did you mean '{close}'?  " if close else ""
    return UsageError(
        f"input '{without_secrets(uri)}' has no '{own}' in its first rows, which a rule reads as "
        f"'{name}'.\n  {hint}It has: {' '.join(listed(there).split())}."
    )
