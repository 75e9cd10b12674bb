"""Decontamination through a run: the rule, its marks and what-if, and what an auditor asks."""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import RecipeError, UsageError
from pipelines.audit import Audit
from pipelines.benchmarks import Benchmark, read_items, table_of
from pipelines.contamination import find_contamination
from pipelines.manifest import load_manifest
from pipelines.recipe import load_recipe
from pipelines.verify import verify_run
from tests.command import cuvee, shell, succeed
from tests.hub.people import environment
from tests.hub.server import serve
from tests.pipelines.small_run import RECIPE, do_run, edited, page, prose
from tests.pipelines.test_page import views
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each

ITEMS = [
    {"question": " ".join(prose(3)[:2]).upper(), "choices": ["a", "b"], "meta": {"id": 1}},
    {"question": prose(4)[5].replace(" ", ", "), "choices": [], "meta": {"id": 2}},
    {"question": "Which river is the longest of all?", "choices": ["x"], "meta": {"id": 3}},
    {"question": "Nothing of this question stands on any page of that crawl, which is as it "
     "should be.", "choices": [], "meta": {"id": 4}},
]  # fmt: skip


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks") / "crawl"
    folder.mkdir()
    (folder / "a.warc.gz").write_bytes(gzip_each([page(n, prose(n)) for n in range(8)]))
    return folder


@pytest.fixture(scope="module")
def items(crawl: Path) -> Path:
    path = crawl.parent / "items.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return path


def recipe(items: Path | str, rule: str = "quiz_13grams > 0", more: str = "") -> str:
    key = f"benchmarks: {{quiz: {{items: {items}, fields: question, ngrams: [13, 8]{more}}}}}\n"
    written = edited(RECIPE, "recipe: small\n", f"recipe: small\n{key}")
    return edited(written, "- drop:\n    top_2", f"- drop:\n    contaminated: {rule}\n    top_2")


@pytest.fixture(scope="module")
def done(crawl: Path, items: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    root, told = tmp_path_factory.mktemp("decontaminated") / "run", Listener()
    do_run(recipe(items), crawl, root, told)
    return root, told


def ledger(root: Path) -> dict[int, dict[str, Any]]:
    rows = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return {int(row["url"].rpartition("/")[2]): row for row in rows}


def test_pages_with_pieces_of_items_leave(done):
    root, told = done
    rows = ledger(root)
    assert {n for n, row in rows.items() if row["rule"] == "contaminated"} == {3, 4}
    first, second = (len(" ".join(ITEMS[i]["question"].split()).split()) - 12 for i in (0, 1))
    assert [rows[n]["text.quiz_13grams"] for n in (3, 4)] == [first, second]
    assert rows[0]["text.quiz_13grams"] == 0
    assert "text.quiz_8grams" not in rows[3], "what no rule reads is not measured"
    assert any(line.startswith("benchmarks.quiz: 1 of 4 items have fewer") for line in told.told)
    said = load_manifest(root)["benchmarks"]["quiz"]
    assert (said["items"], said["short_items"]) == (4, {"13": 1, "8": 1})
    assert said["sha256"] in (root / "recipe.yaml").read_text()
    card = (root / "dataset/README.md").read_text()
    assert "`quiz`: 1 item of 4 have fewer than 13 words" in card
    assert "whether texts of other benchmarks than `quiz` are among them" in card
    found = verify_run(root, 1000, lambda _done, _total: None)
    assert found.ok, found.differences


def test_whatif_audit_and_show_know_it(done):
    root, _ = done
    moved = Audit(root).whatif(drop=["contaminated"])
    assert (moved.before.kept.pages.value, moved.after.kept.pages.value) == (6, 8)
    rules = Audit(root).rules().set_index("rule")
    assert rules.loc["contaminated", "removed_pages"] == 2
    for view in views(root, limit=2, rule="contaminated"):
        number = int(view.page.row["url"].rpartition("/")[2])
        assert len(view.marks) == ledger(root)[number]["text.quiz_13grams"]
        first = view.marks[0]
        assert view.page.text[first.start : first.end].split()[0] == "That"


def test_other_items_are_measured_from_stored_text(crawl: Path, items: Path, tmp_path: Path):
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"question": prose(6)[0]}) + "\n")
    again = tmp_path / "run"
    do_run(recipe(items), crawl, again)
    do_run(recipe(path), crawl, again)
    assert {n for n, row in ledger(again).items() if row["rule"] == "contaminated"} == {6}
    commits = [json.loads(p.read_text()) for p in (again / "commits/curate").iterdir()]
    assert {commit["facts"]["read"] for commit in commits} == {"documents"}
    path.write_text(path.read_text() + "\n" + json.dumps({"question": "more"}))
    with pytest.raises(RecipeError, match="has changed: sha256"):
        load_recipe(str(again / "recipe.yaml"))
    path.unlink()
    whole = load_recipe(str(again / "recipe.yaml"))
    assert whole.benchmarks[0].items == str(path), "who only looks at a run need not have the file"
    table_of.cache_clear()
    with pytest.raises(UsageError, match="there is no file"):
        do_run((again / "recipe.yaml").read_text(), crawl, again)
    assert not views(again, rule="contaminated")[0].marks


