"""A whole dataset of the Hub as input, found by `datasets` as `load_dataset` finds it.

`hf://datasets/ORG/NAME[@REVISION][?config=NAME&split=NAME]`: without a config the
default one, without a split `train`, or the only one. Parquet files and JSON lines are
read by our own readers at the commit that the revision stands for now; other data comes
through the library's streaming, one unit per shard. No code of a dataset is ever run.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode

from filters.errors import UsageError, WorkError, nearest
from pipelines.crawl.formats import format_of
from pipelines.crawl.model import Found
from pipelines.crawl.remote.address import relative_to

_SCHEME = "hf://datasets/"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)?")
_OPTIONS = ("config", "split")
_STREAMED = ("arrow", "csv", "json", "parquet", "text")
"""Builders that give rows of plain values; others open images, archives or databases."""
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A dataset, its revision, config and split; None for what is not chosen."""

    name: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None

    @property
    def address(self) -> str:
        """The address that was given, without its query."""
        return f"{_SCHEME}{self.name}" + (f"@{self.revision}" if self.revision else "")


def find_dataset(given: str, base: str | None) -> list[Found]:
    """Return the files of a dataset's split, or its shards where our readers know no such file.

    Raises UsageError for a dataset that is not there, may not be read, has several configs
    or splits of which none is chosen, or holds what is no table of text; WorkError when
    the Hub does not answer.
    """
    wanted = parse_address(given)
    with hub_errors(wanted):
        builder = _load_builder(wanted)
    splits = builder.config.data_files
    if not splits:
        raise UsageError(f"input '{wanted.address}' has no data files that can be read.")
    split = _choose_split(wanted, [str(name) for name in splits])
    paths = [str(path) for path in splits[split]]
    pinned = replace(wanted, revision=builder.hash, config=builder.config.name, split=split)
    if not all(path.startswith(f"{pinned.address}/") for path in paths):
        # Its card may name any address, and any file of this machine.
        raise UsageError(
            f"input '{wanted.address}' names data outside of itself, which is not read.\n"
            "  If you trust them, give those files as inputs of their own."
        )
    kind = type(builder).__module__.rpartition(".")[2]
    if kind == "parquet" or (kind == "json" and _is_lines(builder, paths)):
        with hub_errors(wanted):
            return _found_files(paths, base)
    if kind not in _STREAMED:
        raise UsageError(
            f"input '{wanted.address}' is kept as '{kind}', which is no table of text.\n"
            "  Parquet, JSON, CSV, Arrow and plain text can be read."
        )
    with hub_errors(wanted):
        shards = builder.as_streaming_dataset(split=split).num_shards
    return [_found_shard(pinned, shard, shards) for shard in range(shards)]


def parse_address(given: str) -> HubDataset:
    """Return what an address asks for; UsageError where it is of another form."""
    plain, _, query = given[len(_SCHEME) :].partition("?")
    name, _, revision = plain.strip("/").partition("@")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options.keys() - set(_OPTIONS):
        close = nearest(option, _OPTIONS)
        hint = f"Did you mean '{close}'?  " if close else ""
        raise UsageError(
            f"input '{_SCHEME}{plain}': a dataset has no option '{option}'.\n"
            f"  {hint}For example: {_SCHEME}{name}?config=NAME&split=NAME"
        )
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"input '{_SCHEME}{plain}' is not the name of a dataset.\n"
            f"  For example: {_SCHEME}ORG/NAME, {_SCHEME}ORG/NAME@REVISION?config=NAME&split=NAME"
        )
    return HubDataset(name, revision or None, options.get("config"), options.get("split"))


def quiet_datasets() -> Any:
    """Return the module `datasets`, told to ask the Hub for nothing but the data.

    It would count downloads at another host, ask the viewer for an export, draw bars.
    """
    os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")  # read when it is imported
    import datasets

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    datasets.config.USE_PARQUET_EXPORT = False
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity_error()
    return datasets


