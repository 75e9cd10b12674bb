"""The manifest of a repository: every file with its sha256, and what runs have made them.

It is committed last, with the card. What it lists is the dataset; a dump that it does
not list is not complete.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines.publish.content import (
    CARD,
    Content,
    Item,
    folder_of,
    group_of,
    main_folder,
)
from pipelines.storage import digest

KIND = "cuvee dataset"
FORMAT = 1


def parse_listing(data: bytes | None) -> dict[str, Any] | None:
    """Return a repository's manifest; None where there is none of ours."""
    try:
        found = json.loads(data) if data else None
    except ValueError:
        return None
    expected = {"files", "dumps", "runs"}
    is_ours = isinstance(found, dict) and found.get("kind") == KIND and found.keys() >= expected
    return found if is_ours else None


def make_listing(content: Content, kept: Iterable[Mapping[str, Any]], before: Any) -> Any:
    """Return the manifest of a repository that holds a run's files and those that are `kept`."""
    own = {item.path: facts_of(item) for item in content.items}
    files = sorted([*own.values(), *kept], key=lambda facts: str(facts["path"]))
    data = rows_of(files)
    run = run_key(content.run)
    there = {group_of(str(facts["path"]))[1] for facts in data}
    dumps = {
        **{dump: key for dump, key in (before or {}).get("dumps", {}).items() if dump in there},
        **dict.fromkeys(content.dumps, run),
    }
    runs = {**(before or {}).get("runs", {}), run: content.run}
    keys = sorted(set(dumps.values()))
    return {
        "kind": KIND,
        "format": FORMAT,
        "rows": sum(facts["rows"] for facts in data),
        "tokens": sum(facts["tokens"] for facts in data),
        "bytes": sum(facts["bytes"] for facts in data),
        "dumps": dict(sorted(dumps.items())),
        "runs": {key: runs[key] for key in keys},
        "person": dict(content.person),
        "files": files,
    }


def run_key(run: Mapping[str, Any]) -> str:
    """Return the name that a run has in the manifest of a repository."""
    return digest(run)[:16]


def rows_of(files: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those of the listed files that the dataset consists of."""
    main = main_folder(folder_of(str(facts["path"])) for facts in files)
    return [facts for facts in files if folder_of(str(facts["path"])) == main]


def facts_of(item: Item) -> dict[str, Any]:
    """Return what the manifest says of a file."""
    return {
        "path": item.path,
        "rows": item.rows,
        "tokens": item.tokens,
        "bytes": item.size,
        "sha256": item.sha256,
    }


def written(listing: Mapping[str, Any], card: Item) -> tuple[bytes, bytes]:
    """Return the manifest and the sums as they are committed; both name the card."""
    files = [*(facts for facts in listing["files"] if facts["path"] != CARD), facts_of(card)]
    files.sort(key=lambda facts: str(facts["path"]))
    data = {**listing, "files": files}
    manifest = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=False).encode()
    sums = "".join(f"{facts['sha256']}  {facts['path']}\n" for facts in files)
    return manifest, sums.encode()
