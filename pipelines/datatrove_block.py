"""A Cuvée recipe as a block of a datatrove pipeline.

```python
LocalPipelineExecutor([
    JsonlReader("texts/"),
    RecipeFilter("fineweb", exclusion_writer=JsonlWriter("removed/")),
    JsonlWriter("kept/"),
])
```
"""

from collections.abc import Iterator, Sequence
from typing import Any

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from pipelines.crawl import CrawlFile, Row
from pipelines.curator import Curated, Curator
from pipelines.final_edits import FinalEdits
from pipelines.final_rules import BROKEN, FinalRules
from pipelines.recipe import load_recipe
from pipelines.recipe.model import Recipe

PREFIX = "cuvee_"


class RecipeFilter(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Decides on documents of extracted text, and edits them, as `cuvee run` does.

    The recipe's gates (on `metadata["url"]`, and on the language), drops and edits are
    applied from the text on; that it says how to extract does not matter. With
    `final_edits` also the drops and edits that it puts after deduplication, which is not done
    here: datatrove's own stages for that can follow, and then these belong after them. What
    such a drop reads is measured and noted either way.

    Every document's metadata says what became of it: `cuvee_status` (kept, dropped or
    failed), `cuvee_stage`, `cuvee_rule`, and each of the recipe's signals by the ledger's
    name, such as `cuvee_text.words`, None where it was not measured; `language` and
    `language_score` where a gate asks for them. The rule is the reason of datatrove's
    statistics and of an `exclusion_writer`, which gets the text as it came.

    `recipe` and `overrides` are what `cuvee run` takes, the latter as `--set` does.
    Raises RecipeError for a recipe that is wrong, when it is made.
    """

    name = "Cuvée recipe"

    def __init__(
        self,
        recipe: str,
        overrides: Sequence[str] = (),
        *,
        final_edits: bool = True,
        exclusion_writer: DiskWriter | None = None,
    ) -> None:
        super().__init__(exclusion_writer)
        self.recipe = load_recipe(recipe, overrides)
        self.final_edits = final_edits
        self._judge: _Judge | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what each process loads for itself."""
        return {**self.__dict__, "_judge": None}

    def run(
        self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Filter one task's documents; what blocks in the recipe remember is the task's own."""
        if self._judge is not None:
            self._judge.restart()
        yield from super().run(data, rank, world_size)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Return whether the document is kept, else the rule; its text is edited if it is."""
        if self._judge is None:
            self._judge = _Judge(self.recipe, final_edits=self.final_edits)
        text = self._judge.judge(doc)
        if text is None:
            return False, doc.metadata[f"{PREFIX}rule"]
        doc.text = text
        return True


class _Judge:
    """The recipe, loaded in one process."""

    def __init__(self, recipe: Recipe, *, final_edits: bool) -> None:
        self._recipe = recipe
        self._with_edits = final_edits
        self._rules = FinalRules(recipe)
        self._curator = Curator(recipe)
        self.restart()

    def restart(self) -> None:
        """Begin another file of documents."""
        self._curator.judges.restart()
        self._edits = FinalEdits(self._recipe)
        self._seen = 0

    def judge(self, doc: Document) -> str | None:
        """Return a kept document's text, else None; note in its metadata what was found."""
        curated = self._curator.curate(*self._described(doc))
        self._seen += 1
        row, text = curated.row, _kept_text(curated)
        if text is not None and self._with_edits:
            text = self._finished(row, text)
        self._note(doc, row)
        return text

    def _finished(self, row: dict[str, Any], text: str) -> str | None:
        """Return the text after all that follows deduplication; None where that drops it."""
        decision = self._rules.decide(row, row.get(BROKEN.name))
        counts: dict[str, int] = {}
        if decision is None:
            text, counts, decision = self._edits.apply(text)
        row.update(counts)
        if decision is None:
            return text
        row.update(status=decision.status, stage=decision.stage, rule=decision.rule)
        return None

    def _described(self, doc: Document) -> tuple[Row, CrawlFile]:
        """Return the document as a row of a text input."""
        known = {name: str(value) for name, value in doc.metadata.items() if value is not None}
        row = Row(
            record=self._seen,
            offset=None,
            id=str(doc.id),
            url=known.get("url", ""),
            date=known.get("date", ""),
            text=doc.text or "",
        )
        path = known.get("file_path", "")
        dump = self._recipe.dump or known.get("dump", "local")
        return row, CrawlFile(0, path, path, dump, None, "", "jsonl")

    def _note(self, doc: Document, row: dict[str, Any]) -> None:
        fields = ["status", "stage", "rule"]
        if self._recipe.text_gates:
            doc.metadata.update({name: row.get(name) for name in ("language", "language_score")})
        columns = [*self._curator.columns, *(self._edits.columns if self._with_edits else ())]
        fields += [column.name for column in columns if not column.name.startswith("language")]
        doc.metadata.update({f"{PREFIX}{name}": row.get(name) for name in fields})


def _kept_text(curated: Curated) -> str | None:
    if curated.judgement is None or curated.row["status"] != "kept":
        return None
    return curated.judgement.text
