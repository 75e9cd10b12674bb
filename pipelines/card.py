"""The dataset card: `dataset/README.md`, every number computed from the run.

Its YAML head names the configs, so that the Hub's viewer and
`datasets.load_dataset` work at once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipelines.cascade import loss_in_words
from pipelines.dedup.told import HEAD, dedup_notes, dedup_rows
from pipelines.files import write_whole
from pipelines.ledger import DATASET
from pipelines.recipe.model import Recipe
from pipelines.terminal import harmless

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
    (100_000_000_000, "10B<n<100B"),
    (1_000_000_000_000, "100B<n<1T"),
)
_BODY = """\
# {name}

Web pages curated with the recipe `{recipe}` by Cuvée: {rows:,} documents,
{tokens:,} tokens, {megabytes:,.1f} MB of text, kept from {pages:,} crawled pages.

## Load it

```python
from datasets import load_dataset

dataset = load_dataset("{location}", split="train", streaming=True)
print(next(iter(dataset))["text"])
```

## What was removed, and why

Each page is counted once, at the first rule that removed it.

| stage | rule | pages | share | tokens |
|---|---|--:|--:|--:|
{funnel}

{repeats}{cascade}{failed}
## Fields

{fields}

## Personal data

{redactions}

## How it was made

Recipe digest `{digest}`, cuvee {version}, {extractor}. The complete recipe with every
threshold is the file `recipe.yaml` of the run; the run's manifest lists the sha256 of every file.
"""
_FIELDS = {
    "text": "the published text",
    "id": "record id in the crawl",
    "dump": "crawl the page comes from",
    "url": "address of the page",
    "date": "when it was crawled",
    "file_path": "crawl file, relative to the input",
    "language": "most probable language (fastText label)",
    "language_score": "its probability",
    "token_count": "tokens of `text`, without special tokens",
    "minhash_cluster_size": "pages that are nearly this one, itself included; not counted are "
    "those that another kind of deduplication had removed before",
}


def write_card(
    root: Path, recipe: Recipe, manifest: Mapping[str, Any], files: Sequence[Mapping[str, Any]]
) -> Path:
    """Write `dataset/README.md` for a run that is about to be finished; return where."""
    shards = [item for item in files if str(item["path"]).startswith("dataset/data/")]
    head = yaml.safe_dump(_head(recipe, manifest, shards), sort_keys=False, allow_unicode=True)
    card = f"---\n{head}---\n\n{_body(recipe, manifest)}"
    path = root / "dataset" / "README.md"
    write_whole(path, card.encode())
    return path


def _head(
    recipe: Recipe, manifest: Mapping[str, Any], shards: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    from datasets import Features

    dumps = sorted({str(item["path"]).split("/")[2] for item in shards})
    head: dict[str, Any] = {
        "pretty_name": recipe.recipe,
        "task_categories": ["text-generation"],
        "size_categories": [_size(manifest["rows"])],
        "tags": ["cuvee"],
        "dataset_info": {"features": Features.from_arrow_schema(DATASET)._to_yaml_list()},  # noqa: SLF001  the one function that writes the Hub's form of a schema
    }
    languages = [code for code in manifest["languages"] if code]
    if languages:
        head["language"] = languages
    if shards:
        head["configs"] = [
            {"config_name": "default", "default": True, "data_files": _train("data/*/*.parquet")},
            *(
                {"config_name": dump, "data_files": _train(f"data/{dump}/*.parquet")}
                for dump in dumps
                if dump != "default"
            ),
        ]
    return head


def _train(pattern: str) -> list[dict[str, str]]:
    return [{"split": "train", "path": pattern}]


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "n>1T")


def _body(recipe: Recipe, manifest: Mapping[str, Any]) -> str:
    redactions = [f"- `{name}`: {count:,} replaced" for name, count in manifest["edits"].items()]
    failed = [f"- {_code(name)}: {_code(why)}" for name, why in manifest["failed_units"].items()]
    return _BODY.format(
        name=recipe.recipe,
        recipe=recipe.recipe,
        rows=manifest["rows"],
        tokens=manifest["tokens"],
        megabytes=manifest["text_bytes"] / 1e6,
        pages=manifest["pages"],
        location="path/or/name/of/this/dataset",
        funnel=_funnel(manifest),
        repeats=_repeats(manifest),
        cascade=f"{loss_in_words(manifest['cascade'])}\n\n" if "cascade" in manifest else "",
        fields="\n".join(f"- `{name}`: {_FIELDS[name]}" for name in DATASET.names),
        redactions="\n".join(redactions or ["The recipe removes none."]),
        failed="\n".join(
            ["", "Crawl files that could not be read:", "", *failed, ""] if failed else []
        ),
        digest=manifest["recipe"]["digest"],
        version=manifest["code"]["version"],
        extractor=f"{recipe.extract.extractor} {manifest['packages'][recipe.extract.extractor]}",
    )


def _funnel(manifest: Mapping[str, Any]) -> str:
    pages = manifest["pages"] or 1
    return "\n".join(
        f"| {row['stage'] or '**kept**'} | {_rule(row)} | {row['pages']:,} "
        f"| {row['pages'] / pages:.1%} | {row['tokens']:,} |"
        for row in manifest["funnel"]
        if row["pages"]
    )


def _repeats(manifest: Mapping[str, Any]) -> str:
    """Return what each kind of deduplication found; nothing where none has found anything."""
    rows = [f"| {' | '.join(row)} |" for row in dedup_rows(manifest)]
    table = [f"| {' | '.join(HEAD)} |", f"|---|{'--:|' * (len(HEAD) - 2)}---|", *rows, ""]
    notes = [line for note in dedup_notes(manifest) for line in (note, "")]
    if not rows and not notes:
        return ""
    parts = ["## Repeats", "", *(table if rows else []), *notes]
    return "\n".join([*parts, ""])


def _rule(row: Mapping[str, Any]) -> str:
    """Return a row's rule; the reason of a block of datatrove may be any text."""
    if not row.get("block"):
        return str(row["rule"])
    code = _code(str(row["rule"])).replace("|", "\\|")
    return f"{row['block']}: {code}"


def _code(text: str) -> str:
    """Return text from elsewhere so that it is shown as it is and starts nothing of its own."""
    return "`" + " ".join(harmless(text).replace("`", "'").split()) + "`"
