"""A recipe's n-gram models: trained here, asked in a run, told in words where they cannot be."""

import gzip
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from filters.arpa import read_arpa
from filters.errors import RecipeError, UsageError
from filters.perplexity import Normalize, PerplexityScorer, bucket_of, ccnet_normal
from pipelines.audit import Audit
from pipelines.curator import Curator, work_key
from pipelines.files import sha256_of
from pipelines.ngram_models import check_perplexity
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import json_schema, load_recipe
from tests.command import cuvee, shell, succeed
from tests.pipelines.hosts import Reply, Request, folder_answers, serving
from tests.pipelines.ngrams import UNKNOWN, Trained, train_arpa
from tests.pipelines.small_run import Finished, edited, prose
from tests.pipelines.units import Listener
from tests.test_docs import BLOCK

RECIPE = """\
recipe: surprising
extract: {resiliparse: {main_content: false}}
perplexity:
  wiki: {model: MODEL, sentencepiece: PIECES, head: 100, tail: 200}
stages:
- gate: {not_english: language.code != "en"}
- drop:
    tail: wiki >= 200
    middle: wiki > 100
- edit: {c4_lines: {terminal_punctuation: false}}
- drop: {edited_tail: c4_lines.wiki >= 1000, no_bucket: wiki_bucket == "all"}
tokenizer: {train: {vocab_size: 400}}
audit_fraction: 0.3
"""


def train_models(base: Finished, folder: Path, *, cased: bool = False) -> Path:
    """Fill a folder with a SentencePiece model and a 3-gram model of real pages and made ones."""
    rows = pq.read_table(base.root / "documents", columns=["text"]).column("text").to_pylist()
    lines = [line for text in sorted(rows) for line in text.split("\n")]
    texts = [ccnet_normal(line, cased=cased) for line in lines]
    (folder / "texts.txt").write_text("\n".join(texts), "utf-8")
    SentencePieceTrainer.train(
        input=str(folder / "texts.txt"), model_prefix=str(folder / "en.sp"), vocab_size=500,
        model_type="unigram", minloglevel=2, num_threads=1,
    )  # fmt: skip
    pieces = SentencePieceProcessor(model_file=str(folder / "en.sp.model"))
    train_arpa([pieces.encode(text, out_type=str) for text in texts], 3, folder / "en.arpa")
    return folder


