"""Blocks of datatrove on texts: reasons become rules, texts revisions, errors cost one page."""

import subprocess
import sys
from typing import Any

import pytest
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.formatters.base import BaseFormatter

from filters.datatrove_block import MOST_REASONS, Block, BlockStage, is_block, known_blocks
from filters.errors import WorkError
from filters.judge import Decision, DropStage, Judge
from filters.rule import parse_rule
from filters.segment import segmenter
from filters.signal import SIGNALS, signal
from filters.text import Text

TEXT = "The river runs past the old house. It was quiet there."
OWN = "tests.pipelines.own_blocks"


def stage(name: str, **arguments: Any) -> BlockStage:
    written = name if name in known_blocks() else f"{OWN}.{name}"
    return BlockStage(written, arguments, "of this test")


def drop(**written: str) -> DropStage:
    return DropStage(tuple(parse_rule(name, rule) for name, rule in written.items()))


def judge(*blocks: DropStage | BlockStage) -> Judge:
    return Judge(blocks, segmenter("en"))


def test_the_catalogue_is_there_without_datatroves_blocks():
    program = (
        "import sys, filters.catalog, filters.judge\n"
        "print([name for name in sys.modules if name.startswith('datatrove.pipeline')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0)


def test_blocks_are_strict_subclasses_and_nothing_else():
    assert {"GopherQualityFilter", "C4QualityFilter", "FTFYFormatter"} <= known_blocks().keys()
    others = (BaseFilter, BaseFormatter, object, dict, "GopherQualityFilter", len)
    assert not any(map(is_block, others))


def test_a_reason_becomes_the_rule_and_the_text_before_is_what_was_judged():
    found = judge(stage("GopherQualityFilter", min_doc_words=30)).judge(TEXT)
    expected = Decision("dropped", "quality", "gopher_short_doc", "GopherQualityFilter")
    assert found.decision == expected
    assert found.text == TEXT


def test_arguments_count():
    assert (
        judge(stage("GopherQualityFilter", min_doc_words=5, min_stop_words=0)).judge(TEXT).decision
        is None
    )


def test_a_filter_that_gives_no_reason_has_its_name():
    found = judge(stage("FewLetters", letter="e", most=2)).judge(TEXT)
    assert found.decision == Decision("dropped", "quality", "few_letters", "FewLetters")


@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        ("\x1b[31mred\n|", "[31mred |"),
        ("x" * 1000, "x" * 100),
        ("   ", "telling"),
        ("\u202e", "telling"),
        (17, "17"),
    ],
)
def test_reasons_are_made_harmless(reason, rule):
    decision = judge(stage("Telling", reason=reason)).judge(TEXT).decision
    assert decision is not None
    assert decision.rule == rule


def test_reasons_without_end_are_counted_by_the_blocks_name():
    block = Block(stage("Counting"))
    reasons = [block.apply(TEXT, {}).reason for _ in range(MOST_REASONS + 2)]
    assert reasons[MOST_REASONS - 1] == f"document {MOST_REASONS}"
    assert reasons[MOST_REASONS:] == ["counting", "counting"]


def test_a_block_learns_what_is_known_of_the_page():
    about = {"id": "<urn:1>", "url": "http://a.example/", "date": None, "language": "en"}
    assert Block(stage("Telling")).apply(TEXT, about).reason == "<urn:1> language url"


def test_a_formatter_and_an_editing_filter_make_revisions_that_rules_read():
    blocks = (
        stage("RaisingFormatter", word="absent"),
        drop(no_line="RaisingFormatter.lines < 2", longer="text.lines > 1"),
        stage("Batched"),
        drop(shouting="Batched.chars < 1"),
    )
    found = judge(*blocks).judge(TEXT)
    assert found.decision is None
    assert found.text == f"{TEXT}\nrewritten".upper()
    assert found.values["RaisingFormatter.lines"] == 2


