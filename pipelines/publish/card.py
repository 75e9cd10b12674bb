"""The YAML head of a dataset card, as the repository needs it: which configs it names.

A card in a repository that is being filled in several commits holds them back: its
configs name only what is complete, so that nobody is offered a half of anything.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml

from filters.errors import UsageError
from pipelines.card.head import size_category
from pipelines.card.merge import CardDumper, Part, merge
from pipelines.layout import all_tables, config_tables, dump_tables, is_by_language
from pipelines.publish.content import (
    CARD,
    DATA,
    SAMPLE,
    TOKENS,
    Group,
    folder_of,
    main_folder,
    tables_of,
)

HELD = "cuvee_upload"
"""Key of a card that holds configs back."""
REQUIRED = ("pretty_name", "license")
_NOTHING_YET = "being-uploaded/*.parquet"
_FENCE = "---\n"
_BEGUN = "# {name}\n\nThis dataset is being uploaded and not complete yet."


def split_card(card: str, place: str = CARD) -> tuple[dict[str, Any], str]:
    """Return head and body of a card; UsageError where the head is no YAML."""
    parts = card.replace("\r\n", "\n").split(_FENCE, 2)
    if not card.startswith(_FENCE) or len(parts) < 3:  # noqa: PLR2004  before, head, body
        return {}, card
    try:
        head = yaml.safe_load(parts[1]) or {}
    except yaml.YAMLError as error:
        line = str(getattr(error, "problem", None) or "not YAML")
        raise UsageError(
            f"{place}: its head cannot be read: {line}.\n"
            "  The head is YAML, between the card's first two lines of ---."
        ) from error
    if not isinstance(head, dict):
        raise UsageError(
            f"{place}: its head is no list of names with values.\n  For example: license: odc-by"
        )
    return head, parts[2]


def join_card(head: Mapping[str, Any], body: str) -> str:
    """Return a card."""
    written = yaml.dump(dict(head), Dumper=CardDumper, sort_keys=False, allow_unicode=True)
    return f"{_FENCE}{written}{_FENCE}{body}"


def check_card(card: str, place: str) -> None:
    """Raise UsageError where the card's head lacks what a dataset must say of itself."""
    head, _ = split_card(card, place)
    for name in REQUIRED:
        if not head.get(name):
            raise UsageError(
                f"{place}: the card does not say its {name}.\n"
                "  Write the card again: cuvee card DIR --repo ORG/NAME"
            )


