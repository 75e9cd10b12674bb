"""The count stage: how many lines each part of a big JSON lines file has.

Only then do the lines of the parts behind it have their numbers. Runs only where
there are such parts; the last part of a file need not be counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pipelines.crawl import CrawlFile, open_file
from pipelines.crawl.text.lines import read_lines
from pipelines.execute import Task
from pipelines.stages.context import RunContext
from pipelines.stages.fingerprint import file_identity
from pipelines.storage import Attempt, Commit


def number_parts(run: RunContext) -> list[CrawlFile]:
    """Count what has to be counted; return the run's files with `first_record` filled in.

    It stays None behind a part that could not be counted: that unit cannot be done either.
    """
    tasks = [
        Task("count", file.unit, run.fingerprint("count", file_identity(file)), count_lines, file)
        for file, following in pairwise(run.files)
        if following.first_record is None
    ]
    return _numbered(run.files, run.do("count", tasks)) if tasks else list(run.files)


def count_lines(attempt: Attempt, file: CrawlFile) -> dict[str, Any]:
    """Count the lines of one part of a file (the unit of this stage); writes no file."""
    del attempt
    with open_file(file) as opened:
        return {"lines": sum(1 for _ in read_lines(opened, file.part))}


def _numbered(files: Sequence[CrawlFile], counted: Mapping[str, Commit]) -> list[CrawlFile]:
    numbered: list[CrawlFile] = []
    for file in files:
        first = file.first_record
        if first is None:
            before = numbered[-1]
            commit = counted.get(before.unit)
            if commit is not None and before.first_record is not None:
                first = before.first_record + commit.facts["lines"]
        numbered.append(replace(file, first_record=first))
    return numbered
