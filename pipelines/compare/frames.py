"""A comparison of recipes for notebooks: the same figures as pandas DataFrames."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.compare.overlap import Overlap
from pipelines.compare.page import write_comparison
from pipelines.compare.together import SHARED, Together


@dataclass(frozen=True, slots=True)
class Compared:
    """Several recipes on one crawl."""

    ran: Together
    found: Overlap

    def kept(self) -> pd.DataFrame:
        """Return a row per recipe: kept, share, tokens, only, only_tokens, seconds.

        `only` are the pages that no other recipe keeps; `seconds` those of the recipe alone,
        after what was done for all of them together.
        """
        found, seconds = self.found, self.ran.seconds
        rows = [
            {
                "kept": found.kept(name),
                "share": found.kept(name) / found.pages if found.pages else 0.0,
                "tokens": found.tokens[name],
                "only": found.only(name),
                "only_tokens": found.only_tokens[name],
                "seconds": seconds[name],
            }
            for name in found.names
        ]
        return pd.DataFrame(rows, index=pd.Index(found.names, name="recipe"))

    def overlap(self) -> pd.DataFrame:
        """Return for every two recipes how many pages both keep; its own on the diagonal."""
        names = self.found.names
        rows = [[self.found.kept(one, other) for other in names] for one in names]
        index = pd.Index(names, name="recipe")
        return pd.DataFrame(rows, index=index, columns=pd.Index(names, name="other"))

    def examples(self) -> pd.DataFrame:
        """Return pages that only one recipe keeps, a row for each other recipe that dropped it.

        Columns: recipe, url, file_path, record, tokens, other, why (`stage: rule`).
        """
        rows = [
            [name, page.url, page.file_path, page.record, page.tokens, other, why]
            for name, pages in self.found.examples.items()
            for page in pages
            for other, why in page.others.items()
        ]
        columns = ["recipe", "url", "file_path", "record", "tokens", "other", "why"]
        return pd.DataFrame(rows, columns=columns)

    def work(self) -> pd.DataFrame:
        """Return how often the recipes asked for each kind of thing, and how often it was done."""
        ran = self.ran
        rows = [[ran.asked[kind], ran.done[kind]] for kind in ran.asked]
        index = pd.Index(list(ran.asked), name="kind")
        return pd.DataFrame(rows, index=index, columns=["asked", "done"])

    @property
    def shared_seconds(self) -> float:
        """Wall time of what was done once for all recipes."""
        return self.ran.seconds[SHARED]

    def report(self, path: str | Path) -> Path:
        """Write the page of the comparison, which opens without a network; return its path."""
        return write_comparison(self.ran, self.found, Path(path))

    def _repr_html_(self) -> str:
        """Show who keeps what where a notebook shows the comparison."""
        return str(self.kept().to_html(escape=True))
