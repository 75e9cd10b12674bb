"""Is this machine ready for a run? Every finding is a fact and what to do about it.

Pure data: printing is the command line's. Nothing is fetched and nothing is
left behind.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filters.errors import CuveeError
from pipelines.assets import LANGUAGE_MODEL
from pipelines.crawl.remote.address import without_secrets
from pipelines.doctor.check import Check, Status
from pipelines.recipe import InputFormat, Recipe, load_recipe

__all__ = ["Check", "Patient", "Status", "examine"]


@dataclass(frozen=True, slots=True)
class Patient:
    """What is going to be run, as far as it is known."""

    recipe: str | None = None
    inputs: tuple[str, ...] = ()
    output: Path = Path("runs")
    engine: Literal["ray", "inline"] = "ray"
    address: str | None = None
    input_base: str | None = None
    match: str | None = None


def examine(patient: Patient) -> Iterator[Check]:
    """Yield the findings one after the other; never raises for what it finds."""
    from pipelines.doctor import machine, reach, software

    yield from _safely("cores", machine.check_cores)
    yield from _safely("memory", machine.check_memory)
    yield from _safely("python", software.check_python)
    yield from _safely("packages", software.check_packages)
    yield from _safely("kernels", software.check_kernels)
    yield from _safely("module fasttext", software.check_fasttext)
    yield from _safely("cache", machine.check_cache)
    recipe = yield from _recipe(patient.recipe)
    model = recipe.language.model if recipe else LANGUAGE_MODEL.name
    yield from _safely("language model", lambda: software.check_model(model))
    yield from _safely("URL lists", software.check_lists)
    if recipe:
        yield from _safely("tokenizer", lambda: software.check_tokenizer(recipe))
    yield from _safely("Hub token", reach.check_hub)
    inputs = list(patient.inputs or (recipe.input if recipe else ()))
    yield from _safely("S3", lambda: reach.check_s3([*inputs, str(patient.output)]))
    laid_out = recipe.input_format if recipe else InputFormat()
    input_bytes = yield from _input(inputs, patient.input_base, patient.match, laid_out)
    yield from _safely("output", lambda: machine.check_output(patient.output, input_bytes))
    if patient.engine == "ray":
        yield from _safely("Ray", lambda: reach.check_ray(patient.address))


def _recipe(name: str | None) -> Generator[Check, None, Recipe | None]:
    loaded: list[Recipe] = []

    def look() -> Check:
        loaded.append(load_recipe(str(name)))
        return Check("recipe", "ok", f"{name}: {len(list(loaded[0].rules()))} rules")

    if name is not None:
        yield from _safely("recipe", look)
    return loaded[0] if loaded else None


def _input(
    inputs: Sequence[str], base: str | None, match: str | None, input_format: InputFormat
) -> Generator[Check, None, int]:
    """Yield the finding about the input and return its bytes."""
    from pipelines.doctor import reach

    sizes: list[int] = []

    def look() -> Check:
        check, bytes_ = reach.check_input(inputs, base, match, input_format)
        sizes.append(bytes_)
        return check

    if inputs:
        yield from _safely("input", look)
    return sum(sizes)


def _safely(name: str, look: Callable[[], Check | Iterable[Check]]) -> Iterator[Check]:
    """Yield what a look finds; an error of it is a finding, too."""
    try:
        found = look()
        yield from [found] if isinstance(found, Check) else found
    except CuveeError as error:
        first, _, rest = str(error).partition("\n")
        yield Check(
            name, "problem", without_secrets(first), " ".join(without_secrets(rest).split())
        )
    except Exception as error:  # noqa: BLE001  a look that fails must not end the others
        said = without_secrets(str(error)).partition("\n")[0]
        fact = f"could not be looked at: {type(error).__name__}: {said}"
        yield Check(name, "problem", fact, "This is a defect of cuvee; the other findings hold.")
