"""Classifiers of a recipe: their score is a signal, their model a part of what a run is."""

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import ClassVar

import pyarrow.parquet as pq
import pytest

from filters.classifier import one_line
from filters.errors import UsageError
from filters.importance import ImportanceScorer, count_ngrams, log_ratios, word_count
from pipelines.assets import model_file
from pipelines.audit.changes import Changes
from pipelines.audit.ledger import open_ledger
from pipelines.audit.whatif import whatif
from pipelines.classifiers.fasttext_header import read_header
from pipelines.classifiers.importance import plain_importance
from pipelines.classifiers.signals import pinned
from pipelines.classifiers.training import fasttext_trainer
from pipelines.classifiers.training.fasttext_trainer import (
    POSITIVE,
    FastTextOptions,
    train_classifier,
)
from pipelines.classifiers.training.items import Labelled
from pipelines.files import sha256_of
from pipelines.recipe import load_recipe, shipped_recipes
from pipelines.storage import CommitLog
from tests.command import cuvee, succeed
from tests.pipelines.labelled import rows
from tests.pipelines.small_run import RECIPE, Finished, do_run, edited

OPTIONS = FastTextOptions(dimensions=8, buckets=1000, epochs=3)


def train_model(path: Path, seed: int = 0) -> Path:
    good, bad = rows(20)
    items = [Labelled(row["text"], "", 1.0) for row in good]
    items += [Labelled(row["text"], "", 0.0) for row in bad]
    path.parent.mkdir(parents=True, exist_ok=True)
    train_classifier(items, 0.5, FastTextOptions(8, 3, 0.1, 2, 1000, seed), path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_model(tmp_path_factory.mktemp("model") / "quality.bin")


def with_classifier(model: Path, rule: str = "shop: quality < 0.2", label: str = POSITIVE) -> str:
    named = f"classifiers: {{quality: {{model: {model}, label: {label}}}}}\nstages:"
    return edited(
        edited(RECIPE, "stages:", named),
        "    curly_bracket: c4_lines",
        f"    {rule}\n    again: c4_lines.quality < 0.1\n    curly_bracket: c4_lines",
    )


@pytest.fixture(scope="module")
def scored(model: Path, small_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp("scored") / "run"
    do_run(with_classifier(model), small_crawl, root)
    return Finished(root)


def test_a_score_is_a_column_that_equals_the_library_and_decides(scored, model):
    import fasttext

    asked = fasttext.load_model(str(model)).f
    texts = {
        (row["file_path"], row["record"]): row["text"]
        for row in pq.read_table(scored.root / "documents", partitioning=None).to_pylist()
    }
    judged = 0
    for key, row in scored.ledger().items():
        if row["text.quality"] is None:
            continue
        ((chance, label),) = asked.predict(one_line(texts[key]), 1, 0.0, "strict")
        expected = chance if label == POSITIVE else 1 - chance
        assert row["text.quality"] == expected
        judged += 1
        if row["rule"] == "shop":
            assert expected < 0.2
        if row["status"] == "kept":
            assert expected >= 0.2
    assert judged > 20
    assert {"text.quality", "c4_lines.quality"} <= set(next(iter(scored.ledger().values())))


def test_the_model_is_part_of_manifest_recipe_and_fingerprint(scored, model, small_crawl, tmp_path):
    manifest = json.loads((scored.root / "manifest.json").read_bytes())
    digest = sha256_of(model)
    assert manifest["assets_sha256"]["classifier:quality"] == digest
    assert digest in (scored.root / "recipe.yaml").read_text()
    field = pq.read_schema(next((scored.root / "ledger").glob("*.parquet"))).field("text.quality")
    root = scored.copy(tmp_path / "run")
    other = train_model(tmp_path / "quality.bin", seed=1)
    outcome = do_run(with_classifier(other), small_crawl, root)
    curated = CommitLog(root).commits("curate").values()
    assert {commit.facts["read"] for commit in curated} == {"documents"}, "not from the crawl"
    again = pq.read_schema(next((root / "ledger").glob("*.parquet"))).field("text.quality")
    assert field.metadata[b"fingerprint"] != again.metadata[b"fingerprint"]
    assert outcome.manifest["recipe"]["digest"] != manifest["recipe"]["digest"]


def test_importance_weights_are_a_column_and_decide(base, small_crawl, tmp_path):
    good, bad = rows(20)
    grams = (count_ngrams((row["text"] for row in side), 1000) for side in (good, bad))
    scorer = ImportanceScorer(log_ratios(*grams))
    (tmp_path / "like").mkdir()
    plain = {"format": 1, "labels": [], **plain_importance(scorer)}
    (tmp_path / "like/classifier.json").write_text(json.dumps(plain))
    root = base.copy(tmp_path / "run")
    texts = {
        (row["file_path"], row["record"]): row["text"]
        for row in pq.read_table(root / "documents", partitioning=None).to_pylist()
    }
    bound = median(scorer(text) / word_count(text) for text in texts.values())
    named = f"classifiers: {{like: {{model: {tmp_path / 'like'}}}}}\nstages:"
    rule = f"    unlike: like / redpajama_raw_words < {bound}\n    top_2_gram: "
    written = edited(edited(RECIPE, "stages:", named), "    top_2_gram: ", rule)
    outcome = do_run(written, small_crawl, root)
    digest = outcome.manifest["assets_sha256"]["classifier:like"]
    assert digest in (root / "recipe.yaml").read_text()
    judged = unlike = 0
    for key, row in Finished(root).ledger().items():
        if row["text.like"] is None:
            continue
        assert row["text.like"] == scorer(texts[key])
        below = row["text.like"] / row["text.redpajama_raw_words"] < bound
        judged, unlike = judged + 1, unlike + below
        if row["stage"] == "quality":
            assert below == (row["rule"] == "unlike")
        else:
            assert row["status"] == "dropped" or not below
    assert judged > unlike > 5
    answer = whatif(open_ledger(root), Changes(sets=(f"unlike={bound + 9}",)))
    assert list(answer.lost["rule"]) == ["unlike"]


@pytest.mark.slow
def test_what_if_sweep_tune_show_and_report_take_it_like_any_signal(scored):
    answer = whatif(open_ledger(scored.root), Changes(sets=("shop=0.6",)))
    assert list(answer.lost["rule"]) == ["shop"]
    swept = json.loads(succeed("sweep", scored.root, "shop", "--json"))
    assert swept
    assert "shop" in succeed("tune", scored.root, "--keep", "0.1")
    assert "shop" in succeed("show", scored.root, "--rule", "curly_bracket")
    succeed("report", scored.root)
    assert ": ok (" in succeed("verify", scored.root)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("classifiers.quality.model=missing.bin", "there is no model 'missing.bin'"),
        ("classifiers.quality.label=__label__hq", "the model has the labels __label__"),
        ("classifiers.quality.label=null", "names no label"),
        ("classifiers.quality.sha256=" + "ab" * 32, "has another sha256"),
        ("classifiers.quality.lable=x", "has no option 'lable'"),
    ],
)
def test_what_a_model_is_not_is_told(change, says, model, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(with_classifier(model))
    with pytest.raises(UsageError) as caught:
        pinned(load_recipe(str(recipe), [change]))
    assert says in str(caught.value)
    assert str(caught.value).count("\n") <= 3


def test_a_model_that_cannot_be_had_is_told_before_there_is_work(small_crawl, tmp_path):
    done = cuvee(
        "run", "dclm_baseline", "--input", small_crawl, "--output", tmp_path / "run",
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "nor reachable on the Hub" in done.stderr
    assert "--set classifiers.dclm_quality.model=PATH" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("cut", [0, 3, 70, -1, -4000])
def test_a_file_that_was_cut_short_is_told(cut, model, tmp_path):
    whole = model.read_bytes()
    (tmp_path / "cut.bin").write_bytes(whole[:cut])
    with pytest.raises(ValueError, match=r"it (is|has|does)"):
        read_header(tmp_path / "cut.bin")
    (tmp_path / "long.bin").write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="says that it has"):
        read_header(tmp_path / "long.bin")


def test_headers_of_the_pinned_and_of_a_quantised_model_are_read(model, tmp_path):
    import fasttext

    assert len(read_header(model_file("lid.176.ftz")).labels) == 176
    small = fasttext.load_model(str(model))
    small.quantize(qnorm=True, verbose=0)
    small.save_model(str(tmp_path / "small.ftz"))
    assert read_header(tmp_path / "small.ftz").labels == read_header(model).labels


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("classifiers: 5", "classifiers must be a map of names, not 5"),
        (
            "classifiers: {words: a.bin}",
            "classifiers.words: 'words' is a signal already (filters/gopher.py).",
        ),
        ("classifiers: {'a b': a.bin}", "'a b' is no name for a classifier"),
        ("classifiers: {good: {label: x}}", "classifiers.good names no model"),
        (
            "classifiers: {good: {model: a.bin, sha256: abc}}",
            "classifiers.good.sha256 must be 64 hexadecimal digits, not 'abc'",
        ),
    ],
)
def test_a_wrong_key_is_told_with_its_line(written, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(f"extends: gopher\n{written}\n")
    with pytest.raises(UsageError) as caught:
        load_recipe("mine.yaml")
    assert str(caught.value).startswith("mine.yaml:2: ")
    assert says in str(caught.value)


def test_rules_know_classifiers_of_their_recipe_and_no_others(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: gopher\nclassifiers: {good: good.bin}\nadd: {bad: good <= -2.5}\n")
    recipe = load_recipe(str(path))
    assert recipe.classifiers[0].model == "good.bin"
    (tmp_path / "resolved.yaml").write_text(recipe.to_yaml())
    assert load_recipe(str(tmp_path / "resolved.yaml")) == recipe
    path.write_text("extends: gopher\nadd: {bad: good < 0.5}\n")
    with pytest.raises(UsageError, match="reads 'good', which nothing measures"):
        load_recipe(str(path))


def test_the_lines_in_dolmas_head_are_a_recipe(tmp_path):
    head = shipped_recipes()["dolma"].read_text("utf-8").partition("\nrecipe:")[0]
    lines = [line.removeprefix("#     ") for line in head.splitlines() if line.startswith("#     ")]
    written = "\n".join(lines[lines.index("recipe: dolma_civil") :]) + "\n"
    assert written.count("\n") <= 10
    (tmp_path / "civil.yaml").write_text(written)
    recipe = load_recipe(str(tmp_path / "civil.yaml"))
    assert [each.name for each in recipe.classifiers] == ["toxic", "obscene"]
    assert "ended_lines.obscene >= 0.4" in recipe.to_yaml()


class _Hub(BaseHTTPRequestHandler):
    """A Hub that has files by their path; who asks is written down."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        content = self.files.get(self.path)
        self.send_response(200 if content is not None else 404)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        else:
            self.send_header("ETag", f'"{sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.files.get(self.path, b""))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def dclms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with the labels of DCLM's, on bigrams as that is."""
    monkeypatch.setattr(fasttext_trainer, "POSITIVE", "__label__hq")
    monkeypatch.setattr(fasttext_trainer, "NEGATIVE", "__label__cc")
    return train_model(tmp_path / "dclms.bin")


@pytest.fixture
def hub(dclms: Path) -> Iterator[str]:
    """Repositories of the shape of DCLM's and of FineWeb-Edu's."""
    edu = "/HuggingFaceFW/fineweb-edu-classifier/resolve/main"
    _Hub.files = {
        "/mlfoundations/fasttext-oh-eli5/resolve/main/"
        "openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin": dclms.read_bytes(),
        f"{edu}/config.json": b'{"id2label": {"0": "X"}}',
        f"{edu}/model.safetensors": b"weights",
        f"{edu}/tokenizer.json": b"{}",
    }
    _Hub.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_dclms_recipe_runs_on_a_model_fetched_by_its_name(hub, dclms, small_crawl, tmp_path):
    env = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1",
           "HF_HUB_DISABLE_XET": "1"}  # fmt: skip
    command = [
        "run", "dclm_baseline", "--input", small_crawl / "b.warc.gz", "--engine", "inline",
        "--set", "tokenizer={train: {vocab_size: 400}}",
    ]  # fmt: skip
    done = cuvee(*command, "--output", tmp_path / "a", "--json", env=env)
    assert done.returncode == 0, done.stderr
    name = "openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin"
    said = f"Fetching {name} of mlfoundations/fasttext-oh-eli5 from the Hub"
    assert done.stderr.count(said) == 1
    manifest = json.loads(done.stdout)
    assert manifest["assets_sha256"]["classifier:dclm_quality"] == sha256_of(dclms)
    rows = pq.read_table(tmp_path / "a/ledger", partitioning=None).to_pylist()
    assert any(row["refinedweb_lines.dclm_quality"] is not None for row in rows)
    nowhere = {**env, "HF_ENDPOINT": "http://127.0.0.1:1"}
    again = cuvee(*command, "--output", tmp_path / "a", env=nowhere)
    assert again.returncode == 0, again.stderr
    assert said not in again.stderr + again.stdout


def test_dclms_model_is_asked_as_dclm_asks_it(hub, dclms, tmp_path):
    import fasttext

    texts = [*(row["text"] for part in rows(6) for row in part), "\n two\r\nlines\u2028three \n"]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    env = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    named = load_recipe("dclm_baseline").classifiers[0]
    asked = ["classifier", "score", named.model, tmp_path / "texts.jsonl", "--file", named.file]
    lines = succeed(*asked, "--model-label", named.label, env=env).splitlines()
    told = {json.loads(line)["text"]: json.loads(line)["score"] for line in lines}
    # calc_fasttext.py of mlfoundations/dclm: the likelier label, and one minus it of __label__cc
    model = fasttext.load_model(str(dclms)).f
    for number, text in enumerate(texts):
        joined = " ".join(text.strip().splitlines()) + "\n"
        ((probability, label),) = model.predict(joined, 1, 0.0, "strict")
        assert told[number] == (1 - probability if label == "__label__cc" else probability)
    assert {"__label__hq", "__label__cc"} == set(model.getLabels("strict")[0])
    assert len(told) == len(texts)


def test_a_transformer_is_fetched_whole_and_says_what_it_needs(hub, tmp_path):
    env = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    done = cuvee("run", "fineweb_edu", "--input", tmp_path, "--output", tmp_path / "run", env=env)
    if find_spec("transformers") is None:
        assert done.returncode == 2
        assert "is a transformer and needs torch and transformers" in done.stderr
    fetched = {path.rpartition("/")[2] for path in _Hub.asked}
    assert fetched >= {"config.json", "model.safetensors", "tokenizer.json", "vocab.txt"}
