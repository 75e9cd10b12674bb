"""The dataset card as its readers and the Hub see it, and what lies beside it."""

import hashlib
import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Features
from markdown_it import MarkdownIt

from pipelines.audit import Audit
from pipelines.card import make_card, missing_fields, write_card
from pipelines.card.annex import NOT_MEASURED
from pipelines.card.beside import AUDIT, BESIDE, FUNNEL
from pipelines.card.head import language_codes
from pipelines.files import sha256_of
from pipelines.manifest import load_manifest, run_files
from pipelines.picture import draw_funnel
from pipelines.recipe import load_recipe
from tests.command import cuvee, python, shell, succeed
from tests.pipelines.small_run import (
    RECIPE,
    REPOSITORY,
    Finished,
    differing,
    do_run,
    published,
)
from tests.pipelines.units import Listener

LIBRARIES = ("load_dataset", "pandas", "polars", "duckdb", "datatrove", "cuvee run")
HOSTILE = "</table><script>alert(1)</script>|`x`\n# Head\n<!-- cuvee:end funnel -->\x1b[31m"


def card_of(root: Path) -> str:
    return (root / "dataset/README.md").read_text()


def head_of(root: Path) -> dict:
    return yaml.safe_load(card_of(root).split("---\n")[1])


def html(markdown: str) -> str:
    """Render as the Hub does: Markdown with tables, HTML let through."""
    body = markdown.split("---\n", 2)[2] if markdown.startswith("---\n") else markdown
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(body)


def test_the_command_writes_the_card_and_everything_beside_it(carded: Finished, tmp_path):
    root = carded.copy(tmp_path / "run")
    said = json.loads(succeed("card", root, "--repo", REPOSITORY, "--json"))
    names = {"README.md", "funnel.svg", "domains/local.parquet", *BESIDE}
    assert {item["path"] for item in said["files"]} == {f"dataset/{name}" for name in names}
    assert said["missing"] == []
    for item in said["files"]:
        assert (root / item["path"]).stat().st_size == item["bytes"]
        assert sha256_of(root / item["path"]) == item["sha256"]
    for name in names - {"README.md", "SHA256SUMS"}:
        assert (root / "dataset" / name).read_bytes() == (
            carded.root / "dataset" / name
        ).read_bytes(), name
    assert card_of(root) == card_of(carded.root)
    (root / "card.yaml").unlink()
    told = succeed("card", root)
    assert "card.yaml does not say yet: purpose, license, contact" in told


def test_the_manifest_names_what_was_written_and_the_run_stays_finished(
    carded: Finished, base: Finished, small_crawl, tmp_path
):
    root = carded.copy(tmp_path / "run")
    before = {item["path"]: item for item in load_manifest(base.root)["files"]}
    after = {item["path"]: item for item in load_manifest(root)["files"]}
    extra = {f"dataset/{name}" for name in (*BESIDE, "domains/local.parquet")}
    assert after.keys() - before.keys() == extra
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"dataset/README.md"}
    for path, item in after.items():
        assert sha256_of(root / path) == item["sha256"], path
    assert differing(published(root), published(base.root)) == []
    listed = {path.name for path in (root / "dataset/data").rglob("*") if path.is_file()}
    assert listed == {Path(path).name for path in before if path.startswith("dataset/data/")}
    assert not do_run(RECIPE, small_crawl, root).did_work
    other = RECIPE.replace("short: lexical_words < 50", "short: lexical_words < 60")
    assert do_run(other, small_crawl, root, Listener()).did_work
    assert not [path for path in extra if (root / path).exists()]
    assert "lexical_words &lt; 60" in html(card_of(root))
    assert "Made for tests." in card_of(root)


def test_the_head_says_what_hub_and_datasets_ask_for(carded: Finished):
    head, manifest = head_of(carded.root), load_manifest(carded.root)
    (shard,) = (carded.root / "dataset/data").rglob("*.parquet")
    assert head["pretty_name"] == "A small run"
    assert head["license"] == "odc-by"
    assert head["language"] == ["en"]
    assert head["task_categories"] == ["text-generation"]
    assert head["size_categories"] == ["n<1K"]
    assert [config["config_name"] for config in head["configs"]] == ["default", "local"]
    every, local = head["dataset_info"]
    features = Features.from_arrow_schema(pq.read_schema(shard))
    assert every["features"] == features._to_yaml_list()
    footer = pq.ParquetFile(shard).metadata
    groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
    size = sum(group.total_byte_size for group in groups)
    for info in (every, local):
        assert info["splits"] == [
            {"name": "train", "num_bytes": size, "num_examples": manifest["rows"]}
        ]
        assert info["download_size"] == shard.stat().st_size
        assert info["dataset_size"] == size


