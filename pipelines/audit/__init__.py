"""Questions to a run's ledger: what each rule does, and what another recipe would do.

```python
from pipelines.audit import Audit

audit = Audit("runs/demo")
audit.rules()                                    # a row per rule
audit.findings()                                 # what stands out
audit.whatif(set={"gopher_short_doc": 30}).gained
audit.sweep("line_punct_ratio").curve
```

Everything is computed from the ledger, by DuckDB within 1.5 GB of memory; nothing is run again.
Figures are DataFrames; those that are estimated from audited pages have `…_low` and `…_high`, their
95 % interval, and are counted where the two are equal. The same is behind the commands `cuvee
audit`, `whatif`, `sweep` and `tune`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.audit.changes import Changes, save_recipe
from pipelines.audit.cube import FIRES, UNKNOWN, count_pages
from pipelines.audit.findings import Finding
from pipelines.audit.findings import findings as find_findings
from pipelines.audit.groups import impact_by
from pipelines.audit.impact import Pages
from pipelines.audit.impact import impact as rule_rows
from pipelines.audit.ledger import Ledger, open_ledger
from pipelines.audit.outcomes import count_outcomes, placed, register
from pipelines.audit.sample import measured_sample
from pipelines.audit.sweep import Sweep
from pipelines.audit.sweep import sweep as sweep_rule
from pipelines.audit.tune import Method, Tuned
from pipelines.audit.tune import tune as tune_rules
from pipelines.audit.whatif import WhatIf, moved_pages
from pipelines.audit.whatif import whatif as replay
from pipelines.bucket.path import run_folder

__all__ = ["Audit", "Changes", "Finding", "Ledger", "Sweep", "Tuned", "WhatIf"]

_GROUPS = 20


class Audit:
    """A run, finished or not, to be asked about its rules.

    UsageError where no run is, or nothing of it is done yet.
    """

    def __init__(self, path: str | Path, language: str | None = None) -> None:
        """With a `language` only the pages in that one count, with the rules as they meet them."""
        ledger = open_ledger(run_folder(path))
        self.ledger = ledger if language is None else ledger.of_language(language)
        self._pages: Pages | None = None
        self._findings: list[Finding] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person must know of all figures, such as that the run has not finished."""
        return self.ledger.notes

    def rules(self, by: str | None = None, top: int = _GROUPS) -> pd.DataFrame:
        """Return a row per rule, in order; see `pipelines.audit.impact.impact` for the columns.

        With `by` (language, domain, dump, bucket, or a measured label) a row per group and rule,
        for the `top` groups with the most pages. UsageError for a label that the run has not.
        """
        if by is not None:
            with self.ledger.connect() as connection:
                return pd.DataFrame(impact_by(connection, self.ledger, by, top))
        return pd.DataFrame(rule_rows(self._counted()))

    def findings(self) -> pd.DataFrame:
        """Return what stands out: `kind, rule, says` (`pipelines.audit.findings`)."""
        self._counted()
        columns = ["kind", "rule", "says"]
        return pd.DataFrame([[f.kind, f.rule, f.says] for f in self._findings], columns=columns)

    def overlap(self) -> pd.DataFrame:
        """Return for every two rules that both fire: `one, other, pages`, on measured pages.

        `share` is that of the pages of `one` that are also `other`'s, where both were measured.
        """
        found = self._counted()
        fires, known = found.answers == FIRES, found.answers != UNKNOWN
        names = found.plan.names()
        rows = []
        for one, other in _pairs(len(names)):
            both = found.count(fires[:, one] & fires[:, other])
            of_one = found.count(fires[:, one] & known[:, other])
            if both:
                rows.append((names[one], names[other], both, both / of_one))
        return pd.DataFrame(rows, columns=["one", "other", "pages", "share"])

    def whatif(
        self,
        set: Mapping[str, Any] | None = None,  # noqa: A002  as the command says
        drop: Sequence[str] = (),
        add: Sequence[str] = (),
        *,
        save: str | Path | None = None,
    ) -> WhatIf:
        """Return what another recipe would do (`pipelines.audit.whatif`).

        `set` maps names to values, `drop` names rules, `add` gives `NAME: a / b > c`; `save` is a
        file for the changed recipe. UsageError for what is not there or was not measured.
        """
        found = replay(self.ledger, _changes(set, drop, add))
        if save is not None:
            save_recipe(found.recipe, Path(save))
        return found

    def moved_pages(
        self,
        set: Mapping[str, Any] | None = None,  # noqa: A002  as the command says
        drop: Sequence[str] = (),
        add: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Return each page whose decision a change alters (`audit.whatif.moved_pages`)."""
        return moved_pages(self.ledger, _changes(set, drop, add))

    def sweep(self, rule: str, points: int = 40) -> Sweep:
        """Return the curve of a rule's threshold (`pipelines.audit.sweep`)."""
        return sweep_rule(self.ledger, rule, points=points)

    def tune(
        self,
        keep: float | None = None,
        like: "Audit | None" = None,
        method: Method = "quantile",
    ) -> Tuned:
        """Return thresholds moved together (`pipelines.audit.tune`)."""
        return tune_rules(self.ledger, keep, like.ledger if like else None, method=method)

    def sample(self, size: int = 5_000) -> pd.DataFrame:
        """Return pages on which every rule was measured, with weights and the rules' values.

        The values' columns have the rules' names here; else as `audit.sample.measured_sample`.
        """
        frame = measured_sample(self.ledger, size)
        names = self.ledger.plan.names()
        return frame.rename(columns={f"v{rank}": f"value.{n}" for rank, n in enumerate(names)})

    def _counted(self) -> Pages:
        if self._pages is None:
            ledger = self.ledger
            with ledger.connect() as connection:
                self._pages = Pages(ledger, count_pages(connection, ledger.plan.steps))
                outcomes = placed(count_outcomes(connection), ledger.plan, ledger.reasons)
                register(connection, outcomes)
                self._findings = find_findings(connection, self._pages)
        return self._pages


def _pairs(count: int) -> np.ndarray[Any, Any]:
    return np.argwhere(~np.eye(count, dtype=bool))


def _changes(sets: Mapping[str, Any] | None, drop: Sequence[str], add: Sequence[str]) -> Changes:
    written = tuple(f"{name}={_written(value)}" for name, value in (sets or {}).items())
    return Changes(written, tuple(drop), tuple(add))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
