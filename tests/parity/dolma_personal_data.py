"""What the package dolma finds of personal data, and what its mixer puts there.

`python -m tests.parity.dolma_personal_data < texts.jsonl`, run by a Python that has the package
dolma 1.2.1 and NLTK, which it imports, adds counts and the new text to each line, which is how
`tests/golden/dolma_pii.jsonl` was made.
"""

import gzip
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.parity.dolma_numbers import only_the_taggers

KINDS = {
    "EMAIL_ADDRESS": "dolma_emails", "PHONE_NUMBER": "dolma_phones", "IP_ADDRESS": "dolma_ips",
}  # fmt: skip
"""Our signals by the tagger's kinds, in the order in which the mixer is told of them."""


def tagged(text: str) -> dict[str, list[list[float]]]:
    """Return the tagger's spans by kind, as attributes have them."""
    from dolma.core.data_types import Document
    from dolma.taggers.pii import FastPiiRegex

    spans = FastPiiRegex().predict(Document(source="", id="0", text=text)).spans
    return {
        kind: [[span.start, span.end, span.score] for span in spans if span.type == kind]
        for kind in (*KINDS, "doc_count")
    }


def mixed(texts: list[str], spans: list[dict[str, Any]], folder: Path) -> list[str]:
    """Return what the mixer makes of the texts."""
    from dolma.dolma import mixer_entrypoint

    for name in ("documents", "attributes/pii", "out", "work_in", "work_out"):
        (folder / name).mkdir(parents=True)
    with (
        gzip.open(folder / "documents/a.jsonl.gz", "wt") as documents,
        gzip.open(folder / "attributes/pii/a.jsonl.gz", "wt") as attributes,
    ):
        for at, (text, its) in enumerate(zip(texts, spans, strict=True)):
            document = {"id": str(at), "text": text, "source": ""}
            documents.write(json.dumps(document) + "\n")
            named = {f"pii__{kind}": its[kind] for kind in KINDS}
            attributes.write(json.dumps({"id": str(at), "attributes": named}) + "\n")
    replaced = [
        {"span": f"$.attributes.pii__{kind}", "min_score": 0.5, "replacement": f" |||{kind}||| "}
        for kind in KINDS
    ]
    stream = {
        "name": "s", "documents": [str(folder / "documents/*.jsonl.gz")], "attributes": ["pii"],
        "output": {"path": str(folder / "out"), "max_size_in_bytes": 1 << 30,
                   "discard_fields": ["attributes"]},
        "span_replacement": replaced,
    }  # fmt: skip
    work = {"input": str(folder / "work_in"), "output": str(folder / "work_out")}
    mixer_entrypoint(json.dumps({"streams": [stream], "work_dir": work, "processes": 1}))
    found = {}
    for path in (folder / "out").iterdir():
        with gzip.open(path, "rt") as lines:
            found |= {row["id"]: row["text"] for row in map(json.loads, lines)}
    return [found[str(at)] for at in range(len(texts))]


def ours(raw: str) -> dict[str, Any]:
    """Return the same by our signals and our edit."""
    from filters.catalog import EDITS, text_signals
    from filters.segment import segmenter
    from filters.text import Text

    text, signals = Text(raw, segmenter("en")), text_signals()
    counts = Counter[str]()
    for name in (*KINDS.values(), "dolma_personal_data"):
        measure = signals[name].measure
        assert measure is not None
        counts[name] = measure(text)
    return {**counts, "becomes": EDITS["dolma_pii"].apply(text, {}).text}


def main() -> None:
    """Read texts, write them with what the package says."""
    only_the_taggers()
    rows = [json.loads(line) for line in sys.stdin]
    spans = [tagged(row["text"]) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        texts = mixed([row["text"] for row in rows], spans, Path(folder))
    for row, its, text in zip(rows, spans, texts, strict=True):
        counts = {name: len(its[kind]) for kind, name in KINDS.items()}
        total = int(its["doc_count"][0][2])
        told = {**counts, "dolma_personal_data": total, "becomes": text}
        print(json.dumps({**row, **told}, ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main()
