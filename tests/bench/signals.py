"""What each signal costs: CPU time of a page, signal by signal, shared work told apart.

Signals of a text share its views (words, lines, paragraphs), and some share what they find. What a
signal costs on top of the views is measured on texts whose views are made, but on which nothing
else has been measured; what it costs alone, on fresh texts. An edit measures its own signals as it
works, a gate on the page as it was crawled.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any, Literal

from rich.table import Table

from filters.catalog import EDITS, text_signals
from filters.contamination import GramTable, gram_signal
from filters.importance import BUCKETS, ImportanceScorer, count_ngrams, log_ratios
from filters.licence import read_licence
from filters.optout import read_opt_outs
from filters.segment import Segmenter, segmenter
from filters.signal import Signal
from filters.text import Text
from pipelines.assets import load_language_identifier
from pipelines.blocklist import load_blocker
from pipelines.recipe import load_recipe
from pipelines.word_lists import NamedList, digest_of, words_of
from tests.bench.crawl import read_lines

_MILLI = 1e-6  # milliseconds of a nanosecond
_GRAMS = 1_000_000
_ITEM_WORDS = 62
_VIEWS: dict[str, Callable[[Text], Any]] = {
    "words": lambda text: text.words,
    "lines": lambda text: (text.lines, text.line_runs, text.nonblank_lines),
    "paragraphs": lambda text: text.paragraphs,
}
"""Views of a text that signals share."""
_AMONG = tuple(
    NamedList(name, file, sha256=digest_of(file), among=among)
    for name, file, among in (
        ("redpajama_ldnoobw_words", "naughty_words_en.txt", "redpajama_words"),
        ("redpajama_stop_words", "stop_words_en.txt", "redpajama_raw_words"),
    )
)
"""Lists that RedPajama-v2 looks for."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one thing costs of a page, in milliseconds of CPU time."""

    name: str
    kind: Literal["view", "signal", "edit", "gate"]
    source: str
    alone: float
    on_top: float | None
    """Without the views, where they do not belong to it."""


def signal_costs(folder: Path, rounds: int) -> list[Cost]:
    """Measure everything on the pages and English texts below a folder: medians of rounds."""
    texts = [row["text"] for row in read_lines(folder, "texts.jsonl") if row["english"]]
    pages = read_lines(folder, "pages.jsonl")
    words = segmenter("en")
    measured = [list(_costs(texts, pages, words)) for _ in range(rounds)]
    return [_middle(same) for same in zip(*measured, strict=True)]


def _middle(same: Sequence[Cost]) -> Cost:
    first = same[0]
    on_top = [cost.on_top for cost in same if cost.on_top is not None]
    alone = median(cost.alone for cost in same)
    return Cost(first.name, first.kind, first.source, alone, median(on_top) if on_top else None)


def _costs(
    texts: Sequence[str], pages: Sequence[dict[str, Any]], words: Segmenter
) -> Iterator[Cost]:
    def fresh() -> Iterator[Text]:
        return (Text(raw, words) for raw in texts)

    for name, view in _VIEWS.items():
        _timed(view, fresh())  # the segmenter's memo is filled, as it soon is in a worker
        yield Cost(name, "view", "filters/text.py", _timed(view, fresh()), None)
    lists = [_list_signal(named) for named in (*load_recipe("c4").word_lists, *_AMONG)]
    for signal in [*_by_source(text_signals().values()), *_trained(texts), *lists]:
        measure = signal.measure
        assert measure is not None
        alone = _timed(measure, fresh())
        yield Cost(signal.name, "signal", signal.source, alone, _timed(measure, _viewed(fresh())))
    for edit in EDITS.values():
        source = f"{edit.apply.__module__.replace('.', '/')}.py"

        def apply(text: Text, edit: Any = edit) -> Any:
            return edit.apply(text, edit.options)

        yield Cost(edit.name, "edit", source, _timed(apply, fresh()), None)
    yield from _gates(texts, pages)


def _by_source(signals: Iterable[Signal]) -> list[Signal]:
    return sorted(signals, key=lambda signal: signal.source)


def _viewed(texts: Iterable[Text]) -> Iterator[Text]:
    for text in texts:
        for view in _VIEWS.values():
            view(text)
        yield text


def _trained(texts: Sequence[str]) -> Iterator[Signal]:
    """Yield signals that need something of one's own: benchmarks, and importance weights."""
    yield _contamination(texts)
    some, all_of_them = (count_ngrams(texts[::step], BUCKETS) for step in (2, 1))
    scorer = ImportanceScorer(log_ratios(some, all_of_them))
    yield Signal(
        "importance", float, "", "filters.importance", measure=lambda text: scorer(text.raw)
    )


def _contamination(texts: Sequence[str]) -> Signal:
    """Return the signal of a benchmark of a million 13-grams, in the words of the texts."""
    rng = random.Random(1)
    words = [word for raw in texts for word in raw.split()]
    items = _GRAMS // (_ITEM_WORDS - 12)
    table = GramTable((" ".join(rng.choices(words, k=_ITEM_WORDS)) for _ in range(items)), (13,))
    return gram_signal("million", 13, {}, lambda: table)


def _list_signal(named: NamedList) -> Signal:
    """Return the signal of a list of words, which is read."""
    words_of(named)
    return named.signal


def _gates(texts: Sequence[str], pages: Sequence[dict[str, Any]]) -> Iterator[Cost]:
    blocker, language = load_blocker(), load_language_identifier("lid.176.ftz")
    bodies = [page["html"].encode(errors="replace") for page in pages]
    gates: dict[str, tuple[str, Callable[[Any], Any], Sequence[Any]]] = {
        "url.block_reason": ("url", blocker.block_reason, [page["url"] for page in pages]),
        "optout.*": ("optout", lambda body: read_opt_outs([], body), bodies),
        "licence.*": ("licence", read_licence, bodies),
        "language.*": ("language", language.identify, texts),
    }
    for name, (module, measure, given) in gates.items():
        _timed(measure, given)
        yield Cost(name, "gate", f"filters/{module}.py", _timed(measure, given), None)


def _timed(measure: Callable[[Any], Any], given: Iterable[Any]) -> float:
    """Return the mean CPU time of a measurement in milliseconds; what is given is made outside."""
    spent = []
    for each in given:
        began = time.thread_time_ns()
        measure(each)
        spent.append(time.thread_time_ns() - began)
    return mean(spent) * _MILLI if spent else 0.0


def signal_table(costs: Sequence[Cost], texts: int, pages: int) -> Table:
    """Return the table that a person reads."""
    title = f"What a signal costs, CPU ms a page: {texts:,} English texts, {pages:,} pages"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in ("what", "kind", "defined in"):
        table.add_column(head, no_wrap=True)
    for head in ("alone", "views made"):
        table.add_column(head, justify="right", no_wrap=True)
    for cost in costs:
        on_top = "" if cost.on_top is None else f"{cost.on_top:.3f}"
        table.add_row(cost.name, cost.kind, cost.source, f"{cost.alone:.3f}", on_top)
    return table
