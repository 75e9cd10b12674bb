"""A dataset repository of the Hub: what it holds, and one commit after another to it.

Thin over `huggingface_hub`, which sends by Xet where that is installed and by LFS
otherwise, and repeats on its own what it may; the rest is for `send` to repeat.
"""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_url
from huggingface_hub.errors import (
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # loaded late
from huggingface_hub.utils.tqdm import disable_progress_bars

from pipelines.bucket.path import S3Path
from pipelines.crawl.remote.fetch import RemoteFile
from pipelines.crawl.remote.patience import Traffic, patience
from pipelines.crawl.remote.sources import WebSource
from pipelines.files import plain_errors
from pipelines.publish.content import CARD, MANIFEST, Item
from pipelines.publish.errors import hub_faults, insist

_KIND = "dataset"
_MAIN = "main"
_COPY_BYTES = 8 << 20
_SMALL = 10 << 20  # what is kept in git itself has no sha256 in a listing, and is never larger


@dataclass(frozen=True, slots=True)
class Held:
    """A file in the repository."""

    size: int
    sha256: str | None
    git_oid: str

    def equals(self, item: Item) -> bool:
        """Whether an item has this content."""
        if self.size != item.size:
            return False
        if self.sha256 is not None:
            return self.sha256 == item.sha256
        return item.size < _SMALL and _git_oid(item.read()) == self.git_oid


@dataclass(frozen=True, slots=True)
class State:
    """What a branch holds; `commit` is None where there is no repository yet."""

    commit: str | None
    files: Mapping[str, Held]
    card: str | None
    manifest: bytes | None
    has_branch: bool = True
    tags: Mapping[str, str] | None = None


_NOTHING = State(None, {}, None, None)


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()  # noqa: S324  as git does


class Repository:
    """One branch of a repository; `reached` is told how far each file was sent."""

    def __init__(
        self,
        repo_id: str,
        token: str | None,
        branch: str | None = None,
        reached: Callable[[str, int], None] = lambda _path, _position: None,
    ) -> None:
        disable_progress_bars()
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        self.repo_id = repo_id
        self.branch = branch or _MAIN
        self._token = token
        self._api = HfApi(token=token)
        self._reached = reached

    def look(self) -> State:
        """Return what the branch holds, or what it would begin with."""
        with hub_faults(self.repo_id):
            try:
                refs = self._api.list_repo_refs(self.repo_id, repo_type=_KIND)
            except RepositoryNotFoundError:
                return _NOTHING
            heads = {ref.name: ref.target_commit for ref in refs.branches}
            commit = heads.get(self.branch) or heads.get(_MAIN)
            tags = {ref.name: ref.target_commit for ref in refs.tags}
            has_branch = self.branch in heads
            found = self._state(commit) if commit else _NOTHING
            return replace(found, has_branch=has_branch, tags=tags)

    def look_at(self, revision: str | None) -> State:
        """Return what a branch, a tag or a commit holds; nothing where there is no such thing.

        WorkError where the Hub does not answer for longer than patience lasts.
        """
        return insist(self.repo_id, lambda: self._look_at(revision))

    def _look_at(self, revision: str | None) -> State:
        with hub_faults(self.repo_id):
            try:
                info = self._api.dataset_info(self.repo_id, revision=revision)
            except (RepositoryNotFoundError, RevisionNotFoundError):
                return _NOTHING
            return self._state(str(info.sha))

    def _state(self, commit: str) -> State:
        files = dict(self._files(commit))
        card, manifest = (
            self._read(path, commit) if path in files else None for path in (CARD, MANIFEST)
        )
        return State(commit, files, card=_text(card), manifest=manifest)

    def _files(self, commit: str) -> Iterator[tuple[str, Held]]:
        found = self._api.list_repo_tree(
            self.repo_id, recursive=True, revision=commit, repo_type=_KIND
        )
        for file in found:
            if isinstance(file, RepoFile):
                sha256 = file.lfs.sha256 if file.lfs else None
                yield file.path, Held(file.size, sha256, file.blob_id)

    def _read(self, path: str, commit: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="cuvee-hub-") as folder:
            return self._fetch(path, commit, folder).read_bytes()

    def _fetch(self, path: str, commit: str, folder: str) -> Path:
        found = self._api.hf_hub_download(
            self.repo_id, path, repo_type=_KIND, revision=commit, local_dir=folder
        )
        return Path(found)

    @contextmanager
    def fetched(self, path: str, commit: str) -> Iterator[Path]:
        """Give a copy of a file on this machine, for as long as the context lasts."""
        with tempfile.TemporaryDirectory(prefix="cuvee-hub-") as folder:

            def fetch() -> Path:
                with plain_errors(Path(folder)), hub_faults(self.repo_id):
                    return self._fetch(path, commit, folder)

            yield insist(self.repo_id, fetch)

    def opened(self, path: str, commit: str, size: int, traffic: Traffic) -> RemoteFile:
        """Open a file to read parts of it; what that costs is added to `traffic`."""
        address = f"hf://datasets/{self.repo_id}@{commit}/{path}"
        headers = build_hf_headers(token=self._token)
        url = hf_hub_url(self.repo_id, path, repo_type=_KIND, revision=commit)
        bounds = patience()
        return RemoteFile(address, WebSource(url, bounds.stall, headers), bounds, traffic, "", size)

    def squash(self, message: str) -> None:
        """Make one commit of the branch's history; what only earlier ones held is held no more."""

        def once() -> None:
            with hub_faults(self.repo_id):
                self._api.super_squash_history(
                    self.repo_id, branch=self.branch, commit_message=message, repo_type=_KIND
                )

        insist(self.repo_id, once)

    def create(self, *, private: bool) -> None:
        """Make the repository unless it is there."""
        with hub_faults(self.repo_id):
            self._api.create_repo(
                self.repo_id, repo_type=_KIND, private=private or None, exist_ok=True
            )

    def create_branch(self, start: str | None) -> None:
        """Make the branch unless it is there."""
        with hub_faults(self.repo_id):
            self._api.create_branch(
                self.repo_id, branch=self.branch, revision=start, repo_type=_KIND, exist_ok=True
            )

    def tag(self, tag: str, commit: str, message: str) -> None:
        """Name a commit; one that bears the name already stays as it is."""
        with hub_faults(self.repo_id):
            self._api.create_tag(
                self.repo_id, tag=tag, revision=commit, tag_message=message, repo_type=_KIND,
                exist_ok=True,
            )  # fmt: skip

    def commit(
        self, title: str, add: Sequence[Item], delete: Sequence[str], parent: str | None
    ) -> str:
        """Send files and commit them in one step; return the new commit's name.

        A Fault, if somebody else has committed since `parent`.
        """
        with ExitStack() as stack, hub_faults(self.repo_id):
            added = [self._operation(item, stack) for item in add]
            removed = [CommitOperationDelete(path, is_folder=False) for path in delete]
            done = self._api.create_commit(
                self.repo_id,
                [*added, *removed],
                commit_message=title,
                repo_type=_KIND,
                revision=self.branch,
                parent_commit=parent,
            )
        for item in add:
            self._reached(item.name, item.size)  # also what was there, or went another way
        return str(done.oid)

    def _operation(self, item: Item, stack: ExitStack) -> "_Counted":
        source: Path | bytes = item.source
        if isinstance(source, S3Path):
            source = stack.enter_context(_copied(source))
        operation = _Counted(item.path, source)
        operation.upload_info.sha256 = bytes.fromhex(item.sha256)  # known: need not be read for
        operation.reached = partial(self._reached, item.name)
        return operation


class _Counted(CommitOperationAdd):
    """A file to be added that tells how far it was sent."""

    reached: Callable[[int], None]

    @contextmanager
    def as_file(self, with_tqdm: bool = False) -> Iterator[BinaryIO]:
        if with_tqdm and isinstance(self.path_or_fileobj, str):
            with _Telling(self.path_or_fileobj, self.reached) as file:
                yield file
            return
        with super().as_file() as plain:
            yield plain


class _Telling(BufferedReader):
    """A file that tells how far it has been read."""

    def __init__(self, path: str, reached: Callable[[int], None]) -> None:
        super().__init__(FileIO(path, "rb"))
        self._reached = reached

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._reached(self.tell())
        return data


@contextmanager
def _copied(path: S3Path) -> Iterator[Path]:
    """Give a copy of an object on this machine: the client sends files."""
    with tempfile.TemporaryDirectory(prefix="cuvee-publish-") as folder:
        copy = Path(folder) / path.name
        with plain_errors(copy), path.open("rb") as source, copy.open("wb") as target:
            while data := source.read(_COPY_BYTES):
                target.write(data)
        yield copy


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "replace")
