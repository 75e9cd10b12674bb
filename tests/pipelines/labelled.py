"""Labelled texts for tests of classifiers: prose against what shops shout, on made-up sites."""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.pipelines.small_run import prose

SHOP = ("buy", "cheap", "click", "free", "now", "sale", "best", "price", "order", "today")


def shouted(seed: int) -> str:
    pick = random.Random(seed)
    return "\n".join(" ".join(pick.choice(SHOP) for _ in range(12)) for _ in range(5))


def rows(count: int = 60) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return good and bad texts; three of each site, two languages by name."""
    good = [
        {"text": " ".join(prose(n)), "url": f"https://www.site{n // 3}.test/{n}",
         "language": "en" if n % 2 else "de"}
        for n in range(count)
    ]  # fmt: skip
    bad = [
        {"text": shouted(n), "url": f"https://shop{n // 3}.test/{n}",
         "language": "en" if n % 2 else "de"}
        for n in range(count)
    ]  # fmt: skip
    return good, bad


def write_rows(path: Path, items: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    return path
