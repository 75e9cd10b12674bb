"""The recipe's key `word_lists`: lists of words, by the name of the signal that counts them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from filters.catalog import text_signals
from filters.errors import UsageError, nearest
from filters.redpajama_lists import AMONG
from pipelines.pinned_lists import PINNED_LISTS
from pipelines.recipe.model import Recipe
from pipelines.recipe.options import RULE_NAME
from pipelines.recipe.problems import Problems, known_entries, shown
from pipelines.recipe.source import Node, Place
from pipelines.word_lists import OPTIONS, NamedList, digest_of

_EXAMPLE = "For example: word_lists: {bad_words: c4_bad_words_en.txt}"


def read_word_lists(node: Node, problems: Problems) -> tuple[NamedList, ...]:
    """Return the lists that a recipe names, each with the sha256 of its file.

    A file that is not here can be meant only where the recipe says its sha256, as that of a
    finished run does: whoever looks at the run need not have it.
    """
    if not isinstance(node.value, dict):
        fact = f"word_lists must be a map of names, not {shown(node.plain())}."
        problems.add(node.place, fact, _EXAMPLE)
        return ()
    found = [_looked_at(name, body, problems) for name, body in node.map.items()]
    return tuple(named for named in found if named is not None)


def _looked_at(name: str, body: Node, problems: Problems) -> NamedList | None:
    written = recorded_word_list(name, body, problems)
    if written is None:
        return None
    if name in text_signals():
        problems.add(body.place, f"word_lists: '{name}' is a signal already.", "Rename it.")
    place = body.map["file"].place if isinstance(body.value, dict) else body.place
    sha256 = _digest(written, place, problems)
    return replace(written, sha256=sha256)


def recorded_word_list(name: str, body: Node, problems: Problems) -> NamedList | None:
    """Return a list as it is written, or None after noting what is wrong with that."""
    before = len(problems.found)
    owner = f"word_lists.{name}"
    if not RULE_NAME.fullmatch(name):
        fact = f"word_lists: '{name}' is no name for a list."
        problems.add(body.place, fact, "Letters, digits and _, not beginning with a digit.")
    entries = {"file": body}
    if isinstance(body.value, dict):
        listing = ", ".join(OPTIONS)
        entries = known_entries(body, OPTIONS, f"{owner} has no option", listing, problems)
    file = entries["file"].plain() if "file" in entries else None
    is_told = "file" not in entries and len(problems.found) > before  # a slip of the key
    if not is_told and (not isinstance(file, str) or not file):
        place = entries.get("file", body).place
        problems.add(place, f"{owner} must name a file, not {shown(file)}.", _EXAMPLE)
    how = _how(owner, entries, problems)
    said = entries["sha256"].plain() if "sha256" in entries else ""
    if not isinstance(said, str):
        fact = f"{owner}.sha256 must be a text, not {shown(said)}."
        problems.add(entries["sha256"].place, fact, "Leave it out: it is taken of the file.")
    return None if len(problems.found) > before else NamedList(name, str(file), sha256=said, **how)


class _How(TypedDict):
    anywhere: bool
    among: str


def _how(owner: str, entries: Mapping[str, Node], problems: Problems) -> _How:
    """Return how a list is looked for, after noting what is wrong with that."""
    anywhere = entries["anywhere"].plain() if "anywhere" in entries else False
    if not isinstance(anywhere, bool):
        fact = f"{owner}.anywhere must be true or false, not {shown(anywhere)}."
        problems.add(entries["anywhere"].place, fact, "The default is false.")
    among = entries["among"].plain() if "among" in entries else ""
    if "among" in entries and (not isinstance(among, str) or among not in AMONG):
        close = nearest(among, AMONG) if isinstance(among, str) else None
        hint = f"Did you mean '{close}'?" if close else f"There are: {', '.join(AMONG)}."
        fact = f"{owner}.among must name a signal that counts words, not {shown(among)}."
        problems.add(entries["among"].place, fact, hint)
    elif among and anywhere:
        fact = f"{owner} is looked for among words, so not anywhere."
        problems.add(entries["among"].place, fact, "Leave out either 'anywhere' or 'among'.")
    return _How(anywhere=bool(anywhere), among=str(among))


def _digest(named: NamedList, place: Place, problems: Problems) -> str:
    """Return the sha256 of a list's file, or the one that the recipe says of one elsewhere."""
    file, said = named.file, named.sha256
    if said and file not in PINNED_LISTS and not Path(file).is_file():
        return said
    try:
        found = digest_of(file)
    except UsageError as error:
        fact, _, hint = str(error).partition("\n")
        problems.add(place, fact, hint.strip())
        return ""
    if said not in ("", found):
        fact = f"word_lists.{named.name}: {file} has changed: sha256 {found[:16]}…"
        problems.add(place, fact, f"The recipe asks for {shown(said)}: mend either.")
    return found


def check_word_lists(
    recipe: Recipe, others: Collection[str], place: Place, problems: Problems
) -> None:
    """Note a list that is called as another signal of the recipe's own, or that no rule reads."""
    read = {name.rpartition(".")[2] for _, rule in recipe.rules() for name in rule.reads}
    for named in recipe.word_lists:
        if named.name in others:
            problems.add(place, f"word_lists: '{named.name}' is a signal already.", "Rename it.")
        elif named.name not in read:
            fact = f"word_lists names '{named.name}', which no rule reads."
            problems.add(place, fact, f"Add to a drop: {named.name}: {named.name} > 0")
