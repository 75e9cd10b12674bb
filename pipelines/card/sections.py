"""What a card says of the data: how much there is, what was removed, which fields it has."""

from collections.abc import Iterator, Mapping
from typing import Any

from filters.rule import parse_rule
from pipelines.card.count import Amount
from pipelines.card.facts import Facts, total
from pipelines.card.languages import languages
from pipelines.card.markup import bullets, code, counted, share, size, table
from pipelines.dedup.told import HEAD, dedup_notes, dedup_rows
from pipelines.recipe.rule_stages import RULE_STAGES

FIGURE = "funnel.svg"
"""The funnel's figure, beside the card."""
_MOST_ROWS = 100
_NUMBERS = ("documents", "tokens", "bytes of text", "shards", "size of files", "pages", "share")
FIELD_MEANINGS = {
    "text": "the published text",
    "id": "record id in the crawl",
    "dump": "crawl the page comes from",
    "url": "address of the page",
    "date": "when it was crawled",
    "file_path": "crawl file, relative to the input",
    "language": "most probable language (fastText label)",
    "language_score": "its probability",
    "token_count": "tokens of `text`, without special tokens",
    "minhash_cluster_size": "pages that are nearly this one, itself included; not counted are "
    "those that another kind of deduplication had removed before",
    "licence": "what the page's markup names first as its licence, such as `cc-by-4.0`; `none`, or "
    "null of a text without markup",
}
_EDITS = {
    "pii.emails": "e-mail addresses",
    "pii.ips": "public IP addresses",
    "dolma_pii.emails": "e-mail addresses",
    "dolma_pii.phones": "telephone numbers",
    "dolma_pii.ips": "IP addresses",
}


