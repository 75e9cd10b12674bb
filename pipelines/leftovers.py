"""What writers leave that were killed between writing a file and giving it its name."""

import re
from pathlib import Path

from pipelines.bucket.path import S3Path

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}")


def remove_temporaries(root: Path) -> None:
    """Remove them from beside a run's records, notes, manifest and card.

    A late writer that still needs one finds it gone, as it finds `work/` emptied: its unit
    has been done by another. On S3 there are none: an object is there whole or not at all.
    """
    if isinstance(root, S3Path):
        return
    for folder in (root, root / "commits", *(root / "commits").glob("*/"), root / "dataset"):
        for path in folder.glob(".*"):
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)
