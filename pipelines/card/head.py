"""The YAML head of a card: what the Hub and `datasets` read of it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from filters.languages import find_language
from pipelines.card.facts import Facts, tables_of, total
from pipelines.layout import all_tables

_DTYPES = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64"}
"""Names that `datasets` has for the types of our columns."""
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
    (100_000_000_000, "10B<n<100B"),
    (1_000_000_000_000, "100B<n<1T"),
)
_NO_LANGUAGE = {"und", "zxx"}
"""Codes of what is undetermined, and of what is no language."""
_CODE = re.compile(r"[a-z]{2,3}")
DEFAULT = "default"


def card_head(facts: Facts) -> dict[str, Any]:
    """Return the head: configs, languages, licence, sizes in rows, features."""
    person = facts.person
    head: dict[str, Any] = {"pretty_name": facts.name}
    codes = language_codes(facts.languages)
    if codes:
        head["language"] = codes
    for key in ("license", "license_name", "license_link"):
        if person.text(key):
            head[key] = person.text(key)
    head["task_categories"] = ["text-generation"]
    head["size_categories"] = [size_category(facts.amount.rows)]
    head["tags"] = ["cuvee"]
    if facts.shards:
        head["configs"] = list(_configs(facts))
    head["dataset_info"] = _info(facts)
    return head


def language_codes(labels: Iterable[str]) -> list[str]:
    """Return the ISO 639-1 or 639-3 codes of language labels; what is no such code is left out."""
    found = ((label, find_language(label)) for label in labels)
    codes = {language.short if language else label for label, language in found}
    return sorted(code for code in codes - _NO_LANGUAGE if _CODE.fullmatch(code))


def _configs(facts: Facts) -> Iterable[dict[str, Any]]:
    every = all_tables("data", by_language=facts.by_language)
    yield {"config_name": DEFAULT, "default": True, "data_files": _train(every)}
    for name, files in facts.configs.items():
        if name != DEFAULT:
            yield {"config_name": name, "data_files": _train(tables_of(files))}
    for name in facts.samples:
        yield {"config_name": sample_config(name), "data_files": _train(f"sample/{name}/*.parquet")}


def sample_config(name: str) -> str:
    """Return the config of the sample in a folder, as FineWeb names them."""
    return f"sample-{name}"


def _train(pattern: str) -> list[dict[str, str]]:
    return [{"split": "train", "path": pattern}]


def _info(facts: Facts) -> Any:
    """Return the features; with them rows and bytes of each config where they were counted."""
    features = [{"name": field.name, "dtype": _DTYPES[field.type]} for field in facts.columns]
    if facts.counted is None or not facts.shards:
        return {"features": features}
    unpacked: Counter[str] = Counter()
    for place, count in facts.counted.arrow_bytes.items():
        unpacked[place.config] += count
    every = {"config_name": DEFAULT, "features": features}
    return [
        {**every, **_sizes(facts.shards, unpacked.total())},
        *(
            {"config_name": name, **_sizes(files, unpacked[name])}
            for name, files in facts.configs.items()
            if name != DEFAULT
        ),
    ]


def _sizes(files: Sequence[Mapping[str, Any]], unpacked: int) -> dict[str, Any]:
    return {
        "splits": [{"name": "train", "num_bytes": unpacked, "num_examples": total(files, "rows")}],
        "download_size": total(files, "bytes"),
        "dataset_size": unpacked,
    }


def size_category(rows: int) -> str:
    """Return the Hub's name for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "n>1T")
