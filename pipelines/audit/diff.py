"""Two runs on the same crawl, page by page: other decisions, texts, tokens and languages.

What two recipes do to the same pages is compared as it is in their ledgers and datasets;
nothing is measured again. `compare` needs DuckDB's memory limit and space for what it
spills, whatever the number of pages.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipelines.audit.examples import draw_examples
from pipelines.audit.kept import by_domain, by_language
from pipelines.audit.ledger import Ledger
from pipelines.audit.matching import SIDES, Matching, match, outcome
from pipelines.audit.outcomes import one_row
from pipelines.audit.recipes import Difference, made_differently
from pipelines.audit.texts import compare_extracted, compare_published

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

_KEPT = "kept" + "\x1f" * 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between run A and run B; tables are DataFrames."""

    a: Ledger
    b: Ledger
    made: list[Difference]
    """What the runs were made with and is not the same: it explains the rest."""
    matching: Matching
    pages: dict[str, int]
    """How many: of each run (`a`, `b`), in both, in one only (`only_a`, `only_b`), kept in both;
    of those in both, with another decision, language, number of tokens, published and
    extracted text; with another published text of the same extracted one (`other_edit`)."""
    tokens: dict[str, int]
    """Tokens of kept pages: `a`, `b`, and of those that both kept (`both_a`, `both_b`)."""
    decisions: "pd.DataFrame"
    """Pages in both with another decision, from → to: `a_status, a_stage, a_rule, b_status,
    b_stage, b_rule, pages, tokens_a, tokens_b, other_extraction`."""
    alone: "pd.DataFrame"
    """Pages in one only: `run, status, stage, rule, pages, tokens`."""
    texts: dict[str, bool]
    """Whether `published` and `extracted` texts could be compared."""
    languages: "pd.DataFrame"
    """Kept pages and tokens by language: `language, pages_a, tokens_a, pages_b, tokens_b`."""
    language_changes: "pd.DataFrame"
    """Pages in both with another language: `language_a, language_b, pages`."""
    domains: "pd.DataFrame"
    """The same as `languages` by domain, those that differ, largest shift first."""
    examples: list[dict[str, Any]]
    """Pages that differ, with what made the decisions; see `pipelines.audit.examples`."""
    notes: list[str] = field(default_factory=list)
    """What a person must know of these figures, a sentence each."""

    @property
    def same(self) -> bool:
        """Whether nothing differs, page by page; a run that has not finished is not the same."""
        return self.finished and not self.differing

    @property
    def differing(self) -> list[str]:
        """What differs: the names in `pages` that count differences, those that are not 0."""
        names = ("only_a", "only_b", *(name for name in self.pages if name.startswith("other_")))
        return [name for name in names if self.pages[name]]

    @property
    def finished(self) -> bool:
        """Whether both runs have finished."""
        return self.a.finished and self.b.finished

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        from dataclasses import asdict

        frames = ("decisions", "alone", "languages", "language_changes", "domains")
        return {
            "a": str(self.a.root),
            "b": str(self.b.root),
            "same": self.same,
            "notes": self.notes,
            "made_with": [asdict(item) for item in self.made],
            "matched_by": self.matching.by,
            "pages": self.pages,
            "tokens": self.tokens,
            "texts_compared": self.texts,
            **{name: _records(getattr(self, name)) for name in frames},
            "examples": self.examples,
        }


def _records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return rows


