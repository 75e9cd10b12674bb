"""Commands of ours without their start: forks of a process that has the libraries loaded.

A command imports for a second (pyarrow, pandas, spaCy) what it then uses for a tenth of one.
Here a server imports it once, and each command is a fork of it: a process of its own, with
its own arguments, folder, environment and files, which ends as `cuvee` does. What it shares
with others is what imports leave behind, and the order of sets: `tests.command` starts those
afresh that are to prove something of these.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parent.parent
_LOADED = (
    "datatrove.utils.word_tokenizers",
    "duckdb",
    "httpx",
    "pandas",
    "pipelines.audit",
    "pipelines.card",
    "pipelines.cli",
    "pipelines.dedup_check",
    "pipelines.export",
    "pipelines.page",
    "pipelines.pipeline",
    "pipelines.report",
    "pipelines.tokens",
    "pipelines.verify.run",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "spacy",
    "tldextract",
)
_LATER = {"botocore", "datasets", "huggingface_hub", "ray"}
"""What reads the environment when it is imported, or starts threads."""
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_AT_START = dict(os.environ)
"""The environment of the session; a test may change that of its commands."""
_MOST = 1 << 20
"""Bytes of the longest order."""


def can_be_forked(env: Mapping[str, str]) -> bool:
    """Return whether a command in this environment would import what the server has."""
    return env.get("PYTHONPATH") == _AT_START.get("PYTHONPATH")


def run_forked(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    search: Path,
    timeout: float = 300,
    together: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `cuvee`, of which `words` are `sys.argv`, to its end.

    `search` is the folder that Python looks for modules in first. With `together` what goes to
    standard error is in `stdout`, too, in the order in which it was said. TimeoutExpired after
    `timeout` seconds, when the command has been killed.
    """
    order = {"words": words, "cwd": str(cwd), "env": dict(env), "search": str(search)}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        code = _server().run(order, (said, said if together else complained), timeout)
        outputs = []
        for stream in (said, complained):
            stream.seek(0)
            outputs.append(stream.read())
    return subprocess.CompletedProcess(list(words), code, *outputs)


class _Server:
    """The process that commands are forked from, as the tests see it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
                cwd=ROOT,
                env={**_AT_START, **_ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self._close)

    def run(self, order: Mapping[str, Any], files: Sequence[IO[str]], timeout: float) -> int:
        """Run a command with these files for its output; returns its exit code."""
        message = json.dumps(order).encode()
        socket.send_fds(self._control, [message], [file.fileno() for file in files])
        process = self._answer()
        self._control.settimeout(timeout)
        try:
            return self._answer()
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            self._control.settimeout(None)
            self._answer()
            raise subprocess.TimeoutExpired(order["words"], timeout) from None
        finally:
            self._control.settimeout(None)

    def _answer(self) -> int:
        answer = self._control.recv(_MOST)
        assert answer, "the process that commands are forked from has ended"
        return int(answer)

    def _close(self) -> None:
        self._control.close()
        self._process.wait()


@cache
def _server() -> _Server:
    """Return this process's server, started when it is first needed."""
    return _Server()


def serve(control: socket.socket) -> NoReturn:
    """Fork a command for each order until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the tests', which then close
    _load()
    while True:
        message, files, _, _ = socket.recv_fds(control, _MOST, 2)
        if not message:
            os._exit(0)
        process = os.fork()
        if process == 0:
            control.close()
            _become(**json.loads(message), files=files)
        for file in files:
            os.close(file)
        control.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        control.send(str(os.waitstatus_to_exitcode(status)).encode())


def _load() -> None:
    from filters.segment import segmenter

    for module in _LOADED:
        import_module(module)
    segmenter("en")
    assert not _LATER & sys.modules.keys(), _LATER & sys.modules.keys()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a fork would lack the other threads"
    gc.freeze()  # what is loaded stays where it is, in pages that forks share


def _become(
    words: list[str], cwd: str, env: dict[str, str], search: str, files: list[int]
) -> NoReturn:
    """Go on as the command."""
    from pipelines.cli import main

    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    sys.stdout.reconfigure(line_buffering=True)  # standard error is so, too
    if env.get("PYTHONWARNINGS"):
        warnings._processoptions(env["PYTHONWARNINGS"].split(","))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # it is looked for in the environment
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[:] = words
    sys.path[0] = search
    code: Any = 0
    try:
        main()
    except SystemExit as ending:
        code = ending.code
    # As the interpreter ends, but for taking apart what was loaded: that takes half a second.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
