"""What a tool that people train with needs to begin: data, or where it is, and a small config.

A config is meant to run as it is, and to be changed: a hundred steps with short sequences.
Tools that tokenize by themselves are shown the dataset where it lies; those that map token
ids into memory get them in their format.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import yaml

from filters.errors import UsageError
from pipelines.bucket.path import S3Path
from pipelines.export import configs, scripts
from pipelines.export.binary import Kind, Options, Watch, check_output, export_tokens
from pipelines.export.configs import Start
from pipelines.export.ends import (
    TOKENIZER,
    check_loadable,
    end_of_document,
    read_tokenizer,
    vocabulary_size,
    write_tokenizer,
)
from pipelines.files import plain_errors, write_whole
from pipelines.layout import Placed, all_tables, placed
from pipelines.manifest import load_manifest

Tool = Literal["trl", "axolotl", "unsloth", "torchtitan", "megatron", "nanotron"]
MODEL = "HuggingFaceTB/SmolLM2-135M"
"""What is trained further unless another model is named: small, and open."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written for a tool, and how training begins with it."""

    files: tuple[str, ...]
    """Below the output folder."""
    command: str
    facts: Mapping[str, Any]
    """Of the token ids, if the tool gets any: what `export.json` says."""


@dataclass(frozen=True, slots=True)
class _Kit:
    """How a tool is served."""

    files: Mapping[str, Callable[[Start], str]]
    command: str
    """With the folder as `{0}`."""
    tokens: Kind | None = None
    """Format of the token ids that it gets."""
    own_tokenizer: bool = False
    """Whether it tokenizes with the run's tokenizer."""


def _as_yaml(config: Callable[[Start], dict[str, Any]]) -> Callable[[Start], str]:
    return lambda start: yaml.safe_dump(config(start), sort_keys=False, allow_unicode=True)


_KITS: Mapping[Tool, _Kit] = {
    "trl": _Kit(
        {"trl.yaml": _as_yaml(configs.trl), "trl-lora.yaml": _as_yaml(configs.trl_lora)},
        "trl sft --config {0}/trl.yaml",
    ),
    "axolotl": _Kit({"axolotl.yaml": _as_yaml(configs.axolotl)}, "axolotl train {0}/axolotl.yaml"),
    "unsloth": _Kit({"unsloth_train.py": scripts.unsloth}, "python {0}/unsloth_train.py"),
    "torchtitan": _Kit(
        {"cuvee_torchtitan.py": scripts.torchtitan},
        "cd {0} && torchrun -m torchtitan.train --module cuvee_torchtitan --config pretrain",
        own_tokenizer=True,
    ),
    "megatron": _Kit(
        {"megatron.sh": scripts.megatron},
        "MEGATRON=path/to/Megatron-LM sh {0}/megatron.sh",
        tokens="megatron",
    ),
    "nanotron": _Kit(
        {"nanotron.yaml": _as_yaml(configs.nanotron)},
        "torchrun --nproc_per_node 1 path/to/nanotron/run_train.py --config-file {0}/nanotron.yaml",
        tokens="nanotron",
    ),
}


def export_for(
    run: Path,
    output: Path,
    tool: Tool,
    options: Options,
    model: str = MODEL,
    sequence_length: int = 2048,
    watch: Watch = lambda _, __: None,
) -> Made:
    """Write into a folder what a tool needs to begin with the dataset of a finished run.

    UsageError as `export_tokens`, and where a file of that name is there with another content:
    a person may have changed it.
    """
    check_output(output)
    kit = _KITS[tool]
    if kit.tokens is None:  # of token ids the export itself sees whether they are there
        _check_dataset(run)
    if kit.tokens is not None or kit.own_tokenizer:
        check_loadable(run, tool)
    place = output.resolve()
    with plain_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    facts, beside = _tokens(run, place, kit, options, watch)
    data = run if isinstance(run, S3Path) else run.resolve()
    start = Start(f"{data}/dataset/{_tables(run)}", place, model, sequence_length, facts)
    for name, text in kit.files.items():
        _write(output / name, text(start).encode())
    return Made((*kit.files, *beside), kit.command.format(quote(str(output))), facts)


def _tables(run: Path) -> str:
    """Return the pattern of a run's shards below `dataset/`."""
    folder = run / "dataset" / "data"
    shard = next(folder.rglob("*.parquet"), None)
    place = placed(shard.relative_to(folder).as_posix()) if shard else Placed("")
    return all_tables("data", by_language=bool(place.language))


def _check_dataset(run: Path) -> None:
    load_manifest(run)
    if next((run / "dataset" / "data").rglob("*.parquet"), None) is None:
        raise UsageError(
            f"{run}: has no dataset/data/ with tables.\n"
            "  Name the folder of the run itself, or a tool that reads token ids."
        )


def _tokens(
    run: Path, output: Path, kit: _Kit, options: Options, watch: Watch
) -> tuple[Mapping[str, Any], list[str]]:
    """Write the token ids or the tokenizer that a tool needs; return facts and names of files."""
    if kit.tokens is not None:
        done = export_tokens(run, output / "data", kit.tokens, options, watch)
        return done.facts, [f"data/{name}" for name in done.files]
    if not kit.own_tokenizer:
        return {}, []
    tokenizer = read_tokenizer(run)
    end = end_of_document({}, tokenizer, options.end)
    write_tokenizer(run, end, output)
    return {"vocabulary": vocabulary_size({}, tokenizer), "end_of_document": end}, [TOKENIZER]


def _write(path: Path, data: bytes) -> None:
    if path.exists() and path.read_bytes() != data:
        raise UsageError(
            f"{path}: is there, and is not what would be written now.\n"
            "  Choose another --output, or remove that file if nothing in it is yours."
        )
    write_whole(path, data)
