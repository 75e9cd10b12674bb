"""Addresses of remote input: what they name, and how they may be shown."""

import re
from posixpath import basename
from urllib.parse import quote, unquote

from filters.errors import UsageError

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_WEB = ("http", "https")
_S3 = ("s3", "s3a")
_OVER_NETWORKS = frozenset(
    (*_WEB, *_S3, "hf", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "ftp", "sftp")
)
# hf://datasets/ORG/NAME@REVISION: a revision may be one of the Hub's own, which hold slashes.
_REPOSITORY = re.compile(
    r"hf://(?:(?:datasets|spaces)/)?[^/?@]+/[^/?@]+(?:@(?:refs/(?:convert|pr)/[^/?]+|[^/?]+))?",
    re.IGNORECASE,
)
_DATASETS = "hf://datasets/"
_USER = re.compile(r"([a-z][a-z0-9+.-]+://)[^/\s@'\"]*@", re.IGNORECASE)
# me:pass/word@host: an address ends before such a slash, but a password was meant.
_ODD_USER = re.compile(
    r"([a-z][a-z0-9+.-]+://)[^\s:/?#@\['\"]*:(?!\d*[/?#])[^\s@'\"]*[/?#][^\s@'\"]*@", re.IGNORECASE
)
_QUERY = re.compile(r"(https?://[^\s?#'\"]*)[?#][^\s'\"]*", re.IGNORECASE)


def scheme_of(address: str) -> str:
    """Return the scheme in lower case; empty for what is no address."""
    found = _SCHEME.match(address)
    return found[1].lower() if found else ""


def is_web(address: str) -> bool:
    """Whether the address is one of HTTP."""
    return scheme_of(address) in _WEB


def is_s3(address: str) -> bool:
    """Whether the address is one of S3."""
    return scheme_of(address) in _S3


def is_whole_dataset(address: str) -> bool:
    """Whether the address means a dataset of the Hub as `datasets` loads it, not files in it."""
    if not address.lower().startswith(_DATASETS):
        return False
    plain, query, _ = address.partition("?")
    found = _REPOSITORY.match(plain)
    # A dataset without an organisation has one part: hf://datasets/NAME
    return bool(query) or found is None or not plain[found.end() :].strip("/")


def without_secrets(text: str) -> str:
    """Return text with its addresses bare of user, password, query and fragment.

    Tokens and signatures hide in these. Other text stays as it is.
    """
    return _USER.sub(r"\1", _QUERY.sub(r"\1", _ODD_USER.sub(r"\1", text)))


def is_over_network(address: str) -> bool:
    """Whether the address is surely of another machine: fsspec has schemes for this one, too."""
    return scheme_of(address) in _OVER_NETWORKS


def check_address(address: str, what: str = "input") -> None:
    """Refuse credentials where no server would take them; UsageError."""
    if not is_web(address) and address != without_secrets(address):
        raise UsageError(
            f"{what} '{without_secrets(address)}': {scheme_of(address)}:// takes no credentials "
            "in its address.\n  Put them where its other programs find them: the environment."
        )


def path_of(address: str) -> str:
    """Return the path in its bucket, on its host or in its repository, without a query."""
    plain = without_secrets(address) if is_web(address) else address
    if scheme_of(address) == "hf":
        found = _REPOSITORY.match(plain)
        return plain[found.end() :].strip("/") if found else plain
    return plain.partition("://")[2].partition("/")[2].lstrip("/")


def name_of(address: str) -> str:
    """Return the last part of the path."""
    return basename(path_of(address))


def join(base: str, entry: str) -> str:
    """Return the address of a relative path under a base address."""
    plain = quote(entry, safe="/:@!$&'()*+,;=%~") if is_web(base) else entry
    return f"{base.rstrip('/')}/{plain}"


def relative_to(address: str, base: str | None) -> str:
    """Return the path as the ledger has it: relative to `base`, else as `path_of`.

    UsageError where the address does not lie in the base.
    """
    if base is None:
        return path_of(address)
    root, bare = without_secrets(base).rstrip("/") + "/", without_secrets(address)
    if not bare.startswith(root) or bare == root:
        raise UsageError(
            f"input '{bare}' does not lie in '{without_secrets(base)}'.\n"
            "  Give --input-base an address that all inputs begin with."
        )
    return bare.removeprefix(root).lstrip("/")  # the base may be a bare s3://


def climbs(path: str) -> bool:
    """Whether a path leads out of its folder with `..`, written plainly or encoded."""
    return any(".." in part.split("/") for part in (path, unquote(path).replace("\\", "/")))
