"""What a run directory's recipe.yaml says, read without believing or importing anything.

A run may be somebody else's: whoever only looks at it must not run the modules and
blocks that its recipe names. So this is no check, and it loads no recipe.
"""

from pathlib import Path

from filters.errors import RecipeError
from filters.rule import Rule, parse_rule
from pipelines.recipe.options import RULE_STAGES
from pipelines.recipe.source import read_file


def recorded_rules(path: Path) -> dict[str, Rule]:
    """Return the rules of a run's recipe by name; what cannot be read is left out."""
    try:
        stages = read_file(path, str(path), 0).map.get("stages")
    except RecipeError:  # of a run, nothing but the explanation of a rule depends on it
        return {}
    found = {}
    for stage in stages.items if stages else []:
        for kind in RULE_STAGES:
            for name, node in stage.map[kind].map.items() if kind in stage.map else ():
                try:
                    found[name] = parse_rule(name, str(node.value))
                except ValueError:
                    continue
    return found
