"""A classifier of `transformers` of the shape of FineWeb-Edu's, made here: its score and errors."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from filters.errors import UsageError
from pipelines.classifiers.files import find_files
from pipelines.classifiers.opened import check_classifier, open_classifier
from pipelines.recipe.classifier import Classifier
from tests.command import succeed
from tests.pipelines.labelled import write_rows
from tests.pipelines.small_run import RECIPE, do_run, edited, made_pages, prose
from tests.pipelines.warc_bytes import gzip_each
from tests.trainers.served import hub_with
from tests.trainers.tiny_bert import make_bert


def test_a_regression_gives_its_one_logit_and_cuts_long_texts(tmp_path):
    folder = make_bert(tmp_path / "edu", labels=1)
    score = open_classifier(Classifier("edu", str(folder)))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    for text in (" ".join(prose(3, 1)), " ".join(prose(4, 40)), "unknown"):
        inputs = tokenizer(text, return_tensors="pt", padding="longest", truncation=True)
        expected = model(**inputs).logits.squeeze(-1).float().detach().numpy().item()
        assert score(text) == expected
    assert "model.safetensors" in find_files(Classifier("edu", str(folder))).names


def test_a_classification_gives_the_probability_of_its_label(tmp_path):
    folder = make_bert(tmp_path / "two", labels=2)
    scores = [open_classifier(Classifier("x", str(folder), label=f"LABEL_{n}")) for n in (0, 1)]
    text = " ".join(prose(3))
    assert sum(score(text) for score in scores) == pytest.approx(1, abs=1e-6)
    with pytest.raises(UsageError, match="has the labels LABEL_0, LABEL_1"):
        check_classifier(Classifier("x", str(folder)))
    (folder / "config.json").write_text(json.dumps([1]))
    with pytest.raises(UsageError, match="is damaged"):
        check_classifier(Classifier("x", str(folder), label="LABEL_0"))


def test_a_run_reads_its_score_in_the_sandbox(tmp_path):
    folder = make_bert(tmp_path / "edu", labels=1)
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl/a.warc.gz").write_bytes(gzip_each(made_pages()))
    named = f"classifiers: {{edu: {folder}}}\nstages:"
    recipe = edited(RECIPE, "stages:", named)
    recipe = edited(recipe, "    curly_bracket:", "    dull: edu <= -100\n    curly_bracket:")
    outcome = do_run(recipe, tmp_path / "crawl", tmp_path / "run")
    assert outcome.manifest["assets_sha256"]["classifier:edu"]
    assert outcome.manifest["rows"] > 0


def by_the_cards_own_example(folder: Path, text: str) -> float:
    """Return the score as HuggingFaceFW/fineweb-edu-classifier's card computes it."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    inputs = tokenizer(text, return_tensors="pt", padding="longest", truncation=True)
    return model(**inputs).logits.squeeze(-1).float().detach().numpy().item()


def test_fineweb_edus_recipe_runs_with_a_model_fetched_by_its_name(tmp_path):
    folder = make_bert(tmp_path / "edu", marks=True, bias=2.5)
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl/a.warc.gz").write_bytes(gzip_each(made_pages()))
    texts = [" ".join(prose(n, 1 + 9 * (n % 5))) for n in range(10)]
    rows = write_rows(tmp_path / "texts.jsonl", [{"text": text, "url": ""} for text in texts])
    name = "HuggingFaceFW/fineweb-edu-classifier"
    with hub_with({name: folder}, tmp_path) as env:
        lines = succeed("classifier", "score", name, rows, env=env).splitlines()
        succeed(
            "run", "fineweb_edu", "--input", tmp_path / "crawl", "--output", tmp_path / "run",
            "--engine", "inline", "--set", "tokenizer={train: {vocab_size: 400}}", env=env,
        )  # fmt: skip
    expected = [by_the_cards_own_example(folder, text) for text in texts]
    assert [json.loads(line)["score"] for line in lines] == expected
    ledger = pq.read_table(tmp_path / "run/ledger", partitioning=None).to_pylist()
    scored = [row for row in ledger if row["c4_lines.edu_score"] is not None]
    assert len({row["c4_lines.edu_score"] for row in scored}) > 3
    rules = {row["rule"] for row in scored if row["c4_lines.edu_score"] <= 2.5}
    assert "not_educational" in rules
    assert None not in rules
    above = {row["rule"] for row in scored if row["c4_lines.edu_score"] > 2.5}
    assert "not_educational" not in above
    manifest = json.loads((tmp_path / "run/manifest.json").read_bytes())
    digest = find_files(Classifier("edu", str(folder))).sha256
    assert manifest["assets_sha256"]["classifier:edu_score"] == digest
