"""The command that looks whether the machine is ready."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text as Styled

from pipelines.cli.console import out, print_json
from pipelines.cli.options import (
    Address,
    AsJson,
    EngineName,
    InputBase,
    Inputs,
    Match,
    Output,
    complete_recipe,
    examples,
)

commands = typer.Typer()
_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


@commands.command(
    epilog=examples(
        "cuvee doctor", "cuvee doctor demo --input crawl/ --output runs/mine --engine inline"
    )
)
def doctor(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE",
            help="Recipe that is to be run: its file, or the name of a shipped one.",
            autocompletion=complete_recipe,
        ),
    ] = None,
    inputs: Inputs = None,
    output: Output = Path("runs"),
    engine: EngineName = "ray",
    address: Address = None,
    input_base: InputBase = None,
    match: Match = None,
    as_json: AsJson = False,
) -> None:
    """Look whether this machine is ready: each finding, and what to do. Exits 1 on a problem."""
    from pipelines.doctor import Check, Patient, examine

    findings: list[Check] = []
    patient = Patient(recipe, tuple(inputs or ()), output, engine, address, input_base, match)
    for found in examine(patient):
        findings.append(found)
        if not as_json:
            _print(found.name, found.status, found.fact, found.advice)
    ready = all(found.status != "problem" for found in findings)
    if as_json:
        print_json({"ready": ready, "checks": [asdict(found) for found in findings]})
    if not ready:
        raise typer.Exit(1)


def _print(name: str, status: str, fact: str, advice: str) -> None:
    from pipelines.terminal import harmless

    line = Styled(f"{status:<9}", style=_STYLES[status])
    out.print(line + Styled(harmless(f"{name:<16}{fact}")), soft_wrap=True)
    if advice:
        out.print(Styled(f"{'':<25}{harmless(advice)}"), soft_wrap=True)
