"""Decisions: in the recipe's order, three-valued, and only on what was measured."""

from itertools import pairwise

import pytest

from filters.gopher import stop_word_signal
from filters.judge import Column, Decision, DropStage, EditStage, Judge, Judgement, decide
from filters.memo import Memo
from filters.rule import Rule, parse_rule
from filters.segment import segmenter

BODY = """The river runs past the old house. It was quiet there, and the door was open.
Nobody had lived in it for years. The garden had grown over the wall.
Write to somebody@example.net about it."""
SHORT_LINE = "Two words"
GATED = Decision("dropped", "url", "domain")


def rules(**written: str) -> tuple[Rule, ...]:
    return tuple(parse_rule(name, expression) for name, expression in written.items())


def drop(**written: str) -> DropStage:
    return DropStage(rules(**written))


def judge(*blocks: DropStage | EditStage) -> Judge:
    return Judge(blocks, segmenter("en"))


C4 = EditStage("c4_lines", {"terminal_punctuation": False, "min_words_per_line": 3})
PII = EditStage("pii", {"kinds": ["email"]})


@pytest.mark.parametrize(
    ("values", "decision"),
    [
        ({"a": 1, "b": 1, "c": 1}, None),
        ({"a": 9, "b": 1, "c": 1}, Decision("dropped", "quality", "a_high")),
        ({"a": 9, "b": 9, "c": 1}, Decision("dropped", "quality", "a_high")),
        ({"a": 1, "b": 9, "c": 1}, Decision("dropped", "quality", "b_share")),
        # The division by zero comes after the drop: it does not matter any more.
        ({"a": 9, "b": 9, "c": 0}, Decision("dropped", "quality", "a_high")),
        # Before any drop it does, even if a later rule would fire.
        ({"a": 1, "b": 9, "c": 0, "d": 9}, Decision("failed", "quality", "undefined:b_share")),
        ({"a": 1, "b": 0, "c": 0, "d": 1}, Decision("failed", "quality", "undefined:b_share")),
        ({"a": None, "b": 1, "c": 1}, Decision("failed", "quality", "undefined:a_high")),
        ({"b": 1, "c": 1}, Decision("failed", "quality", "undefined:a_high")),
        ({"a": 1, "b": 1, "c": 1, "d": 9}, Decision("dropped", "quality", "d_high")),
        # A zero is a measurement.
        ({"a": 0, "b": 0, "c": 1}, None),
    ],
)
def test_the_first_rule_that_is_not_false_decides(values, decision):
    ordered = rules(a_high="a > 5", b_share="b / c > 5", d_high="d > 5")
    assert decide(ordered, {"d": 1, **values}, "quality") == decision


def test_labels_are_compared_as_they_are():
    gate = rules(domain='reason == "domain"', foreign='code != "en"')
    assert decide(gate, {"reason": "none", "code": "en"}, "url") is None
    assert decide(gate, {"reason": "domain", "code": "fr"}, "url") == GATED
    foreign = Decision("dropped", "url", "foreign")
    assert decide(gate, {"reason": "none", "code": "fr"}, "url") == foreign


def test_no_rule_no_decision():
    assert decide((), {}, "quality") is None
    assert judge().judge(BODY) == Judgement(None, BODY, {})


@pytest.mark.parametrize("names", [("first", "second"), ("second", "first")])
def test_of_two_rules_that_fire_the_first_is_named(names):
    both = {"first": "words > 1", "second": "chars > 1"}
    judged = judge(drop(**{name: both[name] for name in names})).judge(BODY)
    assert judged.decision == Decision("dropped", "quality", names[0])
    assert set(judged.values) == {"text.words", "text.chars"}  # both are measured


def test_of_two_blocks_the_first_decides_though_both_fire():
    judged = judge(drop(one="words > 1"), drop(two="chars > 1")).judge(BODY, audited=True)
    assert judged.decision == Decision("dropped", "quality", "one")


def test_a_block_after_a_drop_is_unmeasured_and_absent():
    blocks = (drop(few="words < 1000", lines="lines > 100"), C4, drop(empty="c4_lines.words < 1"))
    judged = judge(*blocks).judge(BODY)
    assert judged.decision == Decision("dropped", "quality", "few")
    assert set(judged.values) == {"text.words", "text.lines"}
    assert judged.text == BODY


def test_an_audited_text_is_measured_the_whole_way_with_the_same_decision():
    blocks = (drop(few="words < 1000"), C4, drop(empty="c4_lines.words > 1"), PII)
    raw = f"{BODY}\n{SHORT_LINE}"
    plain, audited = (judge(*blocks).judge(raw, audited=flag) for flag in (False, True))
    assert plain.decision == audited.decision == Decision("dropped", "quality", "few")
    assert set(audited.values) == {column.name for column in judge(*blocks).columns}
    assert audited.values["pii.emails"] == 1
    # What was judged is what the decision saw, however far the measuring went.
    assert plain.text == audited.text == raw


def test_a_gated_text_is_measured_only_where_it_is_audited():
    judges = judge(drop(few="words < 1000"), C4, drop(empty="c4_lines.words < 1"))
    assert judges.judge(BODY, decision=GATED) == Judgement(GATED, BODY, {})
    audited = judges.judge(BODY, decision=GATED, audited=True)
    assert audited.decision == GATED
    assert set(audited.values) == {column.name for column in judges.columns}
    assert audited.text == BODY


