"""What a card says of each language: how much there is of it, and what became of its pages."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filters.languages import UNDETERMINED, Language, find_language
from filters.rule import LANGUAGE, parse_rule
from pipelines.card.count import Amount
from pipelines.card.facts import Facts
from pipelines.card.markup import code, share, table
from pipelines.language_names import language_name

_MOST_ROWS = 100
_MOST_ASKED = 200
"""Languages whose pages are followed through the rules: those with the most pages."""
_MOST_RULES = 2
_FLOW = (
    "What became of their pages, each counted once, at the first rule that removed it; where "
    "languages differ in a rule's threshold, their own stands behind it. Pages that left before "
    "their language was known are in the funnel alone."
)
_NUMBERS = ("documents", "tokens", "bytes of text", "share", "pages", "kept", "kept of these")


@dataclass(slots=True)
class Part:
    """A dataset's pages in one language."""

    language: Language
    labels: list[str] = field(default_factory=list)
    """What the ledger calls it, such as `fr`."""
    amount: Amount = field(default_factory=Amount)
    removed: Counter[str] = field(default_factory=Counter)
    """Pages in this language that left, by rule."""


def parts_of(facts: Facts) -> list[Part]:
    """Return a dataset's languages, those with most text first, else with most documents."""
    found: dict[Language, Part] = {}
    for label, amount in _amounts(facts):
        language = find_language(label) or UNDETERMINED
        part = found.setdefault(language, Part(language))
        part.amount.add(amount)
        if label not in part.labels:
            part.labels.append(label)
            removed = facts.counted.removed.get(label, {}) if facts.counted else {}
            part.removed.update(removed)
    return sorted(found.values(), key=_most_first)


def _most_first(part: Part) -> tuple[int, int, Language]:
    return -part.amount.bytes, -part.amount.rows, part.language


def _amounts(facts: Facts) -> Iterator[tuple[str, Amount]]:
    if facts.counted is None:
        yield from ((label, Amount(rows)) for label, rows in facts.languages.items())
    else:
        yield from ((label, amount) for (_, label), amount in facts.counted.amounts.items())


def languages(facts: Facts) -> str:
    """Return what there is in each language; nothing for a dataset in one of them."""
    parts = parts_of(facts)
    if len(parts) < 2 and not facts.by_language:  # noqa: PLR2004  the one is named above
        return ""
    texts = ["### Languages", _table(parts, is_counted=facts.counted is not None)]
    if any(part.removed for part in parts):
        texts += [_FLOW, _flow(parts[:_MOST_ROWS], facts.rules)]
    return "\n\n".join(texts)


def _table(parts: list[Part], *, is_counted: bool) -> str:
    whole = Amount()
    for part in parts:
        whole.add(part.amount)
    rest = Amount()
    for part in parts[_MOST_ROWS:]:
        rest.add(part.amount)
    head: tuple[str, ...] = (
        "language", "code", "script", "label", "documents", "tokens", "bytes of text", "share",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = [
        (
            language_name(part.language),
            code(part.language.code),
            code(part.language.script),
            ", ".join(code(label) for label in part.labels),
            *_figures(part.amount, whole),
        )
        for part in parts[:_MOST_ROWS]
    ]
    if parts[_MOST_ROWS:]:
        more = f"{len(parts) - _MOST_ROWS:,} more"
        rows.append((more, "", "", "", *_figures(rest, whole)))
    if not is_counted:  # at the end of a run only documents are known by language
        head = (*head[:5], "share")
        rows = [(*row[:5], row[-1]) for row in rows]
    return table(head, rows, _NUMBERS)


def _figures(amount: Amount, whole: Amount) -> tuple[str, str, str, str]:
    part = share(amount.bytes, whole.bytes) if whole.bytes else share(amount.rows, whole.rows)
    return f"{amount.rows:,}", f"{amount.tokens:,}", f"{amount.bytes:,}", part


def _flow(parts: Iterable[Part], rules: Mapping[str, str]) -> str:
    rows = []
    for part in parts:
        pages = part.amount.rows + part.removed.total()
        most = ", ".join(
            f"{code(rule)} {share(count, pages)}{_own_constant(rule, part, rules)}"
            for rule, count in part.removed.most_common(_MOST_RULES)
        )
        kept = f"{part.amount.rows:,}", share(part.amount.rows, pages)
        rows.append((language_name(part.language), f"{pages:,}", *kept, most))
    head = ("language", "pages", "kept", "kept of these", "removed most by")
    return table(head, rows, _NUMBERS)


def _own_constant(named: str, part: Part, rules: Mapping[str, str]) -> str:
    """Return what a rule, named with its stage, asks of a language where languages differ in it."""
    name = named.partition(": ")[2]
    if name not in rules:
        return ""
    rule = parse_rule(name, rules[name])
    if not rule.others or rule.reads == (LANGUAGE,):
        return ""
    own = [found for label in part.labels if (found := rule.of(label)) is not None]
    asked = dict.fromkeys(code(f"{each.op} {each.constant}") for each in own)
    return f" ({', '.join(asked)})" if asked else ""


def removed_by_language(root: Path, labels: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return for language labels of a finished run how many of their pages each rule removed.

    The figures are those of `cuvee audit --by language`, of the languages with the most pages.
    """
    from pipelines.audit import Audit

    wanted = set(labels)
    found: dict[str, dict[str, int]] = {}
    for row in Audit(root).rules("language", _MOST_ASKED).to_dict("records"):
        gone = int(row["removed_pages"] + row["failed_pages"])
        if gone and row["language"] in wanted:
            found.setdefault(row["language"], {})[f"{row['stage']}: {row['rule']}"] = gone
    return dict(sorted(found.items()))
