"""Labels of language models: a recipe may name a language in any set of them.

`fra_Latn` with lid.176 is its `fr`, `fr` with GlotLID its `fra_Latn`; what the ledger holds and
rules compare is the model's own label. A label that the model has not is an error.
"""

import mmap
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NoReturn

from filters.languages import lid_176_labels
from filters.rule import LANGUAGE, Rule, parse_rule
from pipelines.near_label import near_label
from pipelines.recipe.by_language import same_label
from pipelines.recipe.override import rule_maps
from pipelines.recipe.parts import LanguageModel
from pipelines.recipe.source import Node, Place, refuse

_MAGIC = 793712314
_HEADER = struct.Struct("<14id3iqq")
"""Magic number, version and arguments of a model, then the sizes of its dictionary."""
_LABEL = re.compile(rb"__label__([^\0]{1,64})\0.{8}\x01", re.DOTALL)
"""A label in the dictionary: its name, how often it was seen, and 1 for a label."""
_SOME = 3
_PINNED = ("lid.176.ftz", "lid.176.bin")


def name_labels(tree: Node) -> None:
    """Write the labels of a recipe as its language model has them.

    RecipeError for one that the model has not, or that means several of its labels. Where the
    model is not there (it is asked for when a run begins), labels stay as they are written.
    """
    labels = model_labels(_model(tree))
    if not labels:
        return

    def named(label: str, place: Place) -> str:
        return _named(label, labels, place)

    languages = tree.map.get("languages")
    if languages is not None:
        languages.value = {named(key, its.place): its for key, its in languages.map.items()}
    for rules in rule_maps(tree):
        for name, node in rules.map.items():
            rules.map[name] = _renamed(name, node, named)


def _model(tree: Node) -> str:
    model = tree.map["language"].map.get("model") if "language" in tree.map else None
    return model.value if model and isinstance(model.value, str) else LanguageModel().model


def _renamed(name: str, node: Node, named: Callable[[str, Place], str]) -> Node:
    try:
        rule = parse_rule(name, str(node.value))
    except ValueError:
        return node  # the check says what is wrong with it, and where
    if not rule.others and rule.reads != (LANGUAGE,):
        return node
    renamed = _with_names(rule, lambda label: named(label, node.place))
    return node if renamed == rule else Node(str(renamed), node.place)


def _with_names(rule: Rule, named: Callable[[str], str]) -> Rule:
    others = [(named(label), constant) for label, constant in rule.others]
    if rule.reads != (LANGUAGE,):
        return replace(rule, others=tuple(others))
    own = [(at, named(it) if isinstance(it, str) else it) for at, it in others]
    constant = named(rule.constant) if isinstance(rule.constant, str) else rule.constant
    return replace(rule, constant=constant, others=tuple(own))


def _named(label: str, labels: Sequence[str], place: Place) -> str:
    if not label or label in labels:  # none is what a text has that the model cannot read
        return label
    same = [known for known in labels if same_label(known, label)]
    if len(same) != 1:
        _refuse_label(label, same, labels, place)
    return same[0]


def _refuse_label(label: str, same: list[str], labels: Sequence[str], place: Place) -> NoReturn:
    if same:
        fact = f"the language model has several labels for '{label}': {', '.join(same)}."
        refuse(place, fact, "Name the one that is meant.")
    close = near_label(label, labels)
    some = ", ".join(labels[:_SOME])
    hint = (
        f"Did you mean '{close}'?"
        if close
        else f"It has {len(labels):,}, such as {some}; a language may be named like fra_Latn, too."
    )
    refuse(place, f"the language model has no label '{label}'.", hint)


def model_labels(model: str) -> tuple[str, ...]:
    """Return the labels of a model by its name or file, in order; none where it cannot be read."""
    path = Path(model)
    if path.name in _PINNED:
        return tuple(lid_176_labels())
    try:
        facts = path.stat()
    except OSError:
        return ()
    return _labels_in(path, facts.st_mtime_ns, facts.st_size)


@cache
def _labels_in(path: Path, changed: int, size: int) -> tuple[str, ...]:  # noqa: ARG001  key
    """Return the labels in a file that fastText has written, without loading its vectors.

    The dictionary is that of fastText 0.9.2 (`Dictionary::save`); labels are found by their
    form, so that a model of a gigabyte costs a search through its words alone.
    """
    if size < _HEADER.size:
        return ()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as found:
        magic, *rest = _HEADER.unpack_from(found)
        count = rest[-3]
        if magic != _MAGIC or not 0 < count < size:
            return ()
        labels: list[str] = []
        at = _HEADER.size
        while len(labels) < count and (match := _LABEL.search(found, at)) is not None:
            labels.append(match[1].decode(errors="replace"))
            at = match.end()
    return tuple(sorted(labels)) if len(labels) == count else ()
