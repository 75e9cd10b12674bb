"""What the Hub's client raises, told apart: what may pass, and what a person has to change."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from filters.errors import CuveeError, UsageError, WorkError
from pipelines.crawl.remote.patience import Fault, Traffic, patience, patiently
from pipelines.terminal import harmless

Result = TypeVar("Result")
_STALE = 412
_PASSING = frozenset({408, 409, _STALE, 425, 429, 500, 502, 503, 504})
_UNKNOWN, _FORBIDDEN, _ABSENT = 401, 403, 404
_LOGIN = "Set HF_TOKEN, give --token, or log in with 'hf auth login'."


@contextmanager
def hub_faults(repo_id: str) -> Iterator[None]:
    """Turn what the client raises into a Fault that may pass, or an error in words."""
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except CuveeError:
        raise
    except HFValidationError as error:
        raise UsageError(
            f"'{repo_id}' is not the name of a repository.\n  Give it as ORG/NAME."
        ) from error
    except Exception as error:
        raise _told(error, repo_id) from error


def _told(error: Exception, repo_id: str) -> Exception:
    from httpx2 import HTTPError, HTTPStatusError
    from huggingface_hub.errors import HfHubHTTPError

    found = _refused(error, repo_id) or _of_this_machine(error, repo_id)
    if found is not None:
        return found
    for cause in _causes(error):
        if isinstance(cause, HfHubHTTPError | HTTPStatusError):
            return _answered(cause, repo_id)
        if isinstance(cause, HTTPError):
            return Fault("network", f"{type(cause).__name__}: {cause}")
    line = str(error).strip().partition("\n")[0]
    return Fault("client", f"{type(error).__name__}: {harmless(line)[:300]}")


def _refused(error: Exception, repo_id: str) -> Exception | None:
    """Return what the client says without an answer of HTTP: the card, or a full repository."""
    if not isinstance(error, ValueError):
        return None
    words = harmless(" ".join(str(error).split()))[:300]
    if "Invalid metadata" in words:
        return UsageError(
            f"{repo_id}: the Hub does not accept the card: {words}\n"
            "  Correct its head, between the first two lines of ---; no file was sent."
        )
    if "LFS batch API" in words:
        return WorkError(
            f"{repo_id}: the Hub takes no more files: {words}\n"
            "  What it has is kept; with more room the same command sends the rest."
        )
    return None


def _of_this_machine(error: Exception, repo_id: str) -> Exception | None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError):  # it says so of a Hub that does not answer, too
        return None
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkError(
            f"{error.filename or repo_id}: the disk is full.\n"
            "  What the Hub has is kept: make room and repeat the command."
        )
    if isinstance(error, FileNotFoundError | PermissionError):
        return WorkError(f"{error.filename or repo_id}: {error.strerror or error}")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _answered(error: Any, repo_id: str) -> Exception:
    status = error.response.status_code
    said = error.response.headers.get("X-Error-Message") or type(error).__name__
    words = f"{status}: {harmless(said)[:200]}"
    if status in _PASSING:
        return Fault(str(status), words, after=_asked_to_wait(error.response.headers))
    if status == _UNKNOWN:
        return UsageError(f"{repo_id}: the Hub does not accept the token ({words}).\n  {_LOGIN}")
    if status == _FORBIDDEN:
        return UsageError(
            f"{repo_id}: this token may not write there ({words}).\n"
            "  It takes a token with write access to that name; nothing was changed."
        )
    if status == _ABSENT:
        return UsageError(
            f"{repo_id}: not on the Hub, or not for this token ({words}).\n  {_LOGIN}"
        )
    return WorkError(f"{repo_id}: the Hub refuses it ({words}).\n  --debug shows what was asked.")


def _asked_to_wait(headers: Any) -> float:
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds) + 1
    try:
        return float(headers.get("Retry-After") or 0)
    except ValueError:  # a date
        return 0.0


def insist(repo_id: str, work: Callable[[], Result]) -> Result:
    """Return what work gives, tried as long as patience lasts; WorkError after that."""
    try:
        return patiently(work, patience(), Traffic())
    except Fault as fault:
        raise WorkError(
            f"{repo_id}: the Hub does not answer: {fault}\n"
            "  Check the connection and HF_ENDPOINT, then repeat the command."
        ) from fault


def require_token(token: str | None) -> str:
    """Return the token to be used; UsageError where there is none."""
    from huggingface_hub import get_token

    found = token or get_token()
    if not found:
        raise UsageError(f"publish: there is no token for the Hub.\n  {_LOGIN}")
    return found
