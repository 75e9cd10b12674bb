"""What a finished run publishes: its files by the names that they have in the repository."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from filters.errors import UsageError
from pipelines.card.person import read_person
from pipelines.card.told import Public
from pipelines.files import sha256_of
from pipelines.layout import Placed, placed
from pipelines.manifest import load_manifest, run_files
from pipelines.recipe.source import read_file
from pipelines.storage import CommitLog

DATA, SAMPLE, TOKENS = "data", "sample", "tokens"
CARD, MANIFEST, SUMS = "README.md", "manifest.json", "SHA256SUMS"
_OWN = (DATA, SAMPLE)
_SHARDS, _TOKENS = "dataset/data/", "tokens/"


class Group(NamedTuple):
    """Tables of a repository that one config, or a part of one, consists of."""

    folder: str
    """`data`, `sample` or `tokens`."""
    name: str
    """The dump, or the sample."""
    language: str = ""
    """Such as `fra_Latn`; empty for samples, and where the dataset is laid out by dump."""

    @property
    def place(self) -> Placed:
        """What the path of any of its tables says, but for samples."""
        return Placed(self.name, self.language)


@dataclass(frozen=True, slots=True)
class Item:
    """A file to be published."""

    path: str
    """In the repository."""
    source: Path | bytes
    size: int
    """Bytes."""
    sha256: str
    rows: int = 0
    tokens: int = 0

    @property
    def folder(self) -> str:
        """`data`, `sample` or `tokens` for tables; "" for the card and what lies beside it."""
        return folder_of(self.path)

    @property
    def name(self) -> str:
        """What tells it from every other file, and from another form of the same one."""
        return f"{self.path}@{self.sha256}"

    def read(self) -> bytes:
        """Return the content."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


@dataclass(frozen=True)
class Content:
    """What one repository is to hold of a run."""

    name: str
    items: tuple[Item, ...]
    """Tables, and what lies beside the card; not the card, the manifest and the sums."""
    card: str
    dumps: tuple[str, ...]
    run: Mapping[str, Any]
    """What the run's manifest says that is the same whenever the same is run."""
    recipe: Mapping[str, Any]
    """As it is published, as plain data."""
    person: Mapping[str, Any]
    """What a person has said of the dataset."""

    @cached_property
    def by_path(self) -> dict[str, Item]:
        """The items by the name that they have in the repository."""
        return {item.path: item for item in self.items}

    def groups(self) -> set[tuple[str, str]]:
        """Return folder and dump, or sample, of all tables."""
        return {group_of(item.path) for item in self.items if item.folder}


def folder_of(path: str) -> str:
    """Return `data`, `sample` or `tokens` for a table of the dataset, "" for any other file."""
    top, _, rest = path.partition("/")
    is_table = top in (DATA, SAMPLE, TOKENS) and rest.endswith(".parquet")
    return top if is_table else ""


def tables_of(path: str) -> Group:
    """Return which tables a table belongs to."""
    folder, _, rest = path.partition("/")
    return (
        Group(SAMPLE, rest.partition("/")[0]) if folder == SAMPLE else Group(folder, *placed(rest))
    )


def group_of(path: str) -> tuple[str, str]:
    """Return folder and dump, or sample, of a table: what is published or replaced as a whole."""
    found = tables_of(path)
    return found.folder, found.name


def main_folder(folders: Iterable[str]) -> str:
    """Return the folder that a dataset consists of: `data`, but for one of token ids alone."""
    found = set(folders)
    return TOKENS if TOKENS in found and DATA not in found else DATA


def item_of(path: str, data: bytes) -> Item:
    """Return a file that is made for the repository."""
    return Item(path, data, len(data), sha256(data).hexdigest())


