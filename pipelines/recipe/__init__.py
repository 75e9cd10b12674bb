"""Recipes: what a person writes, checked before anything runs.

`load_recipe` is the way in. A recipe's file is read by `source`, laid over what it
extends by `layers`, changed by `--set` in `override`, checked by `check`,
`rules` and `reads`, and becomes the frozen data of `model`.
"""

from collections.abc import Sequence

from filters.judge import DropStage, EditStage
from pipelines.recipe.check import check_recipe
from pipelines.recipe.classifier import make_known
from pipelines.recipe.kinds import DedupStage, MinHashOptions
from pipelines.recipe.layers import describe_recipes, load_layers, shipped_recipes
from pipelines.recipe.layouts import LAYOUTS, Columns, InputFormat
from pipelines.recipe.model import Recipe
from pipelines.recipe.modules import activate
from pipelines.recipe.override import COMMAND_LAYER
from pipelines.recipe.parts import (
    CascadeOptions,
    Extract,
    LanguageModel,
    SignalModule,
    TiktokenRanks,
    TokenOptions,
    TrainedTokenizer,
)
from pipelines.recipe.reads import SignalRow, describe_signals
from pipelines.recipe.rules import check_stages
from pipelines.recipe.schema import json_schema
from pipelines.recipe.source import Node, Place
from pipelines.recipe.stage import GateStage, Stage

__all__ = [
    "LAYOUTS",
    "CascadeOptions",
    "Columns",
    "DedupStage",
    "DropStage",
    "EditStage",
    "Extract",
    "GateStage",
    "InputFormat",
    "LanguageModel",
    "MinHashOptions",
    "Recipe",
    "SignalModule",
    "SignalRow",
    "Stage",
    "TiktokenRanks",
    "TokenOptions",
    "TrainedTokenizer",
    "describe_recipes",
    "describe_signals",
    "json_schema",
    "load_recipe",
    "shipped_recipes",
]


def load_recipe(
    path_or_name: str,
    overrides: Sequence[str] = (),
    inputs: Sequence[str] = (),
    input_format: str | None = None,
) -> Recipe:
    """Return the checked recipe of a file or of a shipped recipe's name.

    `overrides` are `NAME=VALUE` as `--set` takes them; `inputs` and `input_format` replace the
    recipe's own, but options of that very format stay.
    Raises RecipeError of at most three lines: the file and line where it is written, what is
    wrong, the nearest right name and the way out.
    """
    tree = load_layers(path_or_name, overrides)
    activate(())  # another recipe's modules and classifiers are nothing to this one
    make_known(())
    if inputs:
        place = Place(COMMAND_LAYER, 0, 0, "--input")
        tree.map["input"] = Node([Node(text, place) for text in inputs], place)
    if input_format is not None:
        place = Place(COMMAND_LAYER, 0, 0, "--input-format")
        written = tree.map.get("input_format")
        if written is None or input_format not in written.map:
            tree.map["input_format"] = Node(input_format, place)
    return check_recipe(tree, check_stages)
