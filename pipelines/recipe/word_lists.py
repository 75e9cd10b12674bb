"""The recipe's key `word_lists`: lists of words, by the name of the signal that counts them."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from pipelines.pinned_lists import PINNED_LISTS
from pipelines.recipe.named import (
    NamedKey,
    check_read,
    file_digest,
    is_file,
    is_free,
    place_of,
    read_entry,
    read_named,
)
from pipelines.recipe.named_options import WORD_LIST
from pipelines.recipe.problems import Problems
from pipelines.recipe.source import Node, Place
from pipelines.word_lists import NamedList, digest_of

_KEY = NamedKey(
    key="word_lists",
    noun="list",
    options=WORD_LIST,
    required=("file",),
    example="For example: word_lists: {bad_words: c4_bad_words_en.txt}",
)


def read_word_lists(node: Node, problems: Problems) -> tuple[NamedList, ...]:
    """Return the lists that a recipe names, each with the sha256 of its file.

    A file that is not here can be meant only where the recipe says its sha256, as that of a
    finished run does: whoever looks at the run need not have it.
    """
    return read_named(_KEY, node, _looked_at, problems)


def _looked_at(name: str, body: Node, problems: Problems) -> NamedList | None:
    written = recorded_word_list(name, body, problems)
    if written is None or not is_free(_KEY, name, [name], body.place, problems):
        return None
    file, said = written.file, written.sha256
    if said and file not in PINNED_LISTS and not is_file(file):
        return written
    place = place_of(body, "file")
    return replace(
        written, sha256=file_digest(_KEY.owner(name), file, said, digest_of, place, problems)
    )


def recorded_word_list(name: str, body: Node, problems: Problems) -> NamedList | None:
    """Return a list as it is written, or None after noting what is wrong with that."""
    options = read_entry(_KEY, name, body, problems)
    if options is None:
        return None
    if options["among"] and options["anywhere"]:
        fact = f"{_KEY.owner(name)} is looked for among words, so not anywhere."
        problems.add(place_of(body, "among"), fact, "Leave out either 'anywhere' or 'among'.")
        return None
    texts = {option: options[option] or "" for option in ("sha256", "among")}
    return NamedList(name, options["file"], options["anywhere"], **texts)


def check_word_lists(
    lists: Iterable[NamedList], reads: Collection[str], place: Place, problems: Problems
) -> None:
    """Note a list that no rule reads."""
    for each in lists:
        check_read(_KEY, each.name, [each.name], reads, place, problems)
