"""The dataset card, `dataset/README.md`, and what lies beside it: every number computed.

A run writes the card at its end, from its manifest alone. `cuvee card` also counts what
only a pass over the rows can say, and writes what a published dataset has besides:
`croissant.json`, `domains.parquet`, the annex, the funnel as a table, the checksums.
"""

from pipelines.card.merge import changed_parts, merge
from pipelines.card.person import Person, missing_fields, read_person, start_card_file
from pipelines.card.write import (
    card_files,
    make_card,
    ready_for_card,
    remove_beside,
    write_card,
)

__all__ = [
    "Person",
    "card_files",
    "changed_parts",
    "make_card",
    "merge",
    "missing_fields",
    "read_person",
    "ready_for_card",
    "remove_beside",
    "start_card_file",
    "write_card",
]
