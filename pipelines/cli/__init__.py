"""The command line: the only place that prints.

Exit codes: 0 done, 1 the work failed, 2 wrong use. An error is at most three
lines on standard error; `--debug`, anywhere on the line, adds the trace. With
`--json` a command prints one JSON object and nothing else.
"""

from pipelines.cli.app import app, main

__all__ = ["app", "main"]
