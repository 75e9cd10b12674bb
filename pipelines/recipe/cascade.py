"""The recipe's key `cascade`: what it says, and whether the recipe can use it."""

from pipelines.recipe.keys import CASCADE
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import CascadeOptions
from pipelines.recipe.problems import Problems, checked_options, shown
from pipelines.recipe.source import Node


def read_cascade(node: Node, problems: Problems) -> CascadeOptions | None:
    """Return the options of a cascade, None where it is off."""
    plain = node.plain()
    if plain is None or plain is False or plain == "off":
        return None
    if plain is True or plain == "on":
        return CascadeOptions()
    if not isinstance(node.value, dict):
        fact = f"cascade must be true, false or a map of options, not {shown(plain)}."
        problems.add(node.place, fact, "For example: cascade: {language: 0.05}")
        return None
    return CascadeOptions(**checked_options("cascade", node, CASCADE, problems))


def check_cascade(recipe: Recipe, node: Node, problems: Problems) -> None:
    """Note why a recipe cannot use the cascade that it asks for."""
    why = why_no_cascade(recipe)
    if recipe.cascade is not None and why is not None:
        problems.add(node.place, *why)


def why_no_cascade(recipe: Recipe) -> tuple[str, str] | None:
    """Return why a cascade would be of no use to a recipe and the way out; None if it is of use."""
    if recipe.languages:
        fact = "cascade looks for one language, and this recipe has several."
        return fact, "Write cascade: false, or run each language by itself."
    if recipe.wanted_language is None:
        fact = "cascade needs a gate that wants one language; this recipe has none."
        return fact, 'For example - gate: {not_english: language.code != "en"}, or cascade: false'
    if recipe.extract.extractor == "resiliparse":
        fact = "cascade spares an expensive extraction, and resiliparse is none."
        return fact, "Write cascade: false, or extract: {trafilatura: {}}."
    return None
