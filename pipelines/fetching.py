"""What a recipe names that lies elsewhere is fetched before it is asked for, and that is said."""

from pipelines.assets import Report, model_file
from pipelines.classifiers.files import find_files
from pipelines.ngram_models import fetch_models
from pipelines.recipe.model import Recipe
from pipelines.word_lists import list_file


def fetch_named(recipe: Recipe, report: Report) -> None:
    """Fetch a recipe's models and lists that are pinned or on the Hub and not here yet.

    `report` is told of each before it is waited for; of what is here already, nothing. UsageError
    for what cannot be found, WorkError for what cannot be fetched.
    """
    if recipe.text_gates:
        model_file(recipe.language.model, report=report)
    for named in recipe.word_lists:
        list_file(named.file, report)
    for classifier in recipe.classifiers:
        find_files(classifier, report)
    fetch_models(recipe, report)
