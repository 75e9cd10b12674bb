"""The shipped recipes, and what the engine reads of a recipe."""

import pickle
from dataclasses import replace

import pytest
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter
from datatrove.pipeline.filters.gopher_repetition_filter import GopherRepetitionFilter
from datatrove.pipeline.filters.language_filter import LanguageFilter
from datatrove.utils.hashing import HashConfig

from filters.catalog import EDITS, resolve
from pipelines.recipe import (
    DropStage,
    EditStage,
    Extract,
    LanguageModel,
    TrainedTokenizer,
    describe_signals,
    load_recipe,
    shipped_recipes,
)

# name: what is read, operator and constant. arXiv 2112.11446 table A1 and section A.1.1,
# arXiv 1910.10683 section 2.2, arXiv 2406.17557 sections 3.3 to 3.6; names are datatrove's.
FINEWEB = """
url        domain                       url.block_reason == "domain"
url        subdomain                    url.block_reason == "subdomain"
url        url                          url.block_reason == "url"
url        hard_blacklisted             url.block_reason == "hard_blacklisted"
url        soft_blacklisted             url.block_reason == "soft_blacklisted"
url        blacklisted_subword          url.block_reason == "blacklisted_subword"
language   not_english                  language.code != "en"
language   unsure_language              language.score <= 0.65
quality    dup_para_frac                dup_paragraphs / paragraphs > 0.3
quality    dup_para_char_frac           dup_paragraph_chars / chars > 0.2
quality    dup_line_frac                dup_lines / line_runs > 0.3
quality    dup_line_char_frac           dup_line_chars / chars > 0.2
quality    top_2_gram                   top_2gram_chars / chars > 0.2
quality    top_3_gram                   top_3gram_chars / chars > 0.18
quality    top_4_gram                   top_4gram_chars / chars > 0.16
quality    duplicated_5_n_grams         dup_5gram_chars / chars > 0.15
quality    duplicated_6_n_grams         dup_6gram_chars / chars > 0.14
quality    duplicated_7_n_grams         dup_7gram_chars / chars > 0.13
quality    duplicated_8_n_grams         dup_8gram_chars / chars > 0.12
quality    duplicated_9_n_grams         dup_9gram_chars / chars > 0.11
quality    duplicated_10_n_grams        dup_10gram_chars / chars > 0.1
quality    gopher_short_doc             lexical_words < 50
quality    gopher_long_doc              lexical_words > 100000
quality    gopher_below_avg_threshold   lexical_word_chars / lexical_words < 3
quality    gopher_above_avg_threshold   lexical_word_chars / lexical_words > 10
quality    gopher_too_many_hashes       hashes / words > 0.1
quality    gopher_too_many_ellipsis     ellipses / words > 0.1
quality    gopher_too_many_bullets      bullet_lines / lines > 0.9
quality    gopher_too_many_end_ellipsis ellipsis_lines / lines > 0.3
quality    gopher_below_alpha_threshold alpha_words / words < 0.8
quality    gopher_enough_stop_words     distinct_stop_words < 2
quality    lorem_ipsum                  c4_lines.lorem_first > 0
quality    curly_bracket                c4_lines.curly_lines > 0
quality    too_few_sentences            c4_lines.sentences < 5
quality    empty                        c4_lines.nonblank_lines < 1
quality    line_punct_ratio             c4_lines.terminal_lines / c4_lines.nonblank_lines < 0.12
quality    short_line_ratio             c4_lines.short_lines / c4_lines.nonblank_lines > 0.67
quality    char_dup_ratio  c4_lines.dup_nonblank_chars / c4_lines.nonnewline_chars > 0.01
quality    list_ratio                   c4_lines.newlines / c4_lines.words > 0.3
"""


@pytest.fixture(scope="module")
def fineweb():
    return load_recipe("fineweb")


def test_fineweb_is_the_table(fineweb):
    written = [line.split(maxsplit=2) for line in FINEWEB.strip().splitlines()]
    assert [[stage, rule.name, str(rule)] for stage, rule in fineweb.rules()] == written


def test_fineweb_has_the_constants_of_datatroves_blocks(fineweb):
    constant = {rule.name: rule.constant for _, rule in fineweb.rules()}
    repetition, quality = GopherRepetitionFilter(), GopherQualityFilter()
    c4, web, language = C4QualityFilter(), FineWebQualityFilter(), LanguageFilter()
    oracle = {
        "unsure_language": language.language_threshold,
        "dup_para_frac": repetition.dup_para_frac,
        "dup_para_char_frac": repetition.dup_para_char_frac,
        "dup_line_frac": repetition.dup_line_frac,
        "dup_line_char_frac": repetition.dup_line_char_frac,
        **{f"top_{n}_gram": share for n, share in repetition.top_n_grams},
        **{f"duplicated_{n}_n_grams": share for n, share in repetition.dup_n_grams},
        "gopher_short_doc": quality.min_doc_words,
        "gopher_long_doc": quality.max_doc_words,
        "gopher_below_avg_threshold": quality.min_avg_word_length,
        "gopher_above_avg_threshold": quality.max_avg_word_length,
        "gopher_too_many_hashes": quality.max_symbol_word_ratio,
        "gopher_too_many_ellipsis": quality.max_symbol_word_ratio,
        "gopher_too_many_bullets": quality.max_bullet_lines_ratio,
        "gopher_too_many_end_ellipsis": quality.max_ellipsis_lines_ratio,
        "gopher_below_alpha_threshold": quality.max_non_alpha_words_ratio,
        "gopher_enough_stop_words": quality.min_stop_words,
        "too_few_sentences": c4.min_num_sentences,
        "line_punct_ratio": web.line_punct_thr,
        "short_line_ratio": web.short_line_threshold,
        "char_dup_ratio": web.char_duplicates_ratio,
        "list_ratio": web.new_line_ratio,
    }
    assert {name: constant[name] for name in oracle} == oracle
    c4_lines = next(stage for stage in fineweb.stages if isinstance(stage, EditStage))
    assert c4_lines.options["min_words_per_line"] == c4.min_words_per_line
    assert c4_lines.options["max_word_length"] == c4.max_word_length
    assert HashConfig().precision == 64


