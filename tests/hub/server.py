"""A Hub on this machine: what its client, `datasets` and the command `hf` ask, over HTTP.

It has no faults of its own: those come from the host that it answers behind
(`tests/pipelines/hosts.py`), by rule.
"""

import base64
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.repository import FIRST, Blob, Refused, Repository, entries, is_large
from tests.hub.xet import XetBlob, XetStore
from tests.pipelines.hosts import Host, Plan, Reply, Request, no_faults, serving

COMMIT = FIRST
_JSON = {"Content-Type": "application/json"}


class Hub:
    """What the Hub has and who may do what; answers requests."""

    def __init__(
        self,
        datasets: Mapping[str, Mapping[str, bytes]],
        gated: tuple[str, ...] = (),
        rights: Mapping[str, str] | None = None,
    ) -> None:
        self.repositories = {name: Repository(files) for name, files in datasets.items()}
        self.gated = gated
        self.rights = rights
        """By token `read` or `write`; None: anybody may do everything."""
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.address = ""
        self.host: Host
        self.stored: dict[tuple[str, str], bytes] = {}
        """Large files that were sent, by repository and sha256; in a commit or in none."""
        self.parts: dict[tuple[str, str, int], bytes] = {}
        self.stored_puts: list[Request] = []
        """Requests that have sent a large file, or a part of one, whole."""
        self.page_entries = 1000
        self.part_bytes = 8 << 20
        """Larger files are asked for in parts."""
        self.xet: XetStore | None = None
        """Where Xet keeps what is sent by it."""
        self.quotas: dict[str, int] = {}
        """Bytes that a repository may hold, where that is limited."""
        self._lock = threading.Lock()

    def puts(self, name: str = "") -> list[Request]:
        """Return the requests that were to send a large file of a dataset, or a part of one."""
        sent = [request for request in self.host.asked if request.method == "PUT"]
        return [request for request in sent if f"/lfs/{name}" in request.target]

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        path = urlsplit(request.target).path
        self.asked.append(f"{request.method} {unquote(path)}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        token = headers.get("authorization")
        self.tokens |= {token} - {None}
        with self._lock:
            try:
                return self._route(request, path, (token or "").removeprefix("Bearer "))
            except Refused as refused:
                told = {"X-Error-Code": refused.code, "X-Error-Message": str(refused)}
                body = json.dumps({"error": str(refused)}).encode()
                return Reply(refused.status, body, {**_JSON, **told})

    def _route(self, request: Request, path: str, token: str) -> Reply:
        for pattern, needs, answer in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found:
                named = {name: unquote(part or "") for name, part in found.groupdict().items()}
                if needs == "write":
                    self._check_write(token)
                return answer(self, request, token, **named)
        raise Refused(404, "")

    def _check_write(self, token: str) -> None:
        if self.rights is None:
            return
        if token not in self.rights:
            raise Refused(401, "", "Invalid username or password.")
        if self.rights[token] != "write":
            raise Refused(
                403, "", "Forbidden: you must use a write token to upload to a repository."
            )

    def _repository(self, name: str, token: str) -> Repository:
        if name in self.gated:
            raise Refused(401, "GatedRepo", "gated")
        found = self.repositories.get(name)
        hidden = found and found.private and self.rights is not None and token not in self.rights
        if found is None or hidden:
            raise Refused(404, "RepoNotFound", "Repository not found")
        return found

    # Repositories, branches, tags

    def create(self, request: Request, _token: str) -> Reply:
        asked = json.loads(request.body)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        told = {"url": f"{self.address}/datasets/{name}", "name": name, "id": name}
        if name in self.repositories:
            return _json(told, 409)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        attributes = {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"}
        self.repositories[name] = Repository(attributes, private=private)
        return _json(told)

    def who(self, _request: Request, token: str) -> Reply:
        if not token or (self.rights is not None and token not in self.rights):
            raise Refused(401, "", "Invalid username or password.")
        return _json({"type": "user", "name": "me", "orgs": [], "auth": {}})

    def branch(self, request: Request, token: str, name: str, rest: str) -> Reply:
        repository = self._repository(name, token)
        start = json.loads(request.body or b"{}").get("startingPoint") or "main"
        if rest in repository.branches:
            raise Refused(409, "", "Reference already exists")
        repository.branches[rest] = repository.commit_of(start)
        return _json({})

    def tag(self, request: Request, token: str, name: str, rest: str) -> Reply:
        repository = self._repository(name, token)
        tag = json.loads(request.body)["tag"]
        if tag in repository.tags:
            raise Refused(409, "", "Reference already exists")
        repository.tags[tag] = repository.commit_of(rest)
        return _json({})

    def untag(self, _request: Request, token: str, name: str, rest: str) -> Reply:
        if self._repository(name, token).tags.pop(rest, None) is None:
            raise Refused(404, "RevisionNotFound")
        return _json({})

    def refs(self, _request: Request, token: str, name: str) -> Reply:
        repository = self._repository(name, token)

        def listed(kind: str, found: Mapping[str, str]) -> list[dict]:
            return [
                {"name": ref, "ref": f"refs/{kind}/{ref}", "targetCommit": oid}
                for ref, oid in found.items()
            ]

        branches = listed("heads", repository.branches)
        return _json(
            {"branches": branches, "tags": listed("tags", repository.tags), "converts": []}
        )

    def info(self, _request: Request, token: str, name: str, rest: str = "main") -> Reply:
        repository = self._repository(name, token)
        siblings = [{"rfilename": path} for path in repository.files(rest)]
        sha = repository.commit_of(rest)
        private = repository.private
        return _json({"id": name, "sha": sha, "siblings": siblings, "private": private})

    def squash(self, request: Request, token: str, name: str, rest: str) -> Reply:
        message = json.loads(request.body)["message"]
        self._repository(name, token).squash(rest, message)
        return _json({})

    def history(self, _request: Request, token: str, name: str, rest: str) -> Reply:
        found = self._repository(name, token).history(rest)
        date = "2024-05-01T00:00:00.000Z"
        return _json(
            [
                {"id": oid, "title": commit.title, "message": "", "date": date, "authors": []}
                for oid, commit in found
            ]
        )

    # What is there

    def tree(self, request: Request, token: str, name: str, revision: str, rest: str = "") -> Reply:
        files = self._repository(name, token).files(revision)
        query = {key: values[0] for key, values in parse_qs(urlsplit(request.target).query).items()}
        recursive = query.get("recursive", "").lower() in ("1", "true")
        found = entries(files, rest, recursive=recursive)
        start = int(query.get("cursor", "0"))
        end = start + self.page_entries
        headers = {}
        if end < len(found):
            plain = request.target.partition("?")[0]
            more = f"{self.address}{plain}?recursive={recursive}&cursor={end}"
            headers = {"Link": f'<{more}>; rel="next"'}
        return _json(found[start:end], 200, headers)

    def paths_info(self, request: Request, token: str, name: str, rest: str) -> Reply:
        files = self._repository(name, token).files(rest)
        body = request.body.decode()
        is_json = body.startswith("{")
        paths = json.loads(body)["paths"] if is_json else parse_qs(body).get("paths", [])
        found = {item["path"]: item for item in entries(files, "", recursive=True)}
        return _json([found[path] for path in paths if path in found])

    def resolve(self, request: Request, token: str, name: str, revision: str, rest: str) -> Reply:
        repository = self._repository(name, token)
        commit = repository.commit_of(revision)
        blob = repository.commits[commit].files.get(rest)
        if blob is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
            return Reply(404, b"Entry not found", headers)
        etag = f'"{blob.sha256 if blob.lfs else blob.git_oid}"'
        headers = {"ETag": etag, "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if blob.lfs:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(blob.size)}
        if isinstance(blob, XetBlob):
            route = f"{self.address}/api/datasets/{name}/xet-read-token/{commit}"
            headers |= {"X-Xet-Hash": blob.xet_hash, "X-Xet-Refresh-Route": route}
            if request.method == "HEAD":  # the client has the store to itself and fetches there
                return Reply(200, b"", {**headers, "Content-Length": str(blob.size)})
        return _ranged(blob.data, _header(request, "range"), headers)

    # Sending

    def validate_yaml(self, request: Request, _token: str) -> Reply:
        import yaml

        content = json.loads(request.body)["content"]
        found = re.match(r"---\n(.*?)\n---", content, re.DOTALL)
        try:
            head = yaml.safe_load(found[1] if found else "") or {}
        except yaml.YAMLError as error:
            head, wrong = {}, [str(error)]
        else:
            wrong = (
                [] if isinstance(head.get("license", ""), str) else ['"license" must be a string']
            )
        errors = [{"message": message} for message in wrong]
        return _json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, request: Request, token: str, name: str, rest: str) -> Reply:
        files = self._repository(name, token).files(rest)
        told = []
        for item in json.loads(request.body)["files"]:
            path, there = item["path"], files.get(item["path"])
            mode = "lfs" if is_large(path, item["size"]) else "regular"
            facts = {"path": path, "uploadMode": mode, "shouldIgnore": False}
            if there is not None:
                facts["oid"] = there.sha256 if there.lfs else there.git_oid
            told.append(facts)
        return _json({"files": told})

    def xet_token(self, _request: Request, token: str, name: str, **_: str) -> Reply:
        self._repository(name, token)
        if self.xet is None:
            raise Refused(404, "")
        facts = {"casUrl": self.xet.address, "accessToken": "x", "exp": 1 << 33}
        headers = ("X-Xet-Cas-Url", "X-Xet-Access-Token", "X-Xet-Token-Expiration")
        return _json(facts, 200, dict(zip(headers, map(str, facts.values()), strict=True)))

    def batch(self, request: Request, token: str, name: str) -> Reply:
        self._repository(name, token)
        objects = []
        used = sum(len(data) for (whose, _), data in self.stored.items() if whose == name)
        for item in json.loads(request.body)["objects"]:
            oid, size = item["oid"], item["size"]
            known = {"oid": oid, "size": size}
            if (name, oid) in self.stored:
                pass
            elif used + size > self.quotas.get(name, sys.maxsize):
                known["error"] = {"code": 507, "message": "Storage limit reached"}
            else:
                known["actions"] = self._actions(name, oid, size)
                used += size
            objects.append(known)
        return _json({"transfer": "basic", "objects": objects})

    def _actions(self, name: str, oid: str, size: int) -> dict:
        place = f"{self.address}/lfs/{name}/{oid}"
        upload: dict[str, Any] = {"href": place}
        if size > self.part_bytes:
            parts = -(-size // self.part_bytes)
            header = {f"{part:05d}": f"{place}/{part}" for part in range(1, parts + 1)}
            upload = {
                "href": f"{place}/complete",
                "header": {"chunk_size": str(self.part_bytes), **header},
            }
        return {"upload": upload, "verify": {"href": f"{place}/verify"}}

    def put(self, request: Request, _token: str, name: str, oid: str) -> Reply:
        self._store(name, oid, request.body)
        self.stored_puts.append(request)
        return Reply(200)

    def put_part(self, request: Request, _token: str, name: str, oid: str, part: str) -> Reply:
        self.parts[name, oid, int(part)] = request.body
        self.stored_puts.append(request)
        return Reply(200, b"", {"ETag": f'"{sha256(request.body).hexdigest()}"'})

    def complete(self, request: Request, _token: str, name: str, oid: str) -> Reply:
        numbers = [part["partNumber"] for part in json.loads(request.body)["parts"]]
        whole = b"".join(self.parts.pop((name, oid, number)) for number in numbers)
        self._store(name, oid, whole)
        return _json({})

    def _store(self, name: str, oid: str, data: bytes) -> None:
        if sha256(data).hexdigest() != oid:
            raise Refused(400, "", "The content does not have this sha256")
        self.stored[name, oid] = data

    def verify(self, request: Request, _token: str, name: str, oid: str) -> Reply:
        size = json.loads(request.body)["size"]
        if len(self.stored.get((name, oid), b"")) != size:
            raise Refused(404, "", "No such object")
        return _json({})

    def commit(self, request: Request, token: str, name: str, rest: str) -> Reply:
        repository = self._repository(name, token)
        header: dict[str, Any] = {}
        changes: dict[str, Blob | None] = {}
        for line in request.body.splitlines():
            item = json.loads(line)
            key, value = item["key"], item["value"]
            if key == "header":
                header = value
            elif key == "file":
                changes[value["path"]] = Blob(base64.b64decode(value["content"]), lfs=False)
            elif key == "lfsFile":
                changes[value["path"]] = self._large(name, value["oid"])
            else:
                changes[value["path"].rstrip("/")] = None
        parent = header.get("parentCommit")
        oid = repository.add(rest, header["summary"], changes, parent)
        return _json(
            {"commitOid": oid, "commitUrl": f"{self.address}/datasets/{name}/commit/{oid}"}
        )

    def _large(self, name: str, oid: str) -> Blob:
        if self.xet is not None and (found := self.xet.blob(oid)):
            return found
        if (name, oid) not in self.stored:
            raise Refused(400, "", "LFS pointer pointed to a file that does not exist")
        return Blob(self.stored[name, oid], lfs=True)


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(value).encode(), {**_JSON, **(headers or {})})


def _header(request: Request, wanted: str) -> str:
    return next((v for name, v in request.headers.items() if name.lower() == wanted), "")


def _ranged(data: bytes, wanted: str, headers: Mapping[str, str]) -> Reply:
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if not found:
        return Reply(200, data, headers)
    first, last = found.groups()
    start = int(first) if first else max(len(data) - int(last), 0)
    end = min(int(last) + 1, len(data)) if first and last else len(data)
    if start >= len(data):
        return Reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
    span = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
    return Reply(206, data[start:end], {**headers, **span})


_NAME = r"(?P<name>[^/]+/[^/]+)"
_API = rf"/api/datasets/{_NAME}"
_REST = r"(?P<rest>[^/]+)"
_OID = rf"/lfs/{_NAME}/(?P<oid>[0-9a-f]{{64}})"
_ROUTES: tuple[tuple[str, str, Callable[..., Reply]], ...] = (
    (r"/api/repos/create", "write", Hub.create),
    (r"/api/whoami-v2", "", Hub.who),
    (r"/api/validate-yaml", "", Hub.validate_yaml),
    (rf"{_API}/preupload/{_REST}", "write", Hub.preupload),
    (rf"{_API}/commit/{_REST}", "write", Hub.commit),
    (rf"{_API}/xet-write-token/{_REST}", "write", Hub.xet_token),
    (rf"{_API}/xet-read-token/{_REST}", "", Hub.xet_token),
    (rf"{_API}/branch/{_REST}", "write", Hub.branch),
    (rf"{_API}/tag/{_REST}", "write", Hub.tag),
    (rf"{_API}/revision/{_REST}", "", Hub.info),
    (rf"{_API}/commits/{_REST}", "", Hub.history),
    (rf"{_API}/super-squash/{_REST}", "write", Hub.squash),
    (rf"{_API}/paths-info/{_REST}", "", Hub.paths_info),
    (rf"{_API}/refs", "", Hub.refs),
    (rf"{_API}/tree/(?P<revision>[^/]+)(?:/(?P<rest>.*))?", "", Hub.tree),
    (_API, "", Hub.info),
    (rf"/datasets/{_NAME}\.git/info/lfs/objects/batch", "write", Hub.batch),
    (rf"/datasets/{_NAME}/resolve/(?P<revision>[^/]+)/(?P<rest>.+)", "", Hub.resolve),
    (_OID, "", Hub.put),
    (rf"{_OID}/(?P<part>\d+)", "", Hub.put_part),
    (rf"{_OID}/complete", "", Hub.complete),
    (rf"{_OID}/verify", "", Hub.verify),
)


@contextmanager
def serve(
    datasets: Mapping[str, Mapping[str, bytes]] | None = None,
    gated: tuple[str, ...] = (),
    plan: Plan = no_faults,
    rights: Mapping[str, str] | None = None,
) -> Iterator[Hub]:
    """Serve datasets for as long as the context lasts."""
    hub = Hub(datasets or {}, gated, rights)
    with serving(hub, plan) as host:
        hub.host, hub.address = host, host.url
        yield hub
