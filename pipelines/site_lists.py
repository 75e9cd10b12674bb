"""Lists of sites and pages that people write: domains and addresses, one a line.

Empty lines and those that begin with '#' are passed over.
"""

from collections.abc import Iterator
from pathlib import Path

from filters.canonical_url import canonical_url
from filters.errors import UsageError
from filters.hosts import host_of, host_reader


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield place and content of the lines that say something."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text.\n  One domain or address a line.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield f"{path}:{number}", line.strip()


def read_urls(path: Path) -> Iterator[str]:
    """Yield addresses in their canonical form; UsageError, with its line, for what is none."""
    for place, line in read_lines(path):
        if host_of(line) is None:
            raise UsageError(
                f"{place}: '{line[:100]}' is no address.\n"
                "  It begins with http:// or https://; hosts go into a file for --domains."
            )
        yield canonical_url(line)


def read_domains(path: Path) -> Iterator[str]:
    """Yield domains, in ASCII and in letters; UsageError for none, and for a public suffix."""
    for place, line in read_lines(path):
        yield from domain_forms(place, line)


def domain_forms(place: str, line: str) -> Iterator[str]:
    """Yield what stands for the domain that a line names; UsageError as `read_domains`."""
    name = (host_of(line) or "") if "://" in line else line.lower()
    name = name.removeprefix("*.").strip(".")
    forms = set(_forms(name))
    if not forms:
        raise UsageError(
            f"{place}: '{line[:100]}' is no domain.\n"
            "  For example: example.com, which stands for www.example.com, too."
        )
    for form in forms:
        if host_reader().domains(f"http://x.{form}/")[0] == f"x.{form}":
            raise UsageError(
                f"{place}: '{form}' is a public suffix: whole countries register below it.\n"
                "  Name the domains below it."
            )
    yield from forms


def _forms(name: str) -> Iterator[str]:
    """Yield a domain as it is in ASCII, and in letters (RFC 3490); nothing where it is none."""
    if not name or set(name) & set(" /@,;:[]?#"):
        return
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:
        return
    yield encoded
    try:
        yield encoded.encode().decode("idna")
    except UnicodeError:
        return