def title(facts: Facts) -> str:
    """Return what the dataset is."""
    manifest = facts.manifest
    dumps = counted(len(facts.dumps), "crawl")
    amount = facts.amount
    tongues = counted(len([label for label in facts.languages if label]), "language")
    dates = manifest["dates"]
    first, last = (code(date[:10]) for date in dates) if dates else ("", "")
    crawled = f", crawled from {first} to {last}" if dates else ""
    what = (
        f"Web pages curated with the recipe {code(facts.recipe['recipe'])} by Cuvée: "
        f"{amount.rows:,} documents, {amount.tokens:,} tokens, "
        f"{size(amount.bytes)} of text in {tongues}, kept from "
        f"{manifest['pages']:,} pages of {dumps}{crawled}. Tokens are those of {facts.tokenizer}."
    )
    return "\n\n".join(
        [f"# {_one_line(facts.name)}", what, f"## Purpose\n\n{facts.said('purpose')}"]
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def composition(facts: Facts) -> str:
    """Return how much there is of each dump and language."""
    several = languages(facts)
    if facts.counted is None or several:
        return "\n\n".join(["## What is in it", _by_dump(facts), several or _by_language(facts)])
    amounts = facts.counted.amounts
    head = ("dump", "language", "documents", "tokens", "bytes of text")
    order = sorted(amounts, key=lambda key: (key[0], -amounts[key].rows, key[1]))
    rows = [(*map(code, key), *_amount(amounts[key])) for key in order[:_MOST_ROWS]]
    rest = [amounts[key] for key in order[_MOST_ROWS:]]
    if rest:
        more = Amount()
        for amount in rest:
            more.add(amount)
        rows.append((f"{len(rest):,} more", "", *_amount(more)))
    rows.append(("**all**", "", *_amount(facts.amount)))
    return f"## What is in it\n\n{table(head, rows, _NUMBERS)}"


def _by_dump(facts: Facts) -> str:
    rows = [
        (code(dump), f"{total(files, 'rows'):,}", f"{len(files):,}", size(total(files, "bytes")))
        for dump, files in facts.dumps.items()
    ]
    return table(("dump", "documents", "shards", "size of files"), rows, _NUMBERS)


def _by_language(facts: Facts) -> str:
    """Return the documents of a dataset in one language, or none."""
    rows = [(code(label), f"{count:,}") for label, count in facts.languages.items()]
    return table(("language", "documents"), rows, _NUMBERS)


def _amount(amount: Amount) -> tuple[str, str, str]:
    return f"{amount.rows:,}", f"{amount.tokens:,}", f"{amount.bytes:,}"


def funnel(facts: Facts) -> str:
    """Return what became of the pages, rule by rule."""
    manifest, rules = facts.manifest, facts.rules
    head = ("stage", "rule", "pages", "share", "tokens", "removes where")
    rows = [
        (
            row["stage"] or "**kept**",
            _rule(row),
            f"{row['pages']:,}",
            share(row["pages"], manifest["pages"]),
            f"{row['tokens']:,}",
            _condition(row, rules),
        )
        for row in manifest["funnel"]
        if row["pages"]
    ]
    idle = [row["rule"] for row in manifest["funnel"] if not row["pages"] and row["rule"]]
    parts = [
        "## What was removed, and why",
        "Each page is counted once, at the first rule that removed it.",
        f"![What each rule removed, and what was left]({FIGURE})",
        table(head, rows, _NUMBERS),
    ]
    if idle:
        names = ", ".join(map(code, dict.fromkeys(idle)))
        parts.append(f"Removed nothing: {names}.")
    return "\n\n".join(parts)


def _rule(row: Mapping[str, Any]) -> str:
    """Return a row's rule; the reason of a block of datatrove may be any text."""
    if not row.get("block"):
        return code(row["rule"]) if row["rule"] else ""
    return f"{row['block']}: {code(str(row['rule']))}"


def _condition(row: Mapping[str, Any], rules: Mapping[str, str]) -> str:
    is_rule = row["status"] == "dropped" and row["stage"] in RULE_STAGES
    condition = rules.get(row["rule"]) if is_rule and not row.get("block") else None
    if not condition:
        return ""
    return code(parse_rule(row["rule"], condition).brief)


def repeats(facts: Facts) -> str:
    """Return what each kind of deduplication found; nothing for a recipe without any."""
    found = facts.manifest.get("dedup") or {}
    if not found:
        return ""
    rows = dedup_rows(facts.manifest)
    parts = ["## Repeats", table(HEAD, rows, HEAD[1:-1]) if rows else "None were found."]
    parts += dedup_notes(facts.manifest)
    for kind, options in _dedup_options(facts):
        if kind in found and options:
            parts.append(f"Settings of {code(kind)}: {_options(options)}.")
    return "\n\n".join(parts)


def _dedup_options(facts: Facts) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for stage in facts.recipe["stages"]:
        yield from (stage.get("dedup") or {}).items()


def _options(options: Mapping[str, Any]) -> str:
    given = {name: value for name, value in options.items() if value is not None}
    given.pop("against", None)  # paths of this machine
    return ", ".join(f"{name} {code(str(value))}" for name, value in given.items())


def changes(facts: Facts) -> str:
    """Return what was removed on request; nothing where nothing ever was."""
    taken = facts.manifest.get("takedowns") or ()
    lines = (
        f"{entry['when']}: removed {counted(entry['pages'], 'document')} "
        f"({counted(entry['tokens'], 'token')}) on request"
        for entry in taken
    )
    return f"## Changes\n\n{bullets(lines)}" if taken else ""


def fields(facts: Facts) -> str:
    """Return what each column means."""
    rows = (
        (code(field.name), str(field.type), FIELD_MEANINGS[field.name]) for field in facts.columns
    )
    return f"## Fields\n\n{table(('field', 'type', 'what'), rows)}"


def personal(facts: Facts) -> str:
    """Return what was done about personal data, and how to ask for removal."""
    edits = facts.manifest["edits"]
    said = [
        f"{_EDITS.get(name, '')} ({code(name)}): {count:,} replaced".strip()
        for name, count in edits.items()
    ]
    what = "The recipe replaces with stand-ins:" if said else "The recipe replaces none."
    parts = ["## Personal data", what, *([bullets(said)] if said else [])]
    parts.append(
        "Names, postal addresses, telephone numbers and what people have written about "
        "themselves or others are still in the text."
    )
    parts += ["### How to ask for removal", facts.person.removal or "Not stated."]
    return "\n\n".join(parts)


def sources(facts: Facts) -> str:
    """Return where the pages come from."""
    manifest = facts.manifest
    inputs, dates = manifest["inputs"], manifest["dates"]
    lines = [f"crawls: {', '.join(map(code, facts.dumps)) or 'none'}"]
    lines.append(f"crawl files: {inputs['files']:,}, {inputs['bytes']:,} bytes")
    if "list_sha256" in inputs:
        digest = code(inputs["list_sha256"])
        lines.append(f"sha256 of the list of their paths, one a line: {digest}")
    if dates:
        lines.append(f"first and last page kept: {code(dates[0])}, {code(dates[1])}")
    if "limit_per_file" in inputs:
        lines.append(f"of each file only the first {counted(inputs['limit_per_file'], 'page')}")
    lines.append(f"pages: {manifest['pages']:,}")
    others = manifest["other_records"]
    if others:
        named = ", ".join(f"{code(kind)} {count:,}" for kind, count in others.items())
        lines.append(f"other records of these files: {sum(others.values()):,} ({named})")
    crawler = facts.person.text("crawler")
    return "\n\n".join(["## Sources", bullets(lines), *([crawler] if crawler else [])])