def test_labels_become_codes_of_iso_639():
    labels = ["en", "als", "eng_Latn", "cmn_Hani", "zh", "ceb", "", "und_Zyyy", "x-unknown", "EN"]
    assert language_codes(labels) == ["ceb", "en", "gsw", "zh"]


def test_samples_that_are_there_become_configs(carded: Finished, tmp_path):
    root = carded.copy(tmp_path / "run")
    (shard,) = (root / "dataset/data").rglob("*.parquet")
    folder = root / "dataset/sample/1MT"
    folder.mkdir(parents=True)
    (folder / "000_00000.parquet").write_bytes(shard.read_bytes())
    make_card(root, REPOSITORY)
    (config,) = [c for c in head_of(root)["configs"] if c["config_name"] == "sample-1MT"]
    assert config["data_files"] == [{"split": "train", "path": "sample/1MT/*.parquet"}]
    sums = (root / "dataset/SHA256SUMS").read_text()
    assert f"{sha256_of(shard)}  sample/1MT/000_00000.parquet\n" in sums
    records = json.loads((root / "dataset/croissant.json").read_text())["recordSet"]
    assert [record["@id"] for record in records] == ["default", "local", "sample-1MT"]


def test_the_checksums_are_those_of_every_file_and_of_the_commits(carded: Finished, tmp_path):
    root = carded.copy(tmp_path / "run")
    folder = root / "dataset"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    named = {line.split("  ", 1)[1] for line in lines}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert named == there - {"SHA256SUMS"}
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder, check=False).returncode == 0
    (shard,) = (folder / "data").rglob("*.parquet")
    with shard.open("ab") as stream:  # what is damaged since may not get a new checksum
        stream.write(b"\0")
    whole = {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in lines}
    name = shard.relative_to(folder).as_posix()
    assert whole[name] != hashlib.sha256(shard.read_bytes()).hexdigest()


def test_the_recipe_beside_the_card_is_that_of_the_run(carded: Finished):
    written = (carded.root / "dataset/recipe.yaml").read_text()
    digest = load_manifest(carded.root)["recipe"]["digest"]
    assert written.startswith(f"# Digest of the recipe as it was run: {digest}\n")
    own = yaml.safe_load((carded.root / "recipe.yaml").read_text())
    shown = yaml.safe_load(written)
    assert Path(own["input"][0]).is_absolute()
    assert shown == {**own, "input": [Path(own["input"][0]).name]}
    ours = load_recipe(str(carded.root / "dataset/recipe.yaml"))
    theirs = load_recipe(str(carded.root / "recipe.yaml"))
    assert ours.work_digest == theirs.work_digest


def test_the_funnel_beside_the_card_is_that_of_the_manifest(carded: Finished):
    table = pq.read_table(carded.root / "dataset/funnel.parquet")
    assert table.schema.equals(FUNNEL)
    rows, funnel = table.to_pylist(), load_manifest(carded.root)["funnel"]
    assert [row["step"] for row in rows] == list(range(len(funnel)))
    for row, told in zip(rows, funnel, strict=True):
        shown = (row["status"], row["stage"] or "", row["rule"] or "", row["pages"], row["tokens"])
        assert shown == tuple(told[k] for k in ("status", "stage", "rule", "pages", "tokens"))
    conditions = {row["rule"]: row["condition"] for row in rows}
    assert conditions["short"] == "lexical_words < 50"
    assert conditions["minhash"] is None


