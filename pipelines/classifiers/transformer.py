"""Sequence classifiers of `transformers`, such as FineWeb-Edu's: needs the extra `transformers`.

The score is the one logit of a regression, as in HuggingFaceFW/fineweb-edu-classifier's own
example, or the probability of the label. A text is cut off where the model's tokenizer says.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from filters.classifier import Scorer
from filters.errors import UsageError
from pipelines.recipe.classifier import Classifier

_NEEDED = ("torch", "transformers")
_DEFAULT = {"0": "LABEL_0", "1": "LABEL_1"}
"""What a configuration means that names no labels."""


def check_libraries(what: str, model: str) -> None:
    """Check that the libraries of transformers are there; UsageError names those that are not."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what}: {model} is a transformer and needs {' and '.join(missing)}.\n"
            "  Install it where cuvee works: pip install 'torch>=2.6' 'transformers>=5'"
        )


def longest(tokenizer: Any, config: Any) -> int:
    """Return after how many tokens a text is cut off: what tokenizer and positions both allow."""
    positions = getattr(config, "max_position_embeddings", None) or sys.maxsize
    return int(min(tokenizer.model_max_length, positions))


def check_transformer(classifier: Classifier, config: Path) -> None:
    """Check that a model's libraries are there and that it has the label, without loading it."""
    check_libraries(f"classifier '{classifier.name}'", classifier.model)
    try:
        labels = _labels(json.loads(config.read_bytes()))
    except (ValueError, AttributeError) as error:
        raise UsageError(
            f"classifier '{classifier.name}': {config} is damaged.\n  Fetch the model again."
        ) from error
    wanted: list[str | None] = [*labels] or [None]
    if classifier.label not in wanted:
        says = f"has the labels {', '.join(labels)}" if labels else "gives one score, no labels"
        raise UsageError(
            f"classifier '{classifier.name}': {classifier.model} {says}.\n"
            f"  Mend the recipe: classifiers.{classifier.name}.label"
        )


def _labels(config: dict[str, Any]) -> list[str]:
    """Return the labels of a classification; none of a regression."""
    named = config.get("id2label") or _DEFAULT
    labels = [str(named[key]) for key in sorted(named, key=int)]
    return labels if len(labels) > 1 else []


def open_transformer(classifier: Classifier, folder: Path) -> Scorer:
    """Load a model on the CPU, with one thread: a sandbox's children are forked from here."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True
    )
    model.train(mode=False)
    names = {str(name): number for number, name in model.config.id2label.items()}
    chosen = None if classifier.label is None else names[classifier.label]

    def score(text: str) -> float:
        inputs = tokenizer(text, return_tensors="pt", padding="longest", truncation=True)
        with torch.no_grad():
            logits = model(**inputs).logits.float()
        if chosen is None:
            return float(logits.squeeze(-1).item())
        return float(logits.softmax(dim=-1)[0, chosen].item())

    return score
