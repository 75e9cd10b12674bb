"""Which rules fire together: the sets of rules that fire on the same page, the largest first.

Lex et al., UpSet: Visualization of Intersecting Sets, IEEE TVCG 20 (2014).
"""

from collections import Counter
from typing import Any

import numpy as np

from pipelines.audit.cube import FIRES
from pipelines.audit.impact import Pages
from pipelines.audit.steps import FIRST_BLOCK

_SETS, _RULES = 24, 18


def read_overlap(found: Pages) -> dict[str, Any]:
    """Return the overlap of the rules on the text, of pages that came past the gates.

    Keys: `rules`, each with `rank, pages` (on which it fires) and `alone` (no other does); `sets`,
    each with `ranks, pages`; `pages` on which any fires; `others`: pages of sets that are not
    shown. A later block's rules were measured where the earlier ones kept the page, and on
    audited pages.
    """
    ranks = [rank for rank, step in enumerate(found.plan.steps) if step.block >= FIRST_BLOCK]
    fires = found.answers[:, ranks] == FIRES
    sets: Counter[tuple[int, ...]] = Counter()
    for row in np.flatnonzero((found.block >= FIRST_BLOCK) & fires.any(axis=1)):
        sets[tuple(ranks[at] for at in np.flatnonzero(fires[row]))] += int(found.pages[row])
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
