"""A dataset on the Hub, or a copy of one on this machine, against the manifest that it carries."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filters.errors import UsageError
from pipelines.publish.card import configs_of, is_held, patterns_of, split_card
from pipelines.publish.content import CARD, MANIFEST, folder_of
from pipelines.publish.listing import parse_listing, rows_of
from pipelines.verify.findings import Findings
from pipelines.verify.table import check_file

if TYPE_CHECKING:
    from pipelines.publish.repository import Held

Fetch = Callable[[str], AbstractContextManager[Path]]
Looked = Callable[[int, int], None]


def verify_repository(
    repo_id: str, revision: str | None, token: str | None, looked: Looked, *, quick: bool = False
) -> Findings:
    """Check a dataset of the Hub: every file is fetched, hashed and read, and then left.

    With `quick` no table is fetched: names, sizes and the Hub's own sha256 are compared.
    UsageError where there is no such dataset, or none of cuvee.
    """
    from pipelines.publish.repository import Repository

    repository = Repository(repo_id, token)
    state = repository.look_at(revision)
    if state.commit is None:
        raise UsageError(
            f"{repo_id}: not on the Hub, or may not be read with this token.\n"
            "  Check its name; for a private one set HF_TOKEN, or log in with 'hf auth login'."
        )
    commit = state.commit
    listing = parse_listing(state.manifest)
    findings = Findings()
    if listing is None:
        _refuse_without_listing(repo_id, state.card)
    else:
        if quick:
            _check_names(findings, listing, state.files)
        else:
            _check_files(
                findings,
                listing,
                set(state.files),
                lambda path: repository.fetched(path, commit),
                looked,
            )
        _check_rest(findings, listing, set(state.files), state.card)
    return findings


def verify_copy(root: Path, looked: Looked) -> Findings | None:
    """Check a dataset that was fetched into a folder; None where there is none of cuvee."""
    manifest, card = root / MANIFEST, root / CARD
    listing = parse_listing(manifest.read_bytes() if manifest.is_file() else None)
    if listing is None:
        return None
    findings = Findings()
    paths = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    _check_files(findings, listing, paths, lambda path: nullcontext(root / path), looked)
    _check_rest(findings, listing, paths, card.read_text() if card.is_file() else None)
    return findings


def _refuse_without_listing(repo_id: str, card: str | None) -> None:
    if is_held(card):
        raise UsageError(
            f"{repo_id}: is being uploaded and not complete.\n"
            "  Whoever publishes it repeats the command: it sends what is missing."
        )
    raise UsageError(
        f"{repo_id}: has no {MANIFEST} of cuvee, so there is nothing to check it against.\n"
        "  Only what 'cuvee publish' has published can be verified."
    )


def _check_names(
    findings: Findings, listing: Mapping[str, Any], files: Mapping[str, "Held"]
) -> None:
    for facts in listing["files"]:
        held = files.get(facts["path"])
        if held is None:
            findings.differ(facts["path"], "is missing")
            continue
        findings.checked.update(files=1, bytes=held.size)
        findings.expect(facts["path"], "its bytes are", held.size, facts["bytes"])
        if held.sha256 is not None:
            findings.expect(facts["path"], "its sha256 is", held.sha256, facts["sha256"])
    findings.notes.append("No table was read: its rows and tokens are those of the manifest.")


def _check_files(
    findings: Findings,
    listing: Mapping[str, Any],
    paths: set[str],
    fetch: Fetch,
    looked: Looked,
) -> None:
    total = sum(facts["bytes"] for facts in listing["files"])
    tokens, main = 0, {facts["path"] for facts in rows_of(listing["files"])}
    for facts in listing["files"]:
        path = str(facts["path"])
        if path not in paths:
            findings.differ(path, "is missing")
            continue
        kind = folder_of(path)
        with fetch(path) as copy:
            found = check_file(findings, copy, facts, kind)
        tokens += found if path in main else 0
        looked(findings.checked["bytes"], total)
    findings.expect("the dataset", "its tokens are", tokens, listing["tokens"])
    rows = sum(facts["rows"] for facts in rows_of(listing["files"]))
    findings.expect("the dataset", "its rows are", rows, listing["rows"])


def _check_rest(
    findings: Findings, listing: Mapping[str, Any], paths: set[str], card: str | None
) -> None:
    """Check that the card offers files that are there, and that nobody has added tables."""
    listed = {str(facts["path"]) for facts in listing["files"]}
    for path in sorted(path for path in paths - listed if folder_of(path)):
        findings.differ(path, "is not in the manifest")
    if is_held(card):
        findings.differ(CARD, "says that an upload is under way")
    for name, config in configs_of(split_card(card or "")[0]).items():
        for pattern in patterns_of(config):
            if not any(fnmatchcase(path, pattern) for path in paths):
                findings.differ(CARD, f"config '{name}' names no file: {pattern}")
