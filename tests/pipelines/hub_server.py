"""A Hub on this machine: datasets with their files, as `datasets` and its client ask for them."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c" * 40
Files = Mapping[str, bytes]


class Hub(ThreadingHTTPServer):
    """The server: what it has, and what it was asked."""

    def __init__(self, datasets: Mapping[str, Files], gated: tuple[str, ...]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.datasets = datasets
        self.gated = gated
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def named(self, path: str) -> tuple[str | None, str]:
        """Return the dataset that a path is about, and the rest of the path."""
        plain = path.removeprefix("/api").removeprefix("/datasets/")
        for name in (*self.datasets, *self.gated):
            if plain == name or plain.startswith(f"{name}/"):
                return name, plain.removeprefix(name).strip("/")
        return None, ""


@contextmanager
def serve(datasets: Mapping[str, Files], gated: tuple[str, ...] = ()) -> Iterator[Hub]:
    hub = Hub(datasets, gated)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    yield hub
    hub.shutdown()
    hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self._answer({})

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self._answer(parse_qs(self.rfile.read(size).decode()))

    def _answer(self, sent: dict[str, list[str]]) -> None:
        hub, path = self.server, unquote(urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path}")
        hub.tokens |= {self.headers["Authorization"]} - {None}
        name, rest = hub.named(path)
        if name in hub.gated:
            self._send(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
        elif name is None:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif path.startswith("/api/"):
            self._json(_api(hub.datasets[name], name, rest, sent))
        else:
            self._file(hub.datasets[name], rest)

    def _file(self, files: Files, rest: str) -> None:
        revision, _, path = rest.removeprefix("resolve/").partition("/")
        if revision not in ("main", COMMIT):
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif path not in files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        else:
            self._content(files[path])

    def _content(self, data: bytes) -> None:
        headers = {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes="):
            self._send(200, data, headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(data)) + 1, len(data))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        self._send(206, data[start:end], headers)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _api(files: Files, name: str, rest: str, sent: dict[str, list[str]]) -> Any:
    kind, _, place = rest.partition("/")
    if kind == "tree":
        return _entries(files, place.partition("/")[2])
    if kind == "paths-info":
        entries = _entries(files, "")
        return [entry for entry in entries if entry["path"] in sent.get("paths", [])]
    siblings = [{"rfilename": path} for path in files]
    return {"id": name, "sha": COMMIT, "siblings": siblings, "private": False}


def _entries(files: Files, folder: str) -> list[dict[str, Any]]:
    """Return what lies below a folder, at any depth."""
    below = f"{folder.strip('/')}/" if folder else ""
    found: list[dict[str, Any]] = [
        {"type": "file", "path": path, "size": len(data), "oid": _oid(data)}
        for path, data in files.items()
    ]
    folders = sorted({path.rpartition("/")[0] for path in files} - {""})
    found += [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders]
    return [entry for entry in found if entry["path"].startswith(below)]


def _oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]
