"""The pages under the sliders: a weighted sample of all pages, whatever was measured on them.

Each stratum, the pages with one outcome that were audited or were not, gives about the same number.
So a run of a few thousand pages is in it whole, with weight 1, and of a large one the rare outcomes
and the audited pages, which alone know what later rules would say, are there in numbers.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.audit.cube import value_sql
from pipelines.audit.ledger import Ledger
from pipelines.audit.outcomes import JOINED, count_outcomes, register
from pipelines.audit.sample import shared_out

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PAGE = (
    "file_path", "record", "url", "host", "language", "token_count", "status", "stage", "rule",
    "audited",
)  # fmt: skip
"""The columns of a page that stand beside its values."""
_SPAN = 1 << 32


def panel_sample(connection: "DuckDBPyConnection", ledger: Ledger, size: int) -> pd.DataFrame:
    """Return about `size` pages, in the ledger's order; the same ones every time.

    Columns: `PAGE`, `weight` (how many pages of the crawl a row stands for) and, for each rule by
    its rank in the plan, `v0, v1, …`: the left side of its comparison (a label where it compares
    labels), NaN or None where that is undefined or was not measured.
    """
    outcomes = count_outcomes(connection)
    audited = outcomes["audited_pages"].to_numpy(np.int64)
    others = outcomes["pages"].to_numpy(np.int64) - audited
    quota = shared_out(np.concatenate([audited, others]), size)
    shares = quota / np.maximum(np.concatenate([audited, others]), 1)
    half = len(outcomes)
    register(connection, outcomes.assign(of_audited=shares[:half], of_others=shares[half:]))
    values = [f"{value_sql(step.rule)} AS v{rank}" for rank, step in enumerate(ledger.plan.steps)]
    chance = f"md5_number_lower(file_path || '#' || record) % {_SPAN}"
    share = "CASE WHEN audited THEN o.of_audited ELSE o.of_others END"
    rows = connection.execute(
        f"SELECT {', '.join([*PAGE, *values])} FROM {JOINED} WHERE {chance} < {share} * {_SPAN}"  # noqa: S608  quoted
        " ORDER BY file_path, record"
    ).df()
    return rows_as_objects(rows).assign(weight=_weights(rows, outcomes))


def rows_as_objects(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with None where a name is not there, whatever DuckDB makes of it."""
    names = ("url", "host", "language", "stage", "rule")
    plain = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in names}
    return rows.assign(**plain)


def _weights(rows: pd.DataFrame, outcomes: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return how many pages of its stratum each row stands for."""
    keys = ["status", "stage", "rule"]
    filled = {name: rows[name].fillna("") for name in ("stage", "rule")}
    drawn = rows.assign(**filled).groupby([*keys, "audited"])["record"].transform("size")
    known = {name: outcomes[name].fillna("") for name in ("stage", "rule")}
    sizes = outcomes.assign(**known)[[*keys, "pages", "audited_pages"]]
    pages = rows.assign(**filled)[[*keys, "audited"]].merge(sizes, on=keys, how="left")
    others = pages["pages"] - pages["audited_pages"]
    stands_for = np.where(pages["audited"], pages["audited_pages"], others)
    weights: npt.NDArray[np.float64] = stands_for / drawn.to_numpy(float)
    return weights
