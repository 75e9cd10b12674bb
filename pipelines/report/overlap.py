"""Which rules fire together: the sets of rules that fire on the same page, the largest first.

Lex et al., UpSet: Visualization of Intersecting Sets, IEEE TVCG 20 (2014).
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.audit.cube import FIRES, answers
from pipelines.audit.ledger import Ledger
from pipelines.audit.steps import FIRST_BLOCK, place_of

if TYPE_CHECKING:
    import pandas as pd

_SETS, _RULES = 24, 18


def read_overlap(ledger: Ledger, counted: "pd.DataFrame") -> dict[str, Any]:
    """Return the overlap of the rules on the text, from pages counted by `cube.count_pages`.

    Of pages that came past the gates. Keys: `rules`, each with `rank, pages` (on which it
    fires) and `alone` (no other does); `sets`, each with `ranks, pages`; `pages` on which any
    fires; `others`: pages of sets that are not shown. A later block's rules were measured where
    the earlier ones kept the page, and on audited pages.
    """
    steps = ledger.plan.steps
    ranks = [rank for rank, step in enumerate(steps) if step.block >= FIRST_BLOCK]
    fires = answers(counted, len(steps))[:, ranks] == FIRES
    outcomes = zip(counted["status"], counted["stage"], counted["rule"], strict=True)
    blocks = [place_of(ledger.plan, ledger.reasons, *outcome)[0] for outcome in outcomes]
    inside = np.array(blocks, float) >= FIRST_BLOCK
    pages = counted["pages"].to_numpy(np.int64)
    sets: Counter[tuple[int, ...]] = Counter()
    for row in np.flatnonzero(inside & fires.any(axis=1)):
        sets[tuple(ranks[at] for at in np.flatnonzero(fires[row]))] += int(pages[row])
    return _told(sets)


def _told(sets: Counter[tuple[int, ...]]) -> dict[str, Any]:
    every: Counter[int] = Counter()
    for found, pages in sets.items():
        every.update(dict.fromkeys(found, pages))
    shown = set(sorted(every, key=lambda rank: (-every[rank], rank))[:_RULES])
    whole = [item for item in sets.items() if shown.issuperset(item[0])]
    largest = sorted(whole, key=lambda item: (-item[1], item[0]))[:_SETS]
    total = sum(sets.values())
    used = {rank for found, _ in largest for rank in found}
    return {
        "rules": [
            {"rank": rank, "pages": every[rank], "alone": sets.get((rank,), 0)}
            for rank in sorted(used, key=lambda rank: (-every[rank], rank))
        ],
        "sets": [{"ranks": list(found), "pages": pages} for found, pages in largest],
        "pages": total,
        "others": total - sum(pages for _, pages in largest),
    }
