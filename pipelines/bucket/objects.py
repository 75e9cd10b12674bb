"""Objects of a bucket: read, written, listed and removed, in spite of faults.

Each request is tried as often as patience lasts (`pipelines.crawl.remote.patience`). All of
them may be repeated: to put or remove the same once more changes nothing, and where only
the reply was lost, what is there is compared with what was sent.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from filters.errors import WorkError
from pipelines.bucket.path import S3Path
from pipelines.crawl.remote.fetch import RemoteFile, tries_in_words
from pipelines.crawl.remote.patience import Fault, Patience, Traffic, patience, patiently
from pipelines.crawl.remote.s3 import (
    S3Source,
    is_anonymous,
    packages,
    s3_client,
    s3_faults,
    status_of,
)

_PART_BYTES = 1 << 25
"""What is sent at a time and kept in memory; S3 takes 10,000 parts: a file of 335 GB."""
_AT_ONCE = 16  # requests for small objects
_MISSING = 404
_THERE = 412
_AT_THE_SAME_TIME = 409
_DENIED = ("401", "403", "credentials")
Result = TypeVar("Result")


class _RunFile(RemoteFile):
    """An object of a run, to be read."""

    def _given_up(self, fault: Fault) -> Exception:
        if fault.kind == str(_MISSING):
            return FileNotFoundError(self._address)
        return _in_words(self._address, "read", fault, self._traffic)


def open_object(path: S3Path, bounds: Patience | None = None) -> RemoteFile:
    """Open an object for reading; FileNotFoundError and WorkError come when it is read."""
    bounds = bounds or patience()
    source = S3Source(path.bucket, path.key, bounds.stall, client())
    return _RunFile(str(path), source, bounds, Traffic())


def read(path: S3Path, bounds: Patience | None = None) -> bytes:
    """Return an object's bytes; FileNotFoundError where there is none."""
    with open_object(path, bounds) as stream:
        return stream.readall()


def read_all(paths: Sequence[S3Path]) -> list[bytes]:
    """Return the bytes of many small objects, in order."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(read, paths))


def size(path: S3Path) -> int | None:
    """Return an object's size; None where there is none."""
    found = facts(path)
    return int(found["ContentLength"]) if found else None


def facts(path: S3Path, bounds: Patience | None = None) -> dict[str, Any] | None:
    """Return what S3 says of an object (HeadObject); None where there is none."""
    where = {"Bucket": path.bucket, "Key": path.key}

    def once() -> dict[str, Any] | None:
        return _unless_missing(client().head_object, where)

    return _tried(path, "asked for", once, bounds)


def _unless_missing(
    request: Callable[..., Any], arguments: dict[str, Any]
) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = request(**arguments)
    except packages().exceptions.ClientError as error:
        if status_of(error) == _MISSING:
            return None
        raise
    return found


def put(path: S3Path, data: bytes) -> None:
    """Write an object, whole or not at all."""
    where = {"Bucket": path.bucket, "Key": path.key}
    _tried(path, "written", lambda: client().put_object(Body=data, **where))


def put_if_absent(path: S3Path, data: bytes) -> bool:
    """Write an object if there is none; return whether it is this one.

    An object with the same bytes is this one: the reply to an earlier try was lost.
    """
    return conditional_put(path, data, IfNoneMatch="*") is not None or read(path) == data


def conditional_put(
    path: S3Path, data: bytes, bounds: Patience | None = None, **condition: str
) -> str | None:
    """Write an object where a condition holds; return its version, None where it does not."""

    def once() -> str | None:
        where = {"Bucket": path.bucket, "Key": path.key}
        try:
            reply = client().put_object(Body=data, **where, **condition)
        except packages().exceptions.ClientError as error:
            if status_of(error) == _THERE:
                return None
            if status_of(error) == _AT_THE_SAME_TIME:
                raise Fault("409", "another one writes at the same time") from error
            raise
        return str(reply["ETag"])

    return _tried(path, "written", once, bounds)


def upload(local: Path, path: S3Path, sha256: str) -> None:
    """Copy a file of this machine into the bucket, whole or not at all."""
    where = {"Bucket": path.bucket, "Key": path.key}
    kept = {"Metadata": {"sha256": sha256}}
    if local.stat().st_size <= _PART_BYTES:
        data = local.read_bytes()
        _tried(path, "written", lambda: client().put_object(Body=data, **where, **kept))
        return
    begun = _tried(path, "written", lambda: client().create_multipart_upload(**where, **kept))
    where["UploadId"] = begun["UploadId"]
    try:
        parts = {"Parts": list(_upload_parts(local, path, where))}
        _tried(path, "written", lambda: _complete(local, path, sha256, where, parts))
    except BaseException:
        _abort(path, where)
        raise


