"""Tables of a run on S3, as pyarrow's datasets read them: a file is opened when it is its turn."""

from collections.abc import Sequence
from typing import Any

import pyarrow.dataset as ds
from fsspec.spec import AbstractFileSystem

from pipelines.bucket import objects
from pipelines.bucket.path import S3Path


def open_folder(folder: S3Path) -> ds.Dataset:
    """Return the Parquet files below a folder, in the order of their names, as one table."""
    files = {str(path): size for path, size in objects.listed(folder) if path.suffix == ".parquet"}
    return _opened(files)


def open_files(paths: Sequence[S3Path]) -> ds.Dataset:
    """Return some Parquet files of one folder as one table."""
    listed = {str(path): size for path, size in objects.listed(paths[0].parent)}
    return _opened({str(path): listed[str(path)] for path in paths if str(path) in listed})


def _opened(files: dict[str, int]) -> ds.Dataset:
    filesystem = _Listed(files, skip_instance_cache=True)
    return ds.dataset(sorted(files), format="parquet", filesystem=filesystem)


class _Listed(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Objects whose sizes a listing has told, read as all of a run's are."""

    protocol = "cuvee-run"

    def __init__(self, files: dict[str, int], **options: Any) -> None:
        super().__init__(**options)
        self._files = files

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        if path not in self._files:
            raise FileNotFoundError(path)
        return {"name": path, "size": self._files[path], "type": "file"}

    def _open(self, path: str, *_: Any, **__: Any) -> Any:
        return objects.open_object(S3Path(path))