def configs_of(head: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return a card's configs by name; what has another shape is left out."""
    configs = head.get("configs")
    return {
        str(config["config_name"]): config
        for config in (configs if isinstance(configs, list) else [])
        if isinstance(config, dict) and "config_name" in config
    }


def patterns_of(config: Mapping[str, Any]) -> list[str]:
    """Return the patterns of a config's files."""
    given = config.get("data_files") or []
    found: list[str] = []
    for entry in given if isinstance(given, list) else [given]:
        path = entry.get("path", []) if isinstance(entry, dict) else entry
        found += [str(item) for item in (path if isinstance(path, list) else [path])]
    return found


def complete_card(local: str, remote: str | None, manifest: Mapping[str, Any]) -> str:
    """Return a run's card with a config for all that the repository's manifest lists.

    Other dumps, samples and tokens are added to those that the run knows of; what a person
    has added to the repository's card stays.
    """
    groups = groups_of(manifest)
    before, body = split_card(remote) if remote else ({}, "")
    before = {name: value for name, value in before.items() if name != HELD}
    names = {group.place.config for group in groups if group.folder == DATA}
    card = merge(local, join_card(before, body), stay=names) if remote else local
    head, body = split_card(card)
    configs = {name: was for name, was in configs_of(head).items() if name != TOKENS}
    configs |= {config["config_name"]: config for config in _made_configs(groups)}
    head["configs"] = list(configs.values())
    if len(manifest["runs"]) > 1 and not names <= {*_infos(head), "default"}:
        languages = {*_strings(head.get("language")), *_strings(before.get("language"))}
        head["language"] = sorted(languages)
        head["size_categories"] = [size_category(manifest["rows"])]
        infos = {**_infos(before), **_infos(head)}
        head["dataset_info"] = _without_sizes(infos, stay=names)
    return join_card(head, body)


def held_card(name: str, remote: str | None, stable: Iterable[Group]) -> str:
    """Return the card to be shown until an upload is complete: it names `stable` tables alone."""
    head, body = split_card(remote) if remote else ({}, "")
    stable = sorted(stable)
    main = main_folder(group.folder for group in stable)
    places = [group.place for group in stable if group.folder == main]
    tables = [dump_tables(main, place) for place in places]
    default = config_of("default", tables or [_NOTHING_YET])
    head = {"pretty_name": name, **head}
    head["configs"] = [{**default, "default": True}, *_made_configs(stable, is_whole=False)]
    if "dataset_info" in head:
        # A language may lack dumps now, so that its sizes are others.
        stay = set() if is_by_language(places) else {place.dump for place in places}
        head["dataset_info"] = _without_sizes(_infos(head), stay=stay)
    head[HELD] = "in progress"
    return join_card(head, body or Part("upload", _BEGUN.format(name=name)).marked())


def _infos(head: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what a head says of each config's features and sizes."""
    given = head.get("dataset_info") or []
    entries = given if isinstance(given, list) else [given]
    infos = [entry for entry in entries if isinstance(entry, dict)]
    return {str(info.get("config_name", "default")): info for info in infos}


def _without_sizes(infos: Mapping[str, Mapping[str, Any]], stay: Collection[str]) -> list[Any]:
    """Return the infos of dumps that stay; what all have together is no run's to say."""
    features = infos.get("default", {}).get("features")
    every = [{"config_name": "default", "features": features}] if features else []
    return [*every, *(info for name, info in infos.items() if name in stay and name != "default")]


def is_held(card: str | None) -> bool:
    """Whether a card holds configs back."""
    return card is not None and HELD in split_card(card)[0]


def groups_of(manifest: Mapping[str, Any]) -> list[Group]:
    """Return which tables a repository's manifest lists."""
    paths = (str(facts["path"]) for facts in manifest["files"])
    return sorted({tables_of(path) for path in paths if folder_of(path)})


def _made_configs(groups: Iterable[Group], *, is_whole: bool = True) -> list[dict[str, Any]]:
    """Return configs for dumps or languages, samples and tokens, in the order of FineWeb's.

    Unless the groups are all that the repository has, a language's config names its dumps.
    """
    groups = list(groups)
    samples = [group.name for group in groups if group.folder == SAMPLE]
    found = [config_of(f"sample-{name}", [f"{SAMPLE}/{name}/*.parquet"]) for name in samples]
    tables: dict[str, list[str]] = {}
    for group in groups:
        if group.folder == DATA and group.place.config != "default":
            pattern = (config_tables if is_whole else dump_tables)(DATA, group.place)
            tables.setdefault(group.place.config, []).append(pattern)
    found += [config_of(name, list(dict.fromkeys(paths))) for name, paths in tables.items()]
    tokens = [group.place for group in groups if group.folder == TOKENS]
    if tokens and main_folder(group.folder for group in groups) != TOKENS:
        paths = [dump_tables(TOKENS, place) for place in tokens]
        if is_whole and is_by_language(tokens):
            paths = [all_tables(TOKENS, by_language=True)]
        found.append(config_of("tokens", paths))
    return found


def config_of(name: str, paths: list[str]) -> dict[str, Any]:
    """Return a config of tables, as a card's head has it."""
    path = paths[0] if len(paths) == 1 else paths
    return {"config_name": name, "data_files": [{"split": "train", "path": path}]}


def _strings(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value]) if item]
