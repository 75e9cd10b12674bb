"""A card's computed parts, in the order in which they are read."""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.card.beside import BESIDE
from pipelines.card.facts import Facts
from pipelines.card.licences import page_licences
from pipelines.card.limits import limits
from pipelines.card.loading import loading
from pipelines.card.markup import bullets, code, table
from pipelines.card.merge import Part, without_marks
from pipelines.card.reservations import opt_outs
from pipelines.card.sections import (
    changes,
    composition,
    fields,
    funnel,
    personal,
    repeats,
    sources,
    title,
)

_COMPUTED = (
    "<!-- What stands between cuvee:begin and cuvee:end is computed, and written anew each time. "
    "Text elsewhere stays. -->"
)
_USES = (
    ("intended_uses", "Intended uses"),
    ("out_of_scope_uses", "Out of scope"),
    ("biases", "Biases"),
)


def card_parts(facts: Facts) -> list[Part]:
    """Return the parts; those with nothing to say are left out."""
    sections: dict[str, Callable[[Facts], str]] = {
        "title": title,
        "loading": loading,
        "composition": composition,
        "funnel": funnel,
        "fields": fields,
        "repeats": repeats,
        "personal-data": personal,
        "opt-outs": opt_outs,
        "page-licences": page_licences,
        "sources": sources,
        "uses": _uses,
        "limits": limits,
        "files": _files,
        "reproduction": _reproduction,
        "changes": changes,
        "licence": _licence,
    }
    texts = {name: section(facts) for name, section in sections.items()}
    texts["title"] = f"{_COMPUTED}\n\n{texts['title']}"
    return [Part(name, _inert(text)) for name, text in texts.items() if text]


def _inert(text: str) -> str:
    """Return a part's text in which nothing could be taken for where a part begins or ends."""
    comment, rule = _COMPUTED, without_marks(text.replace(_COMPUTED, ""))
    return f"{comment}{rule}" if text.startswith(_COMPUTED) else rule


def _uses(facts: Facts) -> str:
    said = (f"### {heading}\n\n{facts.said(name)}" for name, heading in _USES)
    return "\n\n".join(["## Uses", *said])


def _files(facts: Facts) -> str:
    if facts.counted is None:
        return ""
    rows = ((f"[{code(name)}]({name})", what) for name, what in BESIDE.items())
    return f"## Files beside this card\n\n{table(('file', 'what'), rows)}"


def _reproduction(facts: Facts) -> str:
    manifest = facts.manifest
    extractor = next(iter(facts.recipe["extract"]))
    packages = ", ".join(f"{name} {version}" for name, version in manifest["packages"].items())
    where = "is `recipe.yaml` beside this card" if facts.counted else "is the run's `recipe.yaml`"
    made_by = f"cuvee {manifest['code']['version']}, {extractor} {manifest['packages'][extractor]}"
    whole = (
        f"The complete recipe with every threshold {where}; the run's manifest lists the sha256 "
        "of every file."
    )
    lines = [
        f"Recipe digest {code(manifest['recipe']['digest'])}, {made_by}.",
        whole,
        "With the crawl files named above below `crawl/`, the same bytes come from",
        "```sh\ncuvee run recipe.yaml --input crawl/ --output runs/again\n```",
        f"Digest of the code: {code(manifest['code']['sources_sha256'])}. Packages: {packages}.",
        *_other_recipes(manifest),
        "Models and lists, by sha256:",
        bullets(f"{code(name)}: {code(str(d))}" for name, d in manifest["assets_sha256"].items()),
    ]
    return "\n\n".join(["## How it was made", *lines])


def _other_recipes(manifest: Mapping[str, Any]) -> list[str]:
    """Return which recipe made which dump, where there were several runs."""
    whose = manifest.get("recipe_of_dump") or {}
    if not whose:
        return []
    lines = (f"{code(dump)}: {code(made)}, `recipes/{dump}.yaml`" for dump, made in whose.items())
    return ["This is of the latest run. Recipe digests and recipes by dump:", bullets(lines)]


def _licence(facts: Facts) -> str:
    person = facts.person
    parts = ["## Licence", _licence_text(facts)]
    for name, heading in (("funding", "Funding"), ("maintenance", "Maintenance")):
        if person.text(name):
            parts += [f"## {heading}", person.text(name)]
    parts += ["## Contact", facts.said("contact")]
    return "\n\n".join([*parts, "## Citation", f"```bibtex\n{citation(facts)}\n```"])


def _licence_text(facts: Facts) -> str:
    person = facts.person
    name = person.text("license_name") or person.text("license")
    if not name:
        return "Not stated."
    link = person.text("license_link")
    where = f" ({link})" if link else ""
    return f"The collection: {code(name)}{where}. The pages' texts stay their authors'."


def citation(facts: Facts) -> str:
    """Return how to cite the dataset: a person's words, else an entry of BibTeX."""
    person = facts.person
    if person.text("citation"):
        return person.text("citation").replace("```", "'''")
    entries = {
        "title": _bibtex(facts.name),
        "author": " and ".join(map(_bibtex, person.authors)),
        "year": person.text("released")[:4],
        "version": _bibtex(person.text("version")),
        "howpublished": f"\\url{{{facts.address}}}" if facts.repo else "",
        "note": f"Recipe {_bibtex(facts.recipe['recipe'])}, "
        f"digest {facts.manifest['recipe']['digest'][:16]}",
    }
    body = "".join(f"  {key} = {{{value}}},\n" for key, value in entries.items() if value)
    key = "".join(letter for letter in facts.name.lower() if letter.isalnum()) or "dataset"
    return f"@misc{{{key},\n{body}}}"


def _bibtex(text: str) -> str:
    """Return text without what would end an entry."""
    return " ".join(text.split()).translate(str.maketrans("", "", "{}\\`"))
