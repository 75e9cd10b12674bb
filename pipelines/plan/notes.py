"""What a person must know to read a plan: where its numbers may be off, and which way."""

from collections.abc import Iterator, Mapping, Sequence

from pipelines.plan.looked import CORE, Looked
from pipelines.plan.survey import Survey, estimate
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import TrainedTokenizer

_TELLING_BYTES = 10_000_000
_TELLING_SHARE = 0.3
_FEW = 4
_BUSY = 0.85


def notes(
    recipe: Recipe,
    survey: Survey,
    looked: Sequence[Looked],
    failed: Mapping[str, str],
    *,
    sizes_known: bool,
) -> list[str]:
    """Return the reservations under which the numbers stand, as sentences.

    `failed` are units of the sample that could not be done, with the reason.
    """
    about_failures = _about_failures(recipe, looked, failed)
    if survey.is_complete:
        exact = "The sample is the whole input: counts are exact."
        return [exact, _about_times(looked), *about_failures]
    return [
        *_about_the_sample(survey, looked, sizes_known=sizes_known),
        *about_failures,
        *_about_kept(recipe, looked),
    ]


def _about_the_sample(
    survey: Survey, looked: Sequence[Looked], *, sizes_known: bool
) -> Iterator[str]:
    if not sizes_known:
        yield "Not every file's size is known before it is read: units are taken to be alike."
    if estimate(survey, [unit.gave["pages"] for unit in looked]).low is None:
        yield "The sample is too small for an interval: draw more units with --units."
    cut = [unit.read for unit in looked if unit.read < 1]
    if cut:
        yield (
            f"Of {len(cut)} unit(s) only the first pages were read, {sum(cut) / len(cut):.1%} of "
            "each: if a file's pages are in an order, the later ones differ, and no interval "
            "shows it. --pages reads more."
        )
    yield _about_times(looked)


def _about_times(looked: Sequence[Looked]) -> str:
    occupied = sum(
        spent for unit in looked for name, spent in unit.gave.items() if name.startswith(CORE)
    )
    share = sum(unit.gave["cpu"] for unit in looked) / occupied if occupied else 1.0
    if share >= _BUSY:
        return "Times are those of this machine while it ran the sample."
    return (
        f"Times are those of this machine while it ran the sample; {1 - share:.0%} of them were "
        "waiting, for input or for cores that were busy elsewhere."
    )


def _about_failures(
    recipe: Recipe, looked: Sequence[Looked], failed: Mapping[str, str]
) -> Iterator[str]:
    for unit, why in list(failed.items())[:1]:
        yield (
            f"{len(failed)} unit(s) of the sample could not be read and are left out; "
            f"a run allows {recipe.max_failed_units} of them. The first, {unit}: {why}"
        )
    pages = sum(unit.gave["pages"] for unit in looked)
    lost = sum(unit.gave["failed"] for unit in looked)
    if pages and lost / pages > recipe.max_failed_pages:
        yield (
            f"{lost / pages:.1%} of the pages failed: a run stops above "
            f"max_failed_pages: {recipe.max_failed_pages}."
        )


def _about_kept(recipe: Recipe, looked: Sequence[Looked]) -> Iterator[str]:
    candidates = sum(unit.gave["candidates"] for unit in looked)
    if not candidates:
        yield "No page of the sample passed the rules: what kept pages give and cost is not known."
        return
    texts = [unit.gave["text_bytes"] for unit in looked]
    if len(texts) >= _FEW and max(texts) > _TELLING_SHARE * sum(texts):
        yield (
            f"One unit of the sample gave {max(texts) / sum(texts):.0%} of the kept text: the rest "
            "may hold such units too, or none, and intervals are narrower than they should be."
        )
    lost = 1 - sum(unit.gave["kept"] for unit in looked) / candidates
    yield (
        "Kept pages, and all that follows from them, are an upper bound: duplicates of pages "
        f"outside the sample are not seen. Within it, {lost:.1%} of the pages that had passed the "
        f"rules left as duplicates{' or by the rules after that' if recipe.final_rules else ''}."
    )
    if isinstance(recipe.tokenizer, TrainedTokenizer):
        yield "Tokens are counted with a tokenizer that was trained on the sample alone."
    cut = [unit.gave["text_bytes"] for unit in looked if unit.read < 1]
    if max(cut, default=0) > _TELLING_BYTES:
        yield (
            "Memory is that of the units as far as they were read; settling holds the kept text "
            f"of a whole unit, about {max(cut) / 1e6:.0f} MB."
        )
