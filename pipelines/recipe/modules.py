"""Signals from outside the repository: the modules that a recipe names under `signals`.

A module's source travels in the recipe to every worker and is loaded there from what came,
so all of them measure with the same code, and its sha256 is part of every column that it
fills. Only loading a recipe loads modules; looking at a run never does (`recorded`).
"""

import hashlib
import importlib
import importlib.abc
import importlib.util
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

from filters.errors import UsageError
from filters.signal import SIGNALS, Signal, register
from pipelines.recipe.parts import SignalModule

MOST_BYTES = 1_000_000
"""Of source in one module or package: it travels with every unit of work."""
_OURS = ("filters", "pipelines")


def find_module(name: str, folder: Path) -> SignalModule:
    """Return the module of that name: a file or package in `folder`, else an importable one.

    UsageError when there is none, or none that could hold signals.
    """
    top = name.partition(".")[0]
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"signals: '{name}' is no module's name.\n  Such as my_signals, or a.b.")
    beside = [folder / f"{name}.py", folder / name / "__init__.py"]
    found = next((path for path in beside if path.is_file()), None)
    if found is None and (top in sys.stdlib_module_names or top in _OURS):
        whose = "cuvee's own" if top in _OURS else "Python's own"
        raise UsageError(f"signals: '{name}' is {whose} module.\n  Leave it out.")
    return _read(name, found or _importable(name, folder))


def _importable(name: str, folder: Path) -> Path:
    importlib.invalidate_caches()
    try:
        parent = name.rpartition(".")[0]
        path = importlib.import_module(parent).__path__ if parent else None
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"signals: '{name}' cannot be imported: {why}.\n  Is it installed?") from (
            error
        )
    finders = [finder for finder in sys.meta_path if not isinstance(finder, _Carried)]
    specs = (finder.find_spec(name, path) for finder in finders)
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is None:
        raise UsageError(
            f"signals: there is no module '{name}'.\n"
            f"  Put {name.rpartition('.')[2]}.py into {folder}, or install its package."
        )
    if not spec.origin or not spec.origin.endswith(".py"):
        raise UsageError(f"signals: '{name}' has no Python source.\n  Name a module with @signal.")
    return Path(spec.origin)


def _read(name: str, path: Path) -> SignalModule:
    package = path.name == "__init__.py"
    paths = sorted(path.parent.rglob("*.py")) if package else [path]
    try:
        size = sum(item.stat().st_size for item in paths)
        if size > MOST_BYTES:
            raise UsageError(
                f"signals: '{name}' has {size:,} bytes of source, more than {MOST_BYTES:,}.\n"
                "  Name the one module that holds the signals."
            )
        sources = {item: item.read_bytes() for item in paths}
    except OSError as error:
        raise UsageError(f"signals: {path} cannot be read: {error.strerror}.") from error
    digests = [hashlib.sha256(source).hexdigest() for source in sources.values()]
    names = [_dotted(name, item.relative_to(path.parent)) for item in paths] if package else [name]
    whole = "".join(f"{part} {digest}\n" for part, digest in zip(names, digests, strict=True))
    return SignalModule(
        name=name,
        sha256=hashlib.sha256(whole.encode()).hexdigest() if package else digests[0],
        sources=tuple(zip(names, sources.values(), strict=True)),
        paths=tuple(map(str, paths)),
        is_package=package,
    )


def _dotted(name: str, path: Path) -> str:
    """Return the module name of a file of a package."""
    return ".".join([name, *(part for part in path.with_suffix("").parts if part != "__init__")])


