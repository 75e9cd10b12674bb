"""Finding the cascade's margin from a sample of the crawl, for a loss that somebody names.

The sample is run with a margin that every page falls below and with every page checked:
each goes the whole way, deduplication included, and the ledger has its cheap score beside
what became of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.dataset as ds

from filters.errors import UsageError, WorkError
from pipelines.cascade.look import SCORE
from pipelines.cascade.loss import sum_interval, wilson
from pipelines.crawl import CrawlFile, find_inputs
from pipelines.events import Observer
from pipelines.pipeline import RunOptions, run
from pipelines.recipe.cascade import why_no_cascade
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import CascadeOptions

MARGINS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_MOST_FILES = 20
_DEFAULT = CascadeOptions().language


@dataclass(frozen=True, slots=True)
class Judged:
    """A page of the sample: its cheap score, None where there is none; its tokens, if kept."""

    score: float | None
    kept: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class Point:
    """What one margin would do; shares, with the upper bounds of their 95 % intervals."""

    margin: float
    spared: float
    """Of the extractions."""
    lost_pages: float
    lost_pages_most: float
    lost_tokens: float
    lost_tokens_most: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The curve of a sample, and what it recommends for a loss of kept tokens."""

    language: str
    loss: float
    pages: int
    extractions: int
    kept_pages: int
    kept_tokens: int
    curve: tuple[Point, ...]
    margin: float | None
    """None where even the smallest margin loses more."""
    shown: bool
    """Whether the upper bound keeps to the loss, not the estimate alone."""
    pages_needed: int
    """About how large a sample could show it, if it loses no more than this one."""
    look_seconds: float = 0.0
    extraction_seconds: float = 0.0
    """CPU time of a page on this machine."""

    @property
    def saving(self) -> float:
        """The share of the extractions' time that the recommended margin saves; negative: costs."""
        if not self.extraction_seconds:
            return 0.0
        spared = max((p.spared for p in self.curve if p.margin == self.margin), default=0.0)
        return spared - self.look_seconds / self.extraction_seconds


def calibrate(
    recipe: Recipe,
    folder: Path,
    options: RunOptions,
    observer: Observer,
    *,
    loss: float,
    sample: int,
) -> Calibration:
    """Run about `sample` pages into `folder`, and choose a margin that loses at most `loss`.

    Files are taken at equal distances, at most 20, and of each the first pages. Raises
    UsageError for a recipe or an input that a cascade is of no use for, WorkError where
    the sample keeps nothing.
    """
    language, why = recipe.wanted_language, why_no_cascade(recipe)
    if language is None or why is not None:
        raise UsageError("\n  ".join(why or ("cascade cannot be used.",)))
    where = recipe.input, options.input_base, recipe.dump, options.match
    files = find_inputs(*where, recipe.input_format)
    if all(file.format != "crawl" for file in files):
        raise UsageError(
            f"input '{recipe.input[0]}' holds text, of which nothing is extracted.\n"
            "  A cascade is for crawl files: WARC or ARC."
        )
    chosen = _spread([file for file in files if file.format == "crawl"])
    probe = replace(
        recipe,
        input=tuple(file.uri for file in chosen),
        cascade=CascadeOptions(language=1.0, check=1.0),
        keep_text="kept",
    )
    limit = -(-sample // len(chosen))
    outcome = run(probe, folder, replace(options, limit=limit, match=None), observer)
    found = read_calibration(read_judged(folder), language, loss)
    steps = outcome.manifest["stages"]["curate"]["steps"]
    look, extraction = (
        steps[name]["cpu_seconds"] / max(found.extractions, 1) for name in ("cascade", "extract")
    )
    return replace(found, look_seconds=look, extraction_seconds=extraction)


def read_judged(folder: Path) -> list[Judged]:
    """Return every page of a finished run of which something is known."""
    names = [SCORE.name, "status", "token_count"]
    table = ds.dataset(folder / "ledger", format="parquet").to_table(columns=names)
    scores, statuses, tokens = (table[name].to_pylist() for name in names)
    return [
        Judged(score, status == "kept", count or 0)
        for score, status, count in zip(scores, statuses, tokens, strict=True)
    ]


def read_calibration(pages: Sequence[Judged], language: str, loss: float) -> Calibration:
    """Return the curve over a sample's pages and the largest margin that keeps to `loss`.

    Margins are tried from the smallest up to the first whose upper bound is too high, so
    trying several costs no confidence. Where the sample is too small for any bound, the
    estimate decides, and no margin above the default is chosen. WorkError where no page is kept.
    """
    kept = [page for page in pages if page.kept]
    if not any(page.tokens for page in kept):
        raise WorkError(
            "calibrate: no page of the sample was kept, so nothing can be said of a loss.\n"
            "  Take a larger one with --pages PAGES."
        )
    curve = tuple(_point(margin, pages, kept) for margin in MARGINS)
    sure = _last_within(curve, [point.lost_tokens_most for point in curve], loss)
    usual = [point for point in curve if point.margin <= _DEFAULT]
    likely = _last_within(usual, [point.lost_tokens for point in usual], loss)
    best = sure or likely
    most = best.lost_tokens_most if best else curve[0].lost_tokens_most
    return Calibration(
        language=language,
        loss=loss,
        pages=len(pages),
        extractions=sum(page.score is not None for page in pages),
        kept_pages=len(kept),
        kept_tokens=sum(page.tokens for page in kept),
        curve=curve,
        margin=best.margin if best else None,
        shown=sure is not None,
        pages_needed=round(len(pages) * max(most / loss, 1.0)) if loss else 0,
    )


def _spread(files: Sequence[CrawlFile]) -> list[CrawlFile]:
    """Return at most `_MOST_FILES` files at equal distances."""
    count = min(len(files), _MOST_FILES)
    return [files[number * len(files) // count] for number in range(count)]


def _last_within(points: Iterable[Point], losses: Iterable[float], most: float) -> Point | None:
    """Return the point before the first one whose loss is more than `most`."""
    last = None
    for point, lost in zip(points, losses, strict=True):
        if lost > most:
            break
        last = point
    return last


def _point(margin: float, pages: Sequence[Judged], kept: Sequence[Judged]) -> Point:
    looked = [page for page in pages if page.score is not None]
    lost = [page for page in kept if page.score is not None and page.score < margin]
    all_tokens = [page.tokens for page in kept]
    total, squares = sum(all_tokens), sum(tokens**2 for tokens in all_tokens)
    lost_tokens, lost_squares = (
        sum(page.tokens for page in lost),
        sum(page.tokens**2 for page in lost),
    )
    _, most = sum_interval(lost_tokens, lost_squares, total / len(kept), squares / len(kept))
    return Point(
        margin=margin,
        spared=sum(page.score < margin for page in looked if page.score is not None)
        / max(len(looked), 1),
        lost_pages=len(lost) / len(kept),
        lost_pages_most=wilson(len(lost), len(kept))[1],
        lost_tokens=lost_tokens / total,
        lost_tokens_most=min(most / total, 1.0),
    )