@pytest.fixture(scope="module")
def models(base: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of CCNet's normal form."""
    return train_models(base, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def cased_models(base: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of texts with their case and accents, as those of edugp/kenlm are."""
    return train_models(base, tmp_path_factory.mktemp("cased"), cased=True)


def scorer_of(models: Path, normalize: Normalize = True) -> PerplexityScorer:
    pieces = SentencePieceProcessor(model_file=str(models / "en.sp.model"))
    arpa = read_arpa((models / "en.arpa").read_text("utf-8").split("\n"))
    return PerplexityScorer(arpa, lambda text: pieces.encode(text, out_type=str), normalize)


@pytest.fixture(scope="module")
def scorer(models: Path) -> PerplexityScorer:
    """What the models say, put together here."""
    return scorer_of(models)


def written(folder: Path, models: Path, recipe: str = RECIPE) -> str:
    named = recipe.replace("MODEL", str(models / "en.arpa"))
    path = folder / "r.yaml"
    path.write_text(named.replace("PIECES", str(models / "en.sp.model")), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def ran(models: Path, small_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    recipe = load_recipe(written(folder, models), inputs=[str(small_crawl)])
    run(recipe, folder / "run", RunOptions(engine="inline"), Listener())
    return folder / "run"


def ledger(root: Path) -> list[Mapping[str, Any]]:
    return pq.read_table(root / "ledger").to_pylist()


def texts(root: Path) -> dict[tuple[str, int], str]:
    rows = pq.read_table(root / "documents").to_pylist()
    return {(row["file_path"], row["record"]): row["text"] for row in rows}


def test_what_is_trained_here_is_a_model():
    trained = Trained([text.split() for number in range(40) for text in prose(number)], 3)
    for history in ((), ("the",), ("the", "quiet"), ("<s>",), ("<s>", "That")):
        words = [*trained.counts[0], (UNKNOWN,)]
        assert math.isclose(sum(trained.probability((*history, *word)) for word in words), 1)
    read = read_arpa(trained.arpa().split("\n"))
    one = trained.probability(("<s>", "That"))
    assert math.isclose(read.score("That") - read.score(""), math.log10(
        one * trained.probability(("<s>", "That", "</s>")) / trained.probability(("<s>", "</s>"))
    ), rel_tol=1e-5)  # fmt: skip


def test_every_page_has_the_perplexity_of_its_text_and_buckets_follow(ran, scorer):
    stored = texts(ran)
    rows = [row for row in ledger(ran) if row["text.wiki"] is not None]
    assert len(rows) > 50
    counted: Counter[str] = Counter()
    for row in rows:
        assert row["text.wiki"] == scorer(stored[row["file_path"], row["record"]])
        if row["stage"] in ("quality", None):
            bucket = "tail" if row["text.wiki"] >= 200 else "middle"
            bucket = bucket if row["text.wiki"] > 100 else "head"
            assert (
                row["rule"] == bucket if bucket != "head" else row["rule"] in (None, "edited_tail")
            )
            counted[bucket] += 1
        if row["text.wiki_bucket"] is not None:  # measured where the rules before let the page live
            assert row["text.wiki_bucket"] == bucket_of(row["text.wiki"], 100, 200)
    assert {"head", "middle"} <= {row["text.wiki_bucket"] for row in rows}
    assert min(counted[bucket] for bucket in ("head", "middle", "tail")) >= 3, counted


def test_an_audit_by_bucket(ran):
    rows = [*ledger(ran)]
    for by in ("bucket", "wiki_bucket", "text.wiki_bucket"):
        told = json.loads(succeed("audit", ran, "--by", by, "--json"))["rules"]
        first = {row[by]: row for row in reversed(told)}
        sizes = Counter(row["text.wiki_bucket"] or "" for row in rows)
        assert {name: row["reached_pages"] for name, row in first.items()} == sizes
        removed = Counter(
            (row["text.wiki_bucket"] or "", row["rule"])
            for row in rows
            if row["status"] == "dropped"
        )
        assert {
            (row[by], row["rule"]): row["removed_pages"] for row in told if row["removed_pages"]
        } == removed
    assert "bucket head: " in succeed("audit", ran, "--by", "bucket")
    unknown = cuvee("audit", ran, "--by", "wiki_buckt")
    assert unknown.returncode == 2
    assert unknown.stderr == (
        f"cuvee: {ran}: 'wiki_buckt' is no label that its pages have.\n"
        "  Did you mean 'wiki_bucket'?  They can be told apart by language, dump, domain, bucket, "
        "wiki_bucket.\n"
    )


def test_a_run_without_buckets_says_how_to_have_them(base):
    refused = cuvee("audit", base.root, "--by", "bucket")
    assert refused.returncode == 2
    assert "its pages have no bucket.\n  A perplexity with cut-offs gives one" in refused.stderr


def test_an_edited_text_has_a_perplexity_of_its_own(ran):
    rows = [row for row in ledger(ran) if row["c4_lines.wiki"] is not None]
    assert any(row["c4_lines.wiki"] != row["text.wiki"] for row in rows)
    assert all(row["c4_lines.wiki"] >= 1 for row in rows)


def test_the_models_are_in_manifest_and_columns(ran, models):
    manifest = json.loads((ran / "manifest.json").read_text())
    assert manifest["assets_sha256"]["perplexity wiki: model"] == sha256_of(models / "en.arpa")
    pieces = sha256_of(models / "en.sp.model")
    assert manifest["assets_sha256"]["perplexity wiki: sentencepiece"] == pieces
    path = next((ran / "ledger").rglob("*.parquet"))
    fields = pq.read_schema(path)
    assert fields.field("text.wiki").metadata != fields.field("c4_lines.wiki").metadata


def test_what_if_and_sweeps_work_on_it_as_on_any_signal(ran):
    audit = Audit(ran)
    rows = ledger(ran)
    lost = [row for row in rows if row["status"] == "kept" and row["text.wiki"] > 60]
    found = audit.whatif(set={"middle": 60})
    assert lost
    assert found.before.kept.pages.value - found.after.kept.pages.value == len(lost)
    assert set(audit.rules()["rule"]) >= {"tail", "middle", "edited_tail"}
    assert len(audit.sweep("middle").curve) > 5
    told = succeed("show", ran, "--rule", "tail", "-n", "1", "--json")
    assert "text.wiki" in told


def test_another_model_is_judged_by_without_the_crawl(ran, models, garbage, tmp_path):
    shutil.copytree(ran, tmp_path / "run")
    (tmp_path / "other").mkdir()
    for name in ("en.arpa", "en.sp.model"):
        shutil.copy2(models / name, tmp_path / "other")
    changed = (models / "en.arpa").read_text("utf-8").replace("\\end\\", "\n\\end\\")
    (tmp_path / "other/en.arpa").write_text(changed, "utf-8")  # another file, the same numbers
    recipe = load_recipe(written(tmp_path, tmp_path / "other"), inputs=[str(garbage)])
    run(recipe, tmp_path / "run", RunOptions(engine="inline"), Listener())
    assert [row["text.wiki"] for row in ledger(tmp_path / "run")] == [
        row["text.wiki"] for row in ledger(ran)
    ]
    digests = [json.loads((at / "manifest.json").read_text())["assets_sha256"] for at in
               (ran, tmp_path / "run")]  # fmt: skip
    assert digests[0]["perplexity wiki: model"] != digests[1]["perplexity wiki: model"]


BY_LANGUAGE = edited(
    RECIPE,
    "wiki: {model: MODEL, sentencepiece: PIECES, head: 100, tail: 200}",
    "wiki: {lines: true, languages: {en: {model: MODEL, sentencepiece: PIECES, head: 5, tail: 9},"
    " fr: MODEL}}",
)


def test_models_by_language_are_asked_for_their_pages_alone(models, scorer, tmp_path):
    recipe = load_recipe(
        written(tmp_path, models, edited(BY_LANGUAGE, 'code != "en"', 'code == ""'))
    )
    curator = Curator(recipe)
    text = "The river of the house was narrow.\nIt was quiet."
    found = {
        label: curator.judges.of(label).judge(text, about={"language": label})
        for label in ("en", "fr", "de")
    }
    assert found["en"].values["text.wiki"] == replace(scorer, lines=True)(text)
    assert found["fr"].values["text.wiki"] != found["en"].values["text.wiki"]
    assert "text.wiki" not in found["de"].values
    en = bucket_of(found["en"].values["text.wiki"], 5, 9)
    audited = curator.judges.common.judge(text, audited=True, about={"language": "de"})
    assert audited.values["text.wiki_bucket"] == "all"
    again = [
        curator.judges.of(label).judge(text, audited=True, about={"language": label})
        for label in ("en", "fr")
    ]
    assert [each.values["text.wiki_bucket"] for each in again] == [en, "all"]
    decision = found["de"].decision
    assert decision is not None
    assert (decision.status, decision.rule) == ("failed", "error:wiki:no model for 'de'")


def test_a_recipe_with_models_is_the_same_when_it_is_read_again(models, tmp_path):
    short = edited(RECIPE, "{model: MODEL, sentencepiece: PIECES, head: 100, tail: 200}", "MODEL")
    short = edited(short, ', no_bucket: wiki_bucket == "all"', "")
    for recipe in (RECIPE, BY_LANGUAGE, short):
        loaded = load_recipe(written(tmp_path, models, recipe))
        (tmp_path / "again.yaml").write_text(loaded.to_yaml(), "utf-8")
        assert load_recipe(str(tmp_path / "again.yaml")) == loaded
        schema = jsonschema.Draft202012Validator(json_schema())
        assert not list(schema.iter_errors(loaded.resolved()))


def test_a_file_of_other_bytes_is_another_column(models, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(models, copied)
    recipe = load_recipe(written(tmp_path, copied))
    before = work_key(recipe), str(Curator(recipe).schema.field("text.wiki").metadata)
    with (copied / "en.arpa").open("a") as file:
        file.write("\n")
    after = work_key(recipe), str(Curator(recipe).schema.field("text.wiki").metadata)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    ("written_as", "says"),
    [
        ("perplexity: [a]", "r.yaml:2: perplexity must be a map of names, not [a]."),
        ("perplexity: {a: {}}", "r.yaml:2: perplexity.a names no model."),
        ("perplexity: {a-b: m.arpa}", "r.yaml:2: perplexity: 'a-b' is no name for a perplexity."),
        (
            "perplexity: {words: m.arpa}",
            "perplexity.words: 'words' is a signal already (filters/gopher.py).",
        ),
        ("perplexity: {a: {model: m, modle: m}}", "perplexity.a has no option 'modle'."),
        (
            "perplexity: {a: {model: m, normalize: 1}}",
            "normalize must be true, false or cased, not 1.",
        ),
        ("perplexity: {a: {languages: [en]}}", "languages must be a map by language, not [en]."),
        ("perplexity: {a: {languages: {en: {}}}}", "perplexity.a.languages.en names no model."),
        ("perplexity: {a: {languages: {en: m}, model: m}}", "perplexity.a has no option 'model'."),
        ("perplexity: {a: {languages: {de: m}}}", "has no model for 'en', which the gates want."),
        ("perplexity: {a: {model: m, head: 9, tail: 5}}", "middle begins at 9 and tail at 5."),
        ("perplexity: {a: {model: m, head: 9}}", "middle begins at 9 and tail at 0."),
        ("perplexity: {b: m.arpa}", "rule 'tail' reads 'a', which nothing measures."),
    ],
)
def test_what_a_recipe_cannot_say_is_told(written_as, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stages = 'stages:\n- gate: {other: language.code != "en"}\n- drop: {tail: a > 9}\n'
    Path("r.yaml").write_text(f"recipe: r\n{written_as}\n{stages}", "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe("r.yaml")
    assert says in str(caught.value)


def test_models_by_language_need_a_gate_that_finds_it(models, tmp_path):
    with pytest.raises(RecipeError, match=r"goes by language, and no gate finds a page's language"):
        load_recipe(written(tmp_path, models, edited(
            BY_LANGUAGE, '- gate: {not_english: language.code != "en"}\n', "")))  # fmt: skip


def other_pieces(folder: Path) -> Path:
    text = "\n".join(f"река дом {n} письмо сад окно учитель рынок лес мост" for n in range(50))
    (folder / "ru.txt").write_text(text, "utf-8")
    SentencePieceTrainer.train(
        input=str(folder / "ru.txt"), model_prefix=str(folder / "ru.sp"), vocab_size=60,
        model_type="bpe", minloglevel=2, num_threads=1,
    )  # fmt: skip
    return folder / "ru.sp.model"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("no model", "there is no file '"),
        ("cut off", "is no n-gram model that can be read"),
        ("no text", "is no n-gram model that can be read"),
        ("7-grams", "is no n-gram model that can be read"),
        ("no pieces", "is no SentencePiece model that its library can load"),
        ("another language", " of the pieces of"),
    ],
)
def test_a_model_that_cannot_be_asked_is_told_before_the_run_begins(
    broken, says, models, small_crawl, tmp_path
):
    copied = tmp_path / "copied"
    shutil.copytree(models, copied)
    arpa = copied / "en.arpa"
    if broken == "no model":
        arpa.unlink()
    elif broken == "cut off":
        arpa.write_bytes(arpa.read_bytes()[:50_000])
    elif broken == "no text":
        arpa.write_bytes(bytes(range(256)) * 10)
    elif broken == "7-grams":
        train_arpa([sentence.split() for sentence in prose(1)], 7, arpa)
    elif broken == "no pieces":
        (copied / "en.sp.model").write_bytes(b"pieces")
    else:
        shutil.copy2(other_pieces(copied), copied / "en.sp.model")
    recipe = load_recipe(written(tmp_path, copied), inputs=[str(small_crawl)])
    with pytest.raises(UsageError) as caught:
        run(recipe, tmp_path / "run", RunOptions(engine="inline"), Listener())
    assert says in str(caught.value)
    assert str(caught.value).count("\n") <= 2
    assert not list((tmp_path / "run").glob("commits/*/*"))


def test_a_binary_model_without_its_library_is_told(models, small_crawl, tmp_path):
    if find_spec("kenlm") is not None:
        pytest.skip("kenlm is installed, and reads it")
    copied = tmp_path / "copied"
    shutil.copytree(models, copied)
    (copied / "en.arpa").write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0")
    recipe, output = written(tmp_path, copied), tmp_path / "run"
    done = cuvee("run", recipe, "--input", small_crawl, "--output", output)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a binary model of KenLM, and kenlm is not installed." in done.stderr
    assert "pip install 'cuvee[kenlm]'" in done.stderr


def test_a_model_may_be_compressed(models, scorer, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(models, copied)
    packed = gzip.compress((copied / "en.arpa").read_bytes())
    (copied / "en.arpa").write_bytes(packed)
    curator = Curator(load_recipe(written(tmp_path, copied)))
    text = "The river of the house was narrow."
    assert curator.judges.common.judge(text).values["text.wiki"] == scorer(text)


def test_kenlm_says_the_same_bit_for_bit(ran, models):
    kenlm = pytest.importorskip("kenlm")
    theirs = kenlm.Model(str(models / "en.arpa"))
    ours = read_arpa((models / "en.arpa").read_text("utf-8").split("\n"))
    pieces = SentencePieceProcessor(model_file=str(models / "en.sp.model"))
    asked = [" ".join(pieces.encode(text, out_type=str)) for text in texts(ran).values()]
    assert [ours.score(each) for each in asked] == [theirs.score(each) for each in asked]


def test_ccnets_buckets_are_those_of_a_perplexity_rounded_to_one_place():
    rules = {rule.name: rule for _, rule in load_recipe("ccnet").rules()}
    near = [cut + step / 100 for cut in (340, 520) for step in range(-30, 31)]
    edges = [math.nextafter(edge, to) for edge in (339.95, 519.95) for to in (0, edge, 1e9)]
    for value in (1.0, *near, *edges, 1e6):
        theirs = next((name for name, cut in (("head", 340), ("middle", 520))
                       if round(value, 1) < cut), "tail")  # fmt: skip
        fired = [
            name for name in ("tail", "middle") if rules[name].fires({"ccnet_perplexity": value})
        ]
        assert [*fired, "head"][0] == theirs, value


CASES = {"Ångström’s １２ “cafés”\x01…": ('angstrom\'s 00 "cafes"...', 'Ångström\'s 00 "cafés"...')}


@pytest.mark.parametrize(("text", "forms"), CASES.items())
def test_the_normal_form_of_edugps_models_keeps_case_and_accents(text, forms):
    assert (ccnet_normal(text), ccnet_normal(text, cased=True)) == forms


def test_a_normal_form_that_pieces_were_not_made_with_is_refused(models, cased_models, tmp_path):
    def told(folder: Path, normalize: str) -> str:
        recipe = RECIPE.replace("PIECES, ", f"PIECES, normalize: {normalize}, ")
        with pytest.raises(UsageError) as caught:
            check_perplexity(load_recipe(written(tmp_path, folder, recipe)))
        return str(caught.value)

    assert "have capitals, which no text has in CCNet's normal form" in told(cased_models, "true")
    assert "has a capital" in (said := told(models, "cased"))
    assert said.endswith("Write: normalize: true")
    for folder, normalize in ((models, "true"), (cased_models, "cased"), (models, "false")):
        recipe = RECIPE.replace("PIECES, ", f"PIECES, normalize: {normalize}, ")
        check_perplexity(load_recipe(written(tmp_path, folder, recipe)))


@pytest.fixture
def model_hub(cased_models: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a Hub on this machine that has the files which `ccnet` names."""
    folder = tmp_path / "served/edugp/kenlm/resolve/main/wikipedia"
    folder.mkdir(parents=True)
    shutil.copy2(cased_models / "en.arpa", folder / "en.arpa.bin")  # a form is told by its content
    shutil.copy2(cased_models / "en.sp.model", folder)
    files = folder_answers(tmp_path / "served")

    def answers(request: Request) -> Reply:
        found = files(request)
        return replace(found, headers={**found.headers, "X-Repo-Commit": "0" * 40})

    with serving(answers) as host:
        yield {"HF_ENDPOINT": host.url, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}


def test_the_shipped_recipe_runs_with_models_of_the_hub(
    model_hub, cased_models, small_crawl, tmp_path
):
    scorer = scorer_of(cased_models, "cased")
    typed = ["run", "ccnet", "--input", small_crawl, "--engine", "inline", "--output"]
    typed += [tmp_path / "run", "--set", "tokenizer={train: {vocab_size: 400}}"]
    succeed(*typed, env=model_hub)
    stored, rows = texts(tmp_path / "run"), ledger(tmp_path / "run")
    measured = [row for row in rows if row["text.ccnet_perplexity"] is not None]
    assert len(measured) > 20
    for row in measured:
        text = stored[row["file_path"], row["record"]]
        assert row["text.ccnet_perplexity"] == scorer(text)
    assert {row["rule"] for row in rows} >= {None, "short"}
    kept = [row for row in rows if row["status"] == "kept"]
    assert all(row["text.ccnet_perplexity"] <= 339.95 for row in kept)
    assets = json.loads((tmp_path / "run/manifest.json").read_text())["assets_sha256"]
    assert assets["perplexity ccnet_perplexity: model"] == sha256_of(cased_models / "en.arpa")
    pieces = sha256_of(cased_models / "en.sp.model")
    assert assets["perplexity ccnet_perplexity: sentencepiece"] == pieces
    nowhere = {**model_hub, "HF_HOME": str(tmp_path / "empty"), "HF_ENDPOINT": "http://127.0.0.1:1"}
    done = cuvee(*typed[:-3], tmp_path / "other", env=nowhere)
    assert done.returncode == 2
    assert "'edugp/kenlm/wikipedia/en.arpa.bin' is neither a file here nor reachable" in done.stderr


PAGE = (Path(__file__).parents[2] / "docs/perplexity.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return [body for _, name, body in BLOCK.findall(PAGE) if name == language]


@pytest.mark.slow
def test_every_command_of_the_page_works_in_its_order(models, small_crawl, tmp_path):
    mine, by_language, head_middle = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(mine, "utf-8")
    (tmp_path / "crawl").symlink_to(small_crawl)
    for name in ("en.arpa", "en.sp.model"):
        shutil.copy2(models / name, tmp_path)
    typed = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(typed) == 5
    for command in typed:
        quick = " --engine inline" if command.startswith("cuvee run") else ""
        assert shell(command + quick, tmp_path).strip(), command
    stages = (
        'stages: [{gate: {other: language.code == "de"}}, {drop: {tail: wiki_bucket == "tail"}}]'
    )
    (tmp_path / "two.yaml").write_text(f"recipe: two\n{by_language}{stages}\n", "utf-8")
    assert load_recipe(str(tmp_path / "two.yaml")).perplexity[0].languages == ("en", "fr")
    (tmp_path / "head.yaml").write_text(head_middle, "utf-8")
    stage, rule = list(load_recipe(str(tmp_path / "head.yaml")).rules())[-1]
    assert (stage, rule.name) == ("quality", "tail")
