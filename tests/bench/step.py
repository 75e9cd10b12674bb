"""The steps that are measured, and what a measurement gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

from tests.bench.memory import Sample

Side = Literal["datatrove", "cuvee"]
SIDES: tuple[Side, Side] = ("datatrove", "cuvee")

Crawl = Literal["given", "foreign", "long"]
"""The pages as given; those with so many in other languages; every page several times."""

Work = Callable[[dict[str, Any]], Any]
"""Takes one page, returns a plain result."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table."""

    name: str
    what: str
    rows: Literal["pages", "texts", "english", "crawl", "first"]
    """What it takes: pages, their texts, the English ones, the crawl's files, or a first page."""
    sets: tuple[str, ...] = ()
    """How Cuvée's recipe differs from FineWeb's, as `--set` takes it."""
    crawl: Crawl = "given"
    against: str = "datatrove"
    """Who is on the first side."""
    passes: int = 1
    """How often everything is taken: a decision of microseconds costs more the first time."""

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole recipe."""
        return self.rows == "crawl" and self.name not in ("read", "sandbox", "added")


_PERPLEXITY = "kenlm" if find_spec("kenlm") else "itself (no kenlm)"
STEPS = (
    Step("read", "WARC to characters", "crawl"),
    Step("url", "URL gate", "pages", passes=20),
    Step("extract", "trafilatura 2.3.1", "pages"),
    Step("trafilatura", "the same, both in process", "pages", against="trafilatura"),
    Step("sandbox", "WARC to judged texts", "crawl", against="in process"),
    Step("language", "fastText", "texts"),
    Step("words", "words and sentences", "english"),
    Step("quality", "Gopher, C4, FineWeb from text", "english"),
    Step("minhash", "signature", "english"),
    Step("pii", "stand-ins", "english"),
    Step("classifier", "a fastText classifier's score", "english"),
    Step("embedding", "a head on static embeddings", "english", against="fastText"),
    Step("perplexity", "CCNet's, by a small 5-gram model", "english", against=_PERPLEXITY),
    Step("tokens_gpt2", "texts to files of token ids, GPT-2's 50,257", "texts"),
    Step("tokens_llama3", "the same, Llama 3's 128,256", "texts"),
    Step("tokens_gpt4o", "the same, GPT-4o's 200,000", "texts"),
    Step("whole", "WARC to final documents", "crawl"),
    Step("cascade", "the same with cascade: true", "crawl", ("cascade=true",), "foreign"),
    Step(
        "resiliparse",
        "the same with its text",
        "crawl",
        ("extract={resiliparse: {main_content: true}}",),
    ),
    Step("added", "a last tenth against the others", "crawl", crawl="long", against="all of it"),
    Step("start_url", "start to the URL gate's first decision", "first"),
    Step("start_all", "start to the signature of a first page", "first"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One step of one side in one process."""

    pages: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    """Memory of the largest process, at its largest."""
    results: dict[str, str]
    """Digest of the result, by page."""
    memory: list[Sample] = field(default_factory=list)
    """Memory over time, where it was looked at."""
