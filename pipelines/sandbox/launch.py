"""The parent's side: one template per process, started when needed, and its children."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import Any

import filters.errors
from filters.errors import CuveeError, UnitError
from pipelines.sandbox.child import Loader
from pipelines.sandbox.frames import Line
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.marks import Begun, Marks
from pipelines.sandbox.watch import Watch

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from pipelines.sandbox.template import serve; serve(int(sys.argv[2]), int(sys.argv[3]))"
)
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""What keeps libraries from starting threads in the template, which is to fork."""
_HAS_ENDED = (
    "the sandbox's process could not start, or somebody has killed it.\n"
    "  Try again; --set limits=false goes on without a sandbox."
)
_NANO = 1e9
_MOST_HANDLERS = 2
"""That a template keeps: a worker goes from pages to texts, and to the pages of another run."""
_BUFFER = 1 << 21
"""Bytes under way that a socket is asked to take: with fewer, both sides wait for each other."""
_TIMES_PAGE = 16
"""Bytes of the longest answer to a page, in bytes of the longest page: two texts in UTF-8,
each character of which may stand for one byte, and some room."""


class SandboxError(UnitError):
    """The sandbox does not work; the unit may be tried again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child came to its end."""

    reason: str
    """`cpu_limit`, `memory_limit`, `stalled`, or `crash:` with a signal or an exit code."""
    lost: bool
    """Whether somebody else killed it: that says nothing about the page."""
    begun: Begun | None
    """What it was at; None between pages."""


class Template:
    """The process that children come from."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        arguments = [json.dumps(sys.path), str(theirs.fileno()), str(os.getpid())]
        # Ctrl-C is the run's to answer; until the template says so itself, it waits.
        waiting = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(  # noqa: S603  this interpreter, our own program
                [sys.executable, "-c", _START, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_ONE_THREAD},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
            theirs.close()
        self.process = self._process.pid
        self._control = Connection(ours.detach())
        self._loaded: list[str] = []
        """What tells the handlers that are loaded, or under way, from others; the latest last."""
        self._loading = False
        self.children: set[Child] = set()

    def load(self, loader: Loader, argument: Any, key: str) -> None:
        """Begin to load a handler, if it is not there; who needs it waits for it."""
        if key in self._loaded:
            self._loaded.remove(key)
        else:
            self._finish_loading()
            for old in self._loaded[: -(_MOST_HANDLERS - 1)]:
                self._send("forget", old)
                self._receive()
            self._loaded = self._loaded[-(_MOST_HANDLERS - 1) :]
            self._send("load", loader, argument, key)
            self._loading = True
        self._loaded.append(key)

    def _finish_loading(self) -> None:
        """Wait for what is under way, and say again what was warned of or raised there."""
        if not self._loading:
            return
        self._loading = False
        answer = self._receive()
        if "failed" in answer:
            self._loaded.pop()
            raise raised_again(*answer["failed"])
        for message in answer["warnings"]:
            warnings.warn(message, stacklevel=2)

    def fork(self, limits: Limits) -> "Child":
        """Return a fresh child for the latest handler. Raises what loading it raised."""
        self._finish_loading()
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        marks = Marks()
        try:
            with theirs:
                self._send("fork", limits, self._loaded[-1])
                for descriptor in (theirs.fileno(), marks.descriptor):
                    send_handle(self._control, descriptor, self.process)
                process = self._receive()
            child = Child(self, process, marks, ours, limits)
        except BaseException:
            ours.close()
            marks.close()
            raise
        self.children.add(child)
        return child

    def reap(self, process: int) -> tuple[int, float, int]:
        """Return what a child that has ended leaves: see `template.Server.reap`."""
        self._finish_loading()
        self._send("reap", process)
        code, seconds, memory = self._receive()
        return int(code), seconds, memory

    def close(self) -> None:
        """End the template and, by that, its children."""
        for child in self.children:
            child.line.close()
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _send(self, order: str, *arguments: Any) -> None:
        try:
            self._control.send((order, *arguments))
        except OSError as error:
            raise SandboxError(_HAS_ENDED) from error

    def _receive(self) -> Any:
        try:
            return json.loads(self._control.recv_bytes())
        except (EOFError, OSError) as error:
            raise SandboxError(_HAS_ENDED) from error


class Child:
    """A child at work for this process."""

    def __init__(
        self, template: Template, process: int, marks: Marks, end: socket.socket, limits: Limits
    ) -> None:
        self.process = process
        self.handled = 0
        """Pages that it has handled."""
        self.used: tuple[float, int] = (0.0, 0)
        """CPU seconds and the most bytes of memory, once it has ended."""
        self._template = template
        self._marks = marks
        self.watch = Watch(process, marks, limits)
        self.line = Line(end, self.watch.look, _TIMES_PAGE * max(limits.page_bytes, 1 << 20))

    @property
    def cpu_seconds(self) -> float:
        """CPU time that it has spent."""
        return self.watch.cpu_nanoseconds() / _NANO

    @property
    def base(self) -> int:
        """Bytes that it had in memory before its first page."""
        return self._marks.base

    def end(self, verdict: str | None = None) -> Ended:
        """End the child if it has not ended, and say how it came to that."""
        self._template.children.discard(self)
        self.line.close()
        self.watch.kill(verdict)
        try:
            code, seconds, memory = self._template.reap(self.process)
            self.used = seconds, memory
        except SandboxError:  # the template has ended, and its children with it
            code = -signal.SIGKILL
        try:
            return _ended(code, self.watch.verdict, self._marks.read())
        finally:
            self.watch.close()
            self._marks.close()


_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def _ended(code: int, verdict: str | None, begun: Begun | None) -> Ended:
    if verdict is not None:
        return Ended(verdict, lost=False, begun=begun)
    if code < 0:
        lost = -code in _FROM_OUTSIDE
        return Ended(f"crash:{_name(-code)}", lost=lost, begun=begun)
    return Ended(f"crash:exit_{code}", lost=False, begun=begun)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal_{number}"


def raised_again(name: str, message: str, trace: str = "") -> Exception:
    """Return an exception that was raised in the sandbox, as this process can raise it."""
    kind = getattr(filters.errors, name, None)
    if isinstance(kind, type) and issubclass(kind, CuveeError):
        return kind(message)
    error = RuntimeError(f"{name}: {message}")
    error.add_note(trace)
    return error


class _Ours:
    """The template of this process."""

    template: Template | None = None
    process: int = 0


def template_for(loader: Loader, argument: Any, key: str) -> Template:
    """Return this process's template with a handler loaded, or about to be."""
    if _Ours.process != os.getpid():  # a fork has its parent's, which is not its own
        _Ours.template, _Ours.process = None, os.getpid()
        atexit.register(close_template)
    if _Ours.template is None:
        _Ours.template = Template()
    _Ours.template.load(loader, argument, key)
    return _Ours.template


def close_template() -> None:
    """End this process's template, if it has one; the next one that asks gets a new one."""
    if _Ours.template is not None and _Ours.process == os.getpid():
        _Ours.template.close()
    _Ours.template = None