def compare(
    a: Ledger,
    b: Ledger,
    *,
    examples: int = 3,
    tell: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare two runs of the same crawl; `examples` pages of each kind of difference.

    `tell` hears what is being done. UsageError for runs that have no page in common.
    """
    made = made_differently(a, b)
    with a.connect() as connection:
        tell("matching pages")
        matching = match(connection, a, b)
        tell("comparing texts")
        texts = {
            "published": compare_published(connection, a, b, matching),
            "extracted": compare_extracted(connection, a, b, matching),
        }
        tell("counting")
        return Comparison(
            a,
            b,
            made,
            matching,
            _pages(connection, texts),
            _tokens(connection),
            _decisions(connection),
            _alone(connection),
            texts,
            by_language(connection),
            _language_changes(connection),
            by_domain(connection, tokens=a.finished and b.finished),
            draw_examples(connection, a, b, examples),
            _notes(a, b, matching, texts),
        )


def _pages(connection: "DuckDBPyConnection", texts: dict[str, bool]) -> dict[str, int]:
    both = "oa IS NOT NULL AND ob IS NOT NULL"
    counted = {
        "only_a": "ob IS NULL",
        "only_b": "oa IS NULL",
        "other_decision": f"{both} AND oa <> ob",
        "other_language": f"{both} AND la <> lb",
        "other_tokens": f"{both} AND ta <> tb",
        "lost": f"oa = '{_KEPT}' AND ob IS DISTINCT FROM oa",
    }
    columns = ", ".join(f"count(*) FILTER ({where})" for where in counted.values())
    found = dict(zip(counted, one_row(connection, f"SELECT {columns} FROM pairs"), strict=True))
    sides = {side: one_row(connection, f"SELECT count(*) FROM {side}")[0] for side in SIDES}
    (kept,) = one_row(connection, "SELECT count(*) FROM a WHERE status = 'kept'")
    lost = found.pop("lost")
    (text,) = one_row(connection, "SELECT count(*) FROM other_text")
    (extraction,) = one_row(connection, "SELECT count(*) FROM other_extraction")
    (edited,) = one_row(
        connection, "SELECT count(*) FROM other_text ANTI JOIN other_extraction USING (k1, k2)"
    )
    return {
        **sides,
        "both": sides["a"] - found["only_a"],
        "kept_in_both": kept - lost,
        **found,
        "other_text": text,
        "other_extraction": extraction,
        **({"other_edit": edited} if texts["extracted"] else {}),
    }


def _tokens(connection: "DuckDBPyConnection") -> dict[str, int]:
    found = {}
    for side in SIDES:
        (found[side],) = one_row(
            connection,
            f"SELECT coalesce(sum(token_count), 0)::BIGINT FROM {side} WHERE status = 'kept'",
        )
    for side, other in ("ab", "ba"):
        (alone,) = one_row(
            connection,
            f"SELECT coalesce(sum(t{side}), 0)::BIGINT FROM pairs"
            f" WHERE o{side} = '{_KEPT}' AND o{other} IS DISTINCT FROM o{side}",
        )
        found[f"both_{side}"] = found[side] - alone
    return found


def _decisions(connection: "DuckDBPyConnection") -> "pd.DataFrame":
    frame = connection.execute(
        "SELECT oa::VARCHAR AS oa, ob::VARCHAR AS ob, count(*) AS pages,"
        " coalesce(sum(ta), 0)::BIGINT AS tokens_a, coalesce(sum(tb), 0)::BIGINT AS tokens_b,"
        " count(e.k1) AS other_extraction"
        " FROM pairs LEFT JOIN other_extraction e USING (k1, k2)"
        " WHERE oa <> ob GROUP BY ALL ORDER BY pages DESC, oa, ob"
    ).df()
    return _outcomes(frame, {"oa": "a_", "ob": "b_"})


def _alone(connection: "DuckDBPyConnection") -> "pd.DataFrame":
    frame = connection.execute(
        "SELECT CASE WHEN ob IS NULL THEN 'a' ELSE 'b' END AS run,"
        " coalesce(oa, ob)::VARCHAR AS o, count(*) AS pages,"
        " coalesce(sum(coalesce(ta, tb)), 0)::BIGINT AS tokens"
        " FROM pairs WHERE oa IS NULL OR ob IS NULL GROUP BY ALL ORDER BY run, pages DESC, o"
    ).df()
    return _outcomes(frame, {"o": ""}, first=("run",))


def _outcomes(
    frame: "pd.DataFrame", columns: dict[str, str], first: tuple[str, ...] = ()
) -> "pd.DataFrame":
    """Replace joined outcomes by status, stage and rule, each with a prefix."""
    import pandas as pd

    parts = {name: frame[name] for name in first}
    for column, prefix in columns.items():
        split = [outcome(joined) for joined in frame[column]]
        for at, name in enumerate(("status", "stage", "rule")):
            parts[prefix + name] = pd.Series([item[at] for item in split], dtype=object)
    rest = frame.drop(columns=[*columns, *first])
    return pd.DataFrame(parts).join(rest)


def _language_changes(connection: "DuckDBPyConnection") -> "pd.DataFrame":
    return connection.execute(
        "SELECT la::VARCHAR AS language_a, lb::VARCHAR AS language_b, count(*) AS pages FROM pairs"
        " WHERE la <> lb GROUP BY ALL ORDER BY pages DESC, language_a, language_b"
    ).df()


def _notes(a: Ledger, b: Ledger, matching: Matching, texts: dict[str, bool]) -> list[str]:
    notes = [f"{ledger.root}: {note}" for ledger in (a, b) for note in ledger.notes]
    notes.append(matching.in_words())
    if not texts["published"]:
        notes.append(
            "Published texts are not compared, and kept pages of a run that goes on have no number "
            "of tokens yet: that needs two finished runs."
        )
    if not texts["extracted"]:
        notes.append("Extracted texts are not compared: one of the runs has stored none.")
    return notes
