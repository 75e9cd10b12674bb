"""A Hub on this machine that has repositories of models, each at one commit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree

from tests.pipelines.hosts import Reply, Request, folder_answers, serving

COMMIT = "ab" * 20


@contextmanager
def hub_with(models: Mapping[str, Path], folder: Path) -> Iterator[dict[str, str]]:
    """Serve model folders by their repositories' names; yields the environment of a client.

    What is served lies in `folder`, under `main` and under the commit.
    """
    for name, model in models.items():
        for revision in ("main", COMMIT):
            copytree(model, folder / "served" / name / "resolve" / revision)
    files = folder_answers(folder / "served")

    def answers(request: Request) -> Reply:
        found = files(request)
        return replace(found, headers={**found.headers, "X-Repo-Commit": COMMIT})

    with serving(answers) as host:
        home = str(folder / "hf")
        yield {"HF_ENDPOINT": host.url, "HF_HOME": home, "NO_PROXY": "127.0.0.1"}
