"""What `cuvee takedown` does and says of a dataset on the Hub; and how it asks a person."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.filesize import decimal

from filters.errors import UsageError
from pipelines.cli.console import err, out
from pipelines.cli.publishing import watching
from pipelines.terminal import harmless

_SHOWN = 10


def confirm(lines: Iterable[str]) -> None:
    """Ask a person whether what is shown is to be; UsageError where there is none to be asked."""
    if not sys.stdin.isatty():
        raise UsageError(
            "takedown: texts would be gone for good, and nobody can be asked here.\n"
            "  See what goes with --dry-run, then say --yes."
        )
    for line in lines:
        err.print(harmless(line), markup=False, soft_wrap=True, highlight=False)
    if not typer.confirm("Take these pages down for good?", err=True):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class OnHub:
    """One takedown of a dataset on the Hub."""

    repo_id: str
    asked: Any
    token: str | None
    branch: str | None
    message: str | None
    squash: bool

    def do(self, *, dry_run: bool, yes: bool, quiet: bool) -> dict[str, Any]:
        """Do it, or only look; return what was done as plain data."""
        from pipelines.publish.errors import require_token
        from pipelines.publish.send import Publisher, Target
        from pipelines.takedown.hub_plan import HubPlanner

        token = self.token if dry_run else require_token(self.token)
        with tempfile.TemporaryDirectory(prefix="cuvee-takedown-") as folder:
            planner = HubPlanner(self.asked, Path(folder), self.message)
            with watching(err) as watcher:
                target = Target(self.repo_id, token, self.branch)
                publisher = Publisher(planner, target, watcher, self.message)
                plan = publisher.plan()
            facts = _facts(self.repo_id, planner, plan)
            if not dry_run:
                if not yes:
                    confirm(_lines(facts))
                with watching(err):
                    done = publisher.publish()
                facts |= {"commits": list(done.commits), "commit": done.commit}
        if not dry_run and self.squash:
            facts["squashed"] = self._squash(token)
        if not quiet:
            shown = [*_lines(facts), *_afterwards(facts, dry_run=dry_run)]
            for line in shown:
                out.print(harmless(line), markup=False, soft_wrap=True, highlight=False)
        return facts

    def _squash(self, token: str | None) -> bool:
        from pipelines.publish.repository import Repository

        repository = Repository(self.repo_id, token, self.branch)
        repository.squash(self.message or "One commit of the history: pages removed on request")
        return True


def _facts(repo_id: str, planner: Any, plan: Any) -> dict[str, Any]:
    found = planner.found
    items = [item for step in plan.steps for item in step.add]
    tables = sum(item.size for item in items if item.folder)
    whole = sum(facts["bytes"] for facts in found.listing["files"])
    return {
        "repository": repo_id,
        "pages": [{"id": name, "url": url} for name, url in sorted(found.pages.items())],
        "files": [
            {"path": hit.path, "bytes": hit.bytes, "rows": hit.rows, "pages": len(hit.pages)}
            for hit in found.hits
        ],
        "deleted": [path for step in plan.steps for path in step.delete],
        "looked_at": found.looked,
        "read": {"requests": found.traffic.requests, "bytes": found.traffic.bytes},
        "send": {
            "files": len(items),
            "bytes": plan.size,
            "bytes_of_tables": tables,
            "new_chunks": planner.chunk_bytes,
            "bytes_of_repository": whole,
        },
        "tags": sorted(found.state.tags or {}),
    }


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    """Yield what goes, and what has to be sent for it."""
    pages, files, send = facts["pages"], facts["files"], facts["send"]
    read = facts["read"]
    yield (
        f"{facts['repository']}: {len(pages):,} documents in {len(files):,} of "
        f"{facts['looked_at']:,} tables looked at; to find them {read['requests']:,} requests read "
        f"{decimal(read['bytes'])}."
    )
    yield from (f"  - {page['url']}" for page in pages[:_SHOWN])
    if len(pages) > _SHOWN:
        yield f"  … and {len(pages) - _SHOWN:,} more: --json names all"
    whole, tables = max(send["bytes_of_repository"], 1), send["bytes_of_tables"]
    yield (
        f"{send['files']:,} files with {decimal(send['bytes'])} are written anew, "
        f"{send['bytes'] / whole:.1%} of the dataset: so much goes by LFS."
    )
    if tables:
        yield (
            f"Of the {decimal(tables)} of tables among them {decimal(send['new_chunks'])} "
            f"({send['new_chunks'] / tables:.1%}) are new chunks: about so much goes by Xet."
        )


def _afterwards(facts: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    repo_id = facts["repository"]
    if dry_run:
        yield "Nothing was changed."
        return
    yield f"{repo_id} at {facts['commit']}. Check it: cuvee verify {repo_id}"
    if facts.get("squashed"):
        yield "Its history is one commit now."
    else:
        yield (
            "The Hub's history still holds the old files, for everybody who names an old commit. "
            "To make one commit of it: the same command with --squash"
        )
    if facts["tags"]:
        yield f"So do these tags, until they are deleted: {', '.join(facts['tags'])}"
    yield (
        "Take the pages down in the run's folder as well, or publishing it again brings them back: "
        "cuvee takedown DIR"
    )
