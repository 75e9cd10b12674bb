"""The process that is fuzzed: `python -m tests.fuzz.child TARGET`, and libFuzzer's options."""

import sys

import atheris

with atheris.instrument_imports(
    include=["pipelines.crawl", "pipelines.extract", "pipelines.accelerate", "trafilatura"]
):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Run the target on input after input, until there were enough or one fails."""
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
