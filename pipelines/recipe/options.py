"""What an option of a recipe can be: type, bounds, default and meaning, for check and schema."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from filters.edit import Edit

POLICIES = ("first", "longest", "newest")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of recipes and dumps: they become parts of paths."""
RULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[a-z]+)?(_[A-Z][a-z]{3})?")
"""The form of datatrove's language codes; which there are, its table says."""
MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([KMGT]i?B|B)")
MEMORY_UNITS = {"B": 1} | {
    f"{letter}{'iB' if base == 1024 else 'B'}": base**power  # noqa: PLR2004 - binary or decimal
    for base in (1000, 1024)
    for power, letter in enumerate("KMGT", start=1)
}
LEAST_MEMORY = 256 * 1024**2
MOST_MEMORY = 1024**5


@dataclass(frozen=True, slots=True)
class Option:
    """A boolean, a number within bounds, one of several words, or a list of such words."""

    name: str
    default: bool | int | float | str | tuple[str, ...] | tuple[int, ...] | None
    summary: str
    least: float = 0
    most: float = 1
    choices: tuple[str, ...] = ()

    @property
    def wants(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            words = ", ".join(self.choices)
            return f"a list of {words}" if isinstance(self.default, tuple) else f"one of {words}"
        if isinstance(self.default, bool):
            return "true or false"
        noun = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{noun} from {self.least:,} to {self.most:,}"

    def accepts(self, value: Any) -> bool:
        """Return whether the value has the option's type and lies within its bounds."""
        if isinstance(self.default, tuple):
            words = value if isinstance(value, list) else []
            known = [word for word in words if isinstance(word, str) and word in self.choices]
            return bool(words) and len(set(known)) == len(words)
        if self.choices:
            return isinstance(value, str) and value in self.choices
        if isinstance(self.default, bool) or isinstance(value, bool):
            return isinstance(self.default, bool) and isinstance(value, bool)
        kinds = int if isinstance(self.default, int) else (int, float)
        return isinstance(value, kinds) and self.least <= value <= self.most


class Survivor(Option):
    """Which page of a cluster stays: a word, or the signal whose highest value stays."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return f"one of {', '.join(POLICIES)}, or {{highest: SIGNAL}}"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        if isinstance(value, dict):
            return list(value) == ["highest"] and isinstance(value["highest"], str)
        return isinstance(value, str) and value in POLICIES


class Word(Option):
    """A text, or nothing."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return "a text or null"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        return value is None or (isinstance(value, str) and bool(value))


class WordOrFlag(Option):
    """True, false, or one of several words."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return f"true, false or {', '.join(self.choices)}"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        return isinstance(value, bool) or (isinstance(value, str) and value in self.choices)


class Folders(Option):
    """A list of folders."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return "a list of folders"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


class Texts(Option):
    """A text, or several."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return "a text or a list of texts"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        texts = value if isinstance(value, list) else [value]
        return bool(texts) and all(isinstance(text, str) and text for text in texts)


class Numbers(Option):
    """A whole number within bounds, or several."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return f"whole numbers from {self.least:,} to {self.most:,}"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        numbers = value if isinstance(value, list) else [value]
        fit = (type(number) is int and self.least <= number <= self.most for number in numbers)
        return bool(numbers) and all(fit)


class Digest(Option):
    """The sha256 of a file, or nothing."""

    pattern: ClassVar = re.compile(r"[0-9a-f]{64}")

    @property
    def wants(self) -> str:
        """See `Option`."""
        return "64 hexadecimal digits"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        return value is None or (isinstance(value, str) and bool(self.pattern.fullmatch(value)))


class Size(Option):
    """A number of bytes, as such or with a unit."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return f"a size such as 2GB, from {self.least:,} to {self.most:,} bytes"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        size = bytes_of(value)
        return size is not None and self.least <= size <= self.most


def bytes_of(value: Any) -> int | None:
    """Return the bytes of a size such as 2GB, or of a number of them; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = MEMORY.fullmatch(value) if isinstance(value, str) else None
    return int(float(match[1]) * MEMORY_UNITS[match[2]]) if match else None


def by_name(*options: Option) -> dict[str, Option]:
    """Return options by their names."""
    return {option.name: option for option in options}


def edit_options(edit: Edit) -> dict[str, Option]:
    """Return an edit's options by name; each default says the type, a list of words all of them."""
    options = []
    for name, default in edit.options.items():
        meaning = edit.meanings[name]
        if isinstance(default, list | tuple):
            words = tuple(str(word) for word in default)
            options.append(Option(name, words, meaning, choices=words))
        else:
            options.append(Option(name, default, meaning, most=10**9))
    return by_name(*options)
