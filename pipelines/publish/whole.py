"""What is said of a repository as a whole: of all dumps that it has, whichever runs made them.

The repository's own manifest has what each run counted and what a person has said, so card,
Croissant, annex and tables beside them are made from it and from its tables of domains.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.card.annex import annex, annex_page
from pipelines.card.beside import FUNNEL, funnel_rows
from pipelines.card.count import Counted, sum_up
from pipelines.card.croissant import croissant
from pipelines.card.domains import DOMAINS, together
from pipelines.card.facts import Facts
from pipelines.card.head import card_head
from pipelines.card.merge import compose
from pipelines.card.parts import card_parts
from pipelines.card.person import Person
from pipelines.card.sections import FIGURE
from pipelines.picture import draw_funnel
from pipelines.publish.content import DATA, SAMPLE, Item, folder_of, group_of, item_of
from pipelines.storage import Attempt, digest
from pipelines.tables import TableWriter

_SUMMED = ("pages", "rows", "tokens", "text_bytes")
_COUNTED = ("other_records", "languages", "edits")
_OUTCOME = ("status", "stage", "rule")


def is_told(listing: Mapping[str, Any]) -> bool:
    """Whether a repository's manifest has all that its runs have counted."""
    paths = {item["path"] for item in listing["files"]}
    runs = listing["runs"].values()
    return (
        "person" in listing
        and all("counted" in run for run in runs)
        and paths.issuperset(domains_of(listing["dumps"]))
    )


def domains_of(dumps: Iterable[str]) -> list[str]:
    """Return the tables of domains of dumps."""
    return [f"domains/{dump}.parquet" for dump in dumps]


def whole_facts(
    listing: Mapping[str, Any], recipe: Mapping[str, Any], repo: str, latest: str
) -> Facts:
    """Return what is known of a repository, but for its domains.

    `latest` is the key of the run whose recipe is given: what cannot be added up is its.
    """
    runs = {key: run for key, run in listing["runs"].items() if key != latest}
    runs[latest] = listing["runs"][latest]
    counted = Counted()
    for key, run in runs.items():
        counted.add(
            run["counted"], [d for d, made_by in listing["dumps"].items() if made_by == key]
        )
    tables = [{**item, "path": f"dataset/{item['path']}"} for item in listing["files"]]
    samples: dict[str, list[Mapping[str, Any]]] = {}
    for table in tables:
        path = str(table["path"]).removeprefix("dataset/")
        if folder_of(path) == SAMPLE:
            samples.setdefault(group_of(path)[1], []).append(table)
    return Facts(
        manifest=_added(list(runs.values()), listing),
        recipe=recipe,
        shards=[table for table in tables if str(table["path"]).startswith(f"dataset/{DATA}/")],
        person=Person(listing["person"]),
        repo=repo,
        counted=counted,
        samples=samples,
    )


def _added(runs: Sequence[Mapping[str, Any]], listing: Mapping[str, Any]) -> dict[str, Any]:
    """Return one manifest for all runs; the last one's where nothing can be added."""
    last = runs[-1]
    if len(runs) == 1:
        return dict(last)
    dates = [date for run in runs for date in run["dates"]]
    takedowns = [entry for run in runs for entry in run.get("takedowns", ())]
    whose = {
        dump: listing["runs"][key]["recipe"]["digest"] for dump, key in listing["dumps"].items()
    }
    return {
        **{key: value for key, value in last.items() if key != "licences"},
        **{name: sum(run[name] for run in runs) for name in _SUMMED},
        **{name: dict(sorted(_sums(run[name] for run in runs).items())) for name in _COUNTED},
        "dates": [min(dates), max(dates)] if dates else [],
        "funnel": _funnel(runs),
        "dedup": _repeats(runs),
        "failed_units": {name: why for run in runs for name, why in run["failed_units"].items()},
        "inputs": {
            **{name: sum(run["inputs"][name] for run in runs) for name in ("files", "bytes")},
            "digest": digest([run["inputs"]["digest"] for run in runs]),
        },
        "recipe_of_dump": whose,
        **_opt_outs(runs),
        **_licences(runs),
        "takedowns": sorted(takedowns, key=lambda entry: str(entry["when"])),
    }


def _opt_outs(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts = [run["opt_outs"] for run in runs if "opt_outs" in run]
    return {"opt_outs": dict(_sums(counts))} if counts else {}


def _licences(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return licences added up; nothing where they were not measured in every run."""
    if not all("licences" in run for run in runs):
        return {}
    return {"licences": dict(sorted(_sums(run["licences"] for run in runs).items()))}


def _sums(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in counts:
        found.update(each)
    return found


def _funnel(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the funnels added up: in the last run's order, and behind it what only others have."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for run in reversed(runs):
        for row in run["funnel"]:
            held = found.setdefault(tuple(row[name] for name in _OUTCOME), {**row, **_NOTHING})
            held["pages"] += row["pages"]
            held["tokens"] += row["tokens"]
    return sorted(found.values(), key=lambda row: row["status"] == "kept")


_NOTHING = {"pages": 0, "tokens": 0}


def _repeats(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what deduplication found, by kind: each run looked among its own pages."""
    found: dict[str, Any] = {}
    for kind, last in runs[-1]["dedup"].items():
        alike = [run["dedup"][kind] for run in runs if kind in run["dedup"]]
        counts = {
            name: sum(each[name] for each in alike) for name in last if isinstance(last[name], int)
        }
        found[kind] = {**last, **counts}
        if "largest" in last:
            found[kind]["largest"] = max(each["largest"] for each in alike)
        if "histogram" in last:
            found[kind]["histogram"] = dict(_sums(each["histogram"] for each in alike))
    return found


def whole_papers(facts: Facts, domains: Sequence[Path], folder: Path) -> tuple[str, list[Item]]:
    """Return the card, and the other files that are said of a whole repository.

    `domains` are the tables of its dumps; `folder` is one to work in.
    """
    attempt = Attempt(folder, "whole", "all")
    with TableWriter(attempt, "domains.parquet", DOMAINS) as writer:
        for row in together(domains, folder / "sorting"):
            writer.add(row)
    assert facts.counted is not None  # noqa: S101  `whole_facts` has made it
    facts = replace(facts, counted=replace(facts.counted))
    assert facts.counted is not None  # noqa: S101  as above
    facts.counted.domains = sum_up(attempt.path("domains.parquet"), writer.rows)
    with TableWriter(attempt, "funnel.parquet", FUNNEL) as writer:
        for row in funnel_rows(facts):
            writer.add(row)
    data = annex(facts)
    texts = {
        "annex.json": json.dumps(data, indent=1, ensure_ascii=False) + "\n",
        "annex.md": annex_page(data),
        "croissant.json": croissant(facts),
        FIGURE: draw_funnel(facts.manifest),
    }
    items = [item_of(name, text.encode()) for name, text in texts.items()]
    tables = ("domains.parquet", "funnel.parquet")
    items += [item_of(name, attempt.path(name).read_bytes()) for name in tables]
    attempt.close()
    return compose(card_head(facts), card_parts(facts)), items
