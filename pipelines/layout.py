"""How shards are named: by dump, as FineWeb's are, or by language and script, as FineWeb-2's.

Below `data/` and `tokens/` a shard is `<dump>/000_00000` or `fra_Latn/train/<dump>_00000`. The
number of folders tells one from the other, so a path alone says which dump and language it is of,
and shards of several dumps, made by several runs, never have the same name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from filters.languages import UNDETERMINED, find_language

_TRAIN = "train"
_BY_DUMP = 2
"""Parts of the path of a shard that lies in its dump's folder."""


@dataclass(frozen=True, slots=True)
class DatasetOptions:
    """How the dataset is laid out, and what its rows say besides FineWeb's columns."""

    by: Literal["dump", "language"] = "dump"
    licence: bool = False
    """Whether each row says which licence the page's markup names."""

    def plain(self) -> dict[str, str | bool]:
        """Return the options as a recipe has them."""
        return {"by": self.by, **({"licence": True} if self.licence else {})}

    @property
    def by_language(self) -> bool:
        """Whether each language and script has a folder, as in FineWeb-2."""
        return self.by == "language"


class Placed(NamedTuple):
    """What the path of a shard says of it."""

    dump: str
    language: str = ""
    """Such as `fra_Latn`; empty where the dataset is laid out by dump."""

    @property
    def config(self) -> str:
        """The config that loads it: the dump, or the language and script."""
        return self.language or self.dump


def shard_name(dump: str, shard: int, language: str = "") -> str:
    """Return the path of a shard below `data/` and `tokens/` without its ending."""
    if language:
        return f"{language}/{_TRAIN}/{dump}_{shard:05d}"
    return f"{dump}/000_{shard:05d}"


def placed(path: str) -> Placed:
    """Return of which dump and language a shard is, by its path below `data/` or `tokens/`."""
    parts = path.split("/")
    if len(parts) == _BY_DUMP:
        return Placed(parts[0])
    return Placed(parts[-1].rpartition("_")[0], parts[0])


def is_by_language(shards: Iterable[Placed]) -> bool:
    """Whether a dataset of these shards is laid out by language."""
    return any(shard.language for shard in shards)


def all_tables(folder: str, *, by_language: bool) -> str:
    """Return the pattern of all shards below a folder."""
    return f"{folder}/*/*/*.parquet" if by_language else f"{folder}/*/*.parquet"


def config_tables(folder: str, shard: Placed) -> str:
    """Return the pattern of all shards of the config that a shard belongs to."""
    if shard.language:
        return f"{folder}/{shard.language}/{_TRAIN}/*.parquet"
    return f"{folder}/{shard.dump}/*.parquet"


def dump_tables(folder: str, shard: Placed) -> str:
    """Return the pattern of those shards of a config that are of one dump."""
    if shard.language:
        return f"{folder}/{shard.language}/{_TRAIN}/{shard.dump}_?????.parquet"
    return f"{folder}/{shard.dump}/*.parquet"


@cache
def language_folder(label: str) -> str:
    """Return the folder of pages that have this label of a language model.

    What no known set of labels has, such as a model's of one's own, is undetermined.
    """
    return str(find_language(label) or UNDETERMINED)
