"""What `cuvee export --for` writes is enough to begin with: trained on, or checked by the tool."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from pipelines.tokenizer import END_OF_TEXT
from pipelines.tokens.folder import write_folder
from tests.command import succeed

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}


@pytest.fixture(scope="module")
def model(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with the run's tokenizer; nothing is fetched."""
    folder = tmp_path_factory.mktemp("model")
    write_folder(folder, (small_run / "tokenizer.json").read_bytes(), END_OF_TEXT)
    config = LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=128,
        eos_token_id=0, bos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def made_for(tool: str, run: Path, output: Path, *more: str | Path) -> dict:
    given = ("export", run, "--for", tool, "--output", output, "--json", *more)
    return json.loads(succeed(*given))


@pytest.fixture(scope="module")
def for_trl(small_run: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trl") / "out"
    made_for("trl", small_run, output, "--model", model, "--sequence-length", "64")
    return output


def train_with_trl(config: Path) -> str:
    """Run the command that `cuvee export --for trl` names, for two steps on the CPU."""
    command = [Path(sys.executable).parent / "trl", "sft", "--config", config]
    done = subprocess.run(
        [*command, "--max_steps", "2", "--use_cpu", "true", "--bf16", "false"],
        env={**os.environ, **OFFLINE}, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def weights(file: Path) -> Iterator[tuple[str, object]]:
    with safe_open(str(file), framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118  it is no dictionary
            yield name, opened.get_tensor(name)


def test_trl_trains_a_model_on_the_dataset(for_trl: Path, model: Path):
    train_with_trl(for_trl / "trl.yaml")
    before = dict(weights(model / "model.safetensors"))
    after = dict(weights(for_trl / "model/model.safetensors"))
    changed = [name for name, tensor in before.items() if not tensor.equal(after[name])]
    assert len(changed) > len(before) // 2


def test_trl_trains_an_adapter_of_peft_on_the_dataset(for_trl: Path):
    train_with_trl(for_trl / "trl-lora.yaml")
    adapter = dict(weights(for_trl / "adapter/adapter_model.safetensors"))
    added = [tensor for name, tensor in adapter.items() if "lora_B" in name]
    assert len(added) == 2 * 7
    assert all(tensor.abs().max() > 0 for tensor in added)


def test_trl_packs_all_tokens_and_cuts_none_off(for_trl: Path, model: Path):
    from datasets import load_dataset
    from trl import pack_dataset

    said = yaml.safe_load((for_trl / "trl.yaml").read_text())
    (given,) = said["datasets"]
    rows = load_dataset("parquet", data_files=given["data_files"], split="train")
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = rows.map(lambda row: {"input_ids": tokenizer(row["text"])["input_ids"]})
    ids = ids.select_columns(["input_ids"])
    packed = pack_dataset(ids, said["max_length"], said["packing_strategy"])
    assert sum(map(len, packed["input_ids"])) == sum(map(len, ids["input_ids"]))
    assert sum(map(len, ids["input_ids"])) == sum(rows["token_count"])
    assert len(rows) > 5


def test_a_tokenizer_that_is_written_is_loaded_by_transformers(small_run: Path, tmp_path: Path):
    made_for("nanotron", small_run, tmp_path / "out")
    said = yaml.safe_load((tmp_path / "out/nanotron.yaml").read_text())
    tokenizer = AutoTokenizer.from_pretrained(said["tokenizer"]["tokenizer_name_or_path"])
    dataset = said["data_stages"][0]["data"]["dataset"]
    assert len(tokenizer) == dataset["vocab_size"] == said["model"]["model_config"]["vocab_size"]
    assert tokenizer.eos_token_id == said["model"]["model_config"]["eos_token_id"]


def test_axolotl_takes_the_config(small_run: Path, tmp_path: Path):
    schemas = pytest.importorskip(
        "axolotl.utils.schemas.config", reason="axolotl pins versions that the others do not take"
    )
    made_for("axolotl", small_run, tmp_path / "out")
    said = yaml.safe_load((tmp_path / "out/axolotl.yaml").read_text())
    assert not set(said) - set(schemas.AxolotlInputConfig.model_fields)
    taken = schemas.AxolotlInputConfig(**said)
    assert taken.pretraining_dataset[0].data_files.endswith("/dataset/data/*/*.parquet")


def test_torchtitan_takes_the_module_and_reads_batches(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = pytest.importorskip(
        "torchtitan.config", reason="torchtitan pins an older datasets than the others take"
    )
    made_for("torchtitan", small_run, tmp_path / "out", "--sequence-length", "64")
    monkeypatch.syspath_prepend(tmp_path / "out")
    given = ["--module", "cuvee_torchtitan", "--config", "pretrain"]
    taken = config.ConfigManager().parse_args(given)
    tokenizer = taken.tokenizer.build(tokenizer_path=taken.hf_assets_path)
    loader = taken.dataloader.build(
        dp_world_size=1, dp_rank=0, tokenizer=tokenizer, seq_len=taken.training.seq_len,
        local_batch_size=2,
    )  # fmt: skip
    inputs, labels = next(iter(loader))
    assert inputs["input"].shape == labels.shape == (2, 64)
    assert int(inputs["input"].max()) < taken.model_spec.model.vocab_size == 400