def test_a_rule_reads_a_later_revision(crawl: Path, items: Path, tmp_path: Path):
    written = edited(recipe(items), "    contaminated: quiz_13grams > 0\n", "")
    late = "    curly_bracket: c4_lines.curly_lines > 0\n"
    written = edited(written, late, f"{late}    contaminated: c4_lines.quiz_8grams / words > 0.1\n")
    do_run(written, crawl, tmp_path / "run")
    assert ledger(tmp_path / "run")[3]["c4_lines.quiz_8grams"] > 10


def test_which_items_are_on_which_pages(done, items: Path):
    root, _ = done
    benchmark = Benchmark("quiz", str(items), ("question",), (13, 8))
    (long, _) = find_contamination(root, [benchmark])
    assert (long.items, long.short, long.pages, long.found) == (4, 1, 0, [])
    (long, short) = find_contamination(root, [benchmark], "documents")
    assert long.texts == 8
    assert long.pages == 2
    assert {item.number: (item.share, item.pages) for item in long.found} == {
        1: (1.0, 1), 2: (1.0, 1),
    }  # fmt: skip
    assert long.mostly == 2
    assert long.found[0].examples[0]["url"].endswith(("/3", "/4"))
    assert short.found[0].found == short.found[0].grams


def test_the_command_says_it(done, items: Path):
    root, _ = done
    asked = ("contamination", str(root), "--texts", "documents")
    shown = succeed(*asked)
    assert "quiz, 13-grams: something of 2 of 4 items is in 2 of 8 texts" in shown
    found = json.loads(succeed(*asked, "--items", str(items), "--fields", "question", "--json"))
    assert [(each["benchmark"], each["n"]) for each in found["benchmarks"]] == [
        ("items", 13), ("items", 8),
    ]  # fmt: skip
    assert found["benchmarks"][0]["found"][0]["share"] == 1.0
    assert cuvee(*asked, "--items", str(items)).returncode == 2


