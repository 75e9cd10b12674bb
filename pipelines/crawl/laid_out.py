"""What a layout says of the files of an input: which hold documents, and what lies beside them."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from filters.errors import UsageError
from pipelines.crawl.formats import format_of, is_known
from pipelines.crawl.model import Beside, Found
from pipelines.crawl.remote.address import is_web, scheme_of, without_secrets
from pipelines.recipe.layouts import AUTO, InputFormat, Layout

_DOCUMENTS = "/documents/"
_JSON = re.compile(r"\.jsonl?(\.gz|\.zst)?$", re.IGNORECASE)


def sort_out(
    given: str, found: Sequence[Found], input_format: InputFormat, say: Callable[[str], None]
) -> tuple[list[Found], list[Found]]:
    """Return the documents among the files of an input, and the others, which `say` is told of.

    UsageError where there are others only.
    """
    if input_format.name == AUTO:
        return list(found), []
    why = {item.uri: _why_not(item, input_format.layout) for item in found}
    documents = [item for item in found if why[item.uri] is None]
    others = [item for item in found if why[item.uri] is not None]
    counts = Counter(reason for reason in why.values() if reason is not None)
    told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
    place = without_secrets(given)
    if others and not documents:
        raise UsageError(
            f"input '{place}' holds no documents of the format {input_format.name}: {told}.\n"
            "  Name the folder or files that hold them, or another --input-format."
        )
    if others:
        say(f"{input_format.name}: no documents are read from {told}")
    return documents, others


def _why_not(item: Found, layout: Layout) -> str | None:
    """Return what a file is that holds no documents of a layout; None for one that does."""
    folders = [folder for folder in _folders(item.uri) if folder in layout.other_folders]
    if folders:
        return f"in {folders[-1]}/"
    name = item.file_path.lower()
    ending = next((ending for ending in layout.other_endings if name.endswith(ending)), None)
    if ending is not None:
        return f"*{ending}"
    another = layout.reader is not None and is_known(name) and format_of(name) != layout.reader
    if item.format == "dataset" or another:
        return f"of another kind ({item.format})"
    return None


def _folders(uri: str) -> list[str]:
    """Return the folders of a file below the last one called `documents`, or all without one."""
    plain = without_secrets(uri) if is_web(uri) else uri
    return plain.rpartition(_DOCUMENTS)[2].split("/")[:-1]


def files_beside(
    uri: str, input_format: InputFormat, listed: Mapping[str, Found]
) -> tuple[Beside, ...]:
    """Return the files that bring signals of a file's documents along; they need not be there.

    `listed` are files of the input whose size and version are known already. UsageError where
    it cannot be said where they would be.
    """
    return tuple(_beside(place, listed) for place in _places(uri, input_format))


def _places(uri: str, input_format: InputFormat) -> list[str]:
    path, mark, query = uri.partition("?") if is_web(uri) else (uri, "", "")
    root, folder, rest = path.rpartition(_DOCUMENTS)
    if input_format.name == "redpajama2" and input_format.signals:
        rest = _JSON.sub(lambda found: f".signals{found[0]}", rest)
        return [f"{root}/quality_signals/{rest}{mark}{query}" if folder else f"{rest}{mark}{query}"]
    if input_format.name != "dolma" or not input_format.attributes:
        return []
    if not folder:
        raise UsageError(
            f"input '{without_secrets(uri)}' does not lie in a folder 'documents'.\n"
            f"  Its attributes are looked for in 'attributes/{input_format.attributes[0]}/' beside "
            "that.\n  Without them: --set input_format=dolma"
        )
    return [f"{root}/attributes/{name}/{rest}{mark}{query}" for name in input_format.attributes]


def _beside(place: str, listed: Mapping[str, Found]) -> Beside:
    if place in listed:
        return Beside(place, listed[place].size, listed[place].version)
    if scheme_of(place) or not Path(place).is_file():
        return Beside(place, None, "")
    stat = Path(place).stat()
    return Beside(place, stat.st_size, str(stat.st_mtime_ns))
