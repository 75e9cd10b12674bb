"""A resolved recipe as YAML, in the form in which people write recipes: one rule a line."""

from typing import Any

import yaml

from pipelines.recipe.source import read_scalar
from pipelines.recipe.stage_options import RULE_STAGES


def recipe_yaml(resolved: dict[str, Any]) -> str:
    """Return YAML that reads back as the same data: a key or rule a line, options in braces."""
    top = {key: _entry(key, value) for key, value in resolved.items()}
    return yaml.dump(top, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))


class _FlowMap(dict[str, Any]):
    """A map that is written in braces."""


class _FlowList(list[Any]):
    """A list that is written in brackets."""


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper without aliases, which recipes do not have."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def represent_data(self, data: Any) -> yaml.Node:
        if isinstance(data, _FlowMap):
            return self.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)
        if isinstance(data, _FlowList):
            return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
        if isinstance(data, str) and (
            not data.isprintable() or not isinstance(read_scalar(data), str)
        ):  # also line separators, which PyYAML writes as they are and reads as a newline
            return self.represent_scalar("tag:yaml.org,2002:str", data, style='"')
        return super().represent_data(data)


def _entry(key: str, value: Any) -> Any:
    if key == "stages":
        return [_stage(stage) for stage in value]
    if key == "languages":
        return {label: _parts(layer) for label, layer in value.items()}
    return value if key in ("set", "add") else _flow(value)


def _parts(layer: dict[str, Any]) -> dict[str, Any]:
    return {key: _flow(entry) for key, entry in layer.items()}


def _stage(stage: dict[str, Any]) -> dict[str, Any]:
    kind, body = next(iter(stage.items()))
    return stage if kind in RULE_STAGES else {kind: _flow(body)}


def _flow(value: Any) -> Any:
    if isinstance(value, dict):
        return _FlowMap({key: _flow(entry) for key, entry in value.items()})
    if isinstance(value, list):
        return _FlowList(_flow(item) for item in value)
    return value
