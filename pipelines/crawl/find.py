"""From what a person gives as input to the files of a run, in their order."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from posixpath import commonprefix

from filters.errors import UsageError
from pipelines.crawl.formats import is_of_another_kind
from pipelines.crawl.laid_out import files_beside, sort_out
from pipelines.crawl.lists import check_some_exist, find_listed, is_list
from pipelines.crawl.local import find_local
from pipelines.crawl.model import CrawlFile, Found
from pipelines.crawl.remote.address import is_whole_dataset, scheme_of, without_secrets
from pipelines.crawl.remote.listing import find_remote
from pipelines.crawl.text.hub import find_dataset
from pipelines.recipe.layouts import AUTO, InputFormat

_LOCAL = "local"
_DUMP = re.compile(r"CC-MAIN-\d{4}(?:-\d{2,4})?(?!\d)")
_SNAPSHOT = re.compile(r"/(\d{4}-\d{2})/\d{4}/[^/]*$")
"""RedPajama-V2's folders of a crawl and of one of its shards."""
_FILE_SCHEME = "file://"


def find_inputs(
    uris: Sequence[str],
    base: str | None = None,
    dump: str | None = None,
    match: str | None = None,
    input_format: InputFormat | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[CrawlFile]:
    """Return the files that the inputs stand for.

    Their order is that of `uris`, then of their paths (of a list: its own); a file that is
    named twice comes once. `file_path` is relative to `base`, else to what was given, or
    the path in its bucket, on its host or in its repository. `dump` names all files; without
    it a `CC-MAIN-…` in the path does, else `local`. Of all these only those come whose
    `file_path` or address fits the pattern `match`, in which `*` stands for slashes too, and of
    those only what `input_format` takes for documents; the others are told to `say`.

    Raises UsageError for an input that is not there, holds nothing that can be read, nothing of
    its format, or lies outside `base`, when nothing fits `match`, and when two files would have
    the same `file_path`.
    """
    input_format = input_format or InputFormat()
    if not uris:
        raise UsageError("there is no input.\n  Name crawl files, folders or globs with --input.")
    files: list[CrawlFile] = []
    seen: set[str] = set()
    for given, uri in enumerate(uris):
        matching = _find_matching(uri, base, match)
        documents, others = sort_out(uri, matching, input_format, say)
        listed = {item.uri: item for item in others}
        for found in documents:
            if found.same_as not in seen:
                seen.add(found.same_as)
                named = dump or _dump_of(found.uri, input_format)
                file = _crawl_file(len(files), found, named, given)
                files.append(_laid_out(file, input_format, listed))
    if not files:
        raise UsageError(
            f"no file of the input fits --match '{match}'.\n"
            "  It is held against whole paths and addresses: begin it with '*', and quote it."
        )
    _check_unique(files)
    return files


def _find_matching(given: str, base: str | None, match: str | None) -> list[Found]:
    found = _find(given, base)
    if match is not None:
        found = [item for item in found if _fits(item, match)]
    if found and is_list(given):
        check_some_exist(given, found)
    elif found and all(is_of_another_kind(item.file_path) for item in found):
        raise UsageError(
            f"input '{without_secrets(found[0].uri)}' is of a kind that cannot be read.\n"
            "  WARC, WET, ARC, Parquet and JSON lines can, plain or packed by gzip or zstd:\n"
            "  a table can be written as Parquet, an archive be unpacked."
        )
    return found


def _fits(found: Found, match: str) -> bool:
    names = (found.file_path, without_secrets(found.uri))
    return any(fnmatchcase(name, match) for name in names)


def _find(given: str, base: str | None) -> list[Found]:
    if given.lower().startswith(_FILE_SCHEME):
        given = given[len(_FILE_SCHEME) :]
    if is_whole_dataset(given):
        return find_dataset(given, base)
    if is_list(given):
        return find_listed(given, base)
    if scheme_of(given):
        return find_remote(given, base)
    if base is not None and scheme_of(base):
        raise UsageError(
            f"input '{given}' does not lie in '{without_secrets(base)}'.\n"
            "  Give --input-base a folder that holds all inputs."
        )
    return find_local(given, base)


def _dump_of(uri: str, input_format: InputFormat) -> str:
    """Return the dump that a path names, in the way of Common Crawl or of its format."""
    if named := _DUMP.search(uri):
        return named[0]
    snapshot = _SNAPSHOT.search(uri) if input_format.name == "redpajama2" else None
    return f"CC-MAIN-{snapshot[1]}" if snapshot else _LOCAL


def _crawl_file(ordinal: int, found: Found, dump: str, given: int) -> CrawlFile:
    return CrawlFile(
        ordinal=ordinal,
        uri=found.uri,
        file_path=found.file_path,
        dump=dump,
        size=found.size,
        version=found.version,
        format=found.format,
        given=given,
    )


def _laid_out(file: CrawlFile, input_format: InputFormat, listed: Mapping[str, Found]) -> CrawlFile:
    if input_format.name == AUTO:
        return file
    beside = files_beside(file.uri, input_format, listed)
    reader = input_format.layout.reader or file.format
    return replace(file, layout=input_format.name, format=reader, beside=beside)


def _check_unique(files: Sequence[CrawlFile]) -> None:
    """Refuse two files of one `file_path`: the ledger could not tell their records apart."""
    first: dict[str, CrawlFile] = {}
    for file in files:
        other = first.setdefault(file.file_path, file)
        if other is not file:
            pair = without_secrets(other.uri), without_secrets(file.uri)
            raise UsageError(
                f"inputs '{pair[0]}' and '{pair[1]}' would both be '{file.file_path}'.\n"
                f"  {_way_apart(*pair)}"
            )


def _way_apart(one: str, other: str) -> str:
    """Return what tells two files of one `file_path` apart."""
    common = commonprefix([one, other]).rpartition("/")[0] + "/"
    if scheme_of(one) != scheme_of(other) or one == other:
        return "Curate them in runs of their own: no --input-base holds both."
    return f"Give --input-base what holds both: {common}"
