"""A classifier's model card: README.md beside the model, every number from metrics.json."""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.files import write_whole

_HOW = {
    "fasttext": "fastText (supervised, bigrams), as DCLM's quality classifier is (arXiv "
    "2406.11794, section 4).",
    "embedding": "A linear head on the mean of static embeddings, in the manner of FineWeb-Edu's "
    "classifier (arXiv 2406.17557, section 4), which has a transformer's.",
    "importance": "Importance weights of hashed words and pairs of words, as DSIR's are (arXiv "
    "2302.03169).",
}
FEWEST = 20
"""Texts of a language that has a table of its own."""
_GIVES = {
    "probability": "the probability that a text is one that is looked for",
    "score": "a score on the scale of its labels, 0 to 5; it may lie beyond either end",
    "log_ratio": "the logarithm of how much likelier a text's words are in what is looked for than "
    "in the rest. It is a sum over the words: it grows with the text, and as no probability it is "
    "not calibrated",
}


def write_model_card(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write the card of a classifier that lies in `folder`."""
    text = "\n".join(_lines(folder.name, metrics)) + "\n"
    write_whole(folder / "README.md", text.encode())


def _lines(name: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    data, held = metrics["data"], metrics["held_out"]
    encoder = metrics.get("encoder")
    yield from ("---", "tags: [text-classification, cuvee]")
    if encoder and encoder["revision"]:
        yield f"base_model: {encoder['model']}"
    yield from ("---", f"# {html.escape(name)}", "")
    how = _on_encoder(encoder) if encoder else _HOW[metrics["kind"]]
    yield f"{how} It gives {_GIVES[metrics['gives']]}."
    yield from ("", "```yaml", "classifiers:")
    label = f", label: {metrics['label']}" if metrics["label"] else ""
    yield f"  {_key(name)}: {{model: {_path(name)}{label}, sha256: {metrics['model_sha256']}}}"
    yield from ("```", "", "## Trained on", "")
    parts = {"trained on": data["trained_on"], "held out": data["held_out"]}
    yield from _table(
        ("", "texts", "sites", "without address", "labels", "languages"),
        [
            (what, part["texts"], part["sites"], part["without_address"],
             _listed(part["labels"]), _listed(part["languages"]))
            for what, part in parts.items()
        ],
    )  # fmt: skip
    yield from ("", "A site is never on both sides; a text without an address goes by its hash.")
    yield from _counted(metrics.get("counted"))
    options = dict(metrics["options"])
    options |= options.pop("fasttext", {})
    yield from ("", f"Settings: {_listed(options)}.", "", "## On the held-out sites", "")
    yield f"Looked for: a label from {metrics['positive_from']:g}. Intervals are 95 % (Wilson)."
    yield from ("", *_measured(held))
    many, few = parted(held["languages"])
    for language, part in many.items():
        yield from ("", f"### {html.escape(language)}", "", *_measured(part))
    if few:
        yield from ("", f"Fewer than {FEWEST} texts, in metrics.json: {_listed(few)}.")
    yield from ("", "## Limits", "")
    yield (
        "Precision and kept share depend on how many of the texts are positive, "
        f"here {held['positive']:,} of {held['texts']:,}: on a crawl both will be others. "
        "The held-out sites come from the same sources as those trained on."
    )


def _counted(counted: Mapping[str, Any] | None) -> Iterator[str]:
    if counted is not None:
        parts = (
            f"{part['ngrams']:,} n-grams of {what} texts, which leave {part['empty_buckets']:,} "
            "buckets empty"
            for what, part in counted.items()
        )
        yield from ("", f"Counted: {'; '.join(parts)}.")


def _on_encoder(encoder: Mapping[str, Any]) -> str:
    state = "the state of the first token" if encoder["pooling"] == "cls" else "the mean state"
    which = (
        f"{html.escape(encoder['model'])} at commit {encoder['revision']}"
        if encoder["revision"]
        else "the transformer in encoder/"
    )
    return (
        f"A linear head on {state} of {which}, frozen, in the manner of FineWeb-Edu's classifier "
        f"(arXiv 2406.17557, section 4). The sha256 of the transformer's files: "
        f"{encoder['sha256']}."
    )


def parted(
    languages: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Mapping[str, Any]], dict[str, int]]:
    """Return the languages with texts enough for a table, and how many the others have."""
    many = {name: part for name, part in languages.items() if part["texts"] >= FEWEST}
    return many, {name: part["texts"] for name, part in languages.items() if name not in many}


def beside_curve(part: Mapping[str, Any]) -> str:
    """Return what is said of a classifier's scores beside the area under the curve."""
    if "calibration" in part:
        error = part["calibration"]["expected_error"]
        return f", expected calibration error {_number(error)}"
    return f", of score / redpajama_raw_words {_number(part['roc_auc_per_word'])}"


def _measured(part: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{part['texts']:,} texts, {part['positive']:,} positive; area under the ROC curve "
        f"{_number(part['roc_auc'])}{beside_curve(part)}."
    )
    if "pearson" in part:
        yield (
            f"Mean absolute error {_number(part['mean_absolute_error'])}, root mean squared error "
            f"{_number(part['root_mean_squared_error'])}, correlation {_number(part['pearson'])}, "
            f"the same when rounded {_number(part['same_when_rounded'])}."
        )
    yield ""
    rows = [
        (f"{row['threshold']:g}", _interval(row["precision"]), _interval(row["recall"]),
         _number(row["f1"]), _interval(row["kept"]))
        for row in part["thresholds"]
    ]  # fmt: skip
    yield from _table(("score from", "precision", "recall", "F1", "kept"), rows)
    if "calibration" in part:
        bins = [
            (f"{row['from']:g}", row["texts"], _number(row["predicted"]), _number(row["true"]))
            for row in part["calibration"]["bins"]
        ]
        yield from ("", *_table(("scores from", "texts", "mean score", "truth"), bins))


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else cell for cell in row)} |"


def _interval(share: Mapping[str, float] | None) -> str:
    if share is None:
        return "–"
    return f"{share['share']:.3f} ({share['low']:.3f}–{share['high']:.3f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _listed(facts: Mapping[str, Any]) -> str:
    return html.escape(", ".join(f"{name} {value}" for name, value in facts.items())) or "–"


def _path(name: str) -> str:
    """Return a folder's name as YAML, quoted where it has to be."""
    return name if re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII) else json.dumps(name)


def _key(name: str) -> str:
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name) or "quality"
