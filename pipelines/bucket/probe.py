"""Whether a bucket is fit for a run: asked once, before the first one is begun there."""

import uuid

from filters.errors import UsageError
from pipelines.bucket import objects
from pipelines.bucket.path import S3Path


def check_rights(root: S3Path) -> None:
    """Write an object below `root`, read, list and remove it; leaves nothing behind.

    WorkError where one of these is refused; UsageError where the bucket overwrites an object
    that it was asked to write only if there is none: what is done could not be told from what
    is not.
    """
    path = root / f".probe.{uuid.uuid4().hex}"
    objects.put(path, b"first")
    try:
        refused = objects.conditional_put(path, b"second", IfNoneMatch="*") is None
        found = objects.read(path)
        listed = path in {item for item, _ in objects.listed(root)}
    finally:
        objects.remove(path)
    if not (refused and found == b"first" and listed):
        raise UsageError(
            f"{root}: this S3 writes over an object that it was asked to write only if there is "
            "none (If-None-Match).\n  Choose a folder, or an S3 that heeds it."
        )
