"""One file of a repository on the Hub, or what an earlier fetch has left in the Hub's cache."""

from pathlib import Path

from pipelines.assets import Report, say_nothing

_SECONDS = 10


def fetch_hub_file(
    repository: str, file: str, revision: str | None = None, report: Report = say_nothing
) -> Path:
    """Return the file, fetched if need be; only out of the cache where the Hub does not answer.

    `report` is told of a file that the cache has not, before it is waited for.

    Raises what the Hub's client raises: `HfHubHTTPError` (with `EntryNotFoundError` for a file
    that the repository has not), `HFValidationError`, `LocalEntryNotFoundError`, OSError.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    offline = not _hub_answers(repository, file, revision)
    if not offline and try_to_load_from_cache(repository, file, revision=revision) is None:
        report(f"Fetching {file} of {repository} from the Hub")
    found = hf_hub_download(repository, file, revision=revision, local_files_only=offline)
    return Path(found)


def _hub_answers(repository: str, file: str, revision: str | None) -> bool:
    """Ask once: the Hub's client would try for half a minute where there is no network."""
    from httpx2 import HTTPError
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        url = hf_hub_url(repository, file, revision=revision)
        get_session().head(url, timeout=_SECONDS)
    except (HTTPError, OfflineModeIsEnabled):
        return False
    return True
