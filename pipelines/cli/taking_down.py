"""The command that takes pages out of a run, or out of a dataset on the Hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.cli.console import out, print_json
from pipelines.cli.options import AsJson, examples
from pipelines.cli.publishing import is_on_hub, plain_name
from pipelines.cli.taking_down_on_hub import OnHub, confirm
from pipelines.terminal import harmless

commands = typer.Typer()
_SHOWN = 10


@commands.command(
    epilog=examples(
        "cuvee takedown runs/demo --domains domains.txt --dry-run",
        "cuvee takedown runs/demo --domains domains.txt --urls urls.txt --yes",
        "cuvee takedown ORG/NAME --domains domains.txt --dry-run",
    )
)
def takedown(
    what: Annotated[
        str, typer.Argument(metavar="DIR|ORG/NAME", help="A finished run, or a dataset on the Hub.")
    ],
    urls: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Addresses, one a line, in any usual form.")
    ] = None,
    domains: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Domains; with all hosts below them.")
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record ids, as the ledger has them.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which pages, files and bytes; change nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: texts are gone for good.")
    ] = False,
    branch: Annotated[str | None, typer.Option(help="Of the Hub: main by default.")] = None,
    message: Annotated[str | None, typer.Option(help="Of the Hub: what the commit says.")] = None,
    squash: Annotated[
        bool,
        typer.Option("--squash", help="Of the Hub: one commit of its history; old files go, too."),
    ] = False,
    token: Annotated[
        str | None, typer.Option(help="Instead of HF_TOKEN or the login; better not typed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take pages out of a run or a dataset for good; later runs in its folder keep them out."""
    from pipelines.takedown.requests import read_requests
    from pipelines.takedown.run import look, take_down

    asked = read_requests({"ids": ids, "urls": urls, "domains": domains})
    if is_on_hub(what):
        on_hub = OnHub(plain_name(what), asked, token, branch, message, squash)
        facts = on_hub.do(dry_run=dry_run, yes=yes, quiet=as_json)
        if as_json:
            print_json(facts)
        return
    if squash or branch or message:
        raise UsageError(
            f"{what}: is a folder; --squash, --branch and --message are for a dataset on the Hub.\n"
            "  Leave them out, or name it as ORG/NAME."
        )
    root = run_folder(what)
    if not dry_run and not yes:
        confirm(_lines(root, look(root, asked), dry_run=True))
    done = look(root, asked) if dry_run else take_down(root, asked)
    if as_json:
        print_json(_facts(root, done))
        return
    for line in _lines(root, done, dry_run=dry_run):
        out.print(harmless(line), markup=False, soft_wrap=True, highlight=False)


def _lines(root: Path, done: Any, *, dry_run: bool) -> Iterator[str]:
    """Yield what a person is to know of a takedown."""
    found = done.found
    fresh, published = found.fresh(), found.published()
    by_rule = ", ".join(f"{rule} {count:,}" for rule, count in sorted(found.rules().items()))
    verb = "would be taken" if dry_run else "taken"
    yield f"{root}: {len(fresh):,} pages {verb} down{f' ({by_rule})' if by_rule else ''}."
    yield f"Of the dataset: {len(published):,} documents, {found.tokens():,} tokens."
    for page in published[:_SHOWN]:
        yield f"  - {page.row['url'] or page.row['id']}"
    if len(published) > _SHOWN:
        yield f"  … and {len(published) - _SHOWN:,} more: --json names all"
    for hit in done.shards:
        yield f"  {hit.path}: {len(hit.sizes):,} of {hit.rows:,} rows, {decimal(hit.bytes)}"
    for folder in done.tokenized:
        yield f"  {folder}: token ids by another tokenizer, as well"
    if done.files:
        yield f"{done.files:,} files written anew, {decimal(done.bytes)}; the rest is as it was."
    if done.alike.pages:
        yield f"{done.alike.pages:,} documents nearly repeat these and stay, for example"
        yield from (f"  = {url}" for url in done.alike.urls)
    if dry_run:
        yield "Nothing was changed."
        return
    yield "It is remembered: a later run in this folder does not bring them back."
    if done.report:
        yield f"report.html held texts and is gone. Again: cuvee report {root}"


def _facts(root: Path, done: Any) -> dict[str, Any]:
    """Return what was or would be done as plain data."""
    pages = [
        {"id": page.row["id"], "url": page.row["url"], "rule": page.rule}
        | {"documents": int(page.is_published), "tokens": page.row["token_count"]}
        for page in done.found.fresh()
    ]
    shards = [
        {"path": hit.path, "bytes": hit.bytes, "rows": hit.rows, "pages": len(hit.sizes)}
        for hit in done.shards
    ]
    return {
        "run": str(root),
        "pages": pages,
        "documents": len(done.found.published()),
        "tokens": done.found.tokens(),
        "shards": shards,
        "written": {"files": done.files, "bytes": done.bytes},
        "tokenized": list(done.tokenized),
        "alike": {"documents": done.alike.pages, "some": list(done.alike.urls)},
    }
