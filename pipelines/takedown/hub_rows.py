"""What goes with the rows that are taken out of a repository's shards: counts by dump and run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.card.count import LOW_SCORE, placed_sizes, plain_sizes, removed_together
from pipelines.card.domains import Held, domain_of_url
from pipelines.layout import Placed
from pipelines.takedown.requests import STAGE
from pipelines.totals import with_taken

COLUMNS = ("id", "url", "dump", "language", "language_score", "token_count", "text")


@dataclass
class Lost:
    """Rows of one dump that are taken out."""

    rows: int = 0
    tokens: int = 0
    bytes: int = 0
    """Of text."""
    arrow_bytes: Counter[Placed] = field(default_factory=Counter)
    """What the shards' footers state, less, by dump or dump and language."""
    languages: Counter[str] = field(default_factory=Counter)
    amounts: defaultdict[str, list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0, 0])
    )
    """Rows, tokens and bytes by language."""
    scores: defaultdict[str, list[float]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0.0, 0])
    )
    """Rows with a score, their sum, and those that are low, by language."""
    domains: list[Held] = field(default_factory=list)
    rules: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Pages and tokens by rule."""
    by_rule: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Pages by language and rule."""

    def add(self, table: pa.Table, rules: Sequence[str]) -> None:
        """Add rows of `COLUMNS`, each with the rule by which it goes."""
        sizes = pc.binary_length(table["text"]).to_pylist()
        rows = table.drop_columns(["text"]).to_pylist()
        for row, size, rule in zip(rows, sizes, rules, strict=True):
            self._add(row, size or 0, rule)

    def _add(self, row: Mapping[str, Any], size: int, rule: str) -> None:
        tokens, language, score = (
            row["token_count"] or 0,
            row["language"] or "",
            row["language_score"],
        )
        self.rows += 1
        self.tokens += tokens
        self.bytes += size
        self.languages[language] += 1
        for at, count in enumerate((1, tokens, size)):
            self.amounts[language][at] += count
        if score is not None:
            for at, value in enumerate((1, score, score < LOW_SCORE)):
                self.scores[language][at] += value
        self.domains.append(Held(domain_of_url(row["url"]), 1, size, tokens))
        pages, before = self.rules.get(rule, (0, 0))
        self.rules[rule] = pages + 1, before + tokens
        self.by_rule[language][rule] += 1


def run_without(
    run: Mapping[str, Any], lost: Mapping[str, Lost], entry: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a run says of itself after some rows of its dumps were taken out.

    What no shard tells, such as how many addresses had been replaced in them, stays as it was.
    """
    counted = run["counted"]
    amounts = [_amount(row, lost) for row in counted["amounts"]]
    scores = {name: dict(held) for name, held in counted["scores"].items()}
    for each in lost.values():
        for language, (rows, total, low) in each.scores.items():
            held = scores[language]
            held.update(
                rows=held["rows"] - rows, total=held["total"] - total, low=held["low"] - low
            )
    arrow = {
        place: size - (lost[place.dump].arrow_bytes[place] if place.dump in lost else 0)
        for place, size in placed_sizes(counted["arrow_bytes"]).items()
    }
    languages = Counter(run["languages"])
    for each in lost.values():
        languages.subtract(each.languages)
    told = {key: value for key, value in run.items() if key != "licences"}  # of rows not known
    return {
        **told,
        "rows": run["rows"] - sum(each.rows for each in lost.values()),
        "tokens": run["tokens"] - sum(each.tokens for each in lost.values()),
        "text_bytes": run["text_bytes"] - sum(each.bytes for each in lost.values()),
        "languages": {name: count for name, count in sorted(languages.items()) if count},
        "funnel": with_taken(run["funnel"], _rules(lost.values())),
        "takedowns": [*run.get("takedowns", ()), entry],
        **_token_shards(run, lost.values()),
        "counted": {
            **counted,
            "amounts": [row for row in amounts if row[2]],
            "scores": {name: held for name, held in scores.items() if held["rows"]},
            "arrow_bytes": plain_sizes(arrow),
            **_removed(counted, lost.values()),
        },
    }


def _removed(counted: Mapping[str, Any], lost: Iterable[Lost]) -> dict[str, Any]:
    """Return what rules have removed by language, where that is told: now also on request."""
    if "removed" not in counted:
        return {}
    taken: dict[str, dict[str, int]] = {}
    for each in lost:
        for label, counts in each.by_rule.items():
            named = {f"{STAGE}: {rule}": pages for rule, pages in counts.items()}
            taken = removed_together(taken, {label: named})
    return {"removed": removed_together(counted["removed"], taken)}


def _token_shards(run: Mapping[str, Any], lost: Iterable[Lost]) -> dict[str, Any]:
    """Return what the token shards hold then; each document has as many special tokens."""
    held = run.get("token_shards")
    if not held or not held["documents"]:
        return {}
    lost = list(lost)
    rows, tokens = sum(each.rows for each in lost), sum(each.tokens for each in lost)
    special = held["special_tokens_added"] // held["documents"] * rows
    return {
        "token_shards": {
            **held,
            "documents": held["documents"] - rows,
            "tokens": held["tokens"] - tokens,
            "special_tokens_added": held["special_tokens_added"] - special,
        }
    }


def _amount(row: Sequence[Any], lost: Mapping[str, Lost]) -> list[Any]:
    dump, language, *counts = row
    gone = lost[dump].amounts.get(language, [0, 0, 0]) if dump in lost else [0, 0, 0]
    return [dump, language, *(count - less for count, less in zip(counts, gone, strict=True))]


def _rules(lost: Iterable[Lost]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for each in lost:
        for rule, (pages, tokens) in each.rules.items():
            before = found.get(rule, (0, 0))
            found[rule] = before[0] + pages, before[1] + tokens
    return found
