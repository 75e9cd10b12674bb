"""Commands that say what each rule does, and what another recipe would do."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.text import Text as Styled

from filters.errors import UsageError
from pipelines.cli.console import out, print_json
from pipelines.cli.observing import asking
from pipelines.cli.options import AsJson, OfLanguage, RunFolder, examples

if TYPE_CHECKING:
    from pipelines.audit import Audit, Tuned

commands = typer.Typer()

RuleSets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="RULE=VALUE", help="Another threshold, or a:b > c for a rule."),
]
Drops = Annotated[
    list[str] | None, typer.Option("--drop", metavar="RULE", help="Leave this rule out; again.")
]
Adds = Annotated[
    list[str] | None,
    typer.Option(
        "--add",
        metavar="'NAME: a / b > c'",
        help="A rule behind all others before dedup; after_dedup.NAME: behind it; again.",
    ),
]
Save = Annotated[
    Path | None, typer.Option(metavar="RECIPE", help="Write the changed recipe to this file.")
]


@commands.command(
    epilog=examples("cuvee audit runs/demo", "cuvee audit runs/demo --by language --json")
)
def audit(
    folder: RunFolder,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="A table for each language, domain, dump, bucket (of a perplexity), or label of "
            "another signal.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="With --by: so many groups.")] = 20,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html into the run, too.")
    ] = True,
    language: OfLanguage = None,
    as_json: AsJson = False,
) -> None:
    """Say what each rule removes: first, alone, and only it; and what stands out."""
    from pipelines.audit import Audit
    from pipelines.audit.told import AUDIT_LEGEND, findings_lines, grouped_tables, rules_table

    with asking("counting pages by rule"):
        found = Audit(folder, language)
        rules = found.rules(by, top)
        standing_out = found.findings()
    if as_json:
        told = {"findings": standing_out.to_dict("records"), "notes": found.notes}
        print_json({"rules": _plain(rules.to_dict("records")), **told})
        return
    if by is not None:
        _show(grouped_tables(rules, by))
    else:
        _show([rules_table(rules.to_dict("records")), ""])
        _show([*findings_lines(standing_out), ""])
    _show([AUDIT_LEGEND, *found.notes])
    if report and by is None:
        from pipelines.report import write_report

        with asking("writing the report"):
            path = write_report(folder, language=language)
        _show(["", f"All of it to look at: {path}"])


@commands.command(
    epilog=examples(
        "cuvee whatif runs/demo --set gopher_short_doc=30",
        "cuvee whatif runs/demo --drop line_punct_ratio --save mine.yaml",
        "cuvee whatif runs/demo --add 'many_bullets: bullet_lines / lines > 0.5'",
    )
)
def whatif(
    folder: RunFolder,
    sets: RuleSets = None,
    drops: Drops = None,
    adds: Adds = None,
    save: Save = None,
    number: Annotated[int, typer.Option("-n", min=0, help="How many examples of each.")] = 10,
    language: OfLanguage = None,
    as_json: AsJson = False,
) -> None:
    """Say what another recipe would keep, from the ledger; nothing is run again."""
    from pipelines.audit.changes import Changes, changed_recipe, save_recipe
    from pipelines.audit.ledger import open_ledger
    from pipelines.audit.told import whatif_parts
    from pipelines.audit.whatif import whatif as ask

    changes = Changes(tuple(sets or ()), tuple(drops or ()), tuple(adds or ()))
    if changes == Changes():
        raise UsageError(
            "whatif: nothing is changed.\n  For example: --set gopher_short_doc=30, --drop RULE"
        )
    with asking("replaying decisions"):
        ledger = open_ledger(folder)
        asked = ledger if language is None else ledger.of_language(language)
        found = ask(asked, changes, shown=number)
    changes = changes.in_language(asked)
    if save is not None:
        save_recipe(changed_recipe(ledger, changes), save)
    if as_json:
        print_json(_whatif_json(found))
        return
    _show(whatif_parts(found))
    _show(["", "A run says it for certain; it reads the stored text, not the crawl:"])
    recipe = save or folder / "recipe.yaml"
    shown = "" if save else "".join(f" --set {shlex.quote(text)}" for text in changes.sets)
    if save is None and (changes.drops or changes.adds):
        _show(["  (first --save RECIPE, then)"])
    typed = f"cuvee run {shlex.quote(str(recipe))} --output {shlex.quote(str(folder))}{shown}"
    out.print(Styled(f"  {typed}"), soft_wrap=True)


@commands.command(
    epilog=examples(
        "cuvee sweep runs/demo line_punct_ratio", "cuvee sweep runs/demo list_ratio --json"
    )
)
def sweep(
    folder: RunFolder,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule with a threshold.")],
    points: Annotated[int, typer.Option(min=2, help="About so many thresholds.")] = 20,
    language: OfLanguage = None,
    as_json: AsJson = False,
) -> None:
    """Show what a rule would leave, for every threshold that it could have."""
    from pipelines.audit import Audit
    from pipelines.audit.told import sweep_parts

    with asking("replaying decisions"):
        found = Audit(folder, language).sweep(rule, points)
    if as_json:
        marks = [asdict(mark) for mark in found.marks]
        print_json({"rule": str(found.rule), "curve": _plain(found.curve.to_dict("records")),
                    "marks": marks, "notes": found.notes})  # fmt: skip
        return
    _show(sweep_parts(found))


@commands.command(
    epilog=examples(
        "cuvee tune runs/demo --keep 0.3 --save mine.yaml",
        "cuvee tune runs/demo --like runs/demo",
        "cuvee tune runs/demo --language en --method 10tail",
    )
)
def tune(
    folder: RunFolder,
    keep: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the pages past the gates that is to pass."),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Take the quantiles that this run's thresholds have."),
    ] = None,
    method: Annotated[
        Literal["quantile", "meanstd", "medianratio", "10tail"],
        typer.Option(
            help="By quantile, distance from the mean or multiple of the median as in --like, or a "
            "tenth removed by each."
        ),
    ] = "quantile",
    language: OfLanguage = None,
    like_language: Annotated[
        str | None, typer.Option(metavar="LABEL", help="With --like: that run's pages in this one.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the changed recipe to this file; one such as swh_Latn.yml: thresholds and "
            "stop words as FineWeb-2's files have them.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move all thresholds together to a kept share, each at its quantile of a reference."""
    from pipelines.audit import Audit
    from pipelines.audit.told import tune_parts

    _check_method(method, keep, like)
    with asking("moving thresholds"):
        run = Audit(folder, language)
        reference = Audit(like, like_language) if like is not None else None
        found = run.tune(keep, reference, method)
    if save is not None:
        _save_tuned(folder, run, found, save)
    if as_json:
        shares = {"kept_before": found.kept_before, "kept_after": found.kept_after}
        rules = _plain(found.rules.to_dict("records"))
        print_json({**shares, "sample_pages": found.pages, "sets": found.sets, "rules": rules,
                    "notes": found.notes})  # fmt: skip
        return
    _show(tune_parts(found))
    if save is not None:
        out.print(f"Written: {save}", markup=False)
    if found.sets:
        sets = " ".join(f"--set {text}" for text in found.sets)
        sets += f" --language {run.ledger.language}" if run.ledger.language else ""
        _show(["", "What it would change:"])
        out.print(Styled(f"  cuvee whatif {shlex.quote(str(folder))} {sets}"), soft_wrap=True)


