"""The files that a remote input stands for: an object, a folder or a glob.

A folder or glob costs its listings, whatever they hold; a single address one
request; the entries of a list none.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from filters.errors import UsageError
from pipelines.crawl.formats import ENDINGS, format_of
from pipelines.crawl.model import Found
from pipelines.crawl.remote.address import (
    check_address,
    climbs,
    is_web,
    name_of,
    path_of,
    relative_to,
    scheme_of,
    without_secrets,
)
from pipelines.crawl.remote.ask import ask_web, open_filesystem, planned
from pipelines.crawl.remote.patience import Patience, patience_of_planning
from pipelines.crawl.remote.sources import filesystem_faults

_MAGIC = re.compile(r"[*?\[]")
_WEB_MAGIC = re.compile(r"[*\[]")  # in an address of HTTP `?` begins a query
# These tell all objects below a prefix in one listing, a page of a thousand at a time.
_LISTED_AT_ONCE = ("s3", "s3a", "hf")
_VERSIONS = ("ETag", "etag", "blob_id", "xet_hash", "md5Hash", "LastModified", "mtime", "updated")
_DEEPEST = 32  # a hostile index may lead down for ever
_Infos: TypeAlias = dict[str, Mapping[str, Any]]


def find_remote(given: str, base: str | None) -> list[Found]:
    """Return the files of an address: an object, a folder (searched recursively) or a glob.

    Size and version are those of the listing, where it tells them. `file_path` is relative
    to `base`, else the path in the bucket, on the host or in the repository.

    Raises UsageError for what is not there, may not be read or holds nothing that can be.
    """
    check_address(given)
    plain = without_secrets(given) if is_web(given) else given
    is_glob = (_WEB_MAGIC if is_web(given) else _MAGIC).search(plain) is not None
    if is_web(given) and not is_glob and not plain.endswith("/"):
        return [_found(given, base, ask_web(given))]
    if is_web(given) and urlsplit(given).query:
        raise UsageError(
            f"input '{plain}' is a folder or glob with a query, which cannot be listed.\n"
            "  Name its files, each with its own query: as inputs or in a list."
        )
    found = _list(given, is_glob=is_glob)
    listed = {name: facts for name, facts in found.items() if _is_welcome(name)}
    if not listed:
        what = "matches nothing" if is_glob else "is a folder without files that can be read"
        raise UsageError(
            f"input '{plain}' {what}.\n"
            f"  A folder is searched for names that end in {', '.join(ENDINGS)}.\n"
            "  Quote a glob so that the shell leaves it alone; '**' stands for any folders."
        )
    return [_found(name, base, listed[name]) for name in sorted(listed)]


def _is_welcome(address: str) -> bool:
    """Whether a listed name is neither hidden nor, from a hostile index, leads elsewhere."""
    return not name_of(address).startswith(".") and not climbs(path_of(address))


def _found(address: str, base: str | None, facts: Mapping[str, Any]) -> Found:
    return Found(
        uri=address,
        file_path=relative_to(address, base),
        size=facts.get("size"),
        version=_version(facts),
        format=format_of(name_of(address)),
        same_as=address,
    )


def found_unasked(address: str, file_path: str) -> Found:
    """Return a file that a list names: nothing of it is known until it is read."""
    return Found(address, file_path, None, "", format_of(name_of(address)), address)


def _version(facts: Mapping[str, Any]) -> str:
    """Return what tells versions of an object apart, by whatever name its file system has for it.

    `lfs` and `blob_id` are the Hub's: the digest of the content.
    """
    lfs = facts.get("lfs")
    known = (lfs and lfs.get("sha256"), *(facts.get(name) for name in _VERSIONS))
    return next((str(value) for value in known if value), "")


def _list(given: str, *, is_glob: bool) -> dict[str, Mapping[str, Any]]:
    """Return the files of a folder or glob, or the one object, by their addresses."""
    listing = _Listing(given)
    path = listing.path
    if is_glob:
        files = listing.glob(path)
    elif not is_web(given) and (info := listing.info(path))["type"] == "file":
        files = {path: info}
    else:
        found = listing.everything(path)
        files = {name: info for name, info in found.items() if name.lower().endswith(ENDINGS)}
    return {_address(given, name): info for name, info in files.items()}


class _Listing:
    """Looks into remote folders. A folder that cannot be listed is an error, never left out.

    fsspec's own `glob` and `walk` pass over folders that they could not list.
    """

    def __init__(self, given: str) -> None:
        self._given = given
        self._filesystem = open_filesystem(given, patience_of_planning().stall)
        # fsspec has no other name for it.
        self.path: str = self._filesystem._strip_protocol(given)  # noqa: SLF001

    def info(self, path: str) -> Mapping[str, Any]:
        info: Mapping[str, Any] = self._asked(lambda: self._filesystem.info(path))
        return info

    def glob(self, pattern: str) -> _Infos:
        """Return the files that fit, where only `**` stands for several folders."""
        parts = pattern.split("/")
        fixed = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
        root = "/".join(parts[:fixed])
        if "**" not in pattern:
            return self._descend(root, parts[fixed:])
        from fsspec.utils import glob_translate

        fits = re.compile(glob_translate(pattern)).match
        return {name: info for name, info in self.everything(root).items() if fits(name)}

    def everything(self, root: str) -> _Infos:
        """Return the files of a folder and of those in it."""
        if scheme_of(self._given) in _LISTED_AT_ONCE:
            found: _Infos = self._asked(lambda: self._filesystem.find(root, detail=True))
            return found
        return self._descend(root, None)

    def _descend(self, folder: str, parts: Sequence[str] | None, depth: int = 0) -> _Infos:
        """Return the files whose path fits the parts one by one; all below where there are none."""
        root, found = folder.rstrip("/") + "/", dict[str, Mapping[str, Any]]()
        at = root if is_web(self._given) else folder
        for info in self._asked(lambda: self._filesystem.ls(at, detail=True)):
            name = info["name"].rstrip("/")
            last = name.removeprefix(root)
            if not name.startswith(root) or (parts and not fnmatchcase(last, parts[0])):
                continue
            is_file, is_last = info["type"] == "file", parts is None or len(parts) == 1
            if is_file and is_last:
                found[name] = info
            elif not is_file and (parts is None or not is_last) and depth < _DEEPEST:
                found |= self._descend(name, parts and parts[1:], depth + 1)
        return found

    def _asked(self, once: Callable[[], Any]) -> Any:
        def asking(_: Patience) -> Any:
            with filesystem_faults():
                return once()

        return planned(self._given, asking)


def _address(given: str, name: str) -> str:
    return name if "://" in name else f"{scheme_of(given)}://{name.lstrip('/')}"