def test_an_undefined_rule_fails_the_text_and_ends_its_measuring():
    blocks = (drop(nothing="bullet_lines / words > 0.5"), C4, drop(any="c4_lines.words >= 0"))
    judged = judge(*blocks).judge("")
    assert judged.decision == Decision("failed", "quality", "undefined:nothing")
    assert set(judged.values) == {"text.bullet_lines", "text.words"}
    audited = judge(*blocks).judge("", audited=True)
    assert audited.decision == judged.decision
    assert "c4_lines.words" in audited.values


def test_a_rule_that_is_undefined_after_a_drop_does_not_fail_the_text():
    first = {"empty": "chars < 1", "nothing": "bullet_lines / words > 0.5"}
    assert judge(drop(**first)).judge("").decision == Decision("dropped", "quality", "empty")
    swapped = dict(reversed(first.items()))
    failed = Decision("failed", "quality", "undefined:nothing")
    assert judge(drop(**swapped)).judge("").decision == failed


def test_signals_after_an_edit_belong_to_its_revision():
    raw = f"{BODY}\n{SHORT_LINE}"
    blocks = (drop(a="words < 1"), C4, drop(b="c4_lines.words < 1", c="words < 1", d="lines < 1"))
    judged = judge(*blocks).judge(raw)
    assert judged.decision is None
    assert judged.text == BODY
    difference = judged.values["text.words"] - judged.values["c4_lines.words"]
    assert difference == len(SHORT_LINE.split())
    assert judged.values["c4_lines.removed_lines"] == 1
    # A rule after the edit may still read the text as extracted.
    assert judged.values["text.lines"] == raw.count("\n") + 1


def test_a_text_that_is_dropped_after_an_edit_was_judged_as_edited():
    raw = f"{BODY}\n{SHORT_LINE}"
    judged = judge(C4, drop(any="c4_lines.words > 1"), PII).judge(raw, audited=True)
    assert judged.decision == Decision("dropped", "quality", "any")
    assert judged.text == BODY
    assert "somebody@example.net" in judged.text


def test_edits_work_on_what_the_edit_before_made():
    judged = judge(C4, PII, drop(b="pii.lines < 1")).judge(f"{BODY}\n{SHORT_LINE}")
    assert judged.text == BODY.replace("somebody@example.net", "email@example.com")
    assert judged.values["pii.lines"] == BODY.count("\n") + 1
    assert judged.values["pii.emails"] == 1


def test_columns_are_in_the_order_of_measuring_and_each_comes_once():
    columns = judge(
        drop(a="words < 1", b="words / chars < 0.1"),
        C4,
        drop(c="words / lines < 1", d="c4_lines.lines < 5", e="c4_lines.curly_lines > 9"),
    ).columns
    names = [column.name for column in columns]
    assert names[:2] == ["text.words", "text.chars"]
    assert names[-2:] == ["text.lines", "c4_lines.lines"]
    own = names[2:-2]
    assert own
    assert all(name.startswith("c4_lines.") for name in own)
    assert len(set(names)) == len(names)
    assert all(isinstance(column, Column) and "." in column.name for column in columns)
    assert {column.revision for column in columns} == {"text", "c4_lines"}


def test_every_column_of_a_kept_text_is_filled():
    judges = judge(drop(a="words < 1"), C4, drop(c="c4_lines.sentences < 1"), PII)
    judged = judges.judge(BODY)
    assert judged.decision is None
    assert set(judged.values) == {column.name for column in judges.columns}
    assert all(isinstance(value, int) for value in judged.values.values())


def test_a_judge_keeps_nothing_from_one_text_to_the_next():
    judges = judge(drop(a="words < 8"), C4, drop(c="c4_lines.sentences < 1"))
    texts = [BODY, "", SHORT_LINE, BODY, "A { bracket.", BODY]
    seen = [judges.judge(text) for text in texts]
    assert seen[0] == seen[3] == seen[5]
    assert all(one != other for one, other in pairwise(seen))


def test_stop_words_of_another_language_are_another_measurement():
    drop = DropStage((parse_rule("few", "distinct_stop_words < 2"),))
    english = Judge([drop], segmenter("en"))
    signal = stop_word_signal(["le", "la", "le"])
    french = Judge([drop], segmenter("en"), {signal.name: signal})
    text = "le chat et la souris"
    assert english.judge(text).values["text.distinct_stop_words"] == 0
    assert french.judge(text).values["text.distinct_stop_words"] == 2
    prints = {judge.columns[0].fingerprint("spacy") for judge in (english, french)}
    assert len(prints) == 2


def test_judges_with_one_memo_measure_each_thing_once():
    memo = Memo(remembers=True)
    rules = [DropStage((parse_rule("short", "words < 2"), parse_rule("odd", "hashes / words > 9")))]
    edit = EditStage("c4_lines", {})
    behind = DropStage((parse_rule("few", "c4_lines.words < 3"),))
    judges = [
        Judge(rules, segmenter("en"), memo=memo),
        Judge([*rules, edit, behind], segmenter("en"), memo=memo),
        Judge([edit, behind], segmenter("en"), memo=memo),
    ]
    alone = [Judge(rules, segmenter("en")), Judge([edit, behind], segmenter("en"))]
    text = "This is a sentence.\nno end\nAnd one more of them."
    first, _, third = [judge.judge(text) for judge in judges]
    assert [first, third] == [judge.judge(text) for judge in alone]
    assert memo.done == {"text": 2, "edit": 1, "signal": 3}
    assert memo.asked == {"text": 4, "edit": 2, "signal": 6}
    memo.forget()
    judges[0].judge(text)
    assert memo.done["signal"] == 5, "another page is measured"
