"""The commands of docs/training.md. Its Python needs PyTorch: tests/trainers runs that."""

import re
from pathlib import Path

import pytest

from tests.command import shell

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/training.md").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.slow
def test_every_command_on_training_works_in_its_order(desk: Path):
    typed = commands()
    assert len(typed) >= 8
    for command in typed:
        assert shell(command, desk).strip(), command


def test_make_commands_are_there():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)`", PAGE):
        assert re.search(rf"^{target}: .*## \w", makefile, re.MULTILINE), target
