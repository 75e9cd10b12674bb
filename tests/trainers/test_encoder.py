"""A head on a frozen transformer, made here: the same bytes twice, its pin, its score in a run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from filters.errors import UsageError
from pipelines.classifiers.encoder import chosen_encoder, open_encoder
from pipelines.classifiers.files import find_files
from pipelines.classifiers.opened import check_classifier, open_classifier
from pipelines.classifiers.signals import pinned
from pipelines.recipe import load_recipe
from pipelines.recipe.classifier import Classifier
from tests.command import cuvee, succeed
from tests.pipelines.labelled import rows, shouted, write_rows
from tests.pipelines.small_run import RECIPE, do_run, edited, made_pages, prose
from tests.pipelines.warc_bytes import gzip_each
from tests.trainers.served import COMMIT, hub_with
from tests.trainers.tiny_bert import LONGEST, make_bert


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bert(tmp_path_factory.mktemp("bert") / "tiny", marks=True)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts with scores from 0 to 5: the more prose, the higher."""
    items = []
    for n in range(120):
        share = n % 6
        text = "\n".join([*prose(n, share), *[shouted(n)] * (5 - share)][::-1])
        items.append({"text": text, "label": share, "url": f"https://s{n // 2}.test/"})
    return write_rows(tmp_path_factory.mktemp("scored") / "labels.jsonl", items)


