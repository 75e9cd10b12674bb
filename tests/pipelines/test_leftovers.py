"""What killed writers leave beside records and notes goes, and nothing else."""

from pathlib import Path

from pipelines.leftovers import remove_temporaries

HEX = "0123456789abcdef" * 2


def test_files_without_their_name_are_removed_and_nothing_else(tmp_path: Path):
    stay = ("recipe.yaml", ".lock", f".lock.{HEX}x", "commits/plan.json", "dataset/README.md",
            "commits/curate/000.json", f"ledger/.of-a-person.{HEX}")  # fmt: skip
    go = (f".manifest.json.{HEX}", f"commits/.plan.json.{HEX}", f"dataset/.README.md.{HEX}",
          f"commits/curate/.000.json.{HEX}")  # fmt: skip
    for name in (*stay, *go):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    remove_temporaries(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(stay)


def test_a_folder_without_a_run_is_no_trouble(tmp_path: Path):
    remove_temporaries(tmp_path)
    assert list(tmp_path.iterdir()) == []
