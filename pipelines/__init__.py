"""From a web crawl to a published dataset: everything that touches files, network or Ray.

What the commands do, for notebooks and programs: `run` a recipe, `load_run` an earlier
run and read it as DataFrames. Names that end here are stable.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.api import Run, load_run, recipes, run, sample_crawl, signals
    from pipelines.recipe import Recipe, load_recipe

__all__ = [
    "Recipe",
    "Run",
    "load_recipe",
    "load_run",
    "recipes",
    "run",
    "sample_crawl",
    "signals",
]

_HOMES = {"Recipe": "pipelines.recipe", "load_recipe": "pipelines.recipe"}


def __getattr__(name: str) -> Any:
    # At first use: a command that only prints a list must not wait for pyarrow and pandas.
    if name not in __all__:
        raise AttributeError(f"module 'pipelines' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "pipelines.api")), name)