def train(output: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> dict:
    asked = ("classifier", "train", "-o", output, "--kind", "embedding", *arguments, "--json")
    return json.loads(succeed(*asked, env=env))


def contents(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_an_embedding_is_the_encoders_own_state_of_the_text_cut_off(pooling, bert):
    _, found = chosen_encoder(str(bert), None, pooling)
    embed = open_encoder(found, pooling)
    tokenizer, model = AutoTokenizer.from_pretrained(bert), AutoModel.from_pretrained(bert)
    model.train(mode=False)
    for text in (" ".join(prose(3, 1)), " ".join(prose(4, 60)), "unheard-of", ""):
        inputs = tokenizer(text, return_tensors="pt", truncation=True)
        assert inputs["input_ids"].shape[1] <= LONGEST
        with torch.no_grad():
            states = model(**inputs).last_hidden_state[0].double()
        expected = states[0] if pooling == "cls" else states.mean(dim=0)
        assert np.array_equal(embed(text), expected.numpy()), text
    assert not np.array_equal(embed(" ".join(prose(3))), embed(" ".join(prose(4))))


def test_scores_are_learnt_twice_to_the_same_bytes_and_used_by_every_command(
    bert, scored, tmp_path
):
    told = train(tmp_path / "a/edu", "--labels", scored, "--encoder", bert)
    train(tmp_path / "b/edu", "--labels", scored, "--encoder", bert)
    made = contents(tmp_path / "a/edu")
    assert made == contents(tmp_path / "b/edu")
    assert made["encoder/model.safetensors"] == (bert / "model.safetensors").read_bytes()
    assert (told["gives"], told["positive_from"], told["label"]) == ("score", 3.0, None)
    assert told["held_out"]["threshold"] == 2.5
    assert told["held_out"]["pearson"] > 0.5
    assert told["encoder"]["sha256"] == find_files(Classifier("x", str(bert))).sha256
    card = made["README.md"].decode()
    assert "the state of the first token of the transformer in encoder/, frozen" in card
    assert str(tmp_path) not in card + made["metrics.json"].decode()

    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "a/edu", moved)
    score = open_classifier(Classifier("edu", str(moved)))
    lines = succeed("classifier", "score", moved, scored).splitlines()
    texts = [json.loads(line)["text"] for line in scored.read_text().splitlines()]
    assert [json.loads(line)["score"] for line in lines[:5]] == [score(text) for text in texts[:5]]
    found = json.loads(succeed("classifier", "eval", moved, "--labels", scored, "--json"))
    assert found["texts"] == 120
    own = load_recipe("fineweb_edu", [f"classifiers.edu_score.model={moved}"])
    assert pinned(own).classifiers[0].sha256 == told["model_sha256"]


def test_two_classes_become_a_probability(bert, tmp_path):
    good, bad = rows()
    given = ("--positive", write_rows(tmp_path / "good.jsonl", good))
    given += ("--negative", write_rows(tmp_path / "bad.jsonl", bad), "--pooling", "mean")
    told = train(tmp_path / "shops", *given, "--encoder", bert)
    assert told["held_out"]["roc_auc"] > 0.99
    score = open_classifier(Classifier("shops", str(tmp_path / "shops"), label="positive"))
    assert 1 >= score(" ".join(prose(999))) > 0.5 > score(shouted(999)) >= 0


def test_another_encoder_is_refused_and_a_damaged_head_told(bert, scored, tmp_path):
    train(tmp_path / "edu", "--labels", scored, "--encoder", bert)
    other = make_bert(tmp_path / "other", seed=8, marks=True)
    named = Classifier("edu", str(tmp_path / "edu"))
    shutil.copyfile(other / "model.safetensors", tmp_path / "edu/encoder/model.safetensors")
    with pytest.raises(UsageError, match="has another sha256 than it was trained on"):
        check_classifier(named)
    (tmp_path / "edu/encoder/model.safetensors").write_bytes(b"cut")
    head = json.loads((tmp_path / "edu/classifier.json").read_bytes())
    head["encoder"]["sha256"] = find_files(Classifier("x", str(tmp_path / "edu/encoder"))).sha256
    (tmp_path / "edu/classifier.json").write_text(json.dumps(head))
    with pytest.raises(UsageError, match="cannot be opened"):
        open_classifier(named)
    head["encoder"]["pooling"] = "max"
    (tmp_path / "edu/classifier.json").write_text(json.dumps(head))
    with pytest.raises(UsageError, match="is damaged, or of another version"):
        check_classifier(named)


def test_an_encoder_of_the_hub_is_pinned_by_its_commit_and_not_copied(bert, scored, tmp_path):
    with hub_with({"org/tiny": bert}, tmp_path) as env:
        pinned_by_its_commit(env, scored, tmp_path)


def pinned_by_its_commit(env: dict[str, str], scored: Path, tmp_path: Path) -> None:
    told = train(tmp_path / "edu", "--labels", scored, "--encoder", "org/tiny", env=env)
    assert told["encoder"]["model"] == "org/tiny"
    assert told["encoder"]["revision"] == COMMIT
    assert not (tmp_path / "edu/encoder").exists()
    card = (tmp_path / "edu/README.md").read_text()
    assert "\nbase_model: org/tiny\n" in card
    assert f"org/tiny at commit {COMMIT}" in card
    shutil.rmtree(
        tmp_path / "served/org/tiny/resolve/main"
    )  # what `main` has become does not matter
    fresh = {**env, "HF_HOME": str(tmp_path / "again")}
    lines = succeed("classifier", "score", tmp_path / "edu", scored, env=fresh).splitlines()
    assert len(lines) == 120
    nowhere = {**env, "HF_HOME": str(tmp_path / "empty"), "HF_ENDPOINT": "http://127.0.0.1:1"}
    done = cuvee("classifier", "score", tmp_path / "edu", scored, env=nowhere)
    assert done.returncode == 2
    assert "org/tiny is no file here, nor reachable on the Hub" in done.stderr


def test_a_run_reads_its_score_in_the_sandbox(bert, scored, tmp_path):
    told = train(tmp_path / "edu", "--labels", scored, "--encoder", bert)
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl/a.warc.gz").write_bytes(gzip_each(made_pages()))
    recipe = edited(RECIPE, "stages:", f"classifiers: {{edu: {tmp_path / 'edu'}}}\nstages:")
    recipe = edited(recipe, "    curly_bracket:", "    dull: edu <= -100\n    curly_bracket:")
    outcome = do_run(recipe, tmp_path / "crawl", tmp_path / "run")
    assert outcome.manifest["assets_sha256"]["classifier:edu"] == told["model_sha256"]
    assert outcome.manifest["rows"] > 0
