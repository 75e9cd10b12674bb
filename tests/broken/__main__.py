"""`make broken`: reads every broken crawl file and says what became of what was in them."""

import argparse
import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.broken.account import Account, account_for, account_for_foreign
from tests.broken.large import large_files
from tests.broken.made import Broken, broken_files
from tests.broken.measure import measured

_SETS = ("made", "large", "foreign")


def main(arguments: list[str] | None = None) -> None:
    """Read, count, print."""
    parser = argparse.ArgumentParser(prog="make broken", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one machine-readable object")
    as_json = parser.parse_args(arguments).json
    found = {name: _totals(_readers(name)) for name in _SETS}
    if as_json:
        print(json.dumps({name: _plain(*totals) for name, totals in found.items()}))
        return
    Console(width=140).print(_table(found))


def _readers(name: str) -> Iterator[Callable[[], Account]]:
    """Yield what reads files of a set, one process after the other."""
    if name == "made":
        yield lambda: _added(map(account_for, broken_files()))
    elif name == "large":
        for make in large_files().values():
            yield partial(_read, make)
    elif folder := os.environ.get("CUVEE_TEST_DATA"):
        for path in sorted((Path(folder) / "quirks").iterdir()):
            yield partial(account_for_foreign, path)


def _read(make: Callable[[], Broken]) -> Account:
    return account_for(make())


def _added(accounts: Iterator[Account]) -> Account:
    total = Account()
    for account in accounts:
        total.add(account)
    return total


def _totals(readers: Iterator[Callable[[], Account]]) -> tuple[Account, int]:
    """Return the sums over all files, and the most memory that one of them took."""
    total, most = Account(), 0
    for read in readers:
        with contextlib.redirect_stderr(io.StringIO()):  # where the second reader says a lot
            account, grown = measured(read)
        total.add(account)
        most = max(most, grown)
    return total, most


def _plain(account: Account, most: int) -> dict[str, Any]:
    return {**{name: getattr(account, name) for name in Account.__slots__}, "most_bytes": most}


def _table(found: dict[str, tuple[Account, int]]) -> Table:
    table = Table(title="broken crawl files", title_justify="left", box=None, pad_edge=False)
    for name in ("files", "read", "records found", "pages", "other records", "failed",
                 "lost without a row", "altered", "peak MiB"):  # fmt: skip
        table.add_column(name, justify="left" if name == "files" else "right")
    for name, (one, most) in found.items():
        numbers = (one.files, one.records, one.pages, one.others.total(), one.failed.total(),
                   one.lost, len(one.altered), most >> 20)  # fmt: skip
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


if __name__ == "__main__":
    main()
