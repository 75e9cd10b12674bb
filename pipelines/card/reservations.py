"""What pages say of their use by machines, by protocol, and which were left out for it."""

from collections.abc import Iterator, Mapping

from filters.rule import parse_rule
from pipelines.card.facts import Facts
from pipelines.card.markup import code, table

PROTOCOLS: Mapping[str, str] = {
    "optout.noai": "noai (X-Robots-Tag, meta tag)",
    "optout.noimageai": "noimageai (X-Robots-Tag, meta tag)",
    "optout.noindex": "noindex or none (X-Robots-Tag, meta tag)",
    "optout.tdm_reservation": "TDM reservation protocol (header, meta tag)",
    "optout.listed": "lists of those who have opted out",
}
"""The protocols in words, by the signal that counts what they say."""
NOT_MEASURED = "not measured"
NEVER = ("robots.txt", "tdmrep.json", "ai.txt")
"""What lies beside pages and is in no crawl of them."""


def reservations(facts: Facts) -> dict[str, dict[str, int]] | None:
    """Return by protocol `pages` that reserve their use, and `left_out` for it first.

    None where the recipe has no such gate, or no page had headers or HTML to be looked at.
    """
    found = facts.manifest.get("opt_outs")
    if not found:
        return None
    removed = _removed(facts)
    return {
        name: {"pages": found[name], "left_out": removed.get(name, 0)}
        for name in PROTOCOLS
        if name in found
    }


def examined(facts: Facts) -> int:
    """Return how many pages had headers and HTML to be looked at."""
    return int((facts.manifest.get("opt_outs") or {}).get("examined", 0))


def _removed(facts: Facts) -> dict[str, int]:
    """Return pages that rules left out first, by the signal that they read."""
    pages: dict[str, int] = {}
    for row in facts.manifest["funnel"]:
        if row["stage"] == "optout" and row["rule"] in facts.rules:
            for name in parse_rule(row["rule"], facts.rules[row["rule"]]).reads:
                pages[name] = pages.get(name, 0) + row["pages"]
    return pages


def opt_outs(facts: Facts) -> str:
    """Return the card's section; nothing where nothing was measured."""
    found = reservations(facts)
    if found is None:
        return ""
    pages = facts.manifest["pages"]
    rows = [
        (PROTOCOLS[name], code(name), f"{each['pages']:,}", f"{each['left_out']:,}")
        for name, each in found.items()
    ]
    head = ("protocol", "signal", "pages that reserve", "left out for it")
    said = (
        f"Of {pages:,} pages {examined(facts):,} had HTTP headers and HTML to be looked at. A page "
        "that several rules leave out is counted at the first. Not looked at, since no crawl has "
        f"them: {', '.join(map(code, NEVER))}."
    )
    return "\n\n".join(["## Opt-outs", said, table(head, rows, head[2:])])


def in_annex(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield the annex's entries by protocol."""
    found = reservations(facts) or {}
    for name, words in PROTOCOLS.items():
        each = found.get(name)
        said = f"{each['pages']:,} pages; {each['left_out']:,} left out for it" if each else None
        yield words, said or NOT_MEASURED
    yield from ((name, NOT_MEASURED) for name in NEVER)
