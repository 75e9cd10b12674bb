"""What a run says of itself, as anybody may read it.

Of a folder on somebody's machine only the last part is anybody's business, and how long
something took, or how often it was asked for, is no property of the dataset.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

_PASSING = ("files", "file_totals", "format", "stages", "engine", "seconds", "at_limits")
_PASSING_OF_INPUTS = ("fetched",)


class Told:
    """A run's recipe without the places of its machine."""

    def __init__(self, recipe: str) -> None:
        places = sorted(set(_places(yaml.safe_load(recipe))), key=len, reverse=True)
        self._names = {place: PurePosixPath(place).name for place in places}
        self.text = self._without_places(recipe)

    def of_run(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a manifest says of the dataset."""
        facts = {name: value for name, value in manifest.items() if name not in _PASSING}
        inputs = {
            name: value for name, value in facts["inputs"].items() if name not in _PASSING_OF_INPUTS
        }
        told: dict[str, Any] = self._plain({**facts, "inputs": inputs})
        return told

    def _plain(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._without_places(value)
        if isinstance(value, Mapping):
            return {self._plain(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        return value

    def _without_places(self, text: str) -> str:
        for place, name in self._names.items():
            text = text.replace(place, name)
        return text


def _places(value: Any) -> Iterator[str]:
    """Yield the strings that name a place from the root of a machine, or somebody's home."""
    if isinstance(value, str):
        if value.startswith(("/", "~/")) and PurePosixPath(value).name:
            yield value
    elif isinstance(value, dict):
        for item in (*value.keys(), *value.values()):
            yield from _places(item)
    elif isinstance(value, list):
        for item in value:
            yield from _places(item)
