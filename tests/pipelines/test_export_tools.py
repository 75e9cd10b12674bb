"""What `cuvee export` writes for training tools: whole, safe whatever it is given, and said."""

import ast
import json
import os
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
import zstandard
from tokenizers import Tokenizer

from filters.errors import UsageError
from pipelines.export.binary import Options
from pipelines.export.tools import MODEL, export_for
from pipelines.loading import open_shards
from tests.command import succeed
from tests.hub.people import run_commands
from tests.pipelines.memmaps import MEGATRON, read_ds, read_megatron
from tests.pipelines.small_run import Finished

HOSTILE = "org/'\"; import os; os.system('touch broken') #\n$(touch broken)`touch broken`"


def texts(root: Path) -> list[str]:
    return pq.read_table(root / "dataset/data", partitioning=None)["text"].to_pylist()


def pointed_at(pattern: str) -> int:
    """How many tables a pattern of `datasets` names."""
    start, _, rest = pattern.partition("*")
    return len(list(Path(start).glob("*" + rest)))


@pytest.mark.parametrize(
    ("tool", "name", "where"),
    [
        ("trl", "trl.yaml", "datasets"),
        ("trl", "trl-lora.yaml", "datasets"),
        ("axolotl", "axolotl.yaml", "pretraining_dataset"),
    ],
)
def test_configs_in_yaml_name_the_shards_of_the_dataset(
    base: Finished, tmp_path: Path, tool, name, where
):
    made = export_for(base.root, tmp_path / "out", tool, Options(), sequence_length=128)
    said = yaml.safe_load((tmp_path / "out" / name).read_text())
    assert name in made.files
    (dataset,) = said[where]
    assert pointed_at(dataset["data_files"]) == len(list(base.root.glob("dataset/data/*/*")))
    assert MODEL in said.values()
    assert 128 in said.values()
    assert said["max_steps"] == 100


def test_programs_are_python_whatever_they_are_given(base: Finished, tmp_path: Path):
    odd = base.copy(tmp_path / 'a run\'s "folder" $(x)')
    for tool, name in (("unsloth", "unsloth_train.py"), ("torchtitan", "cuvee_torchtitan.py")):
        export_for(odd, tmp_path / tool, tool, Options(), model=HOSTILE)
        tree = ast.parse((tmp_path / tool / name).read_text())
        values = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        assert pointed_at(values["DATA"]) == 1
        assert values.get("MODEL", HOSTILE) == HOSTILE
    export_for(odd, tmp_path / "trl", "trl", Options(), model=HOSTILE)
    assert yaml.safe_load((tmp_path / "trl/trl.yaml").read_text())["model_name_or_path"] == HOSTILE


def test_megatron_gets_its_tokens_and_a_script_that_names_them(base: Finished, tmp_path: Path):
    odd = tmp_path / "an 'odd' $(touch broken) folder"
    export_for(base.root, odd, "megatron", Options(), sequence_length=64)
    documents = read_megatron(odd / "data/corpus_text_document", MEGATRON)
    tokenizer = Tokenizer.from_file(str(odd / "data/tokenizer/tokenizer.json"))
    assert [tokenizer.decode(ids[:-1]) for ids in documents] == texts(base.root)
    # What torchrun would get, from a torchrun that says it.
    (tmp_path / "torchrun").write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    (tmp_path / "torchrun").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(odd / "megatron.sh"), "--lr", "1"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "MEGATRON": "/opt/megatron"},
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    words = done.stdout.splitlines()
    assert words[:3] == ["--nproc_per_node", "1", "/opt/megatron/pretrain_gpt.py"]
    assert words[words.index("--data-path") + 1] == str(odd / "data/corpus_text_document")
    assert words[words.index("--tokenizer-model") + 1] == str(odd / "data/tokenizer")
    assert words[-2:] == ["--lr", "1"]
    assert not (tmp_path / "broken").exists()


def test_nanotron_gets_tokens_that_fit_its_config(base: Finished, tmp_path: Path):
    export_for(base.root, tmp_path / "out", "nanotron", Options())
    said = yaml.safe_load((tmp_path / "out/nanotron.yaml").read_text())
    dataset = said["data_stages"][0]["data"]["dataset"]
    (file,) = Path(dataset["dataset_folder"]).glob("*.ds")
    documents, metadata = read_ds(file)
    assert len(documents) == len(texts(base.root))
    assert metadata[0] == f"{dataset['tokenizer_name']}|{dataset['token_size_in_bytes']}"
    assert said["tokenizer"]["tokenizer_name_or_path"] == dataset["tokenizer_name"]
    assert Path(dataset["tokenizer_name"], "tokenizer.json").is_file()


