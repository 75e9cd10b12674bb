"""Which licences the published pages name."""

from pipelines.card.facts import Facts
from pipelines.card.markup import code, table


def page_licences(facts: Facts) -> str:
    """Return the card's section; nothing where no rule has asked for licences."""
    found = facts.manifest.get("licences")
    if not found:
        return ""
    named = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rows = [(code(name), f"{count:,}") for name, count in named]
    said = (
        "What a page's markup names first: a licence of Creative Commons that it links to, or what "
        "it declares to be its licence (`other`). Nobody has looked whether the licence is that of "
        "the text, and of whoever could give it."
    )
    return "\n\n".join(
        ["## Licences of the pages", said, table(("licence", "documents"), rows, ("documents",))]
    )
