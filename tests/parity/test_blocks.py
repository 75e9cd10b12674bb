"""datatrove's own blocks as steps of a recipe decide as the recipe's rules do."""

from filters.datatrove_block import BlockStage
from filters.judge import DropStage, EditStage, Judge
from filters.segment import segmenter
from pipelines.recipe import load_recipe

C4_RULES = ("lorem_ipsum", "curly_bracket", "too_few_sentences")


def test_gopher_and_c4_as_blocks_and_as_rules(sample_texts, oracle, compared):
    first, edit, second, *_ = load_recipe("fineweb").blocks
    assert isinstance(first, DropStage)
    assert isinstance(second, DropStage)
    assert edit == EditStage("c4_lines", edit.options)  # type: ignore[union-attr]  # it is one
    gopher = DropStage(tuple(rule for rule in first.rules if rule.name.startswith("gopher")))
    c4 = DropStage(tuple(rule for rule in second.rules if rule.name in C4_RULES))
    rules = Judge([gopher, edit, c4], segmenter("en"))
    blocks = Judge(
        [
            BlockStage("GopherQualityFilter", {}, "datatrove"),
            BlockStage("C4QualityFilter", {"filter_no_terminal_punct": False}, "datatrove"),
        ],
        segmenter("en"),
    )
    reasons = set()
    for text in sample_texts[:250]:
        ours, theirs = rules.judge(text), blocks.judge(text)
        decided = [found.decision and found.decision.rule for found in (ours, theirs)]
        assert decided[0] == decided[1]
        assert ours.decision is not None or ours.text == theirs.text
        reasons.add(decided[0])
    assert oracle  # has settled how spaCy meets its lost word
    assert len(reasons) > 5
    compared.append(f"250 pages by blocks of datatrove in a recipe, {len(reasons)} outcomes")