def read_content(root: Path, *, tokens: bool = False) -> Content:
    """Return what a run has to publish, the samples that were drawn of it included.

    UsageError where it has not finished or has no rows.
    """
    manifest = load_manifest(root)
    shards = read_shards(root)
    if not shards:
        raise UsageError(
            f"{root}: no page was kept, so there is nothing to publish.\n"
            f"  See what removed them: cuvee funnel {root}"
        )
    dumps = tuple(sorted({group_of(item.path)[1] for item in shards}))
    items = [*shards, *_samples(root), *_papers(root)]
    plain = read_file(root / "recipe.yaml", str(root / "recipe.yaml"), 0).plain()
    recipe = Public(plain, str(manifest["recipe"]["digest"]))
    items += [item_of(f"recipes/{dump}.yaml", recipe.text.encode()) for dump in dumps]
    items += token_items(root) if tokens else []
    return Content(
        name=manifest["recipe"]["name"],
        items=tuple(sorted(items, key=lambda item: item.path)),
        card=_card(root),
        dumps=dumps,
        run=recipe.of_run(manifest),
        recipe=recipe.plain,
        person=read_person(root).values,
    )


def read_shards(root: Path) -> list[Item]:
    """Return the shards of a finished run's dataset."""
    counts = _token_counts(root, "tokens")
    return [
        _table(root / facts["path"], f"{DATA}/{_inner(facts)}", facts, counts[_flat(facts)])
        for facts in _listed(root, _SHARDS)
    ]


def token_items(root: Path) -> list[Item]:
    """Return the token shards, each dump in a folder of its own, and their tokenizer."""
    names = {_flat(facts): _inner(facts) for facts in _listed(root, _SHARDS)}
    counts = _token_counts(root, "tokens", "special")
    items = [_renamed(root / "tokenizer.json", "tokenizer.json")]
    for facts in _listed(root, _TOKENS):
        flat = str(facts["path"]).removeprefix(_TOKENS)
        path = f"{TOKENS}/{names[flat]}"
        items.append(_table(root / facts["path"], path, facts, counts[flat]))
    return items


def _token_counts(root: Path, *counted: str) -> dict[str, int]:
    """Return the tokens of each shard, by the flat name that its token ids have.

    `counted` are what its commit tells of them: those of its texts, and special ones.
    """
    commits = CommitLog(root).commits("tokens").values()
    return {
        item.path.removeprefix(_TOKENS): sum(commit.facts.get(name, 0) for name in counted)
        for commit in commits
        for item in commit.files
    }


def _flat(facts: Mapping[str, Any]) -> str:
    return _inner(facts).replace("/", "-")


def _inner(facts: Mapping[str, Any]) -> str:
    return str(facts["path"]).removeprefix(_SHARDS)


def _listed(root: Path, folder: str) -> list[dict[str, Any]]:
    """Return what is known of a folder's files."""
    files = run_files(root, load_manifest(root))
    return [facts for facts in files if str(facts["path"]).startswith(folder)]


def _table(source: Path, path: str, facts: Mapping[str, Any], tokens: int) -> Item:
    return Item(path, source, facts["bytes"], facts["sha256"], facts["rows"], tokens)


def _samples(root: Path) -> Iterator[Item]:
    for commit in CommitLog(root).commits("samples").values():
        counts = commit.facts["tokens"]
        for item, tokens in zip(commit.files, counts, strict=True):
            path = item.path.removeprefix("dataset/")
            yield _table(root / item.path, path, asdict(item), tokens)


def _papers(root: Path) -> Iterator[Item]:
    """Yield what lies beside the card: what describes the dataset, but is no table of it."""
    folder = root / "dataset"
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and name.parts[0] not in (*_OWN, CARD, MANIFEST, SUMS):
            yield _renamed(path, name.as_posix())


def _renamed(source: Path, path: str) -> Item:
    return Item(path, source, source.stat().st_size, sha256_of(source))


def _card(root: Path) -> str:
    path = root / "dataset" / CARD
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise UsageError(
            f"{path}: the dataset's card is missing.\n"
            "  Run the recipe's command again: it writes the card anew."
        ) from None
