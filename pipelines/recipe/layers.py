"""What a recipe is made of: its file, the recipes it extends, and the values set on the command.

Layers are trees (`source`); laying one over another keeps the place of every value.
"""

from collections.abc import Sequence
from pathlib import Path

from filters.errors import RecipeError, nearest
from pipelines.recipe.changes import apply_changes, refuse_changes, take_changes
from pipelines.recipe.keys import ONE_OF
from pipelines.recipe.label_sets import name_labels
from pipelines.recipe.languages import settle_languages
from pipelines.recipe.override import apply_set
from pipelines.recipe.source import Node, message, read_file, refuse

_SUFFIXES = (".yaml", ".yml")
_EDITOR_LINE = "# yaml-language-server:"


def shipped_folder() -> Path:
    """Return the folder of the recipes that come with the package: in a wheel, or in a checkout."""
    packages = Path(__file__).parent.parent
    packaged = packages / "configs"
    return packaged if packaged.is_dir() else packages.parent / "configs"


def shipped_recipes() -> dict[str, Path]:
    """Return the shipped recipes' files by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}


def describe_recipes() -> dict[str, str]:
    """Return the shipped recipes' names with the sentence that their first comment begins with."""
    described = {}
    for name, path in shipped_recipes().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        comments = (line.removeprefix("# ") for line in lines if not line.startswith(_EDITOR_LINE))
        described[name] = next(comments, "")
    return described


def find_recipe(wanted: str) -> Path:
    """Return the file of a path, or of a shipped recipe's name; RecipeError when there is none."""
    shipped = shipped_recipes()
    path = Path(wanted)
    found = shipped.get(wanted) or (path if _is_file(path) else None)
    if found is None and path.parent == Path("configs") and path.suffix in _SUFFIXES:
        found = shipped.get(path.stem)
    if found is None:
        close = nearest(path.stem, shipped)
        hint = f"Did you mean '{close}'?  " if close else ""
        refuse(f"'{wanted}'", "there is no such recipe.", f"{hint}List all: cuvee recipes")
    return found


def written_recipe(wanted: str) -> str:
    """Return a recipe's text as it is written; RecipeError for what is no recipe's file."""
    path = find_recipe(wanted)
    read_file(path, _shown(path), 0)
    return path.read_text(encoding="utf-8-sig")


def _is_file(path: Path) -> bool:
    """Return whether there is something to read; a folder is refused by name."""
    try:
        if path.is_dir():
            refuse(str(path), "is a folder, not a recipe.", "List the shipped ones: cuvee recipes")
        return path.exists()
    except OSError as error:
        refuse(str(path), f"cannot be read: {error.strerror}.")


def load_layers(wanted: str, sets: Sequence[str]) -> Node:
    """Return the whole tree of a recipe: what it extends, itself, then each `path=VALUE` of `sets`.

    Raises RecipeError for a file or a `--set` that cannot be read; what the values mean is
    checked elsewhere.
    """
    tree = _with_extended(find_recipe(wanted), ())
    for text in sets:
        apply_set(tree, text)
    settle_languages(tree)
    name_labels(tree)
    return tree


def _with_extended(path: Path, below: tuple[Path, ...]) -> Node:
    here = path.resolve()
    tree = read_file(path, _shown(path), len(below))
    extends = tree.map.pop("extends", None)
    changes = take_changes(tree)
    if extends is None:
        refuse_changes(changes)
        settle_languages(tree)
        return tree
    if not isinstance(extends.value, str):
        refuse(extends.place, "extends must be a file or a shipped recipe's name.")
    parent = _extended_path(extends, path)
    chain = (*below, here)
    if parent.resolve() in chain:
        ring = " extends ".join(_shown(link) for link in (*chain, parent))
        refuse(extends.place, f"recipes extend each other: {ring}.", "Remove one 'extends'.")
    whole = _overlay(_with_extended(parent, chain), tree)
    apply_changes(whole, changes)
    settle_languages(whole)
    return whole


def _extended_path(extends: Node, path: Path) -> Path:
    beside = path.parent / str(extends.value)
    try:
        return beside if _is_file(beside) else find_recipe(str(extends.value))
    except RecipeError as error:
        hint = str(error).partition("\n")[2].strip()
        fact = f"extends '{extends.value}', which is neither a file nor a shipped recipe."
        raise RecipeError(message(extends.place, fact, hint)) from None


def _shown(path: Path) -> str:
    """Return the name that messages use: relative to the working folder where it is inside it."""
    absolute = path.resolve()
    inside = absolute.is_relative_to(Path.cwd())
    return str(absolute.relative_to(Path.cwd())) if inside else str(path)


def _overlay(below: Node, above: Node, path: tuple[str, ...] = ()) -> Node:
    """Lay one tree over another: maps merge key by key, anything else is replaced."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    merged = {} if path in ONE_OF and above.value else dict(below.value)
    for key, node in above.value.items():
        old = below.value.get(key)
        merged[key] = node if old is None else _overlay(old, node, (*path, key))
    return Node(merged, above.place)
