"""Writing a card: the plain one at the end of a run, and everything beside it on demand."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.card.annex import annex, annex_page
from pipelines.card.beside import (
    AUDIT,
    BESIDE,
    FUNNEL,
    audit_table,
    checksums,
    funnel_rows,
)
from pipelines.card.count import DOMAINS_OF_DUMPS, Counted, count_run
from pipelines.card.croissant import croissant
from pipelines.card.facts import DATASETS, SHARDS, Facts, place_of, total
from pipelines.card.head import card_head
from pipelines.card.languages import removed_by_language
from pipelines.card.merge import changed_parts, compose, merge
from pipelines.card.parts import card_parts
from pipelines.card.person import Person, read_person
from pipelines.card.sections import FIGURE
from pipelines.card.told import Public
from pipelines.files import write_whole
from pipelines.hold import held
from pipelines.manifest import described, load_manifest, run_files, write_manifest
from pipelines.picture import draw_funnel
from pipelines.recipe.model import Recipe
from pipelines.recipe.source import read_file
from pipelines.storage import Attempt
from pipelines.tables import TableWriter

CARD = "dataset/README.md"
_SAMPLES = "dataset/sample/"
_LEDGER = "ledger/"
_WRITTEN_ANEW = ("format", "file_totals", "files")
_TEXTS = ("recipe.yaml", "annex.json", "annex.md", "croissant.json")
_OURS_OF_DUMPS = f"{DOMAINS_OF_DUMPS}/"
_OURS = frozenset({CARD, f"dataset/{FIGURE}", *(f"dataset/{name}" for name in BESIDE)})

Told = Callable[[int, int], None]
"""Is told of bytes read so far, and of how many there are."""


@dataclass(frozen=True, slots=True)
class Made:
    """What `cuvee card` has done."""

    files: tuple[Mapping[str, Any], ...]
    """Path, rows, bytes and sha256 of what was written."""
    missing: tuple[str, ...]
    """Required fields of `card.yaml` that are empty."""
    changed: tuple[str, ...]
    """Computed parts of the card that a person had changed; what they said is a comment now."""
    counted: Counted


def ready_for_card(root: Path) -> Person:
    """Return what a person has said; UsageError where a card could not be written later.

    That is for a wrong `card.yaml`, or an existing card whose head cannot be read.
    """
    existing = existing_card(root)
    if existing is not None:
        merge("", existing, name=str(root / CARD))
    return read_person(root)


def existing_card(root: Path) -> str | None:
    """Return the card that is there, or None. UsageError for one that is no text."""
    path = root / CARD
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: is not UTF-8 text.\n  Save it as UTF-8, or remove it."
        ) from error


def write_card(
    root: Path,
    recipe: Recipe,
    manifest: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    person: Person | None = None,
) -> Path:
    """Write the card and its figure for a run that is about to be finished; return where.

    It costs the same however large the run is: everything in it is in the manifest.
    """
    shards = _below(files, SHARDS)
    _write(root, Facts(manifest, recipe.resolved(), shards, person or Person()))
    return root / CARD


def _below(files: Sequence[Mapping[str, Any]], folder: str) -> list[Mapping[str, Any]]:
    return [item for item in files if str(item["path"]).startswith(folder)]


def _write(root: Path, facts: Facts) -> None:
    write_whole(root / "dataset" / FIGURE, draw_funnel(facts.manifest).encode())
    card = compose(card_head(facts), card_parts(facts))
    existing = existing_card(root)
    if existing is not None:
        card = merge(card, existing, name=str(root / CARD))
    write_whole(root / CARD, card.encode())


def is_beside(path: str) -> bool:
    """Whether `cuvee card` writes a file of a run."""
    return path in _OURS or path.startswith(_OURS_OF_DUMPS)


def card_files(root: Path) -> list[dict[str, Any]]:
    """Return path, rows, bytes and sha256 of the card and its figure."""
    return [described(root, root / path) for path in (CARD, f"dataset/{FIGURE}")]


def remove_beside(root: Path) -> None:
    """Remove what `cuvee card` has written beside the card of an earlier state of a run."""
    for name in BESIDE:
        (root / "dataset" / name).unlink(missing_ok=True)
    for path in sorted((root / DOMAINS_OF_DUMPS).glob("*.parquet")):
        path.unlink()


def make_card(root: Path, repo: str | None = None, told: Told | None = None) -> Made:
    """Write the card of a finished run and everything beside it; note them in the manifest.

    `repo` is the dataset's name on the Hub, for the programs that load it. The shards are read
    once, a few columns of the ledger twice. UsageError where no finished run is, or for a wrong
    `card.yaml` or head of the existing card.
    """
    load_manifest(root)
    with held(root) as still_ours:
        return make_card_held(root, repo, told, still_ours)


def make_card_held(
    root: Path,
    repo: str | None = None,
    told: Told | None = None,
    still_ours: Callable[[], None] = lambda: None,
) -> Made:
    """Do what `make_card` does in a folder that the caller holds."""
    manifest = load_manifest(root)
    person = ready_for_card(root)
    changed = changed_parts(existing_card(root) or "")
    listed = run_files(root, manifest)
    files = [item for item in listed if not is_beside(str(item["path"]))]
    facts = _facts_of(root, manifest, files, person)
    facts = replace(facts, repo=repo, samples=_samples(root, files))
    counted, tables = _tables(root, facts, _below(files, _LEDGER), told)
    facts = replace(facts, counted=counted)
    still_ours()
    _write(root, facts)
    _write_beside(root, facts)
    made = [*card_files(root), *tables, *(described(root, root / path) for path in _texts())]
    below = [*_below(files, "dataset/"), *(f for each in facts.samples.values() for f in each)]
    sums = root / "dataset" / "SHA256SUMS"
    write_whole(sums, checksums([*below, *made]).encode())
    made.append(described(root, sums))
    said = {key: value for key, value in manifest.items() if key not in _WRITTEN_ANEW}
    said["counted"] = counted.plain()
    write_manifest(root, said, sorted([*files, *made], key=lambda item: str(item["path"])))
    return Made(tuple(made), tuple(person.missing()), tuple(changed), counted)


def write_plain_card(
    root: Path, manifest: Mapping[str, Any], files: Sequence[Mapping[str, Any]]
) -> None:
    """Write the card and its figure of a run by its folder alone, without its recipe's code."""
    _write(root, _facts_of(root, manifest, files, ready_for_card(root)))


