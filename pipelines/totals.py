"""Sums over commit records: the funnel and the totals that a manifest states."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from filters.datatrove_block import BlockStage
from filters.judge import DropStage
from pipelines.recipe.model import Recipe
from pipelines.recipe.rule_stages import EARLY_STAGES, FINAL
from pipelines.recipe.stage import GateStage
from pipelines.storage import Commit
from pipelines.timing import add_up

_NONE = {"pages": 0, "tokens": 0}
_NAMED = 100
"""Pages at a limit that a manifest names."""


def funnel(
    recipe: Recipe, settled: Iterable[Commit], curated: Iterable[Commit]
) -> list[dict[str, Any]]:
    """Return pages and tokens by outcome, in the order in which pages meet the rules.

    The reasons of a block of datatrove have its name as `block`, and stand where it does.
    """
    pages, tokens = _outcomes(settled)
    for stage, rule in recipe.rules():
        pages.setdefault(("dropped", stage, rule.name), 0)
    for kind in _kinds(recipe):
        pages.setdefault(("dropped", "dedup", kind), 0)
    steps = _steps(recipe)
    blocks = {
        rule: block
        for commit in curated
        for block, rule in commit.facts.get("reasons", ())
        if rule not in steps
    }
    return [
        {"status": status, "stage": stage, "rule": rule, "pages": pages[status, stage, rule],
         "tokens": tokens[status, stage, rule],
         **({"block": blocks[rule]} if stage == "quality" and rule in blocks else {})}
        for status, stage, rule in sorted(pages, key=_order(steps, blocks, _kinds(recipe)))
    ]  # fmt: skip


def _outcomes(
    settled: Iterable[Commit],
) -> tuple[Counter[tuple[str, str, str]], Counter[tuple[str, str, str]]]:
    """Return pages and tokens by status, stage and rule."""
    pages: Counter[tuple[str, str, str]] = Counter()
    tokens: Counter[tuple[str, str, str]] = Counter()
    for commit in settled:
        for status, stage, rule, n_pages, n_tokens in commit.facts["funnel"]:
            pages[status, stage, rule] += n_pages
            tokens[status, stage, rule] += n_tokens
    return pages, tokens


def without_taken(
    before: Sequence[Mapping[str, Any]], settled: Iterable[Commit]
) -> list[dict[str, Any]]:
    """Return a funnel with the counts of now, after pages of its run were taken down.

    Those come first but for pages that could not be read, since no rule had a say.
    """
    pages, tokens = _outcomes(settled)
    known = {
        outcome: row
        for row in before
        if row["stage"] != "takedown" and (pages[outcome := _outcome(row)] or _is_rule(row))
    }
    taken = [outcome for outcome in sorted(pages) if outcome not in known]
    read = [outcome for outcome in known if outcome[1] == "read"]
    order = [*read, *taken, *(outcome for outcome in known if outcome not in read)]
    return [
        {
            **dict(zip(("status", "stage", "rule"), outcome, strict=True)),
            **known.get(outcome, {}),
            "pages": pages[outcome],
            "tokens": tokens[outcome],
        }
        for outcome in order
    ]


def with_taken(
    before: Sequence[Mapping[str, Any]], taken: Mapping[str, tuple[int, int]]
) -> list[dict[str, Any]]:
    """Return a funnel after pages of the dataset were taken down: pages and tokens by rule."""
    lost = [sum(each) for each in zip(*taken.values(), strict=True)]
    rows = [dict(row) for row in before]
    for row in rows:
        if row["status"] == "kept":
            row.update(pages=row["pages"] - lost[0], tokens=row["tokens"] - lost[1])
    for rule, (pages, tokens) in sorted(taken.items()):
        known = [row for row in rows if (row["stage"], row["rule"]) == ("takedown", rule)]
        if not known:
            known = [{"status": "dropped", "stage": "takedown", "rule": rule, **_NONE}]
            at = sum(row["stage"] in ("read", "takedown") for row in rows)
            rows.insert(at, known[0])
        known[0].update(pages=known[0]["pages"] + pages, tokens=known[0]["tokens"] + tokens)
    return [row for row in rows if row["pages"] or row["status"] != "kept"]


def _is_rule(row: Mapping[str, Any]) -> bool:
    """Whether a row of a funnel is there though nothing was removed."""
    return row["status"] == "dropped" and row["stage"] != "extract" and "block" not in row


def _outcome(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(row["status"]), str(row["stage"]), str(row["rule"])


def _kinds(recipe: Recipe) -> list[str]:
    """Return the kinds of deduplication of the recipe, in order."""
    return [options.kind for options in recipe.dedup.kinds] if recipe.dedup else []


def _steps(recipe: Recipe) -> list[str]:
    """Return the names of all rules and blocks of datatrove, in order."""
    steps: list[str] = []
    for stage in recipe.stages:
        if isinstance(stage, BlockStage):
            steps.append(stage.revision)
        elif isinstance(stage, GateStage | DropStage):
            steps.extend(rule.name for rule in stage.rules)
    return steps


def _order(
    steps: Sequence[str], blocks: Mapping[str, str], kinds: Sequence[str]
) -> Callable[[tuple[str, str, str]], tuple[int, int, str]]:
    before = ("read", "takedown", *EARLY_STAGES, "extract", "language", "quality")
    stages = (*before, "dedup", FINAL, "")

    def key(outcome: tuple[str, str, str]) -> tuple[int, int, str]:
        _, stage, rule = outcome
        name = blocks.get(rule, rule.removeprefix("undefined:"))
        names = kinds if stage == "dedup" else steps
        return stages.index(stage), names.index(name) if name in names else -1, rule

    return key


def published_files(commits: Mapping[str, Sequence[Commit]]) -> list[dict[str, Any]]:
    """Return path, rows, bytes and sha256 of the files that a finished run consists of."""
    public = ("ledger/", "documents/", "dataset/", "tokens/", "packed/", "tokenizer.json")
    files = [
        asdict(item)
        for stage in commits.values()
        for commit in stage
        for item in commit.files
        if item.path.startswith(public)
    ]
    return sorted(files, key=lambda item: str(item["path"]))


def file_totals(files: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return files, rows and bytes by top folder; rows of the dataset are those of its shards."""
    totals: dict[str, dict[str, int]] = {}
    for item in files:
        entry = totals.setdefault(str(item["path"]).split("/", maxsplit=1)[0], Counter())
        entry["files"] = entry.get("files", 0) + 1
        path = str(item["path"])
        beside = path.startswith("dataset/") and not path.startswith("dataset/data/")
        entry["rows"] = entry.get("rows", 0) + (0 if beside else item["rows"])
        entry["bytes"] = entry.get("bytes", 0) + item["bytes"]
    return {folder: dict(entry) for folder, entry in totals.items()}