def test_the_annex_says_not_measured_where_nothing_was(carded: Finished, base, tmp_path):
    data = json.loads((carded.root / "dataset/annex.json").read_text())
    page = (carded.root / "dataset/annex.md").read_text()
    manifest = load_manifest(carded.root)
    assert data["1.3 training data"]["tokens"] == manifest["tokens"]
    assert data["1.3 training data"]["size_band"] == "less than 1 billion tokens"
    assert data["1.3 training data"]["official_languages_of_the_EU"] == ["en"]
    rights = data["3.1 reservations of rights"]
    protocols = [name for name in rights if name not in ("measures", "requests_for_removal")]
    assert len(protocols) == 8
    for name in protocols:
        assert rights[name] == NOT_MEASURED
        assert f"- {name}: {NOT_MEASURED}\n" in page
    assert rights["requests_for_removal"] == "The discussions of the repository."
    assert data["2.3 data crawled from the web"]["crawler"] == "not stated"
    top = data["2.3 data crawled from the web"]["domains"]["top_10_percent"]
    rows = pq.read_table(carded.root / "dataset/domains.parquet").to_pylist()
    assert top["number"] == -(-len(rows) // 10)
    assert top["bytes_of_text"] == sum(row["bytes"] for row in rows[: top["number"]])
    assert f"- tokens: {manifest['tokens']:,}\n" in page
    root = base.copy(tmp_path / "run")
    make_card(root)
    bare = json.loads((root / "dataset/annex.json").read_text())
    assert bare["about"]["address"] == bare["about"]["licence"] == "not stated"


def test_a_persons_text_outlives_card_and_run(carded: Finished, small_crawl, tmp_path):
    root = carded.copy(tmp_path / "run")
    card = root / "dataset/README.md"
    mark = "<!-- cuvee:begin funnel -->"
    written = card.read_text().replace(mark, f"A note of mine.\n\n{mark}")
    card.write_text(written.replace("tags:\n", "tags:\n- mine\n"))
    make_card(root, REPOSITORY)
    assert head_of(root)["tags"] == ["cuvee", "mine"]
    assert card_of(root).index("A note of mine.") < card_of(root).index(mark)
    other = RECIPE.replace("short: lexical_words < 50", "short: lexical_words < 60")
    assert do_run(other, small_crawl, root).did_work
    assert card_of(root).count("A note of mine.") == 1
    assert card_of(root).index("A note of mine.") < card_of(root).index(mark)


def test_a_hostile_name_is_only_text(base: Finished, tmp_path):
    """Names of files, rules, hosts and languages: none can write Markdown, HTML or marks."""
    manifest = {
        **load_manifest(base.root),
        "failed_units": {HOSTILE: HOSTILE},
        "languages": {"en": 1, HOSTILE: 2},
        "other_records": {HOSTILE: 3},
        "edits": {HOSTILE: 4},
        "dates": [HOSTILE, HOSTILE],
    }
    manifest["funnel"] = [
        {"status": "dropped", "stage": "quality", "rule": HOSTILE, "pages": 5, "tokens": 6},
        {"status": "dropped", "stage": "quality", "rule": HOSTILE, "pages": 7, "tokens": 8,
         "block": "Own"},
        {"status": "failed", "stage": "read", "rule": HOSTILE, "pages": 1, "tokens": 0},
        *manifest["funnel"],
    ]  # fmt: skip
    recipe = load_recipe(str(base.root / "recipe.yaml"))
    (tmp_path / "dataset").mkdir()
    card = write_card(tmp_path, recipe, manifest, manifest["files"]).read_text()
    shown = html(card)
    assert shown.count("&lt;script&gt;") > 8
    for meant in ("<script", "<h1>Head", "\x1b", "cuvee:end funnel -->\n\n"):
        assert meant not in shown, meant
    assert len(re.findall(r"^<!-- cuvee:end funnel \w+ -->$", card, re.MULTILINE)) == 1
    assert all("|" not in cell for cell in ET.fromstring(  # noqa: S314  our own
        f"<x>{shown[shown.index('<table>'):shown.index('</table>')]}</table></x>"
    ).itertext() if "script" not in cell)  # fmt: skip
    drawn = ET.fromstring(draw_funnel(manifest))  # noqa: S314  our own
    assert {element.tag.rpartition("}")[2] for element in drawn.iter()} <= {
        "svg", "title", "rect", "text",
    }  # fmt: skip
    again = write_card(tmp_path, recipe, manifest, manifest["files"]).read_text()
    assert again == card


def test_a_hostile_domain_is_only_text(carded: Finished):
    from dataclasses import replace

    from pipelines.card.annex import annex, annex_page
    from pipelines.card.count import Counted, Domains, OneDomain, Scores
    from pipelines.card.facts import Facts
    from pipelines.card.limits import limits

    row = {"rank": 1, "domain": HOSTILE, "pages": 1, "bytes": 2, "tokens": 3}
    counted = Counted(
        scores={HOSTILE: Scores(1, 0.5, 0.5, 1)},
        domains=Domains(1, 2, [row], 1, 2),
        one_domain=[OneDomain("quality", HOSTILE, HOSTILE, 11, 12)],
    )
    counted.truncated[HOSTILE] = 1
    recipe = yaml.safe_load((carded.root / "recipe.yaml").read_text())
    manifest = {**load_manifest(carded.root), "languages": {HOSTILE: 1}}
    facts = replace(Facts(manifest, recipe, []), counted=counted)
    for page in (limits(facts), annex_page(annex(facts))):
        shown = html(page)
        assert "&lt;script&gt;" in shown
        assert "<script" not in shown
        assert "<h1>Head" not in shown
        assert "\x1b" not in page


def test_the_audit_beside_the_card_is_that_of_the_ledger(carded: Finished):
    table = pq.read_table(carded.root / "dataset/audit.parquet")
    assert table.schema.equals(AUDIT)
    asked = Audit(carded.root).rules()
    assert table.to_pylist() == pa.Table.from_pandas(asked, schema=AUDIT).to_pylist()
    assert table.num_rows > 10


def test_a_part_that_was_changed_by_hand_is_named_and_kept_as_a_comment(carded, tmp_path):
    root = carded.copy(tmp_path / "run")
    card = root / "dataset/README.md"
    card.write_text(card.read_text().replace("## Fields\n", "## Fields\n\nMy own words.\n"))
    said = succeed("card", root, "--repo", REPOSITORY)
    assert "Changed by hand, computed anew: fields." in said
    written = card_of(root)
    assert written.count("My own words.") == 1
    assert "My own words." not in re.sub(r"<!--.*?-->", "", written, flags=re.DOTALL)
    assert make_card(root, REPOSITORY).changed == ()
    assert card_of(root) == written


@pytest.mark.parametrize("name", ["small", "../x"])
def test_a_wrong_repository_name_is_told(base: Finished, name):
    done = cuvee("card", base.root, "--repo", name)
    assert done.returncode == 2
    assert "is no dataset's name" in done.stderr


def test_a_card_needs_a_finished_run(base: Finished, tmp_path):
    none = cuvee("card", tmp_path)
    assert none.returncode == 2
    assert "no run of cuvee is there" in none.stderr
    root = base.copy(tmp_path / "run")
    (root / "manifest.json").unlink()
    begun = cuvee("card", root)
    assert begun.returncode == 2
    assert "the run has not finished" in begun.stderr


def test_a_broken_head_is_told_and_nothing_is_written(carded: Finished, tmp_path):
    root = carded.copy(tmp_path / "run")
    card = root / "dataset/README.md"
    card.write_text(f"---\na: [\n---\n{card.read_text()}")
    before = {path: path.read_bytes() for path in (root / "dataset").rglob("*.*")}
    done = cuvee("card", root)
    assert done.returncode == 2
    assert f"{card}:" in done.stderr
    assert {path: path.read_bytes() for path in (root / "dataset").rglob("*.*")} == before


def test_a_run_whose_manifest_lists_no_files_names_them_by_its_commits(carded: Finished):
    manifest = load_manifest(carded.root)
    found = run_files(carded.root, {**manifest, "files": []})
    listed = {item["path"]: item for item in manifest["files"]}
    assert {item["path"]: item for item in found} == listed
    assert missing_fields(carded.root) == []


def test_the_pages_commands_work(base: Finished, tmp_path):
    page = (Path(__file__).parents[2] / "docs/card.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    typed = block.splitlines()
    assert len(typed) == 2
    base.copy(tmp_path / "runs/demo")
    for command in typed:
        assert shell(command, tmp_path)
    for name in re.findall(r"^\| `(\S+?)`", page, re.MULTILINE):
        assert (tmp_path / "runs/demo/dataset" / name).exists(), name


@pytest.mark.slow
def test_the_programs_of_the_card_load_the_dataset(carded: Finished, tmp_path):
    """Each as it is written, with the folder in place of the repository."""
    folder, manifest = carded.root / "dataset", load_manifest(carded.root)
    written = re.findall(
        r"^```(python|sh)\n(.*?)^```$", card_of(carded.root), re.MULTILINE | re.DOTALL
    )
    loading = [(kind, text) for kind, text in written if REPOSITORY in text]
    assert len(loading) == 6
    said = {}
    for kind, program in loading:
        name = next(word for word in LIBRARIES if word in program)
        given = f"{folder}/data" if name == "cuvee run" else str(folder)  # tables lie beside it
        here = program.replace(f"hf://datasets/{REPOSITORY}", given)
        here = here.replace(f'"{REPOSITORY}"', f'"{folder}"')
        said[name] = shell(here if kind == "sh" else python(here), tmp_path)
    rows = manifest["rows"]
    assert said["load_dataset"].startswith(f"{rows} http://")
    assert "minhash_cluster_size" in said["pandas"] or "..." in said["pandas"]
    assert f"│ {rows} " in said["duckdb"].replace("  ", " ") or str(rows) in said["duckdb"]
    assert "shape: " in said["polars"]
    assert "token_count" in said["polars"]
    assert said["datatrove"].count("http://") == 3
    assert f"{rows:,} pages" in said["cuvee run"]


def test_a_dataset_without_pages_has_a_card_too(base: Finished, tmp_path):
    manifest = load_manifest(base.root)
    funnel = [row for row in manifest["funnel"] if row["status"] != "kept"]
    nothing = {"rows": 0, "tokens": 0, "text_bytes": 0, "languages": {}, "dates": [], "dedup": {}}
    (tmp_path / "dataset").mkdir()
    recipe = load_recipe(str(base.root / "recipe.yaml"))
    card = write_card(tmp_path, recipe, {**manifest, **nothing, "funnel": funnel}, []).read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert "configs" not in head
    assert "language" not in head
    assert "0 documents, 0 tokens, 0 B of text in 0 languages" in card
    assert "No page was kept, so there is nothing to load." in card
    assert "## Repeats" not in card
