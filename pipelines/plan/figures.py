"""What a plan states, as estimates of the whole from what units of the sample gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.plan.looked import CORE, DISK, JOIN, Looked
from pipelines.plan.survey import Estimate, Survey, estimate
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import TrainedTokenizer

# Stages of a single unit.
_SERIAL = (CORE + JOIN, CORE + "tokenizer", CORE + "plan")
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Totals of a run over the whole input."""

    survey: Survey
    gave: Sequence[Mapping[str, float]]
    """By unit seen, as `Looked` has it."""
    constant: Mapping[str, float]
    """Bytes that do not grow with the input."""
    startup_seconds: float
    workers: int

    def total(self, *names: str) -> Estimate:
        """Return the total of everything named, together."""
        values = [sum(unit.get(name, 0.0) for name in names) for unit in self.gave]
        return estimate(self.survey, values).plus(sum(self.constant.get(n, 0.0) for n in names))

    def kept(self, pages_read: int) -> Estimate:
        """Return the kept pages; of none, three times as many may be had as pages were read.

        The rule of three: with 95 % no more than 3 of `n` are there if none of `n` was seen.
        """
        kept = self.total("kept")
        if kept.value or self.survey.is_complete or not pages_read:
            return kept
        return Estimate(0.0, 0.0, 3 / pages_read * self.total("pages").value)

    @property
    def core_hours(self) -> Estimate:
        """Hours that cores are occupied, start-up included."""
        return self._hours(*self._names(CORE)).plus(self._startup_hours)

    def core_hours_by_step(self) -> dict[str, Estimate]:
        """Return the same by step: those of curating a page, then the stages that follow."""
        startup = Estimate(self._startup_hours, None, None)
        steps = {name[len(CORE) :]: self._hours(name) for name in self._names(CORE)}
        return {"start-up": startup, **steps}

    @property
    def cpu_hours(self) -> Estimate:
        """Hours of CPU time, start-up apart; the rest of the core-hours is waiting."""
        return self._hours("cpu")

    @property
    def core_seconds_per_page(self) -> float | None:
        """What a page takes, start-up apart; None where the sample has no page."""
        pages = self.total("pages").value
        return self.total(*self._names(CORE)).value / pages if pages else None

    def wall_seconds(self, largest: float) -> Estimate:
        """Return how long a run takes: work divides among workers, but a unit does not.

        `largest` is the largest unit's share of the input.
        """
        divided = max(1 / self.workers, largest)
        share = {name: 1.0 if name in _SERIAL else divided for name in self._names(CORE)}
        spent = [sum(unit.get(name, 0.0) * share[name] for name in share) for unit in self.gave]
        return self._measured(estimate(self.survey, spent)).plus(self.startup_seconds)

    def disk(self) -> dict[str, Estimate]:
        """Return bytes by folder of the run, and in all."""
        folders = sorted({*self._names(DISK), *self.constant})
        sizes = {name[len(DISK) :]: self.total(name) for name in folders}
        return {**sizes, "total": self.total(*folders)}

    @property
    def _startup_hours(self) -> float:
        return self.startup_seconds * self.workers / _HOUR

    def _names(self, kind: str) -> list[str]:
        """Return the names of a kind, in the order in which units have them."""
        names = dict.fromkeys(name for unit in self.gave for name in unit)
        return [name for name in names if name.startswith(kind)]

    def _hours(self, *names: str) -> Estimate:
        return self._measured(self.total(*names).times(1 / _HOUR))

    def _measured(self, of: Estimate) -> Estimate:
        """Return a time without bounds where nothing was left to estimate: it is still no count."""
        return Estimate(of.value, None, None) if self.survey.is_complete else of


def with_bounded_training(
    recipe: Recipe, survey: Survey, looked: Sequence[Looked]
) -> list[Mapping[str, float]]:
    """Return what units gave, with training a tokenizer no longer than its sample of text asks."""
    gave = [unit.gave for unit in looked]
    trained_on = sum(unit.gave["text_bytes"] * unit.read for unit in looked)
    if not isinstance(recipe.tokenizer, TrainedTokenizer) or not trained_on:
        return list(gave)
    most = recipe.tokenizer.sample_bytes
    expected = estimate(survey, [unit["text_bytes"] for unit in gave]).value
    # As long as the text grows, so does the time; neither does beyond the sample's size.
    share = min(expected, most) / expected * trained_on / min(trained_on, most)
    name = CORE + "tokenizer"
    return [{**unit, name: unit.get(name, 0.0) * share} for unit in gave]
