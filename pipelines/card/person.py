"""What only a person can say about a dataset: `card.yaml` in the run's folder.

Read as recipes are (no anchors, no tags, a line for each mistake).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.card.merge import without_marks
from pipelines.files import write_whole
from pipelines.manifest import check_format
from pipelines.recipe.problems import Problems, known_entries, shown
from pipelines.recipe.source import Node, read_file

CARD_FILE = "card.yaml"
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_OTHER = "other"
AS_CONFIG = "config"
"""Token ids as a config of the dataset itself."""
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
"""The name of a repository on the Hub."""


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of `card.yaml`."""

    name: str
    what: str
    required: bool = False
    kind: str = "text"


FIELDS = (
    Field("pretty_name", "The dataset's name as people read it. Without it: the recipe's name."),
    Field("purpose", "Why the dataset was made, and for whom. Markdown.", required=True),
    Field(
        "license",
        "The licence of this collection, as the Hub writes it: odc-by, cc-by-4.0, cc0-1.0 … or "
        "other, with the two fields below. The pages stay their authors'.",
        required=True,
        kind="identifier",
    ),
    Field("license_name", "The licence's name, where license is other."),
    Field("license_link", "Where its text is, where license is other."),
    Field(
        "contact",
        "Where questions about the dataset go: an address, a page, a discussion.",
        required=True,
    ),
    Field(
        "removal",
        "How someone asks for their page, site or personal data to be removed, and what happens "
        "then. Without it: the contact.",
    ),
    Field("intended_uses", "What the dataset is meant for. Markdown.", required=True),
    Field("out_of_scope_uses", "What it must not or should not be used for.", required=True),
    Field(
        "biases",
        "Known biases and harms: whose voices are many or missing, what a model may learn that "
        "it should not.",
        required=True,
    ),
    Field("funding", "Who paid for it."),
    Field("authors", "Who made it, for the citation: a list of names.", kind="list"),
    Field("released", "Day of this release, as 2026-01-31.", kind="date"),
    Field("version", "Version of this release, as 1.0.0."),
    Field("maintenance", "Who keeps it up, and how often it is renewed."),
    Field("limitations", "Limits that the run cannot know of; those that it can are computed."),
    Field("crawler", "Whose crawler fetched the pages, and how it behaved (robots.txt, paywalls)."),
    Field(
        "tokens",
        "Where `cuvee publish` puts the token ids: config, for a config of the dataset, or "
        "ORG/NAME, for a dataset of their own. Without it: nowhere.",
        kind="tokens",
    ),
    Field("opt_outs", "What was done about rights holders who have opted out, by which protocol."),
    Field("illegal_content", "What was done about illegal content, besides the recipe's filters."),
    Field("citation", "A citation to be shown in place of the computed one (BibTeX)."),
)
"""Everything that `card.yaml` can say, in the order in which it is asked."""

_BY_NAME = {entry.name: entry for entry in FIELDS}


@dataclass(frozen=True, slots=True)
class Person:
    """What `card.yaml` says; fields that are empty or not there are left out."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a field's text; empty where nothing is said. KeyError: there is no such field."""
        _BY_NAME[name]  # a misspelt field would be empty for ever
        return str(self.values.get(name, ""))

    @property
    def authors(self) -> tuple[str, ...]:
        """The names of those who made the dataset."""
        return tuple(self.values.get("authors", ()))

    @property
    def removal(self) -> str:
        """How to ask for removal; empty where nobody has said how."""
        return self.text("removal") or self.text("contact")

    def missing(self) -> list[str]:
        """Return the required fields that are empty, in order."""
        needed = [entry.name for entry in FIELDS if entry.required]
        if self.text("license") == _OTHER:
            after = needed.index("license") + 1
            needed[after:after] = ["license_name", "license_link"]
        return [name for name in needed if not self.text(name)]


def missing_fields(folder: Path) -> list[str]:
    """Return the required fields that are empty in a run's `card.yaml`: all, where it has none.

    UsageError, with file and line, for a `card.yaml` that cannot be read.
    """
    return read_person(folder).missing()


def read_person(folder: Path) -> Person:
    """Read a run's `card.yaml`, if it has one; UsageError, with file and line, for a wrong one."""
    path = folder / CARD_FILE
    if not path.exists():
        return Person()
    root = read_file(path, str(path), 0, what="card", start="Start one: cuvee card DIR --init")
    problems = Problems(what="card")
    listing = ", ".join(_BY_NAME)
    entries = known_entries(root, _BY_NAME, "there is no field", listing, problems)
    values = {name: _checked(_BY_NAME[name], node, problems) for name, node in entries.items()}
    problems.raise_first()
    return Person({name: value for name, value in values.items() if value})


def _checked(asked: Field, node: Node, problems: Problems) -> Any:
    """Return a field's value: text, or a list of texts; empty where it says nothing."""
    value = node.plain()
    if value is None:
        return ""
    given = value if isinstance(value, list) and asked.kind == "list" else [value]
    if not all(isinstance(item, str) for item in given):
        wanted = "a list of texts" if asked.kind == "list" else "text"
        fact = f"{asked.name} must be {wanted}, not {shown(value)}."
        problems.add(node.place, fact, "Put it in quotes, or write it below a '|'.")
        return ""
    texts = [without_marks(item.strip()) for item in given]
    if asked.kind == "list":
        return [text for text in texts if text]
    _check_form(asked, node, texts[0], problems)
    return texts[0]


def _check_form(asked: Field, node: Node, text: str, problems: Problems) -> None:
    if not text:
        return
    if asked.kind == "identifier" and not _IDENTIFIER.fullmatch(text):
        fact = f"{asked.name} must be an identifier such as odc-by, not {shown(text)}."
        hint = "For a licence that the Hub has no word for: other, license_name, license_link."
        problems.add(node.place, fact, hint)
    if asked.kind == "tokens" and text != AS_CONFIG and not REPOSITORY.fullmatch(text):
        fact = f"{asked.name} must be config or ORG/NAME, not {shown(text)}."
        problems.add(node.place, fact, "Without token ids, leave it empty.")
    if asked.kind == "date" and not _is_day(text):
        fact = f"{asked.name} must be a day such as 2026-01-31, not {shown(text)}."
        problems.add(node.place, fact)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def start_card_file(folder: Path) -> Path:
    """Write a `card.yaml` without answers, with what each field is for; return where it is.

    UsageError where there is one, or where no run is.
    """
    path = folder / CARD_FILE
    if not check_format(folder):
        raise UsageError(
            f"{folder}: no run of cuvee is there.\n  Make one with 'cuvee run' or 'cuvee demo'."
        )
    if path.exists():
        raise UsageError(f"{path}: is there already.\n  Edit it, or remove it to start again.")
    write_whole(path, _template().encode())
    return path


def _template() -> str:
    lines = [
        "# What only a person can say about this dataset. Everything else is computed.",
        "# Longer text goes below a '|', indented. Publishing asks for what is marked required.",
        "",
    ]
    for entry in FIELDS:
        mark = "required" if entry.required else "optional"
        lines += [f"# {entry.name} ({mark}). {entry.what}", f"{entry.name}:", ""]
    return "\n".join(lines)
