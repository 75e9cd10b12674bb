"""A dataset repository as the Hub keeps one: commits, each a tree of files; branches and tags."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

FIRST = "c" * 40
"""The commit that a repository which was given files begins with."""
_LARGE = 10 << 20
_BINARY = (".parquet", ".gz", ".zst", ".bin")


class Blob:
    """A file's content; `lfs`: the tree holds a pointer to it."""

    def __init__(self, data: bytes, *, lfs: bool) -> None:
        self.data = data
        self.lfs = lfs
        self.size = len(data)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def git_oid(self) -> str:
        lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}")
        pointer = "\n".join((*lines, f"size {self.size}", "")).encode()
        data = pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()  # noqa: S324  git's


@dataclass(frozen=True)
class Commit:
    files: Mapping[str, Blob]
    title: str
    parent: str | None


class Refused(Exception):  # noqa: N818  an answer, no defect
    """What a repository does not do, as the Hub says it."""

    def __init__(self, status: int, code: str, words: str = "") -> None:
        super().__init__(words or code)
        self.status = status
        self.code = code


def is_large(path: str, size: int) -> bool:
    """Whether a file goes into LFS, by the Hub's `.gitattributes` and its limit."""
    return path.endswith(_BINARY) or size >= _LARGE


class Repository:
    """Its commits and what points at them."""

    def __init__(self, files: Mapping[str, bytes] | None = None, *, private: bool = False) -> None:
        tree = {
            path: Blob(data, lfs=is_large(path, len(data))) for path, data in (files or {}).items()
        }
        self.private = private
        self.commits = {FIRST: Commit(tree, "initial commit", None)}
        self.branches = {"main": FIRST}
        self.tags: dict[str, str] = {}

    def commit_of(self, revision: str) -> str:
        """Return the commit that a branch, a tag or a commit's own name stands for."""
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits:
            raise Refused(404, "RevisionNotFound")
        return oid

    def files(self, revision: str = "main") -> Mapping[str, Blob]:
        return self.commits[self.commit_of(revision)].files

    def add(
        self, branch: str, title: str, changes: Mapping[str, Blob | None], parent: str | None
    ) -> str:
        """Make a commit; a change to None removes a file, or all below a name with a slash."""
        if branch not in self.branches:
            raise Refused(404, "RevisionNotFound")
        head = self.branches[branch]
        if parent is not None and not head.startswith(parent):
            raise Refused(412, "", "A commit has happened since. Please refresh and try again.")
        tree = dict(self.commits[head].files)
        for path, blob in changes.items():
            if blob is not None:
                tree[path] = blob
                continue
            gone = [name for name in tree if name == path or name.startswith(f"{path}/")]
            if not gone:
                raise Refused(404, "EntryNotFound", "A file with this name doesn't exist")
            for name in gone:
                del tree[name]
        listed = json.dumps([head, title, {path: blob.sha256 for path, blob in tree.items()}])
        oid = hashlib.sha1(listed.encode()).hexdigest()  # noqa: S324  as long as git's
        self.commits[oid] = Commit(tree, title, head)
        self.branches[branch] = oid
        return oid

    def squash(self, branch: str, title: str) -> None:
        """Make one commit of a branch; those that nothing leads to any more are gone."""
        head = self.commits[self.branches[branch]]
        oid = hashlib.sha1(f"{title} {self.branches[branch]}".encode()).hexdigest()  # noqa: S324  as long as git's
        self.commits[oid] = Commit(head.files, title, None)
        self.branches[branch] = oid
        held = {*self.branches.values(), *self.tags.values()}
        reached = {name for ref in held for name, _ in self.history(ref)}
        self.commits = {name: self.commits[name] for name in reached}

    def history(self, revision: str) -> list[tuple[str, Commit]]:
        """Return the commits that lead to a revision, the latest first."""
        found = []
        oid: str | None = self.commit_of(revision)
        while oid is not None:
            found.append((oid, self.commits[oid]))
            oid = self.commits[oid].parent
        return found


def entries(files: Mapping[str, Blob], folder: str, *, recursive: bool) -> list[dict]:
    """Return what the Hub says lies in a folder, sorted by path."""
    below = f"{folder.strip('/')}/" if folder.strip("/") else ""
    inside = {path: blob for path, blob in files.items() if path.startswith(below)}
    if below and not inside:
        raise Refused(404, "EntryNotFound")
    found: dict[str, dict] = {}
    for path, blob in inside.items():
        parts = path.removeprefix(below).split("/")
        for depth in range(1, len(parts)):
            name = below + "/".join(parts[:depth])
            oid = hashlib.sha1(name.encode()).hexdigest()  # noqa: S324  as long as git's
            found[name] = {"type": "directory", "path": name, "oid": oid, "size": 0}
        found[path] = entry(path, blob)
    deepest = below.count("/")
    return [
        found[name] for name in sorted(found) if recursive or name.count("/") == deepest
    ]  # fmt: skip


def entry(path: str, blob: Blob) -> dict:
    """Return what the Hub says of one file."""
    facts = {"type": "file", "path": path, "size": blob.size, "oid": blob.git_oid}
    if blob.lfs:
        facts["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": 130}
    return facts
