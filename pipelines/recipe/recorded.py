"""What a run directory's recipe.yaml says, read without believing or importing anything.

A run may be somebody else's: whoever only looks at it must not run the modules and
blocks that its recipe names. So this is no check, and it loads no recipe.
"""

from pathlib import Path

from filters.errors import UsageError
from pipelines.benchmarks import Benchmark
from pipelines.files import sha256_of
from pipelines.recipe.benchmarks import recorded_benchmark
from pipelines.recipe.kinds import MinHashOptions
from pipelines.recipe.problems import Problems, checked_options
from pipelines.recipe.source import Node, read_file, refuse
from pipelines.recipe.stage_options import KINDS
from pipelines.recipe.word_lists import recorded_word_list
from pipelines.word_lists import NamedList, kept_file


def recorded_benchmarks(recipe: Node) -> list[Benchmark]:
    """Return a run's benchmarks as far as their very files are on this machine.

    Nothing is fetched, and a file that is not the one that the run has read is not looked into.
    """
    named = recipe.map["benchmarks"].map if "benchmarks" in recipe.map else {}
    problems = Problems()
    found = (recorded_benchmark(name, body, problems) for name, body in named.items())
    return [each for each in found if each is not None and _is_here(each)]


def run_benchmarks(root: Path) -> list[Benchmark]:
    """Return the benchmarks of a run's recipe; UsageError where a file is not here or another."""
    path = root / "recipe.yaml"
    recipe = read_file(path, str(path), 0)
    found = recorded_benchmarks(recipe)
    named = recipe.map["benchmarks"].map if "benchmarks" in recipe.map else {}
    missing = named.keys() - {each.name for each in found}
    if missing:
        raise UsageError(
            f"{path}: the items of '{min(missing)}' that the run has read are not here.\n"
            "  Name a file: --items FILE --fields NAME"
        )
    return found


def _is_here(benchmark: Benchmark) -> bool:
    path = Path(benchmark.items)
    return path.is_file() and sha256_of(path) == benchmark.sha256


def recorded_word_lists(recipe: Node) -> list[NamedList]:
    """Return a run's lists of words as far as their very files are on this machine."""
    named = recipe.map["word_lists"].map if "word_lists" in recipe.map else {}
    problems = Problems()
    found = (recorded_word_list(name, body, problems) for name, body in named.items())
    lists = (each for each in found if each is not None)
    return [
        each
        for each in lists
        if (path := kept_file(each.file)) is not None and sha256_of(path) == each.sha256
    ]


def recorded_minhash(path: Path) -> tuple[MinHashOptions, str] | None:
    """Return a run's near-duplicate settings and the language of its words; None without any.

    Who stays, earlier runs and limits are left out. RecipeError for settings that no run can have.
    """
    recipe = read_file(path, str(path), 0)
    stages = recipe.map["stages"].items if "stages" in recipe.map else []
    found = [stage.map["dedup"].map for stage in stages if "dedup" in stage.map]
    if not found or "minhash" not in found[0]:
        return None
    if "languages" in recipe.map:
        fact = "words are found by the language of each page, which its stored text does not tell."
        refuse(recipe.map["languages"].place, fact, "Check a run of one language.")
    problems = Problems()
    settings = checked_options("minhash", found[0]["minhash"], KINDS["minhash"], problems)
    problems.raise_first()
    for name in ("keep", "against", "max_cluster"):
        del settings[name]
    words = recipe.map.get("words")
    return MinHashOptions(**settings), str(words.plain()) if words else "en"