def stage_totals(everything: Mapping[str, Sequence[Commit]]) -> dict[str, Any]:
    """Return units, their time by step, memory and rows written, by stage."""
    return {
        stage: {
            "units": len(commits),
            "unit_seconds": round(sum(commit.seconds for commit in commits), 1),
            "cpu_seconds": round(sum(commit.cpu_seconds for commit in commits), 3),
            "peak_bytes": max((commit.peak_bytes for commit in commits), default=0),
            **({"steps": steps} if (steps := add_up(c.steps for c in commits)) else {}),
            "rows_out": sum(item.rows for commit in commits for item in commit.files),
        }
        for stage, commits in everything.items()
    }


def fetched(curated: Iterable[Commit]) -> dict[str, Any]:
    """Return what reading remote input has cost; nothing where all of it was local."""
    facts = [commit.facts["fetched"] for commit in curated if "fetched" in commit.facts]
    if not facts:
        return {}
    faults: Counter[str] = Counter()
    for item in facts:
        faults.update(item["faults"])
    sums = {name: sum(item[name] for item in facts) for name in ("requests", "retries", "bytes")}
    return {"fetched": {**sums, "faults": dict(sorted(faults.items()))}}


def accelerated(curated: Iterable[Commit]) -> dict[str, Any]:
    """Return pages that `accelerate` compared, differing ones, and those it stepped aside for."""
    counts: Counter[str] = Counter()
    for commit in curated:
        counts.update(commit.facts.get("accelerate", {}))
    return {"accelerate": dict(sorted(counts.items()))} if counts else {}