def _facts_of(
    root: Path, manifest: Mapping[str, Any], files: Sequence[Mapping[str, Any]], person: Person
) -> Facts:
    recipe = read_file(root / "recipe.yaml", str(root / "recipe.yaml"), 0).plain()
    return Facts(manifest, recipe, _below(files, SHARDS), person)


def beside_of(root: Path) -> tuple[bool, str | None]:
    """Return whether `cuvee card` has written what lies beside a card, and for which repository."""
    try:
        said = json.loads((root / "dataset" / "croissant.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return False, None
    url = str(said.get("url") or "") if isinstance(said, dict) else ""
    return True, url.removeprefix(DATASETS) if url.startswith(DATASETS) else None


def _texts() -> list[str]:
    return [f"dataset/{name}" for name in _TEXTS]


def _samples(root: Path, files: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the files of each sample below `dataset/sample/`, by name."""
    known = {str(item["path"]): item for item in files}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted((root / _SAMPLES).rglob("*.parquet")):
        name = path.relative_to(root).as_posix()
        item = known.get(name) or described(root, path)
        found.setdefault(name.split("/")[2], []).append(item)
    return found


def _tables(
    root: Path, facts: Facts, ledgers: Sequence[Mapping[str, Any]], told: Told | None
) -> tuple[Counted, list[dict[str, Any]]]:
    """Count the run, and write what is a table beside the card."""
    read = _Progress(total(facts.shards, "bytes") + total(ledgers, "bytes"), told)
    attempt = Attempt(root, "card", "all")
    try:
        shards, rows = (_places(root, each) for each in (facts.shards, ledgers))
        placed = zip(map(place_of, facts.shards), shards, strict=True)
        by_dump = sorted(((place, *shard) for place, shard in placed), key=itemgetter(0))
        counted = count_run(attempt, by_dump, rows, read.add)
        if len(facts.languages) > 1:
            counted.removed = removed_by_language(root, facts.languages)
        with TableWriter(attempt, "dataset/funnel.parquet", FUNNEL) as writer:
            for row in funnel_rows(facts):
                writer.add(row)
        with TableWriter(attempt, "dataset/audit.parquet", AUDIT) as writer:
            if facts.manifest["pages"]:
                writer.add_table(audit_table(root))
        sealed = attempt.seal()
        attempt.place()
    finally:
        attempt.close()
    return counted, [asdict(item) for item in sealed]


def _places(root: Path, files: Sequence[Mapping[str, Any]]) -> list[tuple[Path, int]]:
    return [(root / str(item["path"]), int(item["bytes"])) for item in files]


class _Progress:
    """Adds up the bytes that were read."""

    def __init__(self, whole: int, told: Told | None) -> None:
        self._done, self._whole, self._told = 0, whole, told

    def add(self, count: int) -> None:
        self._done += count
        if self._told is not None:
            self._told(self._done, self._whole)


def _write_beside(root: Path, facts: Facts) -> None:
    data = annex(facts)
    digest = str(facts.manifest["recipe"]["digest"])
    texts = (
        Public(facts.recipe, digest).text,
        json.dumps(data, indent=1, ensure_ascii=False) + "\n",
        annex_page(data),
        croissant(facts),
    )
    for name, text in zip(_TEXTS, texts, strict=True):
        write_whole(root / "dataset" / name, text.encode())