def _check_method(method: str, keep: float | None, like: Path | None) -> None:
    from pipelines.audit.tune import BY_REFERENCE

    if method == "quantile" and keep is None and like is None:
        raise UsageError("tune: say what to tune to.\n  --keep SHARE, or --like DIR, or both.")
    if method in BY_REFERENCE and like is None:
        raise UsageError(
            f"tune: {method} takes thresholds over from a reference.\n  Say which run: --like DIR"
        )
    if method != "quantile" and keep is not None:
        raise UsageError(
            f"tune: {method} says itself what is removed, so --keep has no meaning.\n"
            "  Leave it out, or use --method quantile."
        )


def _save_tuned(folder: Path, run: "Audit", found: "Tuned", save: Path) -> None:
    """Write the recipe with the thresholds; to a file named after a language, its thresholds."""
    from pipelines.audit.changes import Changes, changed_recipe, save_recipe
    from pipelines.audit.ledger import open_ledger
    from pipelines.audit.proposal import proposed_file
    from pipelines.files import write_whole
    from pipelines.recipe.fineweb2 import NAME

    if save.suffix == ".yml" and NAME.fullmatch(save.stem):
        write_whole(save, proposed_file(run.ledger, found).encode())
        return
    changes = Changes(found.sets).in_language(run.ledger)
    save_recipe(changed_recipe(open_ledger(folder), changes), save)


def _show(parts: Iterable[Any]) -> None:
    for part in parts:
        out.print(part, soft_wrap=isinstance(part, Styled), markup=False)


def _plain(rows: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    """Return rows for JSON: what is not there is null."""
    return [
        {str(key): None if value != value else value for key, value in row.items()}  # noqa: PLR0124  NaN
        for row in rows
    ]


def _whatif_json(found: Any) -> Mapping[str, Any]:
    tables = ("lost", "gained", "languages", "domains")
    return {
        "before": asdict(found.before),
        "after": asdict(found.after),
        **{name: _plain(getattr(found, name).to_dict("records")) for name in tables},
        "lost_examples": found.lost_examples,
        "gained_examples": found.gained_examples,
        "notes": found.notes,
        "open": found.open,
    }
