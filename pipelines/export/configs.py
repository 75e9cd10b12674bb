"""Small configs of tools that read YAML, in the fields that each of them documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS = 100
_LORA = {"lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0}


@dataclass(frozen=True, slots=True)
class Start:
    """What a config is made from."""

    data: str
    """The dataset's files as a pattern: an absolute path, or an address."""
    output: Path
    """Folder of the config, absolute."""
    model: str
    """The model that is trained further: a name on the Hub, or a folder."""
    sequence_length: int
    facts: Mapping[str, Any]
    """What `export.json` says of token ids, and of the tokenizer: vocabulary, end_of_document."""


def trl(start: Start) -> dict[str, Any]:
    """Return the config of `trl sft` (TRL 1.16: SFTConfig, DatasetMixtureConfig).

    Its default way of packing cuts off what is longer than a row; `wrapped` loses nothing.
    """
    return {
        "model_name_or_path": start.model,
        "datasets": [
            {"path": "parquet", "data_files": start.data, "split": "train", "columns": ["text"]}
        ],
        "dataset_text_field": "text",
        "packing": True,
        "packing_strategy": "wrapped",
        "max_length": start.sequence_length,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 8,
        "learning_rate": 2.0e-5,
        "max_steps": STEPS,
        "logging_steps": 1,
        "report_to": "none",
        "seed": 0,
        "output_dir": str(start.output / "model"),
    }


def trl_lora(start: Start) -> dict[str, Any]:
    """Return the same for an adapter of peft."""
    adapter = {"use_peft": True, **_LORA, "lora_target_modules": ["all-linear"]}
    return {
        **trl(start),
        **adapter,
        "learning_rate": 2.0e-4,
        "output_dir": str(start.output / "adapter"),
    }


def axolotl(start: Start) -> dict[str, Any]:
    """Return the config of `axolotl train` (Axolotl 0.19: AxolotlInputConfig).

    A `pretraining_dataset` is streamed, and so needs `max_steps` and takes no part of itself
    for validation.
    """
    return {
        "base_model": start.model,
        "pretraining_dataset": [
            {
                "path": "parquet",
                "data_files": start.data,
                "split": "train",
                "text_column": "text",
                "type": "pretrain",
            }
        ],
        "streaming": True,
        "sequence_len": start.sequence_length,
        "adapter": "lora",
        **_LORA,
        "lora_target_linear": True,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 8,
        "max_steps": STEPS,
        "optimizer": "adamw_torch",
        "learning_rate": 2.0e-4,
        "bf16": "auto",
        "logging_steps": 1,
        "seed": 0,
        "output_dir": str(start.output / "adapter"),
    }


def nanotron(start: Start) -> dict[str, Any]:
    """Return the config of nanotron's `run_train.py` (config.py: Config, NanosetDatasetsArgs).

    A small Llama for one GPU. The tokenizer's name has to be that in the `.ds.metadata`.
    """
    vocabulary, name = start.facts["vocabulary"], start.facts["tokenizer_name"]
    dataset = {
        "dataset_folder": str(start.output / "data"),
        "tokenizer_name": name,
        "vocab_size": vocabulary,
        "token_size_in_bytes": 2 if start.facts["dtype"] == "uint16" else 4,
    }
    return {
        "general": {"project": "cuvee", "run": "start", "seed": 0},
        "checkpoints": {
            "checkpoint_interval": STEPS,
            "checkpoints_path": str(start.output / "checkpoints"),
        },
        "data_stages": [
            {
                "name": "training",
                "start_training_step": 1,
                "data": {"dataset": dataset, "num_loading_workers": 1, "seed": 0},
            }
        ],
        "model": {
            "dtype": "bfloat16",
            "init_method": {"std": 0.025},
            "model_config": _small_llama(start),
        },
        "tokenizer": {"tokenizer_name_or_path": name},
        "tokens": {
            "sequence_length": start.sequence_length,
            "train_steps": STEPS,
            "micro_batch_size": 1,
            "batch_accumulation_per_replica": 8,
        },
        "optimizer": _adam(),
        "parallelism": {"dp": 1, "pp": 1, "tp": 1},
        "logging": {"log_level": "info", "iteration_step_info_interval": 1},
    }


def _small_llama(start: Start) -> dict[str, Any]:
    end = start.facts["end_of_document"] or 0
    return {
        "is_llama_config": True,
        "vocab_size": start.facts["vocabulary"],
        "bos_token_id": end,
        "eos_token_id": end,
        "hidden_act": "silu",
        "hidden_size": 512,
        "intermediate_size": 1536,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "max_position_embeddings": start.sequence_length,
        "initializer_range": 0.02,
        "rms_norm_eps": 1.0e-5,
        "tie_word_embeddings": True,
    }


def _adam() -> dict[str, Any]:
    return {
        "optimizer_factory": {
            "name": "adamW",
            "adam_beta1": 0.9,
            "adam_beta2": 0.95,
            "adam_eps": 1.0e-8,
            "torch_adam_is_fused": True,
        },
        "learning_rate_scheduler": {
            "learning_rate": 3.0e-4,
            "lr_warmup_steps": 10,
            "lr_warmup_style": "linear",
            "lr_decay_style": "cosine",
            "min_decay_lr": 3.0e-5,
        },
        "weight_decay": 0.01,
        "clip_grad": 1.0,
        "accumulate_grad_in_fp32": True,
        "zero_stage": 0,
    }