def test_a_file_that_a_person_has_changed_stays(base: Finished, tmp_path: Path):
    export_for(base.root, tmp_path / "out", "axolotl", Options())
    export_for(base.root, tmp_path / "out", "axolotl", Options())
    config = tmp_path / "out/axolotl.yaml"
    config.write_text(config.read_text().replace("0.0002", "0.0005"))
    with pytest.raises(UsageError, match=r"axolotl\.yaml: is there, and is not what"):
        export_for(base.root, tmp_path / "out", "axolotl", Options())
    assert "0.0005" in config.read_text()


def test_the_command_says_what_it_has_written(base: Finished, tmp_path: Path):
    tokens = sum(block.tokens for block in open_shards(base.root).blocks)
    rows = len(texts(base.root))
    output = tmp_path / "out"
    said = succeed("export", base.root, "--format", "megatron", "--output", output)
    assert said.splitlines() == [
        f"{output}/corpus_text_document.bin",
        f"{output}/corpus_text_document.idx",
        f"{rows} documents, {tokens + rows:,} tokens as int32; documents end with id 0",
    ]
    assert succeed("export", base.root, "--format", "megatron", "--output", output) == said
    again = ("--format", "nanotron", "--shuffle", "3", "--end-of-document", "none", "--json")
    facts = json.loads(succeed("export", base.root, *again, "--output", tmp_path / "n"))
    assert facts["tokens"] == tokens
    assert facts["end_of_document"] is None
    assert facts["shuffle"] == 3
    assert [item["rows"] for item in facts["files"]] == [rows] * 3
    said = succeed("export", base.root, "--for", "trl", "--output", tmp_path / "t")
    assert said.splitlines()[-1] == f"Begin with: trl sft --config {tmp_path}/t/trl.yaml"


def test_the_command_writes_texts_as_well(base: Finished, tmp_path: Path):
    given = (
        "export",
        base.root,
        "--format",
        "pile",
        "--source",
        "Mine",
        "--output",
        tmp_path / "p",
    )
    said = succeed(*given)
    assert succeed(*given) == said
    rows = len(texts(base.root))
    *files, counted = said.splitlines()
    assert [Path(name).suffixes[-2:] for name in files] == [[".jsonl", ".zst"]]
    assert counted.startswith(f"{rows} documents, ")
    facts = json.loads(succeed(*given, "--json"))
    assert facts["documents"] == rows
    with zstandard.open(tmp_path / "p" / facts["files"][0]["path"], "rt") as lines:
        found = [json.loads(line) for line in lines]
    assert [line["text"] for line in found] == texts(base.root)
    assert {line["meta"]["pile_set_name"] for line in found} == {"Mine"}


WRONG = {
    "--format c4 --shuffle 1": "--format c4: --end-of-document, --dtype and --shuffle are for",
    "": "--format and --for: exactly one of them is needed",
    "--format megatron --for trl": "exactly one of them is needed",
    "--format megatron --end-of-document <|endoftxt|>": "Did you mean '<|endoftext|>'",
    "--format megatran": "'megatran' is not one of",
}


def test_wrong_use_is_told(base: Finished, tmp_path: Path):
    commands = [
        ["export", base.root, "--output", tmp_path / "out", *given.split()] for given in WRONG
    ]
    for (code, said), words in zip(run_commands(commands, os.environ), WRONG.values(), strict=True):
        assert code == 2
        assert words in said
    assert not (tmp_path / "out/export.json").exists()


def test_a_run_that_has_not_finished_is_not_exported(base: Finished, tmp_path: Path):
    root = base.copy(tmp_path / "run")
    (root / "manifest.json").unlink()
    no_run = base.copy(tmp_path / "none")
    (no_run / "manifest.json").unlink()
    shutil.rmtree(no_run / "commits")
    commands = [
        ["export", root, "--output", tmp_path / "out", "--format", "megatron"],
        ["export", root, "--output", tmp_path / "out", "--for", "trl"],
        ["export", no_run, "--output", tmp_path / "out", "--format", "megatron"],
    ]
    (one, told), (other, told_too), (third, said) = run_commands(commands, os.environ)
    assert one == other == third == 2
    assert "the run has not finished" in told
    assert "the run has not finished" in told_too
    assert "no run of cuvee is there" in said


def test_a_folder_with_token_ids_alone_does_for_tools_that_read_them(
    base: Finished, tmp_path: Path
):
    root = base.copy(tmp_path / "run")
    shutil.rmtree(root / "dataset")
    export_for(root, tmp_path / "megatron", "megatron", Options())
    with pytest.raises(UsageError, match=r"has no dataset/data/ with tables"):
        export_for(root, tmp_path / "trl", "trl", Options())