def _upload_parts(local: Path, path: S3Path, where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with local.open("rb") as stream:
        for number in count(1):
            data = stream.read(_PART_BYTES)
            if not data:
                return
            send = partial(client().upload_part, PartNumber=number, Body=data, **where)
            reply = _tried(path, "written", send)
            yield {"PartNumber": number, "ETag": reply["ETag"]}


def _complete(
    local: Path, path: S3Path, sha256: str, where: dict[str, Any], parts: dict[str, Any]
) -> None:
    try:
        client().complete_multipart_upload(MultipartUpload=parts, **where)
    except packages().exceptions.ClientError as error:
        if status_of(error) != _MISSING:
            raise
        # The upload is no more: either it was completed and the reply was lost, or it was aborted.
        found = client().head_object(Bucket=path.bucket, Key=path.key)
        length, digest = found["ContentLength"], found["Metadata"].get("sha256")
        if (length, digest) != (local.stat().st_size, sha256):
            raise


def _abort(path: S3Path, where: dict[str, Any]) -> None:
    """Give up an upload; where that fails as well, `abort_uploads` of the next run does it."""
    arguments = {name: where[name] for name in ("Bucket", "Key", "UploadId")}
    try:
        _tried(path, "removed", lambda: _unless_missing(client().abort_multipart_upload, arguments))
    except WorkError:
        return


def abort_uploads(folder: S3Path) -> None:
    """Give up all uploads below a name: what killed attempts have left costs money unseen."""
    where = {"Bucket": folder.bucket, "Prefix": f"{folder.key}/"}
    found = _tried(folder, "listed", lambda: client().list_multipart_uploads(**where))
    for item in found.get("Uploads", ()):
        upload_of = {"Bucket": folder.bucket, "Key": item["Key"], "UploadId": item["UploadId"]}
        _abort(folder, upload_of)


def remove(path: S3Path, bounds: Patience | None = None) -> None:
    """Remove an object, if there is one."""
    where = {"Bucket": path.bucket, "Key": path.key}
    _tried(path, "removed", lambda: client().delete_object(**where), bounds)


def listed(folder: S3Path) -> Iterator[tuple[S3Path, int]]:
    """Yield the objects below a name with their sizes, in the order of their keys."""
    where: dict[str, Any] = {"Bucket": folder.bucket, "Prefix": f"{folder.key}/"}
    while True:
        page = _tried(folder, "listed", lambda: _unless_missing(client().list_objects_v2, where))
        for item in page.get("Contents", ()) if page else ():
            yield type(folder)("s3:", folder.bucket, *item["Key"].split("/")), item["Size"]
        if not page or not page.get("IsTruncated"):
            return
        where["ContinuationToken"] = page["NextContinuationToken"]


def client() -> Any:
    """Return this process's client, for as long as nothing has changed that it was made of."""
    settings = sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))
    return _client(os.getpid(), patience().stall, tuple(settings))


@lru_cache(maxsize=1)
def _client(_process: int, stall: float, _settings: tuple[tuple[str, str], ...]) -> Any:
    return s3_client(stall, 2 * _AT_ONCE)


def _tried(
    path: S3Path, done: str, once: Callable[[], Result], bounds: Patience | None = None
) -> Result:
    """Return what a request gives; WorkError in words where patience ends before."""

    def translated() -> Result:
        with s3_faults():
            return once()

    traffic = Traffic()
    try:
        return patiently(translated, bounds or patience(), traffic)
    except Fault as fault:
        raise _in_words(str(path), done, fault, traffic) from fault


def _in_words(place: str, done: str, fault: Fault, traffic: Traffic) -> WorkError:
    way = "All that is committed is kept: repeat the command when S3 answers again."
    if fault.kind == str(_MISSING):
        way = "Check that there is such a bucket, and its name in the command."
    elif fault.kind in _DENIED:
        way = "Check credentials and the bucket's policy: a run reads, writes, lists and removes."
        if is_anonymous():
            way = "It was asked without credentials, because none were found: see 'aws configure'."
    return WorkError(f"{place}: cannot be {done}: {fault} ({tries_in_words(traffic)}).\n  {way}")
