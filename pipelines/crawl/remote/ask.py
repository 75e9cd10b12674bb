"""Asking for remote objects: before work starts, while a person waits, and to read them."""

from collections.abc import Callable
from typing import Any, TypeVar

from filters.errors import UsageError
from pipelines.crawl.remote.address import (
    is_s3,
    is_web,
    path_of,
    scheme_of,
    without_secrets,
)
from pipelines.crawl.remote.fetch import RemoteFile, way_out
from pipelines.crawl.remote.patience import (
    Fault,
    Patience,
    Traffic,
    patience,
    patience_of_planning,
    patiently,
)
from pipelines.crawl.remote.s3 import S3Source, is_anonymous, s3_filesystem
from pipelines.crawl.remote.sources import (
    FileSystemSource,
    Source,
    WebSource,
    check_status,
    version_of,
    web_client,
    web_faults,
)

_NO_HEAD = (403, 405, 501)
Result = TypeVar("Result")


def planned(given: str, once: Callable[[Patience], Result]) -> Result:
    """Return what a request before work starts gives; UsageError in words where it does not."""
    bounds = patience_of_planning()
    try:
        return patiently(lambda: once(bounds), bounds, Traffic())
    except Fault as fault:
        raise UsageError(in_words(given, fault)) from fault


def in_words(given: str, fault: Fault) -> str:
    """Return what is told of an input that could not be asked for."""
    place, way = without_secrets(given), way_out(fault)
    if fault.kind == "404":
        return f"input '{place}' does not exist.\n  Check the address, the bucket and --input-base."
    if fault.kind in ("connect", "timeout"):
        return (
            f"input '{place}' cannot be reached: {fault}.\n"
            "  Check the address, the network and its proxy (HTTPS_PROXY)."
        )
    if fault.kind in ("403", "401") and is_s3(given) and is_anonymous():
        way = "It was asked without credentials, because none were found: see 'aws configure'."
    return f"input '{place}' cannot be read: {without_secrets(str(fault))}.\n  {way}"


def ask_web(address: str) -> dict[str, Any]:
    """Return size and version of an object behind HTTP; UsageError where it cannot be had."""

    def once(bounds: Patience) -> dict[str, Any]:
        with web_faults(), web_client(bounds.stall) as client:
            response = client.head(address)
            if response.status_code in _NO_HEAD:  # the server, or a signature, is for GET only
                with client.stream("GET", address, headers={"Range": "bytes=0-0"}) as response:
                    check_status(response)
                return {"ETag": version_of(response)}
            check_status(response)
            length = response.headers.get("Content-Length", "")
            size = int(length) if length.isdigit() else None
            return {"size": size, "ETag": version_of(response)}

    return planned(address, once)


def open_filesystem(address: str, stall: float) -> Any:
    """Return the fsspec file system of an address; UsageError where there is none for it."""
    if is_s3(address):
        return s3_filesystem(stall)
    import fsspec

    scheme = scheme_of(address)
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if is_web(address):
        options["client_kwargs"] = {"trust_env": True}
    try:
        return fsspec.filesystem(scheme, **options)
    except Exception as error:  # some want arguments, others open a file of this machine
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise UsageError(
            f"input '{without_secrets(address)}': {scheme}:// cannot be read here.\n"
            f"  {without_secrets(why)}"
        ) from error


def open_remote(
    address: str,
    version: str,
    size: int | None,
    traffic: Traffic,
    bounds: Patience | None = None,
) -> RemoteFile:
    """Open a remote object for reading; it is asked for when it is read. Errors as RemoteFile."""
    bounds = bounds or patience()
    conditional = version if is_s3(address) or is_web(address) else ""
    source = _source(address, bounds)
    return RemoteFile(address, source, bounds, traffic, conditional, size)


def _source(address: str, bounds: Patience) -> Source:
    if is_web(address):
        return WebSource(address, bounds.stall)
    if is_s3(address):
        bucket = address.partition("://")[2].partition("/")[0]
        return S3Source(bucket, path_of(address), bounds.stall)
    if scheme_of(address) == "hf":
        return _hub_source(address, bounds)
    filesystem = open_filesystem(address, bounds.stall)
    return FileSystemSource(filesystem, filesystem._strip_protocol(address))  # noqa: SLF001  as above


def _hub_source(address: str, bounds: Patience) -> Source:
    """Return the Hub's file behind its address of HTTP, with the person's token where there is one.

    A redirection to another host leaves the token behind.
    """
    from huggingface_hub import hf_hub_url, parse_hf_uri
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # loaded late

    named = parse_hf_uri(address)
    url = hf_hub_url(named.id, named.path_in_repo, repo_type=named.type, revision=named.revision)
    return WebSource(url, bounds.stall, build_hf_headers())


def probe(address: str) -> bool:
    """Whether an object is there; UsageError where that cannot be found out."""
    traffic, bounds = Traffic(), patience_of_planning()
    source = _source(address, bounds)

    def once() -> bool:
        with source.ask(0, 1, ""):
            return True

    try:
        return patiently(once, bounds, traffic)
    except Fault as fault:
        if fault.kind == "404":
            return False
        raise UsageError(in_words(address, fault)) from fault
    finally:
        source.close()