def test_fineweb_beside_its_rules(fineweb):
    assert fineweb.extract.extractor == "trafilatura"
    switched_on = {name for name, on in fineweb.extract.options.items() if on}
    assert switched_on == {"favor_precision", "deduplicate", "include_tables"}
    assert fineweb.language == LanguageModel("lid.176.ftz")
    assert (fineweb.words, fineweb.tokenizer, fineweb.keep_text) == ("en", "gpt2", "gated")
    assert fineweb.audit_fraction == 0.01
    minhash = fineweb.dedup.minhash
    assert (minhash.ngram, minhash.bands, minhash.rows, minhash.seed) == (5, 14, 8, 1)


def test_fineweb_is_one_page_with_one_rule_a_line():
    lines = shipped_recipes()["fineweb"].read_text("utf-8").splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100


def test_demo_differs_only_where_it_must(fineweb):
    demo = load_recipe("configs/demo.yaml").resolved()
    plain = fineweb.resolved()
    assert {key for key in plain if plain[key] != demo[key]} == {
        "recipe",
        "input",
        "tokenizer",
        "audit_fraction",
        "keep_text",
    }
    assert load_recipe("demo").tokenizer == TrainedTokenizer(8192, 100_000_000)


def test_what_the_engine_reads(fineweb):
    assert [rule.name for rule in fineweb.url_gates][::5] == ["domain", "blacklisted_subword"]
    assert [rule.name for rule in fineweb.text_gates] == ["not_english", "unsure_language"]
    drop, edit, last = fineweb.blocks
    assert isinstance(drop, DropStage)
    assert isinstance(last, DropStage)
    assert edit.name == "c4_lines"
    assert edit.options == {**EDITS["c4_lines"].options, "terminal_punctuation": False}
    assert fineweb.final_edits == (EditStage("pii", {"kinds": ("email", "ip")}),)


def test_signals_of_a_revision_come_once_in_order(fineweb):
    text = fineweb.signals("text")
    assert text[:3] == ("dup_paragraphs", "paragraphs", "dup_paragraph_chars")
    assert len(text) == len(set(text)) == 26
    assert fineweb.signals("c4_lines")[:2] == ("lorem_first", "curly_lines")
    assert fineweb.signals("c4_lines")[-1] == "words"
    assert fineweb.signals("pii") == ()


def test_a_recipe_without_dedup_has_no_final_edits(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("recipe: short\nstages:\n- drop: {tiny: words < 9}\n- edit: {pii: {}}\n")
    recipe = load_recipe(str(path))
    assert (recipe.dedup, recipe.final_edits) == (None, ())
    assert [type(stage) for stage in recipe.blocks] == [DropStage, EditStage]
    assert recipe.extract == load_recipe("fineweb").extract


def test_recipes_travel_to_workers(fineweb):
    assert pickle.loads(pickle.dumps(fineweb)) == fineweb  # noqa: S301 - our own bytes


def test_the_digest_sees_every_value_and_the_order_of_rules(fineweb):
    drop = fineweb.blocks[0]
    swapped = DropStage((drop.rules[1], drop.rules[0], *drop.rules[2:]))
    stages = tuple(swapped if stage is drop else stage for stage in fineweb.stages)
    others = [
        replace(fineweb, stages=stages),
        replace(fineweb, audit_fraction=0.02),
        replace(fineweb, tokenizer=TrainedTokenizer(300)),
        replace(fineweb, extract=Extract("resiliparse", {"main_content": True})),
        load_recipe("fineweb", ["short_line_ratio=0.6"]),
        load_recipe("fineweb", ["c4_lines.citations=false"]),
    ]
    digests = {recipe.digest for recipe in [fineweb, *others]}
    assert len(digests) == 7


def test_inputs_replace_the_recipes_own():
    assert load_recipe("fineweb", inputs=["a.warc.gz", "b"]).input == ("a.warc.gz", "b")


def test_signals_are_listed_with_their_files():
    rows = {row.name: row for row in describe_signals()}
    assert (rows["url.block_reason"].kind, rows["language.score"].kind) == ("label", "score")
    assert rows["top_2gram_chars"].source == "filters/ngrams.py"
    assert rows["pii.emails"].kind == "count"
    assert all(row.summary.endswith(".") for row in rows.values())
    for name, row in rows.items():
        assert resolve(name, ["text", *EDITS]).source == row.source
