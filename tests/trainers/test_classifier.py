"""A classifier of `transformers` of the shape of FineWeb-Edu's, made here: its score and errors."""

import json

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from filters.errors import UsageError
from pipelines.classifiers.files import find_files
from pipelines.classifiers.opened import check_classifier, open_classifier
from pipelines.recipe.classifier import Classifier
from tests.pipelines.small_run import RECIPE, do_run, edited, made_pages, prose
from tests.pipelines.warc_bytes import gzip_each
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
