"""Training a classifier: the same bytes twice, sites never parted, numbers that can be checked."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from filters.classifier import Head
from filters.errors import UsageError
from pipelines.classifiers.files import find_files
from pipelines.classifiers.opened import check_classifier, open_classifier, own_label
from pipelines.classifiers.signals import pinned
from pipelines.classifiers.training.head_trainer import train_head
from pipelines.classifiers.training.items import Labelled, read_classes, read_labels
from pipelines.classifiers.training.metrics import measure, scored_of
from pipelines.classifiers.training.split import site_of, split
from pipelines.classifiers.training.train import EncoderOptions, TrainOptions
from pipelines.classifiers.training.train import train as train_on
from pipelines.recipe import load_recipe
from pipelines.recipe.classifier import Classifier
from tests.command import cuvee, succeed
from tests.pipelines.labelled import rows, shouted, write_rows
from tests.pipelines.small_run import Finished, prose

SMALL = ("--dimensions", "8", "--buckets", "1000", "--epochs", "3")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("labelled")
    good, bad = rows()
    return write_rows(folder / "good.jsonl", good), write_rows(folder / "bad.jsonl", bad)


def train(output: Path, *arguments: str | Path) -> dict:
    return json.loads(succeed("classifier", "train", "-o", output, *SMALL, *arguments, "--json"))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(folder.rglob("*")) if p.is_file()}  # fmt: skip


@pytest.mark.parametrize("kind", ["fasttext", "embedding"])
def test_training_twice_gives_the_same_bytes_and_a_classifier_that_works(kind, files, tmp_path):
    given = ("--positive", files[0], "--negative", files[1], "--kind", kind)
    told = train(tmp_path / "a" / "shops", *given)
    train(tmp_path / "b" / "shops", *given)
    made = contents(tmp_path / "a/shops")
    assert made == contents(tmp_path / "b/shops")
    assert {"README.md", "metrics.json"} < made.keys()
    held, data = told["held_out"], told["data"]
    assert held["texts"] == data["held_out"]["texts"] > 10
    assert held["texts"] + data["trained_on"]["texts"] == 120
    assert held["roc_auc"] == 1.0
    assert held["languages"].keys() == {"de", "en"}
    model = own_label(Classifier("shops", str(tmp_path / "a/shops")))
    assert find_files(model).sha256 == told["model_sha256"]
    score = open_classifier(model)
    assert score(" ".join(prose(999))) > 0.5 > score(shouted(999))
    assert 0 <= score("") <= 1
    card = made["README.md"].decode()
    assert told["model_sha256"] in card
    assert f"{held['texts']:,} texts, {held['positive']:,} positive" in card


def test_importance_weights_are_trained_twice_the_same_and_measured(files, tmp_path):
    given = ("--positive", files[0], "--negative", files[1])
    kind = ("--kind", "importance")
    told = train(tmp_path / "a" / "like", *given, *kind)
    train(tmp_path / "b" / "like", *given, *kind)
    made = contents(tmp_path / "a/like")
    assert made == contents(tmp_path / "b/like")
    assert made.keys() == {"README.md", "classifier.json", "metrics.json"}
    assert (told["gives"], told["label"]) == ("log_ratio", None)
    assert told["options"] == {
        "kind": "importance", "held_out": 0.2, "positive_from": None, "buckets": 1000, "seed": 0,
    }  # fmt: skip
    assert told["held_out"]["roc_auc"] == told["held_out"]["roc_auc_per_word"] == 1.0
    assert told["held_out"]["f1"] == 1.0
    sides, held = read_classes([str(files[0])], [str(files[1])]), told["data"]["held_out"]
    trained_on, _ = split(sides, 0.2, 0)
    grams = {"positive": 0, "negative": 0}
    for item in trained_on:
        words = len(item.text.replace(".", " .").split())
        grams["positive" if item.value else "negative"] += 2 * words - 1
    assert {side: part["ngrams"] for side, part in told["counted"].items()} == grams
    model = own_label(Classifier("like", str(tmp_path / "a/like")))
    assert find_files(model).sha256 == told["model_sha256"]
    score = open_classifier(model)
    text = " ".join(prose(999))
    assert score(text) > 0 > score(shouted(999))
    assert score(f"{text} {text}") > score(text)
    card = made["README.md"].decode()
    assert f"{grams['positive']:,} n-grams of positive texts" in card
    assert f"{held['texts']:,} texts" in card
    assert "calibration error" not in card
    found = json.loads(succeed("classifier", "eval", tmp_path / "a/like", *given, "--json"))
    assert (found["texts"], found["threshold"], found["roc_auc"]) == (120, 0.0, 1.0)
    shown = succeed("classifier", "eval", tmp_path / "a/like", *given)
    assert "of score / redpajama_raw_words 1.000" in " ".join(shown.split())
    lines = succeed("classifier", "score", tmp_path / "a/like", files[0]).splitlines()
    assert json.loads(lines[5])["score"] == score(sides[5].text)


def test_scores_on_one_side_where_it_is_trained_are_told(tmp_path):
    # Only the sites that are held out have labels from 3 on.
    items = [Labelled(f"text {n}", f"https://s{n}.test/", n % 2) for n in range(40)]
    _, held = split(items, 0.2, 0)
    items += [replace(held[0], value=4.0), replace(held[0], value=2.0)]
    with pytest.raises(UsageError, match="every label to train on lies on one side of 3"):
        train_on(items, TrainOptions(kind="importance"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


WEIGHTS = {"format": 1, "kind": "importance", "labels": [], "gives": "log_ratio", "hash": "crc32",
           "log_ratios": [0.5, -0.5]}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"hash": "siphash"}, {"gives": "score"}, {"labels": None}, {"kind": "other"},
        {"log_ratios": []}, {"log_ratios": "0.5"}, {"log_ratios": [0.5, float("nan")]},
        {"log_ratios": [0.5, float("inf")]}, {"log_ratios": [0.5, "a"]}, {"log_ratios": [[0.5]]},
        {"log_ratios": [True]}, {"log_ratios": {"0": 0.5}}, None,
    ],
)  # fmt: skip
def test_weights_that_are_damaged_or_of_another_version_are_told(change, tmp_path):
    named = Classifier("like", str(tmp_path))
    (tmp_path / "classifier.json").write_text(json.dumps(WEIGHTS))
    digest = check_classifier(named)
    written = [WEIGHTS] if change is None else {**WEIGHTS, **change}
    (tmp_path / "classifier.json").write_text(json.dumps(written))
    assert find_files(named).sha256 != digest
    with pytest.raises(UsageError, match=r"is damaged, or of another version"):
        check_classifier(named)


def test_weights_have_no_label(tmp_path):
    (tmp_path / "classifier.json").write_text(json.dumps(WEIGHTS))
    with pytest.raises(UsageError, match="gives a score and has no labels") as caught:
        check_classifier(Classifier("like", str(tmp_path), label="positive"))
    assert "leave 'label' out" in str(caught.value)


def test_another_seed_is_another_model(files, tmp_path):
    given = ("--positive", files[0], "--negative", files[1])
    one, other = (train(tmp_path / seed, *given, "--seed", seed) for seed in ("0", "1"))
    assert one["model_sha256"] != other["model_sha256"]


def test_a_run_of_cuvee_is_a_source_of_texts(base: Finished, files):
    kept = sum(row["status"] == "kept" for row in base.ledger().values())
    items = read_classes([str(base.root)], [str(files[1])])
    assert sum(item.value == 1 for item in items) == kept > 5
    assert all(item.url for item in items)


def test_scores_are_learnt_and_rounded_as_fineweb_edu_does(tmp_path):
    # The more of a text is prose, the higher its label.
    items = []
    for n in range(120):
        share = n % 6
        text = "\n".join([*prose(n, share), *[shouted(n)] * (5 - share)])
        items.append({"text": text, "label": share, "url": f"https://s{n // 2}.test/"})
    labels = write_rows(tmp_path / "labels.jsonl", items)
    told = train(tmp_path / "edu", "--labels", labels, "--kind", "embedding")
    assert (told["gives"], told["positive_from"], told["label"]) == ("score", 3.0, None)
    held = told["held_out"]
    assert held["pearson"] > 0.8
    assert held["threshold"] == 2.5
    score = open_classifier(Classifier("edu", str(tmp_path / "edu")))
    assert score("\n".join(prose(7, 10))) > score(shouted(7))
    own = load_recipe("fineweb_edu", [f"classifiers.edu_score.model={tmp_path / 'edu'}"])
    assert pinned(own).classifiers[0].sha256 == told["model_sha256"]
    found = json.loads(
        succeed("classifier", "eval", tmp_path / "edu", "--labels", labels, "--json")
    )
    assert found["texts"] == 120
    lines = succeed("classifier", "score", tmp_path / "edu", labels).splitlines()
    assert json.loads(lines[3])["score"] == score(items[3]["text"])


def test_a_site_is_never_on_both_sides_and_equal_texts_neither():
    items = [
        Labelled(f"text {n % 40}", f"http://www{n}.site{n % 30}.co.uk/{n}" if n % 2 else "", n % 2)
        for n in range(400)
    ]
    for seed in range(5):
        train, held = split(items, 0.3, seed)
        assert len(train) + len(held) == 400
        assert not {site_of(item) for item in train} & {site_of(item) for item in held}
    assert site_of(items[1]) == "site1.co.uk"


def test_measures_are_those_of_their_definitions():
    values = [1, 1, 1, 0, 0, 0, 0, 0]
    scores = [0.95, 0.6, 0.3, 0.6, 0.2, 0.1, 0.05, 0.0]
    found = measure(scored_of(scores, values, ["en"] * 4 + ["de"] * 4, "probability", 0.5))
    assert found["precision"]["share"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["recall"]["share"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["f1"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["kept"]["share"] == 3 / 8
    assert found["kept"]["low"] < 3 / 8 < found["kept"]["high"]
    assert found["roc_auc"] == pytest.approx((5 + 4.5 + 4) / 15, abs=1e-6)
    # Bins of a tenth: 0, .05 | .1 | .2 | .3 | .6, .6 | .95
    error = (2 * 0.025 + 0.1 + 0.2 + 0.7 + 2 * 0.1 + 0.05) / 8
    assert found["calibration"]["expected_error"] == pytest.approx(error, abs=1e-6)
    assert found["languages"]["de"]["roc_auc"] is None
    assert found["languages"]["en"]["texts"] == 4


def test_a_log_ratio_is_measured_at_0_and_at_quantiles_and_by_word():
    values = [1, 1, 1, 0, 0, 0]
    scores = [30.0, 12.0, 1.0, 2.0, -40.0, -5.0]
    words = [10, 2, 1, 4, 10, 5]
    found = measure(scored_of(scores, values, ["en"] * 3 + ["de"] * 3, "log_ratio", 0.5, words))
    assert found["threshold"] == 0
    assert found["precision"]["share"] == 3 / 4
    assert found["recall"]["share"] == 1
    assert found["roc_auc"] == pytest.approx(8 / 9, abs=1e-6)  # one negative above one positive
    assert found["roc_auc_per_word"] == 1.0  # 3, 6, 1 above 0.5, -4, -1
    at = [row["threshold"] for row in found["thresholds"]]
    assert at == [-22.5, -3.5, 0, 1.5, 9.5, 21]
    assert [row["threshold"] for row in found["languages"]["de"]["thresholds"]] == at
    assert "calibration" not in found


def test_a_ridge_head_finds_the_line_that_made_the_labels():
    pick = np.random.default_rng(0)
    inputs = pick.normal(size=(200, 5))
    weights = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
    head = train_head(inputs, inputs @ weights + 2.5, "score", 0.0)
    assert isinstance(head, Head)
    for row in inputs[:10]:
        assert head(row) == pytest.approx(float(row @ weights) + 2.5, abs=1e-4)


def test_a_logistic_head_ends_where_its_slope_is_zero():
    pick = np.random.default_rng(1)
    inputs = pick.normal(size=(300, 3))
    values = (inputs[:, 0] + pick.normal(size=300) > 0).astype(float)
    head = train_head(inputs, values, "probability", 0.0)
    apart = np.array([head(row) for row in inputs]) - values
    assert np.abs(inputs.T @ apart).max() < 1e-3
    assert abs(apart.sum()) < 1e-3


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([], "holds no row with a text and a label"),
        ([{"text": "a", "label": 1}], "has one class only: every label is 1.0"),
        ([{"text": "a", "label": "x"}], "has one class only: every label is 'x'"),
        ([{"text": "a", "label": 9}, {"text": "b", "label": 0}], "which is out of range"),
        ([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}], "--label names none"),
        ([{"text": "a", "label": "x"}, {"text": "b", "label": 1}], "mixes words and numbers"),
        ([{"text": "a", "label": 1}, {"text": "b", "label": 0}], "all of one class"),
        ([{"txt": 1, "label": 1}], "has no column of text"),
    ],
)
def test_labels_that_cannot_be_learnt_are_told(labels, says, tmp_path):
    path = write_rows(tmp_path / "labels.jsonl", labels)
    with pytest.raises(UsageError) as caught:
        train_on(read_labels([str(path)], None), TrainOptions(), tmp_path / "out")
    assert says in str(caught.value)
    assert str(caught.value).count("\n") <= 2
    assert not (tmp_path / "out").exists()


def test_two_ways_of_saying_what_a_text_is_are_one_too_many(files, tmp_path):
    given = ("--labels", files[0], "--positive", files[0])
    done = cuvee("classifier", "train", *given, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "Give the one or the other" in done.stderr


def test_a_folder_with_other_things_stays_as_it_is(files, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    given = ("--positive", files[0], "--negative", files[1])
    done = cuvee("classifier", "train", *given, "-o", tmp_path)
    assert done.returncode == 2
    assert "is not empty and not a classifier" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


def encoder_folder(folder: Path) -> Path:
    """Write files called as a transformer's, which only their libraries would find to be none."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "fasttext"}, "and --kind fasttext does not need it"),
        ({"kind": "importance"}, "and --kind importance does not need it"),
        ({"embeddings": "words.vec"}, "and --embeddings does not need it"),
        ({"encoder": EncoderOptions("no-such-folder")}, "encoder: there is no model 'no-such"),
        ({"encoder": EncoderOptions("shop.txt")}, "encoder: 'shop.txt' is no transformer"),
        pytest.param(
            {}, "encoder: tiny is a transformer and needs torch and transformers",
            marks=pytest.mark.skipif(bool(find_spec("transformers")), reason="they are here"),
        ),
    ],
)  # fmt: skip
def test_an_encoder_that_cannot_be_used_is_told_before_there_is_work(
    options, says, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    encoder_folder(Path("tiny"))
    Path("shop.txt").write_text("buy\n")
    asked = {"kind": "embedding", "encoder": EncoderOptions("tiny"), **options}
    items = [Labelled(f"text {n}", f"https://s{n}.test/", n % 2) for n in range(40)]
    with pytest.raises(UsageError) as caught:
        train_on(items, TrainOptions(**asked), tmp_path / "out")
    assert says in str(caught.value)
    assert str(caught.value).count("\n") <= 2
    assert not (tmp_path / "out").exists()


def test_a_head_on_a_transformer_pins_it(tmp_path):
    inside = encoder_folder(tmp_path / "edu/encoder")
    sha256 = find_files(Classifier("x", str(inside))).sha256
    pin = {"model": ".", "revision": None, "sha256": sha256, "pooling": "cls"}
    head = {"format": 1, "labels": [], "gives": "score", "bias": 2.5, "weights": [0.0],
            "mean": [0.0], "scale": [1.0], "encoder": pin}  # fmt: skip
    (tmp_path / "edu/classifier.json").write_text(json.dumps(head))
    named = Classifier("edu", str(tmp_path / "edu"))
    before = find_files(named).sha256
    assert {"classifier.json", "encoder/model.safetensors"} < set(find_files(named).names)
    if find_spec("transformers") is None:
        with pytest.raises(UsageError, match="needs torch and transformers"):
            check_classifier(named)
    (inside / "model.safetensors").write_bytes(b"other weights")
    assert find_files(named).sha256 != before
    with pytest.raises(UsageError, match="has another sha256 than it was trained on"):
        check_classifier(named)
    for wrong in (5, {**pin, "pooling": "max"}, {"model": "."}):
        (tmp_path / "edu/classifier.json").write_text(json.dumps({**head, "encoder": wrong}))
        with pytest.raises(UsageError, match="is damaged, or of another version"):
            check_classifier(named)
