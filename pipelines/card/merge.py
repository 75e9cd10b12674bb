"""A card that is written anew and keeps what a person has added to the old one.

What is computed stands between two lines, `<!-- cuvee:begin NAME -->` and
`<!-- cuvee:end NAME DIGEST -->`, which a reader does not see. A person's text stands
anywhere else and stays where it was, between the same two parts. The digest shows whether
a person has changed a computed part all the same: then what it said stays, as a comment.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from filters.errors import RecipeError, UsageError
from pipelines.recipe.source import Place, read_text

_BEGIN = re.compile(r"<!-- cuvee:begin ([a-z-]+) -->")
_END = re.compile(r"<!-- cuvee:end ([a-z-]+)(?: ([0-9a-f]{8}))? -->")
_MARK = re.compile(r"<!--(?=\s*cuvee:)")
_HEAD = re.compile(r"\A---\n(.*?)^---(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_OURS = re.compile(
    r"(data|sample)/[^/*?]+/\*(\.parquet)?|data/\*/(\*/)?\*(\.parquet)?"
    r"|data/[^/*?]+/train/(\*|[^/*?]+_\?{5})\.parquet"
)
"""The files of a config that is computed."""


@dataclass(frozen=True, slots=True)
class Part:
    """A computed part of a card."""

    name: str
    text: str
    changed: bool = False
    """Whether a person has changed its text since it was computed."""

    @property
    def digest(self) -> str:
        """The first digits of its text's sha256; ends of lines do not count."""
        lines = (line.rstrip() for line in self.text.strip().splitlines())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]

    def marked(self) -> str:
        """Return the part between its two lines."""
        begin, end = f"begin {self.name}", f"end {self.name} {self.digest}"
        return f"<!-- cuvee:{begin} -->\n{self.text}\n<!-- cuvee:{end} -->\n"

    def kept(self) -> str:
        """Return a changed part's text as a comment."""
        text = self.text.replace("-->", "--&gt;")
        return f"<!-- The part '{self.name}' had been changed by hand. It said:\n{text}\n-->\n"


def without_marks(text: str) -> str:
    """Return text in which nothing can be taken for the begin or end of a part."""
    return _MARK.sub("&lt;!--", text)


def compose(head: Mapping[str, Any], parts: Sequence[Part]) -> str:
    """Return a whole card: YAML head and computed parts."""
    return f"{_yaml(head)}\n{_joined(parts)}"


def merge(card: str, existing: str, stay: Collection[str] = (), name: str = "README.md") -> str:
    """Return a newly computed card with everything that a person has added to an existing one.

    The text of a person stays between the computed parts where it was; below all of them where
    the existing card has none. A computed part that a person has changed stays below the new
    one, as a comment. Of the YAML head what is computed replaces what was, and a person's keys,
    tags and configs stay. `stay` names computed configs of the existing card
    that stay, too: dumps that lie in the same repository and are not in this run.
    `name` is the existing card's in messages. UsageError for a head that is not YAML.
    """
    head, body = _split(card, name)
    old_head, old_body = _split(existing.removeprefix("\ufeff").replace("\r\n", "\n"), name)
    merged = _merged_head(head, old_head, stay)
    return f"{_yaml(merged)}\n{_merged_body(_pieces(body), _pieces(old_body))}"


class CardDumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which writes what comes twice twice: a head has no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Say that nothing is referred to."""
        return True


def changed_parts(card: str) -> list[str]:
    """Return the names of those computed parts of a card that a person has changed."""
    _, body = _split(card, "README.md")
    return [piece.name for piece in _pieces(body) if isinstance(piece, Part) and piece.changed]


def _yaml(head: Mapping[str, Any]) -> str:
    dumped = yaml.dump(dict(head), Dumper=CardDumper, sort_keys=False, allow_unicode=True)
    return f"---\n{dumped}---\n"


def _split(card: str, name: str) -> tuple[dict[str, Any], str]:
    """Return head and body of a card."""
    found = _HEAD.match(card)
    if found is None:
        return {}, card
    try:
        # An empty line for the one of dashes, so that lines are those of the card.
        head = read_text(f"\n{found.group(1)}", Place(0, 1, 0, name)).plain()
    except RecipeError as error:
        raise UsageError(f"{error}\n  It is the head of an existing card: mend it.") from error
    if not isinstance(head, dict) and head is not None:
        raise UsageError(f"{name}: its head is no map of keys.\n  Mend it, or remove it.")
    return head or {}, card[found.end() :].removeprefix("\n")


def _merged_head(
    new: Mapping[str, Any], old: Mapping[str, Any], stay: Collection[str]
) -> dict[str, Any]:
    merged = {**new, **{key: value for key, value in old.items() if key not in new}}
    if isinstance(old.get("tags"), list):
        merged["tags"] = list(dict.fromkeys([*new.get("tags", ()), *old["tags"]]))
    if isinstance(old.get("configs"), list):
        computed = list(new.get("configs", ()))
        names = {config["config_name"] for config in computed}
        kept = [config for config in old["configs"] if _stays(config, names, stay)]
        merged["configs"] = [*computed, *kept]
        if not merged["configs"]:
            del merged["configs"]
    return merged


def _stays(config: Any, names: Collection[str], stay: Collection[str]) -> bool:
    """Return whether a config of the existing card is a person's, or one that is to stay."""
    if not isinstance(config, dict) or config.get("config_name") in names:
        return False
    files = config.get("data_files")
    given = [item.get("path") for item in files or () if isinstance(item, dict)]
    paths = [path for item in given for path in (item if isinstance(item, list) else [item])]
    ours = bool(paths) and all(isinstance(path, str) and _OURS.fullmatch(path) for path in paths)
    return not ours or config.get("config_name") in stay


def _pieces(body: str) -> list[Part | str]:
    """Return computed parts and the texts between them, in order.

    A begin without its end, or an end without its begin, is no part: what follows it is text,
    so that nothing is lost.
    """
    pieces: list[Part | str] = []
    text: list[str] = []
    inside: list[str] = []
    name = ""
    for line in body.splitlines(keepends=True):
        begin, end = _BEGIN.fullmatch(line.strip()), _END.fullmatch(line.strip())
        if begin:
            text += inside
            name, inside = begin.group(1), []
        elif end and end.group(1) == name:
            part = Part(name, "".join(inside).removesuffix("\n"))
            changed = end.group(2) not in (None, part.digest)
            pieces += ["".join(text), replace(part, changed=changed)]
            name, text, inside = "", [], []
        elif not end:
            (inside if name else text).append(line)
    return [*pieces, "".join([*text, *inside])]


def _merged_body(new: Sequence[Part | str], old: Sequence[Part | str]) -> str:
    computed = {piece.name: piece for piece in new if isinstance(piece, Part)}
    there = [piece.name for piece in old if isinstance(piece, Part) and piece.name in computed]
    follow = _followers(list(computed), there)
    if not there:
        kept = (piece if isinstance(piece, str) else piece.kept() for piece in _of_a_person(old))
        return _joined([*computed.values(), *kept])
    merged: list[Part | str] = [computed[name] for name in follow.get("", ())]
    seen: set[str] = set()
    for piece in old:
        if isinstance(piece, str):
            merged.append(piece)
            continue
        new_part = piece.name in computed and piece.name not in seen
        seen.add(piece.name)
        merged += [computed[piece.name]] if new_part else []
        merged += [piece.kept()] if piece.changed else []
        merged += [computed[name] for name in follow.get(piece.name, ())] if new_part else []
    return _joined(merged)


def _of_a_person(pieces: Sequence[Part | str]) -> list[Part | str]:
    return [piece for piece in pieces if isinstance(piece, str) or piece.changed]


def _followers(names: Sequence[str], there: Collection[str]) -> dict[str, list[str]]:
    """Return for each part that is there the new ones that come after it; "": before all."""
    found: dict[str, list[str]] = {}
    last = ""
    for name in names:
        if name in there:
            last = name
        else:
            found.setdefault(last, []).append(name)
    return found


def _joined(pieces: Sequence[Part | str]) -> str:
    """Return the body: one empty line between its pieces."""
    texts = [piece.marked() if isinstance(piece, Part) else piece for piece in pieces]
    return "\n".join(text.strip("\n") + "\n" for text in texts if text.strip())
