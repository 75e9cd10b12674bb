"""Where the bytes of a remote object come from: one request at a time, without retries.

A source answers a request for a range of bytes, or raises a Fault that says in
words what went wrong and whether another try may help.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx2

from filters.errors import CuveeError
from pipelines.crawl.remote.address import without_secrets
from pipelines.crawl.remote.patience import PASSING, Fault

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_REDIRECTS = 5
_NETWORK = ("aiobotocore", "aiohttp", "botocore", "httpx", "httpx2", "requests", "urllib3")
_NOT_SATISFIABLE = 416
_PRECONDITION_FAILED = 412
_NO_CONNECTION = (
    "ClientConnectorError", "ClientConnectorDNSError", "ConnectError", "EndpointConnectionError",
)  # fmt: skip
_CHANGED = "it changed while it was read"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sends, as announced before the first byte."""

    chunks: Iterator[bytes]
    start: int
    """Position of the first byte."""
    length: int | None
    """Bytes that come; None where the end is marked in the stream itself."""
    total: int | None
    """Bytes of the whole object, where the server says."""
    version: str
    """ETag, else time of change; empty where the server gives neither."""
    partial: bool
    """False where the server has no ranges and sends the whole object."""


class Source(Protocol):
    """One remote object."""

    def ask(self, start: int, end: int, version: str) -> AbstractContextManager[Answer]:
        """Request the bytes from `start` to before `end`, of this version if it is known."""

    def close(self) -> None:
        """Give back connections."""


def web_client(stall: float) -> httpx2.Client:
    """Return a client that knows the environment's proxies and certificates, and waits so long."""
    return httpx2.Client(
        timeout=stall,
        follow_redirects=True,
        max_redirects=_REDIRECTS,
        # A packed transfer would make the announced length another one than the file's.
        headers={"User-Agent": "cuvee", "Accept-Encoding": "identity"},
    )


class WebSource:
    """An object behind HTTP (RFC 9110: ranges in section 14, conditions in section 13)."""

    def __init__(self, url: str, stall: float, headers: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._headers = dict(headers or {})
        self._client = web_client(stall)

    def close(self) -> None:
        """See `Source`."""
        self._client.close()

    @contextmanager
    def ask(self, start: int, end: int, version: str) -> Iterator[Answer]:
        """See `Source`."""
        headers = {**self._headers, "Range": f"bytes={start}-{end - 1}"}
        if version.startswith('"'):  # a weak one, or a time, cannot be a condition
            headers["If-Match"] = version
        with web_faults(), self._client.stream("GET", self._url, headers=headers) as response:
            check_status(response)
            yield _answer(response, start)


def _answer(response: httpx2.Response, start: int) -> Answer:
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    partial = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code == _NOT_SATISFIABLE:
        if start or not response.headers.get("Content-Range", "").endswith("/0"):
            raise Fault("changed", _CHANGED, passes=False)
        return Answer(iter(()), 0, 0, 0, version_of(response), partial=True)
    if response.status_code == httpx2.codes.PARTIAL_CONTENT and partial:
        first, last, whole = partial.groups()
        return Answer(
            response.iter_raw(), int(first), int(last) - int(first) + 1,
            None if whole == "*" else int(whole), version_of(response), partial=True,
        )  # fmt: skip
    if total is None and response.headers.get("Transfer-Encoding", "").lower() != "chunked":
        # Its end could not be told from a connection that broke.
        raise Fault("no_length", "the server does not say how long it is", passes=False)
    return Answer(response.iter_raw(), 0, total, total, version_of(response), partial=False)


def version_of(response: httpx2.Response) -> str:
    """Return the ETag, else the time of change, else nothing."""
    headers = response.headers
    return str(headers.get("ETag") or headers.get("Last-Modified") or "")


def check_status(response: httpx2.Response) -> None:
    """Raise a Fault for an answer that is no success; 416 is left to whoever asked for a range."""
    status = response.status_code
    if response.is_success or status == _NOT_SATISFIABLE:
        return
    if status == _PRECONDITION_FAILED:
        raise Fault("changed", _CHANGED, passes=False)
    words = f"the server answers {status} {response.reason_phrase}".strip()
    after = _retry_after(response.headers.get("Retry-After", ""))
    raise Fault(str(status), words, passes=status in PASSING, after=after)


def _retry_after(written: str) -> float:
    """Return seconds, of a number or a date; 0 for what is neither."""
    if written.isdigit():
        return float(written[:9])
    try:
        then = parsedate_to_datetime(written)
    except ValueError:
        return 0.0
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


@contextmanager
def web_faults() -> Iterator[None]:
    """Turn the errors of HTTP into faults."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise Fault("timeout", "the server stopped sending") from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
        raise Fault("address", _said(error), passes=False) from error
    except httpx2.ConnectError as error:
        raise Fault("connect", f"no connection: {_said(error)}") from error
    except httpx2.HTTPError as error:
        raise Fault("reset", f"the connection broke: {_said(error)}") from error


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return without_secrets(text)[:200]


class FileSystemSource:
    """An object of any other file system that fsspec knows."""

    def __init__(self, filesystem: Any, path: str) -> None:
        self._filesystem = filesystem
        self._path = path

    def close(self) -> None:
        """See `Source`."""

    @contextmanager
    def ask(self, start: int, end: int, version: str) -> Iterator[Answer]:
        """See `Source`. Most such file systems keep versions to themselves."""
        del version
        with filesystem_faults():
            total = int(self._filesystem.info(self._path)["size"])
            last = min(end, total)
            data = self._filesystem.cat_file(self._path, start, last) if start < last else b""
            yield Answer(iter([data]), start, max(last - start, 0), total, "", partial=True)


@contextmanager
def filesystem_faults() -> Iterator[None]:
    """Turn the errors that fsspec's file systems raise into faults."""
    try:
        yield
    except (Fault, CuveeError):
        raise
    except FileNotFoundError as error:
        raise Fault("404", "it is not there", passes=False) from error
    except PermissionError as error:
        raise Fault("403", f"access is refused ({_said(error)})") from error
    except TimeoutError as error:
        raise Fault("timeout", "the server stopped sending") from error
    except Exception as error:  # each file system has errors of its own
        raise _foreign(error) from error


def _foreign(error: Exception) -> Fault:
    """Return the fault of an error by its name: the package that has it need not be installed."""
    name, said = type(error).__name__, _said(error)
    if "Credentials" in name:
        return Fault("credentials", said, passes=False)
    if name in _NO_CONNECTION:
        return Fault("connect", f"no connection: {said}")
    status = getattr(error, "status", None) or getattr(
        getattr(error, "response", None), "status_code", None
    )
    if isinstance(status, int):
        return Fault(str(status), f"the server answers {status}", passes=status in PASSING)
    package = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) or package in _NETWORK:
        return Fault("reset", f"{name}: {said}")
    return Fault("address", f"{name}: {said}", passes=False)
