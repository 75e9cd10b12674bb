"""Pages on which every rule was measured, as a weighted sample of all pages with a text.

Those that came to the last block, or to deduplication, stand for themselves; of the others only
the audited ones were measured to the end, so each stands for as many as its stratum, the pages
that left at the same rule, has. Tuning and the report's what-if panel count on such samples.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.audit.cube import quoted, value_sql
from pipelines.audit.ledger import Ledger
from pipelines.audit.outcomes import JOINED, count_outcomes, placed, register
from pipelines.audit.steps import DEDUP, FIRST_BLOCK, Plan

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ABOUT = ("file_path", "record", "url", "host", "date", "dump", "language", "token_count")
_SPAN = 1 << 32
_FEW = 5
"""A stratum with fewer measured pages is put together with the others of its block."""


def measured_sample(ledger: Ledger, size: int = 5_000) -> pd.DataFrame:
    """Return about `size` pages at most on which every rule was measured, in the ledger's order.

    Columns: `file_path, record, url, host, date, dump, language, token_count, status, stage,
    rule, audited, weight` and, for each rule by its rank in the plan, `v0, v1, …`: the left side
    of its comparison (a label where it compares labels), NaN or None where that is undefined.
    `weight` is how many pages of the crawl a row stands for. Rows are chosen by a hash of file
    and record, each stratum with about the same number. Strata without a measured page are not
    represented: their pages are in no weight.
    """
    with ledger.connect() as connection:
        return _drawn(connection, ledger, size)


def _drawn(connection: "DuckDBPyConnection", ledger: Ledger, size: int) -> pd.DataFrame:
    plan = ledger.plan
    outcomes = placed(count_outcomes(connection), plan, ledger.reasons)
    outcomes = outcomes[outcomes["block"] >= 0].reset_index(drop=True)
    outcomes["whole"] = outcomes["block"] >= min(plan.last_block(), DEDUP)
    register(connection, outcomes.assign(share=1.0))
    measured = f"(o.whole OR (audited AND {has_text_sql(plan)}))"
    counts = connection.execute(
        "SELECT status, stage, rule, count(*) AS measured"
        f" FROM {JOINED} WHERE {measured} GROUP BY ALL"
    ).df()
    strata = outcomes.merge(counts, on=["status", "stage", "rule"], how="left")
    strata["measured"] = strata["measured"].fillna(0).astype(np.int64)
    quota = shared_out(strata["measured"].to_numpy(), size)
    register(connection, strata.assign(share=quota / np.maximum(strata["measured"], 1)))
    values = [f"{value_sql(step.rule)} AS v{rank}" for rank, step in enumerate(plan.steps)]
    columns = ", ".join([*map(quoted, _ABOUT), "status, stage, rule, audited", *values])
    chance = f"md5_number_lower(file_path || '#' || record) % {_SPAN} < o.share * {_SPAN}"
    rows = connection.execute(
        f"SELECT {columns} FROM {JOINED} WHERE {measured} AND {chance} ORDER BY file_path, record"
    ).df()
    return rows.assign(weight=_weights(rows, strata))


def has_text_sql(plan: Plan) -> str:
    """Return SQL for whether a page has a text: something was measured on it."""
    names = [
        quoted(name) for step in plan.steps if step.block >= FIRST_BLOCK for name in step.columns
    ]
    return f"coalesce({', '.join(dict.fromkeys(names))}) IS NOT NULL" if names else "true"


def shared_out(counts: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.float64]:
    """Share out `size` rows: equally, but no stratum gets more than it has."""
    level, left = 0.0, float(size)
    ascending = np.sort(counts)
    for at, count in enumerate(ascending):
        step = (count - level) * (len(ascending) - at)
        if step > left:
            level += left / (len(ascending) - at)
            break
        left -= step
        level = float(count)
    shared: npt.NDArray[np.float64] = np.minimum(counts, level)
    return shared


def _weights(rows: pd.DataFrame, strata: pd.DataFrame) -> pd.Series:
    """Return how many pages each row stands for."""
    keys = ["status", "stage", "rule"]
    drawn = rows.groupby(keys, dropna=False).size().rename("drawn").reset_index()
    strata = strata.merge(drawn, on=keys, how="left")
    strata["drawn"] = strata["drawn"].fillna(0)
    few = ~strata["whole"] & (strata["measured"] < _FEW)
    group = np.where(few, "b" + strata["block"].astype(str), strata.index.astype(str))
    sums = strata.groupby(group)[["pages", "drawn"]].transform("sum")
    strata["weight"] = sums["pages"] / sums["drawn"].where(sums["drawn"] > 0)
    return rows[keys].merge(strata, on=keys, how="left")["weight"]
