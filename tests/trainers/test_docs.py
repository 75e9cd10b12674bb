"""The Python of docs/training.md, typed as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/training.md").read_text(), re.DOTALL)


def test_the_programs_of_the_page_run(small_run: Path, tmp_path: Path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/demo").symlink_to(small_run)
    assert len(PROGRAMS) == 1
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[0]],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == " ".join(["torch.Size([4, 512])"] * 3)
