"""What the Hub's client raises, as a person is told it."""

import errno

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from filters.errors import UsageError, WorkError
from pipelines.crawl.remote.patience import Fault
from pipelines.publish.errors import hub_faults


def answered(status: int, **headers: str) -> HfHubHTTPError:
    request = httpx2.Request("POST", "http://127.0.0.1/api")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HfHubHTTPError("no", response=httpx2.Response(status, headers=named, request=request))


def wrapped(error: Exception) -> Exception:
    """As the client does it for a file out of many."""
    outer = RuntimeError("Error while uploading 'data/a.parquet' to the Hub.")
    outer.__cause__ = error
    return outer


def raised(error: Exception) -> Exception:
    with pytest.raises((Fault, UsageError, WorkError)) as caught, hub_faults("org/name"):
        raise error
    return caught.value


@pytest.mark.parametrize("status", [408, 409, 412, 429, 500, 502, 503, 504])
def test_what_may_pass_is_a_fault(status: int):
    for error in (answered(status), wrapped(answered(status))):
        fault = raised(error)
        assert isinstance(fault, Fault)
        assert fault.kind == str(status)
    assert isinstance(raised(wrapped(httpx2.ReadTimeout("slow"))), Fault)
    assert isinstance(raised(LocalEntryNotFoundError("no answer")), Fault)
    assert isinstance(raised(RuntimeError("of some other layer")), Fault)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"api";r=0;t=55'}, 56.0),
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "Thu, 26 Nov 2026 10:00:00 GMT"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_hub_is_given_the_time_that_it_asks_for(headers: dict[str, str], seconds: float):
    fault = raised(answered(429, **headers))
    assert isinstance(fault, Fault)
    assert fault.after == seconds


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answered(401), UsageError, "does not accept the token"),
        (answered(403), UsageError, "this token may not write there"),
        (answered(404), UsageError, "not on the Hub, or not for this token"),
        (answered(400, X_Error_Message="\x1b[31mbad"), WorkError, "400: ·[31mbad"),
        (HFValidationError("a/b/c"), UsageError, "is not the name of a repository"),
        (ValueError("Invalid metadata in README.md.\n- x"), UsageError, "accept the card"),
        (ValueError("LFS batch API returned errors:\nfull"), WorkError, "takes no more files"),
        (OSError(errno.ENOSPC, "full", "/data/x"), WorkError, "/data/x: the disk is full."),
        (PermissionError(13, "Permission denied", "/data/x"), WorkError, "/data/x: Permission"),
    ],
)
def test_what_will_not_pass_is_said_in_words(error: Exception, kind: type, words: str):
    told = raised(error)
    assert type(told) is kind
    assert words in str(told)
    assert len(str(told).splitlines()) <= 3
