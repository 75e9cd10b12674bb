"""Hosts on this machine that serve a crawl as S3 and HTTP do, and fail as those do."""

import gzip
import http.client
import logging
import random
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

from tests.pipelines.small_run import made_pages, page, prose
from tests.pipelines.warc_bytes import gzip_each

DUMP = "crawl-data/CC-MAIN-2023-50"
SEGMENT = f"{DUMP}/segments/1700679099281.67/warc"
OTHER_SEGMENT = f"{DUMP}/segments/1700679099514.72/warc"
NAMES = tuple(f"CC-MAIN-20231128083443-20231128113443-{number:05d}.warc.gz" for number in range(3))
PATHS = f"{DUMP}/warc.paths.gz"
KINDS = ("403", "429", "500", "503", "drop", "stall", "reset")
CHANGED, PARTIAL, NOT_SATISFIABLE, NOT_FOUND = 412, 206, 416, 404


def lay_out(folder: Path) -> Path:
    """Write a crawl of five files in two segments, and its list, as Common Crawl lays them out."""
    paths = [f"{place}/{name}" for place in (SEGMENT, OTHER_SEGMENT) for name in NAMES]
    for number, path in enumerate(paths[:5]):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pages = made_pages() if not number else []
        first = 1000 * (number + 1)
        # The bytes of such a file hardly pack: it takes several answers to read it.
        pages += [page(first + index, prose(first + index)) for index in range(10)]
        file.write_bytes(gzip_each(pages))
    lines = "".join(f"{path}\n" for path in paths[:5])
    (folder / PATHS).write_bytes(gzip.compress(lines.encode(), mtime=0))
    return folder


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """Unquoted, without its first slash."""
    target: str
    """As it was sent, with its query."""
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answers = Callable[[Request], Reply]
Plan = Callable[[Request, int], str | None]
"""Takes a request and how many there were of its kind before; returns a fault, or None."""


def no_faults(request: Request, before: int) -> str | None:
    del request, before
    return None


def seeded_faults(seed: int, kinds: tuple[str, ...] = KINDS, share: float = 0.8) -> Plan:
    """Fail that share of the reads of an object, never more than four in a row."""

    def plan(request: Request, before: int) -> str | None:
        if request.method != "GET" or not request.path.endswith(".gz"):
            return None
        chance = random.Random(f"{seed}/{request.path.rpartition('/')[2]}/{before}")
        return chance.choice(kinds) if chance.random() < share and before % 5 != 4 else None

    return plan


def first_ones(*kinds: str) -> Plan:
    """Fail the first reads of each object, in this way and order."""

    def plan(request: Request, before: int) -> str | None:
        is_read = request.method == "GET" and "list-type" not in request.target
        return kinds[before] if is_read and before < len(kinds) else None

    return plan


def folder_answers(folder: Path, *, ranges: bool = True) -> Answers:
    """Serve a folder with ETags, conditions and, if asked, ranges; folders as lists of links."""

    def answer(request: Request) -> Reply:
        file = folder / request.path
        if file.is_dir():
            names = sorted(
                f"{item.name}/" if item.is_dir() else item.name for item in file.iterdir()
            )
            links = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
            return Reply(200, links.encode(), {"Content-Type": "text/html"})
        if not file.is_file():
            return Reply(NOT_FOUND)
        body = file.read_bytes()
        headers = {"ETag": f'"{sha256(body).hexdigest()[:32]}"'}
        if request.headers.get("If-Match", headers["ETag"]) != headers["ETag"]:
            return Reply(CHANGED)
        wanted = request.headers.get("Range", "")
        return _part(body, wanted, headers) if ranges and wanted else Reply(200, body, headers)

    return answer


def _part(body: bytes, wanted: str, headers: Mapping[str, str]) -> Reply:
    first, last = wanted.removeprefix("bytes=").split("-")
    if int(first) >= len(body):
        return Reply(NOT_SATISFIABLE, b"", {"Content-Range": f"bytes */{len(body)}"})
    part = body[int(first) : int(last) + 1]
    span = f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
    return Reply(PARTIAL, part, {**headers, "Content-Range": span})


