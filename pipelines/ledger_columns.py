"""Columns that a recipe's gates, input and cascade fill in the ledger, besides those of blocks."""

from collections.abc import Iterator

from filters.imported import imported_signal
from filters.judge import Column
from filters.language import CODE, SCORE
from filters.licence import SIGNALS as LICENCE
from filters.optout import NOTHING
from filters.optout import SIGNALS as OPT_OUTS
from filters.url import BLOCK_REASON
from pipelines.assets import model_file
from pipelines.blocklist import list_digests
from pipelines.cascade import COLUMNS
from pipelines.files import sha256_of
from pipelines.opt_outs import opt_out_digests
from pipelines.recipe.model import Recipe


def gate_columns(recipe: Recipe) -> Iterator[Column]:
    """Yield what gates measure; the language has its place among the ledger's fixed columns."""
    if recipe.url_gates:
        yield Column(BLOCK_REASON.name, BLOCK_REASON, "url", tuple(list_digests().items()))
    if recipe.optout_gates:
        yield from (Column(s.name, s, "optout") for s in OPT_OUTS if s.name in NOTHING)
    if recipe.opt_outs:
        made_by = tuple(opt_out_digests(recipe.opt_outs).items())
        yield from (Column(s.name, s, "optout", made_by) for s in OPT_OUTS if s.name not in NOTHING)
    if recipe.measures_licence:
        yield from (Column(s.name, s, "licence") for s in LICENCE)
    if recipe.text_gates:
        model = (sha256_of(model_file(recipe.language.model)),)
        yield Column("language", CODE, "language", model)
        yield Column("language_score", SCORE, "language", model)


def imported_columns(recipe: Recipe) -> Iterator[Column]:
    """Yield what the input brings along of a page; what it depends on is the input itself."""
    for name in recipe.imported:
        signal = imported_signal(name)
        assert signal is not None  # noqa: S101  the recipe was checked
        yield Column(name, signal, recipe.input_format.name, ("imported",))


def cascade_columns(recipe: Recipe) -> Iterator[Column]:
    """Yield what the cascade notes of a page, on the cheap text of the model's wanted language."""
    made_by = (sha256_of(model_file(recipe.language.model)), recipe.wanted_language)
    for signal in COLUMNS:
        yield Column(signal.name, signal, "cascade", made_by)
