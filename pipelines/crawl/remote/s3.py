"""Objects of S3: by credentials where botocore finds some, else anonymously.

The address of another S3 than Amazon's, credentials and regions come from where
every program for S3 takes them: AWS_ENDPOINT_URL and the other variables and
files that botocore reads. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from filters.errors import UsageError
from pipelines.crawl.remote.patience import PASSING, Fault
from pipelines.crawl.remote.sources import Answer

_CHUNK = 1 << 14
"""Bytes that are lost, and asked for again, when a connection breaks."""
_CHANGED = 412
_NOT_SATISFIABLE = 416
# S3 says so with status 400, though the next try may well go through.
_PASSING_CODES = frozenset({"RequestTimeout", "SlowDown", "InternalError"})


def is_anonymous() -> bool:
    """Whether botocore finds no credentials.

    UsageError when the package is missing, or the settings for it name what is not there.
    """
    botocore = packages()
    session: Any = botocore.session.get_session()
    try:
        return session.get_credentials() is None
    except botocore.exceptions.BotoCoreError as error:
        raise UsageError(
            f"the credentials for S3 cannot be found: {error}.\n"
            "  Correct AWS_PROFILE and the files that it refers to, or unset it."
        ) from error


def s3_filesystem(stall: float) -> Any:
    """Return a file system that lists buckets, one request at a time and without retries."""
    packages()
    from s3fs import S3FileSystem

    filesystem = S3FileSystem(
        anon=is_anonymous(),
        config_kwargs=_limits(stall),
        # What a bucket holds is asked anew: it may have changed since.
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    filesystem.retries = 1  # how often is for `patiently` to say, which counts
    return filesystem


def _limits(stall: float) -> dict[str, Any]:
    once = {"total_max_attempts": 1}
    return {"connect_timeout": stall, "read_timeout": stall, "retries": once}


def packages() -> Any:
    """Return botocore; UsageError where it is not installed."""
    try:
        import botocore.config
        import botocore.exceptions
        import botocore.session
    except ImportError as error:
        raise UsageError(
            "S3 needs the package s3fs, which is not installed.\n"
            "  Install cuvee with its extra s3, or: pip install s3fs"
        ) from error
    return botocore


def s3_client(stall: float, connections: int = 10) -> Any:
    """Return a client of botocore that tries once, and waits so many seconds for a byte."""
    botocore = packages()
    session = botocore.session.get_session()
    unsigned = {"signature_version": botocore.UNSIGNED} if is_anonymous() else {}
    config = botocore.config.Config(**_limits(stall), max_pool_connections=connections, **unsigned)
    return session.create_client("s3", config=config)


class S3Source:
    """One object of a bucket; with a client that is given, which others use too, or its own."""

    def __init__(self, bucket: str, key: str, stall: float, client: Any = None) -> None:
        self._owns_client = client is None
        self._client = client or s3_client(stall)
        self._where = {"Bucket": bucket, "Key": key}

    def close(self) -> None:
        """See `Source`."""
        if self._owns_client:
            self._client.close()

    @contextmanager
    def ask(self, start: int, end: int, version: str) -> Iterator[Answer]:
        """See `Source`."""
        condition = {"IfMatch": version} if version else {}
        with s3_faults():
            try:
                reply = self._client.get_object(
                    **self._where, Range=f"bytes={start}-{end - 1}", **condition
                )
            except packages().exceptions.ClientError as error:
                if start or status_of(error) != _NOT_SATISFIABLE:
                    raise
                yield Answer(iter(()), 0, 0, 0, version, partial=True)  # an empty object
                return
            with closing(reply["Body"]) as body:
                yield _answer(reply, body, start)


def _answer(reply: dict[str, Any], body: Any, start: int) -> Answer:
    length = int(reply["ContentLength"])
    written = reply.get("ContentRange", "")  # bytes FIRST-LAST/TOTAL
    version = str(reply.get("ETag", ""))
    chunks = body.iter_chunks(_CHUNK)
    if not written:
        return Answer(chunks, 0, length, length, version, partial=False)
    first, total = written.removeprefix("bytes ").partition("-")[0], written.partition("/")[2]
    return Answer(chunks, int(first or start), length, int(total), version, partial=True)


@contextmanager
def s3_faults() -> Iterator[None]:
    """Turn the errors of botocore into faults; and of urllib3 below it.

    These come as they are where the text of a refusal does not come whole.
    """
    errors = packages().exceptions
    import urllib3.exceptions as below

    try:
        yield
    except errors.ClientError as error:
        raise _refusal(error) from error
    except (errors.ReadTimeoutError, errors.ConnectTimeoutError, below.TimeoutError) as error:
        raise Fault("timeout", "the server stopped sending") from error
    except errors.EndpointConnectionError as error:
        raise Fault("connect", f"no connection: {error}") from error
    except (errors.HTTPClientError, errors.IncompleteReadError, below.HTTPError) as error:
        raise Fault("reset", f"the connection broke ({type(error).__name__})") from error
    except errors.BotoCoreError as error:
        raise Fault("credentials", str(error), passes=False) from error


def _refusal(error: Any) -> Fault:
    status, code = status_of(error), error.response.get("Error", {}).get("Code", "")
    if status in (_CHANGED, _NOT_SATISFIABLE):
        return Fault("changed", "it changed while it was read", passes=False)
    passes = status in PASSING or code in _PASSING_CODES
    after = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", "")
    return Fault(
        str(status),
        f"the server answers {status} {code}",
        passes=passes,
        after=float(after[:9]) if after.isdigit() else 0.0,
    )


def status_of(error: Any) -> int:
    """Return the status of HTTP that botocore's ClientError came with; 0 without one."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
