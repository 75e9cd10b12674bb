"""`python -m pipelines`: the same as the command `cuvee`."""

from pipelines.cli import main

main()