def opt_outs(curated: Iterable[Commit]) -> dict[str, Any]:
    """Return pages that were looked at for opt-outs, and those that have, by signal."""
    counts: Counter[str] = Counter()
    asked = False
    for commit in curated:
        asked = asked or "opt_outs" in commit.facts
        counts.update(commit.facts.get("opt_outs", {}))
    return {"opt_outs": dict(sorted(counts.items()))} if asked else {}


def _licences(settled: Iterable[Commit]) -> dict[str, Any]:
    """Return published pages by the licence that their HTML names, where that was measured."""
    counts: Counter[str] = Counter()
    for commit in settled:
        counts.update(commit.facts.get("licences", {}))
    return {"licences": dict(sorted(counts.items()))} if counts else {}


def at_limits(commits: Iterable[Commit]) -> dict[str, Any]:
    """Return pages over a limit or fatal to the sandbox: how many, and some of them by name.

    `passed_later` are those that kept to double the limits.
    """
    facts = [(c.unit, c.facts["at_limits"]) for c in commits if "at_limits" in c.facts]
    if not facts:
        return {}
    counts: dict[str, Counter[str]] = {"failed": Counter(), "passed_later": Counter()}
    for _, item in facts:
        for name, counter in counts.items():
            counter.update(item[name])
    pages = [{"unit": unit, **page} for unit, item in facts for page in item["pages"]]
    sums = {name: dict(sorted(counter.items())) for name, counter in counts.items()}
    return {"at_limits": {**sums, "pages": pages[:_NAMED]}}


def run_totals(everything: Mapping[str, Sequence[Commit]]) -> dict[str, Any]:
    """Return pages, rows, tokens, languages, redactions and dates over all files."""
    others: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    edits: Counter[str] = Counter()
    for commit in everything["curate"]:
        others.update(commit.facts["other_records"])
    for commit in everything["settle"]:
        languages.update(commit.facts["languages"])
        edits.update(commit.facts["edits"])
    settled = [commit.facts for commit in everything["settle"]]
    dates = [facts[key] for facts in settled for key in ("first_date", "last_date") if facts[key]]
    return {
        "pages": sum(commit.facts["pages"] for commit in everything["curate"]),
        "other_records": dict(sorted(others.items())),
        "rows": sum(facts["rows"] for facts in settled),
        "text_bytes": sum(facts["text_bytes"] for facts in settled),
        "tokens": sum(facts["tokens"] for facts in settled),
        "languages": dict(sorted(languages.items())),
        "edits": dict(sorted(edits.items())),
        **_licences(everything["settle"]),
        "dates": [min(dates), max(dates)] if dates else [],
    }


def token_totals(everything: Mapping[str, Sequence[Commit]]) -> dict[str, Any]:
    """Return what the token shards hold, and the packed rows if there are any."""
    shards = [commit.facts for commit in everything["tokens"]]
    said = {key: shards[0][key] for key in ("tokenizer", "special_tokens")} if shards else {}
    totals: dict[str, Any] = {
        "token_shards": {
            **said,
            "documents": sum(facts["rows"] for facts in shards),
            "tokens": sum(facts["tokens"] for facts in shards),
            "special_tokens_added": sum(facts["special"] for facts in shards),
        }
    }
    if packed := [commit.facts for commit in everything.get("packed", ())]:
        names = ("rows", "documents", "segments", "tokens", "padding")
        sums = {name: sum(facts[name] for facts in packed) for name in names}
        how = {name: packed[0][name] for name in ("length", "packing")}
        share = sums["padding"] / max(sums["padding"] + sums["tokens"], 1)
        totals["packed"] = {**how, **sums, "padding_share": share}
    return totals