def _load_builder(wanted: HubDataset) -> Any:
    datasets = quiet_datasets()
    where = f"{_SCHEME}{wanted.name}"  # a folder of that name on this machine is not meant
    try:
        return datasets.load_dataset_builder(where, wanted.config, revision=wanted.revision)
    except ValueError:
        names = datasets.get_dataset_config_names(where, revision=wanted.revision)
        if len(names) > 1 or (wanted.config and wanted.config not in names):
            _refuse_choice("config", wanted.config, names, wanted)
        raise


def _choose_split(wanted: HubDataset, names: Sequence[str]) -> str:
    split = wanted.split or ("train" if len(names) > 1 else names[0])
    if split not in names:
        _refuse_choice("split", wanted.split, names, wanted)
    return split


def _refuse_choice(
    what: str, given: str | None, names: Sequence[str], wanted: HubDataset
) -> NoReturn:
    listed = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    fact = f"has no {what} '{given}'" if given else f"has several {what}s and none is chosen"
    best = (nearest(given, names) if given else None) or names[0]
    raise UsageError(
        f"input '{wanted.address}' {fact}.\n  Its {what}s: {listed}.\n"
        f"  For example: --input '{wanted.address}?{what}={best}'"
    )


def _is_lines(builder: Any, paths: Sequence[str]) -> bool:
    """Whether JSON files are lines of objects, by their names and what the card says of them."""
    plain = (".json", ".bz2", ".xz", ".zip", ".lz4")
    known = all(format_of(path) == "jsonl" and not path.endswith(plain) for path in paths)
    return known and not getattr(builder.config, "field", None)


def _found_files(paths: Sequence[str], base: str | None) -> list[Found]:
    from huggingface_hub import HfFileSystem

    filesystem = HfFileSystem()  # the same one that has listed them, with what it remembers
    found = []
    for path in sorted(paths):
        facts = filesystem.info(path)
        found.append(
            Found(
                uri=path,
                file_path=relative_to(path, base),
                size=facts.get("size"),
                version=str(facts.get("blob_id") or ""),
                format=format_of(path),
                same_as=path,
            )
        )
    return found


def _found_shard(pinned: HubDataset, shard: int, shards: int) -> Found:
    options = {"config": pinned.config, "split": pinned.split, "shard": shard, "shards": shards}
    uri = f"{pinned.address}?{urlencode(options)}"
    return Found(
        uri=uri,
        file_path=f"{pinned.name}/{pinned.config}/{pinned.split}-{shard:05d}-of-{shards:05d}",
        size=None,
        version=str(pinned.revision),
        format="dataset",
        same_as=uri,
    )


@contextmanager
def hub_errors(wanted: HubDataset) -> Iterator[None]:
    """Turn what `datasets` and the Hub's client raise into errors in words, without a token."""
    from datasets.exceptions import DatasetNotFoundError

    try:
        yield
    except UsageError:
        raise
    except DatasetNotFoundError as error:
        if "gated" in str(error):
            fact, way = "is gated", "Accept its terms on its page; then"
        else:
            fact = "is not on the Hub, or may not be read with this token"
            way = "Check its name and revision; for a private one"
        raise UsageError(
            f"input '{wanted.address}' {fact}.\n"
            f"  {way} set HF_TOKEN, or log in with 'hf auth login'."
        ) from error
    except FileNotFoundError as error:
        raise UsageError(
            f"input '{wanted.address}' has no data files that can be read.\n"
            "  Parquet, JSON, CSV, Arrow and plain text can be read."
        ) from error
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"input '{wanted.address}' cannot be loaded: {_first_line(error)}\n"
            "  Name its files instead: a path or glob behind the dataset's name."
        ) from error
    except Exception as error:  # whatever a network makes its many layers raise
        raise WorkError(
            f"input '{wanted.address}': the Hub does not answer ({_first_line(error)})\n"
            "  Check the connection and HF_ENDPOINT, then repeat the command."
        ) from error


def _first_line(error: BaseException) -> str:
    line = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {line}"