class _Carried(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the modules that a recipe carries, from their source alone."""

    def __init__(self, module: SignalModule) -> None:
        self.name = module.name
        self._paths = dict(zip(dict(module.sources), module.paths, strict=True))
        self._sources = dict(module.sources)
        self._packages = {
            name for name, path in self._paths.items() if path.endswith("__init__.py")
        }

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - importlib's signature
        target: ModuleType | None = None,  # noqa: ARG002 - importlib's signature
    ) -> ModuleSpec | None:
        if fullname not in self._sources:
            return None
        origin = self._paths[fullname]
        spec = importlib.util.spec_from_loader(
            fullname, self, origin=origin, is_package=self.is_package(fullname)
        )
        if spec is not None:
            spec.has_location = True
        return spec

    def is_package(self, fullname: str) -> bool:
        return fullname in self._packages

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._sources[fullname])

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._sources[fullname], self._paths[fullname])


_LOADED: dict[str, tuple[str, tuple[Signal, ...]]] = {}
"""The sha256 and the signals of each module that was loaded in this process."""


def activate(modules: Sequence[SignalModule]) -> None:
    """Make the signals of these modules, and of no others that a recipe named, known.

    A module that has changed is loaded again. UsageError for one that cannot be loaded, or
    whose signals have names that are taken.
    """
    for name, signal in list(SIGNALS.items()):
        if any(_belongs(signal, loaded) for loaded in _LOADED):
            del SIGNALS[name]
    for module in modules:
        sha256, signals = _LOADED.get(module.name, ("", ()))
        if sha256 != module.sha256:
            signals = _load(module)
            _LOADED[module.name] = (module.sha256, signals)
        for signal in signals:
            register(signal)


def _belongs(signal: Signal, module: str) -> bool:
    return f"{signal.module}.".startswith(f"{module}.")


def _load(module: SignalModule) -> tuple[Signal, ...]:
    """Run a module's source and return the signals that it registers, with its digest in each."""
    before = dict(SIGNALS)
    _check_free(module, before)
    _LOADED.pop(module.name, None)
    _forget(module.name)
    for name in [name for name, signal in SIGNALS.items() if _belongs(signal, module.name)]:
        del SIGNALS[name]
    sys.meta_path.insert(0, _Carried(module))
    try:
        importlib.import_module(module.name)
        signals = [signal for signal in SIGNALS.values() if _belongs(signal, module.name)]
    except UsageError:
        _forget(module.name)
        raise
    except (Exception, SystemExit) as error:
        _forget(module.name)
        raise _in_words(module, error) from error
    finally:
        SIGNALS.clear()
        SIGNALS.update({k: v for k, v in before.items() if not _belongs(v, module.name)})
    if not signals:
        _forget(module.name)
        raise UsageError(
            f"signals: '{module.name}' ({module.paths[0]}) registers no signal.\n"
            "  Put @signal(version=1) over a function of a Text, from filters import signal."
        )
    return tuple(
        replace(signal, settings={**signal.settings, "source_sha256": module.sha256})
        for signal in signals
    )


def _check_free(module: SignalModule, registered: Mapping[str, Signal]) -> None:
    """Refuse to load something over a module that is in use; that would break who uses it."""
    in_use = sys.modules.get(module.name)
    ours = module.name in _LOADED or isinstance(getattr(in_use, "__loader__", None), _Carried)
    has_signals = any(_belongs(signal, module.name) for signal in registered.values())
    if module.name in sys.stdlib_module_names or (in_use and not ours and not has_signals):
        raise UsageError(
            f"signals: '{module.name}' is the name of a module that is in use.\n"
            f"  Give {module.paths[0]} another name; it must define signals with @signal."
        )


def _forget(name: str) -> None:
    """Take a module that was loaded before out of Python's tables."""
    for loaded in [key for key in sys.modules if f"{key}.".startswith(f"{name}.")]:
        del sys.modules[loaded]
    for finder in [item for item in sys.meta_path if isinstance(item, _Carried)]:
        if finder.name == name:
            sys.meta_path.remove(finder)


def _in_words(module: SignalModule, error: BaseException) -> UsageError:
    """Say where in the module its loading ended, and why."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in module.paths]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else module.paths[0]
    if isinstance(error, SyntaxError) and error.filename in module.paths:
        where = f"{error.filename}:{error.lineno}"
    why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return UsageError(
        f"signals: '{module.name}' cannot be loaded: {where}: {why}.\n"
        "  Mend the module; what it imports must be installed where cuvee works."
    )
