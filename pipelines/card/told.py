"""What a run says of itself, as anybody may read it: its recipe, and its manifest.

Of a path on somebody's machine only the last part is anybody's business, and how long
something took, or how often it was asked for, is no property of the dataset.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.recipe.dump import recipe_yaml

_PASSING = ("files", "file_totals", "format", "stages", "engine", "seconds", "at_limits")
_PASSING_OF_INPUTS = ("fetched",)
_LOCAL = ("/", "./", "../", "~/")


class Public:
    """A run's resolved recipe, plain data, without the places of its machine."""

    def __init__(self, recipe: Mapping[str, Any], digest: str) -> None:
        places = {*_places(recipe), *(recipe.get("input") or ())}
        self._names = {place: _last_part(place) for place in sorted(places, key=len, reverse=True)}
        self.plain: dict[str, Any] = self._shortened(recipe)
        """The recipe."""
        self.text = (
            f"# Digest of the recipe as it was run: {digest}\n"
            "# Of paths on the machine where it was run only the last part is written here.\n"
            f"{recipe_yaml(self.plain)}"
        )
        """The recipe as a file."""

    def of_run(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a manifest says of the dataset."""
        facts = {name: value for name, value in manifest.items() if name not in _PASSING}
        inputs = {
            name: value for name, value in facts["inputs"].items() if name not in _PASSING_OF_INPUTS
        }
        told: dict[str, Any] = self._without_places({**facts, "inputs": inputs})
        return told

    def _shortened(self, value: Any) -> Any:
        """Return a recipe with each value that is a place as its last part."""
        if isinstance(value, str):
            return self._names.get(value, value)
        return _each(value, self._shortened)

    def _without_places(self, value: Any) -> Any:
        """Return a manifest in which no text names a place: there they stand within others."""
        if isinstance(value, str):
            for place, name in self._names.items():
                value = value.replace(place, name) if place.startswith(_LOCAL) else value
            return value
        return _each(value, self._without_places)


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, Mapping):
        return {change(key): change(item) for key, item in value.items()}
    if isinstance(value, list):
        return [change(item) for item in value]
    return value


def _places(value: Any) -> Iterator[str]:
    """Yield the strings that name a place on a machine."""
    if isinstance(value, str):
        if value.startswith(_LOCAL) and _last_part(value):
            yield value
    elif isinstance(value, Mapping):
        for item in (*value.keys(), *value.values()):
            yield from _places(item)
    elif isinstance(value, list):
        for item in value:
            yield from _places(item)


def _last_part(path: str) -> str:
    return path if "://" in path else path.rstrip("/").rsplit("/", 1)[-1]
