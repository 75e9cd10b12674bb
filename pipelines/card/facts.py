"""Everything that a card is made of, in one place."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.card.count import Amount, Counted
from pipelines.card.person import Person
from pipelines.layout import Placed, config_tables, is_by_language, placed
from pipelines.ledger import LICENCE_COLUMN, dataset_schema

NO_REPOSITORY = "ORG/NAME"
"""What stands for the repository's name while nobody has said it."""


DATASETS = "https://huggingface.co/datasets/"
"""Where the pages of repositories are."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A finished run, what was counted of it, and what a person has said."""

    manifest: Mapping[str, Any]
    recipe: Mapping[str, Any]
    """The resolved recipe as plain data."""
    shards: Sequence[Mapping[str, Any]]
    """Path, rows, bytes and sha256 of each shard; paths are relative to the run's folder."""
    person: Person = field(default_factory=Person)
    repo: str | None = None
    """ORG/NAME on the Hub."""
    counted: Counted | None = None
    """None at the end of a run, where no pass over its rows is made."""
    samples: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Files of each sample below `dataset/sample/`, as for shards."""

    @property
    def name(self) -> str:
        """The dataset's name as people read it."""
        return self.person.text("pretty_name") or str(self.recipe["recipe"])

    def said(self, name: str) -> str:
        """Return what a person has said, or that nobody has said it."""
        return self.person.text(name) or "Not stated."

    @property
    def amount(self) -> Amount:
        """Documents, tokens and bytes of text: as counted, else as the run has them."""
        if self.counted is None:
            manifest = self.manifest
            return Amount(manifest["rows"], manifest["tokens"], manifest["text_bytes"])
        whole = Amount()
        for amount in self.counted.amounts.values():
            whole.add(amount)
        return whole

    @property
    def languages(self) -> dict[str, int]:
        """Documents by language label, by name: as counted, else as the run has them."""
        if self.counted is None:
            return dict(self.manifest["languages"])
        found: Counter[str] = Counter()
        for (_, language), amount in self.counted.amounts.items():
            found[language] += amount.rows
        return dict(sorted(found.items()))

    @property
    def columns(self) -> pa.Schema:
        """The columns of the dataset."""
        return dataset_schema(licence=bool(self.manifest.get(LICENCE_COLUMN)))

    @property
    def repository(self) -> str:
        """The repository's name, or what stands for it."""
        return self.repo or NO_REPOSITORY

    @property
    def address(self) -> str:
        """Address of the repository's page."""
        return f"{DATASETS}{self.repository}"

    @property
    def dumps(self) -> dict[str, list[Mapping[str, Any]]]:
        """The shards of each dump, by name."""
        return self._shards_by(lambda place: place.dump)

    @property
    def configs(self) -> dict[str, list[Mapping[str, Any]]]:
        """The shards of each dump, or of each language in a dataset laid out by these, by name."""
        return self._shards_by(lambda place: place.config)

    @property
    def by_language(self) -> bool:
        """Whether the dataset is laid out by language."""
        return is_by_language(map(place_of, self.shards))

    def _shards_by(self, name: Callable[[Placed], str]) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for item in self.shards:
            found.setdefault(name(place_of(item)), []).append(item)
        return dict(sorted(found.items()))

    @property
    def rules(self) -> dict[str, str]:
        """The condition of each rule of the recipe, by its name."""
        found: dict[str, str] = {}
        for stage in self.recipe["stages"]:
            for kind in ("gate", "drop"):
                found.update(stage.get(kind) or {})
        return found

    @property
    def tokenizer(self) -> str:
        """What counts tokens, in words."""
        given = self.recipe["tokenizer"]
        if isinstance(given, str):  # of a local path only the last part is anybody's business
            return given.rsplit("/", 1)[-1] if given.startswith(("/", ".", "~")) else given
        if "tiktoken" in given:
            return str(given["tiktoken"]["ranks"]).rsplit("/", 1)[-1]
        size = int(given["train"]["vocab_size"])
        return f"a byte-level BPE of {size:,} tokens, trained on this dataset"


SHARDS = "dataset/data/"
"""Where a run has its shards."""


def place_of(shard: Mapping[str, Any]) -> Placed:
    """Return of which dump and language a shard is."""
    return placed(str(shard["path"]).removeprefix(SHARDS))


def tables_of(files: Sequence[Mapping[str, Any]]) -> str:
    """Return the pattern of the shards of one config in the repository."""
    return config_tables("data", place_of(files[0]))


def total(files: Sequence[Mapping[str, Any]], key: str) -> int:
    """Return the sum of rows or bytes of files."""
    return sum(int(item[key]) for item in files)
