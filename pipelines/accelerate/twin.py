"""A private copy of modules whose functions call each other's copies.

A replacement must reach the functions that call the original, and must reach nobody else's:
so the callers are copied too. Code objects are shared; only the globals that a function looks
names up in are new. The modules themselves stay as they are.
"""

import sys
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

Namespace = dict[str, Any]


def linked_copy(
    modules: Iterable[str], replacements: Iterable[tuple[object, object]]
) -> Mapping[str, Namespace]:
    """Return copies of imported modules' globals, linked with each other and with replacements.

    Wherever one of the modules knows an original by some name, its copy knows the replacement.
    Functions of the modules are copied; everything else is shared.
    """
    spaces = {name: dict(vars(sys.modules[name])) for name in modules}
    swaps: dict[int, object] = {}
    for name, space in spaces.items():
        for value in vars(sys.modules[name]).values():
            if isinstance(value, FunctionType) and value.__module__ == name:
                swaps[id(value)] = _copy(value, space)
    originals = list(replacements)  # keeps them alive, so that an id means one object
    copies = dict(swaps)
    swaps.update((id(original), copies.get(id(mine), mine)) for original, mine in originals)
    for space in spaces.values():
        space.update({key: swaps[id(value)] for key, value in space.items() if id(value) in swaps})
    return spaces


def _copy(function: FunctionType, space: Namespace) -> FunctionType:
    copy = FunctionType(
        function.__code__, space, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
