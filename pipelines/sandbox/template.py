"""The process that children are forked from: it has everything loaded and one thread.

Workers of Ray have threads, and forking a process that has some can hang the child; a fresh
process would load libraries and models for a second each time that a page kills a child.
Here they are loaded once, no page ever comes by, and a child is there in milliseconds.
"""

import gc
import json
import os
import signal
import socket
import traceback
import warnings
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any

from pipelines.sandbox.child import Handler, Loader, work
from pipelines.sandbox.confine import die_with
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.marks import Marks


def serve(descriptor: int, parent: int) -> None:
    """Do as the parent says over the socket of that number, until it is closed.

    What comes from the parent is trusted, which started this process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(parent)
    control = Connection(descriptor)
    server = Server(control)
    while True:
        try:
            order, *arguments = control.recv()
        except (EOFError, ConnectionResetError):
            server.end_children()
            return
        answer = getattr(server, order)(*arguments)
        control.send_bytes(json.dumps(answer).encode())


class Server:
    """What the parent can ask for."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        self._handlers: dict[str, Handler] = {}
        self._children: set[int] = set()

    def load(self, loader: Loader, argument: Any, key: str) -> dict[str, Any]:
        """Load a handler, for later children. Says what was warned of, or what failed."""
        gc.unfreeze()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("default")
            try:
                self._handlers[key] = loader(argument)
            except Exception as error:  # noqa: BLE001  the parent raises it
                name = type(error).__name__
                return {"failed": [name, str(error), traceback.format_exc()]}
        gc.collect()
        gc.freeze()  # what is loaded stays where it is, in pages that children share
        return {"warnings": [str(one.message) for one in said]}

    def forget(self, key: str) -> None:
        """Let go of a handler."""
        gc.unfreeze()
        del self._handlers[key]

    def fork(self, limits: Limits, key: str) -> int:
        """Fork a child on the socket and the shared memory that follow; returns its id."""
        end, memory = recv_handle(self._control), recv_handle(self._control)
        template = os.getpid()
        process = os.fork()
        if process == 0:
            self._become_child(self._handlers[key], end, memory, limits, template)
        os.close(end)
        os.close(memory)
        self._children.add(process)
        return process

    def _become_child(
        self, handler: Handler, end: int, memory: int, limits: Limits, template: int
    ) -> None:
        try:
            die_with(template)
            self._control.close()
            work(socket.socket(fileno=end), Marks(memory), handler, limits)
        finally:
            os._exit(1)

    def reap(self, process: int) -> tuple[int, float, int]:
        """Wait for a child that has ended or is about to.

        Returns its exit code (negative for a signal), CPU seconds and most bytes in memory.
        """
        _, status, used = os.wait4(process, 0)
        self._children.discard(process)
        code = os.waitstatus_to_exitcode(status)
        return code, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024

    def end_children(self) -> None:
        """Leave nobody behind."""
        for process in self._children:
            os.kill(process, signal.SIGKILL)
