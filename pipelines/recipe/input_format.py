"""A recipe's `input_format`: a name, or a name with options."""

import re

from filters.errors import nearest
from pipelines.recipe.keys import INPUT_FORMATS
from pipelines.recipe.layouts import LAYOUTS, InputFormat
from pipelines.recipe.problems import Problems, checked_options, one_of, shown
from pipelines.recipe.source import Node

_FOLDER = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*")


def read_input_format(node: Node, problems: Problems) -> InputFormat:
    """Return the format, or the default after noting what is wrong with what is written."""
    if isinstance(node.value, dict):
        chosen = one_of("input_format", node, LAYOUTS, problems)
        if chosen is None:
            return InputFormat()
        name, body = chosen
        options = checked_options(name, body, INPUT_FORMATS.get(name, {}), problems)
        found = InputFormat(name, **options)
        for folder in found.attributes:
            if not _FOLDER.fullmatch(folder):
                fact = f"{name}.attributes: '{folder}' is no folder below attributes/."
                problems.add(body.place, fact, "For example: attributes: [my_experiment]")
        return found
    if isinstance(node.value, str) and node.value in LAYOUTS:
        return InputFormat(node.value)
    close = nearest(node.value, LAYOUTS) if isinstance(node.value, str) else None
    hint = f"Did you mean '{close}'?  " if close else ""
    fact = f"input_format must be the name of a format, not {shown(node.plain())}."
    problems.add(node.place, fact, f"{hint}Known: {', '.join(LAYOUTS)}.")
    return InputFormat()
