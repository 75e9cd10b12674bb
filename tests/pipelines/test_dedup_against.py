"""A new dump against earlier releases: what leaves is what leaves in a run over all of it."""

import random
import shutil
from pathlib import Path

import pytest

from filters.errors import UsageError
from pipelines.storage import CommitLog
from tests.pipelines.repeating import Ran, Row, do_run, lines_of, row, write_files
from tests.pipelines.small_run import differing, published

OLD, NEWER, NEW = "CC-MAIN-2023-50/a", "CC-MAIN-2024-10/b", "CC-MAIN-2024-18/c"
KINDS = "{{url: {0}, exact: {0}, minhash: {0}, lines: {0}}}"
ALL = KINDS.format("{per: all}")


def made(dump: str, seed: int) -> list[Row]:
    """Return pages of which some are, or are nearly, pages of any dump."""
    pick = random.Random(seed)
    rows = []
    for number in range(40):
        of = pick.randrange(30)
        text = lines_of(of, sentences=16)
        kind = pick.choice(["as it is", "near", "partly", "loud", "mixed"])
        if kind == "near":
            text += f"\nIt was found at {pick.randrange(9)} places of the same world."
        elif kind == "partly":
            text = f"{lines_of(of, sentences=4)}\n{lines_of(1000 * seed + number)}"
        elif kind == "mixed":
            some = (lines_of(one, sentences=4) for one in pick.sample(range(30), 4))
            text = "\n".join(some)
        elif kind == "loud":
            text = text.upper()
        url = f"http://host.example/{pick.randrange(200)}"
        rows.append(row(f"{dump} {number if pick.random() > 0.1 else 0}", text, url))
    return rows


FILES = {name: made(name[8:15], seed) for seed, name in enumerate((OLD, NEWER, NEW))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crawls, one of each dump and all together; and the run of the old one."""
    folder = tmp_path_factory.mktemp("against")
    for name, rows in FILES.items():
        write_files(folder / name[8:15], {name: rows})
    write_files(folder / "two", {name: FILES[name] for name in (OLD, NEW)})
    write_files(folder / "all", FILES)
    do_run(ALL, folder / "2023-50", folder / "run")
    return folder


def of_file(ran: Ran, name: str) -> dict[int, tuple[str | None, str | None, int | None]]:
    """Return what became of each record, and what it lost."""
    return {
        record: (one["stage"], one["rule"], one["lines.removed_chars"])
        for (path, record), one in ran.ledger.items()
        if path == f"{name}.jsonl"
    }


def test_a_new_dump_loses_what_it_loses_in_a_run_over_both(folder, tmp_path):
    joint = do_run(ALL, folder / "two", tmp_path / "joint")
    # The old run's crawl and documents are not there to be read.
    root = shutil.copytree(folder / "run", tmp_path / "old")
    for name in ("documents", "dataset", "tokens", "ledger", "stages/curate"):
        shutil.rmtree(root / name)
    new = do_run(KINDS.format(f"{{against: [{root}]}}"), folder / "2024-18", tmp_path / "new")
    assert of_file(new, NEW) == of_file(joint, NEW)
    rules = {rule for _, rule, _ in of_file(new, NEW).values()}
    assert rules >= {"url", "exact", "minhash", "lines", None}
    assert any(chars for *_, chars in of_file(new, NEW).values())
    left = {one["text"] for one in joint.dataset.values() if one["dump"] == NEW[:15]}
    assert {one["text"] for one in new.dataset.values()} == left
    earlier = [one for one in new.ledger.values() if (one["cluster_id"] or 0) < 0]
    assert {one["status"] for one in earlier} == {"dropped"}
    assert {one["rule"] for one in earlier} == {"url", "exact", "minhash"}


def test_releases_on_releases(folder, tmp_path):
    """The second names the first, the third both; pages of earlier ones always stay."""
    first = folder / "run"
    second = do_run(
        KINDS.format(f"{{against: [{first}]}}"), folder / "2024-10", tmp_path / "second"
    )
    against = f"{{against: [{first}, {second.root}]}}"
    third = do_run(KINDS.format(against), folder / "2024-18", tmp_path / "third")
    joint = do_run(ALL, folder / "all", tmp_path / "joint")
    assert of_file(third, NEW) == of_file(joint, NEW)
    longest = KINDS.format(against).replace("exact: {", "exact: {keep: longest, ")
    other = do_run(longest, folder / "2024-18", tmp_path / "longest")
    known = {
        record
        for (_, record), one in third.ledger.items()
        if one["rule"] == "exact" and one["cluster_id"] < 0
    }
    assert known
    assert {of_file(other, NEW)[record][1] for record in known} == {"exact"}


def test_an_earlier_run_that_changed_changes_what_leaves(folder, tmp_path):
    root = shutil.copytree(folder / "run", tmp_path / "old")
    recipe = f"{{exact: {{against: [{root}]}}}}"
    new = do_run(recipe, folder / "2024-18", tmp_path / "new")
    before = new.removed()
    crawl = write_files(tmp_path / "other", {OLD: [row("x", lines_of(900))]})
    shutil.rmtree(root)
    do_run(ALL, crawl, root)
    again = do_run(recipe, folder / "2024-18", tmp_path / "new")
    fresh = do_run("{exact: {}}", folder / "2024-18", tmp_path / "fresh")
    assert again.removed() == fresh.removed() != before
    assert differing(published(again.root), published(fresh.root)) == []


def refused(folder: Path, root: Path, kinds: str) -> str:
    with pytest.raises(UsageError) as caught:
        do_run(kinds, folder / "2024-18", root.parent / "refused")
    message = str(caught.value)
    assert message.count("\n") <= 2
    return message.replace(str(root), "OLD")


def test_what_cannot_be_compared_is_refused_in_words(folder, tmp_path):
    root = shutil.copytree(folder / "run", tmp_path / "old")

    def of(kind: str, more: str = "") -> str:
        return refused(folder, root, f"{{{kind}: {{against: [{root}], {more}}}}}")

    assert of("minhash", "bands: 20") == (
        "minhash.against: the run in OLD made its keys otherwise: bands 14; here bands 20.\n"
        "  Only like keys can be compared: run either again with the other's settings."
    )
    assert "min_chars 30; here min_chars 40.\n" in of("lines", "min_chars: 40")
    assert not (tmp_path / "refused/commits/curate").exists()  # before any work
    itself = refused(folder, root, f"{{url: {{against: [{tmp_path / 'refused'}]}}}}")
    assert itself.startswith(f"same_record.against: {tmp_path / 'refused'} is this run itself.\n")
    for commit in CommitLog(root).commits("runs_exact").values():
        (root / commit.file("stages/runs_exact/keys").path).unlink()
    assert of("exact") == (
        "exact.against: OLD lacks the keys that its run has made, in stages/.\n"
        "  Run its command again: it makes them anew."
    )
    (root / "manifest.json").unlink()
    assert of("url").startswith("same_record.against: OLD: the run has not finished.\n")
    assert refused(folder, root, "{url: {against: [/nowhere]}}").startswith(
        "same_record.against: /nowhere: no run of cuvee is there.\n"
    )
    shutil.rmtree(root)
    do_run("{minhash: {}}", folder / "2023-50", root)
    assert of("exact") == (
        "exact.against: the run in OLD did not look for repeats of this kind.\n"
        "  Add 'exact: {}' to its dedup and run it again: it reads no page of its crawl."
    )
