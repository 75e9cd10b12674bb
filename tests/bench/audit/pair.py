"""A second run of a generated ledger's pages, by another recipe, and texts of both."""

import shutil
from pathlib import Path

import duckdb

from pipelines.storage import Commit, CommitLog, CommittedFile
from tests.bench.audit.generate import generate

_CHANGE = ("lexical_words < 50", "lexical_words < 30")
_OTHER_TEXT = 100
"""One of so many published texts is another one in the second run."""


def generate_other(model: Path, root: Path, other: Path, rows: int) -> None:
    """Make the run `other` of the pages of `root`, by a recipe that differs by one constant.

    Both then have published texts, as long as the pages' texts were said to be.
    """
    changed = other.with_name(f"{other.name}-model")
    shutil.copytree(model, changed)
    recipe = (changed / "recipe.yaml").read_text()
    assert _CHANGE[0] in recipe
    (changed / "recipe.yaml").write_text(recipe.replace(*_CHANGE))
    generate(changed, other, rows)
    shutil.rmtree(changed)
    _publish(root, "''")
    _publish(other, f"CASE WHEN hash(id, 5) % {_OTHER_TEXT} = 0 THEN 'x' ELSE '' END")


def _publish(root: Path, end: str) -> None:
    """Write the texts of kept pages: 33 characters again and again, and SQL of an end."""
    log = CommitLog(root)
    (root / "dataset/data/local").mkdir(parents=True)
    text = (
        f"repeat(md5(id) || ' ', greatest(1, coalesce(\"text.chars\", 33) // 33)::BIGINT) || {end}"
    )
    columns = f"{text} AS text, id, dump, url, date, file_path, language, token_count"
    with duckdb.connect() as connection:
        for number, ledger in enumerate(sorted((root / "ledger").glob("*.parquet"))):
            path = f"dataset/data/local/000_{number:05d}.parquet"
            kept = f"SELECT {columns} FROM '{ledger}' WHERE status = 'kept'"
            connection.execute(
                f"COPY ({kept}) TO '{root / path}' (FORMAT parquet, COMPRESSION zstd)"
            )
            found = connection.execute(f"SELECT count(*) FROM '{root / path}'").fetchall()
            # The two runs' files are said to differ, so that they have to be read.
            size, sha256 = (root / path).stat().st_size, f"{root.name} {number}"
            file = CommittedFile(path, found[0][0], size, sha256)
            log.publish(Commit("dataset", f"{number:05d}", "", (file,)))
