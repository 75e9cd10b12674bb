"""The lists of those who have opted out, which a recipe names as `opt_outs`.

A line names a domain, with every host below it, or the address of one page.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from filters.canonical_url import canonical_url
from filters.errors import UsageError
from filters.optout import OptOutList
from pipelines.files import sha256_of
from pipelines.site_lists import domain_forms, read_lines


def load_opt_outs(names: tuple[str, ...]) -> OptOutList:
    """Return what several lists have together; UsageError, with file and line, for a wrong one."""
    domains: list[str] = []
    urls: list[str] = []
    for name in names:
        for place, line in read_lines(Path(name)):
            if _is_page(line):
                urls.append(canonical_url(line))
            else:
                domains.extend(domain_forms(place, line))
    return OptOutList(domains, urls)


def _is_page(line: str) -> bool:
    """Whether a line is the address of a page, and not only that of a site."""
    if "://" not in line:
        return False
    try:
        parts = urlsplit(line)
    except ValueError:
        return False
    return bool(parts.path.strip("/") or parts.query)


def opt_out_digests(names: Sequence[str]) -> dict[str, str]:
    """Return the sha256 of each list, by its name; UsageError where one is not there."""
    return dict(_digests(names))


def _digests(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, name in enumerate(names):
        path = Path(name)
        if not path.is_file():
            raise UsageError(
                f"opt_outs: there is no file {name}.\n"
                "  Paths are relative to where the command is typed."
            )
        yield f"opt_outs {number}: {path.name}", sha256_of(path)
