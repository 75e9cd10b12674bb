"""What is not known of all pages, from the audited ones: estimates with 95 % intervals.

Audited pages are chosen by hash of their id, so among the pages that a rule dropped they are a
simple random sample. What is known of a sample of `n` says what the `N` others hold: the interval
is Wilson's (1927) for a share, with the sample size n N / (n + N), which adds the chance in the
`N` to that in the sample and leaves nothing uncertain where there are no others. Tokens are
estimated by the ratio estimator (Cochran, Sampling Techniques, 3rd ed., section 6.3), because the
tokens of every page are known and only what would become of it is not.
"""

import math
from dataclasses import dataclass

_Z = 1.959963984540054
"""The normal distribution's quantile for 95 %."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of pages or tokens with its 95 % interval; `exact` where nothing was estimated."""

    value: float
    low: float
    high: float
    informed: bool = True
    """False where there was no sample for a part of it, so that only the bounds mean something."""

    @property
    def exact(self) -> bool:
        """Whether it was counted."""
        return self.low == self.high

    def __add__(self, other: "Estimate") -> "Estimate":
        """Add independent figures; half-widths add in quadrature."""
        down = math.hypot(self.value - self.low, other.value - other.low)
        up = math.hypot(self.high - self.value, other.high - other.value)
        value = self.value + other.value
        return Estimate(value, value - down, value + up, self.informed and other.informed)

    def scaled(self, least: float = 0, most: float = math.inf) -> "Estimate":
        """Return it within bounds that are known."""
        low, high = max(self.low, least), min(self.high, most)
        return Estimate(min(max(self.value, low), high), low, high, self.informed)


def counted(value: float) -> Estimate:
    """Return a figure that was counted."""
    return Estimate(value, value, value)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of the audited pages of a stratum, and how much else there is in it.

    `pages` of them were looked at, `hits` have what is asked for; likewise their tokens, and the
    sums of squares of the tokens of pages that have it and of those that have not.
    """

    pages: int
    hits: int
    tokens: float = 0
    hit_tokens: float = 0
    hit_squares: float = 0
    miss_squares: float = 0


def pages_beyond(sample: Sample, others: int) -> Estimate:
    """Return how many of `others` pages have what the sample was asked for.

    Without a sample nothing is known but the bounds.
    """
    if others <= 0:
        return counted(0)
    if not sample.pages:
        return Estimate(others / 2, 0, others, informed=False)
    share = sample.hits / sample.pages
    low, high = _wilson(share, sample.pages * others / (sample.pages + others))
    return Estimate(others * share, others * low, others * high)


def tokens_beyond(sample: Sample, others: int, tokens: float) -> Estimate:
    """Return how many of the `tokens` of `others` pages belong to pages that have it."""
    if others <= 0 or tokens <= 0:
        return counted(0)
    if not sample.pages or sample.tokens <= 0:
        return Estimate(tokens / 2, 0, tokens, informed=False)
    share = sample.hit_tokens / sample.tokens
    spread = (1 - share) ** 2 * sample.hit_squares + share**2 * sample.miss_squares
    variance = spread / max(sample.pages - 1, 1)
    error = _Z * others * math.sqrt(variance * (1 / sample.pages + 1 / others))
    # Where all or none of a small sample have it, its spread says nothing; the pages' share does.
    effective = sample.pages * others / (sample.pages + others)
    low, high = _wilson(sample.hits / sample.pages, effective)
    value = tokens * share
    found = Estimate(value, min(value - error, tokens * low), max(value + error, tokens * high))
    return found.scaled(0, tokens)


def _wilson(share: float, size: float) -> tuple[float, float]:
    """Return Wilson's interval for a share that was seen in a sample of that size."""
    z2 = _Z * _Z
    middle = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = _Z * math.sqrt(share * (1 - share) / size + z2 / (4 * size * size)) / (1 + z2 / size)
    return max(middle - half, 0.0), min(middle + half, 1.0)