@pytest.mark.slow
def test_what_the_page_tells_people_to_write_and_type(crawl: Path, items: Path, tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs/decontamination.md").read_text()
    (written,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    typed = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
             for line in block.splitlines()]  # fmt: skip
    assert len(typed) == 4
    (tmp_path / "clean.yaml").write_text(written)
    for name in ("mmlu.jsonl", "gsm8k.jsonl"):
        (tmp_path / name).write_bytes(items.read_bytes())
    (tmp_path / "crawl").symlink_to(crawl)
    for command in typed:
        inline = " --engine inline" if command.startswith("cuvee run") else ""
        assert shell(f"{command}{inline}", tmp_path).strip(), command
    assert set(load_manifest(tmp_path / "runs/clean")["benchmarks"]) == {"mmlu", "gsm8k"}


def test_what_an_item_says(items: Path, tmp_path: Path):
    packed, table = tmp_path / "items.jsonl.gz", tmp_path / "items.parquet"
    packed.write_bytes(gzip.compress(items.read_bytes()))
    pq.write_table(pa.Table.from_pylist(ITEMS), table)
    wanted = ["\n".join([item["question"], *item["choices"]]).strip() for item in ITEMS]
    for path in (items, packed, table):
        found = read_items(path, ("question", "choices"))
        assert [text.strip() for text in found] == wanted
    with pytest.raises(UsageError, match=r"items.jsonl:1: the field 'meta.id' holds no text"):
        list(read_items(items, ("meta.id",)))
    with pytest.raises(UsageError, match=r"items.parquet: row 1: .*\n  Did you mean 'meta.id'"):
        list(read_items(table, ("meta.ids",)))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('{"question": "a"}\n\n{"question": \n', r":3: not json"),
        ('{"question": "a"}\n[1]\n', r":2: not an object"),
        ('{"question": "a"}\n{"qestion": "b"}\n', r":2: the item has no field 'question'"),
        ("", r":1: empty file"),
        ("\n\n", r"has no items"),
    ],
)
def test_wrong_items_are_said_with_their_line(tmp_path: Path, crawl: Path, lines: str, says: str):
    (tmp_path / "bad.jsonl").write_text(lines)
    with pytest.raises(UsageError, match=says):
        do_run(recipe(tmp_path / "bad.jsonl"), crawl, tmp_path / "run")
    assert not (tmp_path / "run/commits/curate").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("fields: question, ", "", "benchmarks.quiz names no fields"),
        ("ngrams: [13, 8]", "ngrams: [3]", "must be whole numbers from 5 to 50, not"),
        ("fields: question", "fields: question, field: a", "no option 'field'.\n  Did you mean"),
        ("benchmarks: {quiz:", "benchmarks: {quiz-1:", "'quiz-1' is no name for a benchmark"),
        ("quiz_13grams > 0", "quiz_9grams > 0", "'quiz_9grams', which nothing measures.\n  Did"),
        ("    contaminated: quiz_13grams > 0\n", "", "names 'quiz', which no rule reads"),
        ("quiz_13grams > 0", 'quiz_13grams == "a"', "compares the count quiz_13grams with a label"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said(tmp_path: Path, items: Path, old: str, new: str, says):
    (tmp_path / "r.yaml").write_text(edited(recipe(items), old, new))
    with pytest.raises(RecipeError, match=says.replace("[", r"\[")):
        load_recipe(str(tmp_path / "r.yaml"))


def test_items_of_the_hub(tmp_path: Path, items: Path):
    asked = ("recipes", "show", str(tmp_path / "r.yaml"), "--resolved")
    (tmp_path / "r.yaml").write_text(recipe("hf://datasets/org/quiz@main/test/items.jsonl"))
    with serve({"org/quiz": {"test/items.jsonl": items.read_bytes()}}) as hub:
        env = environment(hub, tmp_path / "hf")
        assert hashlib.sha256(items.read_bytes()).hexdigest() in succeed(*asked, env=env)
        (tmp_path / "r.yaml").write_text(recipe("hf://datasets/org/quiz/test/none.jsonl"))
        said = cuvee(*asked, env=env).stderr
        assert "r.yaml:2: benchmarks: 'hf://datasets/org/quiz/test/none.jsonl' cannot be" in said
    (tmp_path / "r.yaml").write_text(recipe("hf://datasets/org/quiz"))
    assert "is no file of a dataset" in cuvee(*asked).stderr


def test_a_missing_file_is_said(tmp_path: Path):
    (tmp_path / "r.yaml").write_text(recipe(tmp_path / "none.jsonl"))
    with pytest.raises(RecipeError, match=r"r.yaml:2: benchmarks: there is no file"):
        load_recipe(str(tmp_path / "r.yaml"))
