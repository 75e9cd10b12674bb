"""A run's token ids as a dataset of their own."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.layout import all_tables, is_by_language
from pipelines.publish.card import config_of, join_card, split_card
from pipelines.publish.content import TOKENS, Content, tables_of, token_items
from pipelines.tables import opened

_BODY = """
# {name}: token ids

The documents of [{dataset}](https://huggingface.co/datasets/{dataset}) as token ids: {rows:,}
documents, {tokens:,} tokens, by the tokenizer {tokenizer} (`tokenizer.json`, sha256
`{sha256}`). Special tokens: {policy}.

```python
from datasets import load_dataset

dataset = load_dataset("{own}", split="train", streaming=True)
print(next(iter(dataset))["input_ids"])
```

## Fields

- `id`: the document's id, as in the dataset
- `input_ids`: its token ids
- `token_count`: how many they are
"""
_SAID = ("license", "language", "size_categories", "task_categories", "tags")


def tokens_content(root: Path, content: Content, dataset: str, own: str) -> Content:
    """Return what the repository `own` is to hold of the token ids of the one named `dataset`."""
    items = token_items(root)
    tables = [item for item in items if item.folder]
    said = _metadata(tables[0].source)
    name = f"{content.name} tokens"
    head = split_card(content.card)[0]
    body = _BODY.format(
        name=content.name,
        dataset=dataset,
        own=own,
        rows=sum(item.rows for item in tables),
        tokens=sum(item.tokens for item in tables),
        tokenizer=f"`{said['tokenizer']}`",
        sha256=said["tokenizer_sha256"],
        policy=said["special_tokens"],
    )
    by_language = is_by_language(tables_of(item.path).place for item in tables)
    every = all_tables(TOKENS, by_language=by_language)
    config = {**config_of("default", [every]), "default": True}
    kept = {key: head[key] for key in _SAID if key in head}
    card = join_card({"pretty_name": name, **kept, "configs": [config]}, body)
    return replace(content, name=name, items=tuple(items), card=card)


def _metadata(source: Path | bytes) -> dict[str, str]:
    metadata = pq.ParquetFile(opened(source)).schema_arrow.metadata  # type: ignore[arg-type]
    return {key.decode(): value.decode() for key, value in metadata.items()}