def forwarded(port: int) -> Answers:
    """Ask another server on this machine."""

    def answer(request: Request) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request(request.method, request.target, request.body, dict(request.headers))
        response = connection.getresponse()
        body = response.read()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _OWN}
        length = {"Content-Length": response.headers["Content-Length"] or str(len(body))}
        connection.close()
        return Reply(
            response.status, body, {**kept, **length} if request.method == "HEAD" else kept
        )

    return answer


_OWN = ("content-length", "connection", "transfer-encoding", "date", "server")


class Host(ThreadingHTTPServer):
    """A server that answers, or fails by plan, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, answers: Answers, plan: Plan = no_faults) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.plan = plan
        self.tls: ssl.SSLContext | None = None
        self.asked: list[Request] = []
        self.failed: Counter[str] = Counter()
        self.count: Counter[tuple[str, str]] = Counter()
        self.over = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reads_of(self, ending: str) -> list[Request]:
        return [asked for asked in self.asked if asked.path.endswith(ending)]

    def handle_error(self, request, client_address) -> None:
        """Say nothing: clients hang up here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def log_message(self, *_) -> None:
        """Say nothing."""

    def do_CONNECT(self) -> None:
        """Be the proxy and, behind it, the host itself with its certificate."""
        assert self.server.tls is not None
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def finish(self) -> None:
        """Close what TLS was put around as well; the server knows only what was inside."""
        super().finish()
        self.connection.close()

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        path = unquote(urlsplit(self.path).path).lstrip("/")
        headers = dict(self.headers.items())
        head = Request(self.command, path, self.path, headers)
        key = (head.method, urlsplit(self.path).path)
        before = self.server.count[key]
        self.server.count[key] += 1
        fault = self.server.plan(head, before)
        if fault:
            self.server.failed[fault] += 1
        request = replace(head, body=self.rfile.read(length // 2 if fault == "cut" else length))
        self.server.asked.append(request)
        if fault and fault.isdigit():
            hint = {"Retry-After": "0", "RateLimit": '"api";r=0;t=0'} if fault == "429" else {}
            self._send(Reply(int(fault), b"not now", hint))
        elif fault == "500 after":  # it is done, but the answer says otherwise
            self.server.answers(request)
            self._send(Reply(500, b"not now"))
        elif fault == "cut":
            linger = struct.pack("ii", 1, 0)  # so that closing sends a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._hang_up()
        elif fault == "reset":
            self._hang_up()
        elif fault == "lost" or (fault == "stall" and self.command != "GET"):
            self.server.answers(request)  # it is done, but whoever asked does not get to know
            if fault == "stall":
                self.server.over.wait(3)
            self._hang_up()
        else:
            self._send(self.server.answers(request), fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do  # noqa: N815  as above

    def _send(self, reply: Reply, fault: str | None = None) -> None:
        self.send_response(reply.status)
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            if fault:
                self._hang_up()
            return
        half = reply.body[: len(reply.body) // 2] if fault else reply.body
        self.wfile.write(half)
        if fault == "stall":
            self.server.over.wait(3)
        if fault:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()


@contextmanager
def serving(answers: Answers, plan: Plan = no_faults) -> Iterator[Host]:
    """Serve for as long as the context lasts."""
    host = Host(answers, plan)
    thread = Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.over.set()
        host.shutdown()
        host.server_close()
        thread.join()
        time.sleep(0)


@contextmanager
def moto_s3(folder: Path, bucket: str = "commoncrawl") -> Iterator[int]:
    """Serve a folder as a bucket, by moto; gives the port."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    try:
        put = forwarded(port)
        put(Request("PUT", bucket, f"/{bucket}", {}))
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target = f"/{bucket}/{path.relative_to(folder).as_posix()}"
                public = {"x-amz-acl": "public-read"}
                assert put(Request("PUT", "", target, public, path.read_bytes())).status == 200
        yield port
    finally:
        server.stop()
