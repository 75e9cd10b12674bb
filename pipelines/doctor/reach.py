"""What a run talks to: Ray, the Hub, S3, its input."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.crawl import find_inputs
from pipelines.crawl.remote.address import is_s3, without_secrets
from pipelines.crawl.remote.s3 import is_anonymous
from pipelines.doctor.check import Check, size
from pipelines.execute import Failure, Task, open_engine
from pipelines.recipe import InputFormat
from pipelines.storage import Attempt

_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_S3_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")


def check_ray(address: str | None) -> Check:
    """Start Ray, or join the cluster of `address` or RAY_ADDRESS, and run one task on it.

    UsageError where none can be reached.
    """
    began = time.monotonic()
    place = address or os.environ.get("RAY_ADDRESS")
    with (
        tempfile.TemporaryDirectory(prefix="cuvee-doctor-") as folder,
        open_engine("ray", workers=None if place else 1, address=address) as engine,
    ):
        task = Task("doctor", "one", "doctor", _do_nothing, None)
        ((_, outcome),) = engine.run(Path(folder), iter([task]))
    seconds = time.monotonic() - began
    where = f"joined {place}" if place else "started here"
    if isinstance(outcome, Failure):
        why = f"{type(outcome.error).__name__}: {outcome.error}".partition("\n")[0]
        return Check(
            "Ray", "problem", f"{where}, but its task failed: {why}", "Use --engine inline."
        )
    return Check("Ray", "ok", f"{where}, one task run, {seconds:.1f} s")


def _do_nothing(attempt: Attempt, argument: Any) -> dict[str, Any]:
    del attempt, argument
    return {}


def check_hub() -> Check:
    """Look for a token of the Hub, and say where it is, never what it is."""
    from huggingface_hub import constants, get_token

    if not get_token():
        return Check("Hub token", "ok", "none; it takes one to publish and to read private data")
    variable = next((name for name in _TOKEN_VARIABLES if os.environ.get(name)), None)
    return Check("Hub token", "ok", f"found in {variable or constants.HF_TOKEN_PATH}")


def check_s3(places: Sequence[str]) -> Iterator[Check]:
    """Say how S3 is asked, where an input, the output or the environment points to it.

    UsageError where one of these places needs the package or the credentials, and they are missing.
    """
    wanted = any(map(is_s3, places))
    if not wanted and not any(os.environ.get(name) for name in _S3_VARIABLES):
        return
    try:
        who = "anonymously: there are no credentials" if is_anonymous() else "with credentials"
    except UsageError as error:
        if wanted:
            raise
        fact, _, advice = str(error).partition("\n")
        yield Check("S3", "warning", fact, advice.strip())
        return
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    at = f", at {without_secrets(endpoint)}" if endpoint else ""
    yield Check("S3", "ok", f"is asked {who}{at}")


def check_input(
    inputs: Sequence[str], base: str | None, match: str | None, input_format: InputFormat
) -> tuple[Check, int]:
    """List the input; return what was found and its bytes. UsageError where there is nothing."""
    files = find_inputs(inputs, base, match=match, input_format=input_format)
    sizes = [file.size for file in files if file.size is not None]
    unknown = len(files) - len(sizes)
    fact = f"{len(files):,} files, {size(sum(sizes))}"
    if unknown:
        fact += f"; {unknown:,} of unknown size"
    return Check("input", "ok", fact), sum(sizes)