def test_state_belongs_to_one_file():
    judging = judge(stage("Counting"))
    first = [judging.judge(TEXT).decision.rule for _ in range(3)]  # type: ignore[union-attr]  # all are dropped
    judging.restart()
    again = [judging.judge(TEXT).decision.rule for _ in range(3)]  # type: ignore[union-attr]  # all are dropped
    assert first == again == ["document 1", "document 2", "document 3"]


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        (stage("Raising", word="river"), "error:Raising:KeyError"),
        (stage("RaisingFormatter", word="river"), "error:RaisingFormatter:KeyError"),
        (stage("Telling", reason="river"), None),
        (stage("NoText"), "error:NoText:text is NoneType"),
    ],
)
def test_an_exception_or_a_wrong_result_fails_the_page(block, rule):
    found = judge(block, drop(short="words < 5")).judge(TEXT)
    assert found.decision is not None
    assert found.decision.status == ("failed" if rule else "dropped")
    assert found.decision.rule == (rule or "river")
    assert found.text == TEXT


def test_a_text_without_a_utf8_form_gets_one():
    assert judge(stage("NoText", result="surrogate")).judge(TEXT).text == "a?b"


def test_audited_pages_go_on_through_blocks():
    blocks = (drop(never="words < 1000"), stage("Batched"), drop(high="Batched.chars < 1"))
    audited = judge(*blocks).judge(TEXT, audited=True)
    assert audited.decision == Decision("dropped", "quality", "never")
    assert audited.values["Batched.chars"] == len(TEXT)
    assert "Batched.chars" not in judge(*blocks).judge(TEXT).values


def test_columns_after_a_block_depend_on_its_code_and_arguments():
    def column(block: BlockStage) -> str:
        return judge(block, drop(a="RaisingFormatter.words < 1")).columns[0].fingerprint("en")

    plain = stage("RaisingFormatter", word="a")
    others = [
        stage("RaisingFormatter", word="b"),
        BlockStage(plain.name, plain.arguments, "other code"),
        BlockStage(f"elsewhere.{plain.name}", plain.arguments, plain.source),
    ]
    assert column(plain) == column(stage("RaisingFormatter", word="a"))
    assert len({column(block) for block in [plain, *others]}) == 4


def test_a_block_that_cannot_be_made_ends_the_work_in_words():
    with pytest.raises(WorkError) as caught:
        judge(stage("Unmakeable")).judge(TEXT)
    first, second = str(caught.value).split("\n")
    assert first == f"datatrove: {OWN}.Unmakeable cannot be made: no such model"
    assert "installed on every worker" in second


@pytest.fixture
def registered(monkeypatch):
    """Return a function that registers a signal for one test."""
    for name, item in dict(SIGNALS).items():
        monkeypatch.setitem(SIGNALS, name, item)

    def register(function):
        signal(version=1, name="tried")(function)
        return judge(drop(first="words < 3", tried="tried > 5", last="chars > 1"))

    yield register
    SIGNALS.pop("tried", None)


def raises(text: Text) -> int:
    raise ZeroDivisionError(text.raw)


@pytest.mark.parametrize(
    ("function", "rule"),
    [
        (raises, "error:tried:ZeroDivisionError"),
        (lambda _: 0.5, "error:tried:float is no count"),
        (lambda _: None, "error:tried:NoneType is no count"),
        (lambda _: "7", "error:tried:str is no count"),
        (lambda _: 2**63, "error:tried:more than 64 bits"),
    ],
)
def test_a_signal_that_gives_no_count_fails_the_page(registered, function, rule):
    judging = registered(function)
    found = judging.judge(TEXT)
    assert found.decision == Decision("failed", "quality", rule)
    assert "text.tried" not in found.values
    assert found.values["text.chars"] == len(TEXT)
    # An earlier rule that drops decides, as it does before an undefined one.
    assert judging.judge("Two words").decision == Decision("dropped", "quality", "first")


def test_true_and_false_are_counts(registered):
    found = registered(lambda text: "river" in text.raw).judge(TEXT)
    assert found.values["text.tried"] == 1
    assert type(found.values["text.tried"]) is int
