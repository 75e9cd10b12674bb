"""Reference pages in Markdown, made from the code that they describe.

`docs/recipe.md` says what a recipe can hold, `docs/signals.md` what can be measured.
A test holds both against what this module returns.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from inspect import getdoc
from typing import Any

from filters.catalog import EDITS, GATE_SIGNALS, TEXT, resolve, text_signals
from filters.contamination import GramTable, gram_signal
from filters.imported import CATALOGS
from filters.rule import Rule
from filters.signal import Signal
from filters.word_list import WordList, word_signal
from pipelines.recipe import LAYOUTS, describe_recipes, load_recipe
from pipelines.recipe.extractors import EXTRACTORS
from pipelines.recipe.keys import (
    CASCADE,
    COLUMNS,
    DATASET,
    INPUT_FORMATS,
    LIMITS,
    RECIPE_KEYS,
    SCALARS,
    TIKTOKEN,
    TOKENS,
    TRAINED,
)
from pipelines.recipe.model import revision_of
from pipelines.recipe.named_options import BENCHMARK, CLASSIFIER, PERPLEXITY, WORD_LIST
from pipelines.recipe.options import Option, edit_options
from pipelines.recipe.stage_options import KIND_MEANINGS, KINDS, STAGE_KINDS

_SHOWN_WORDS = 40
"""Values of a list that are shown; of a longer one only how many there are."""


def signal_reference() -> str:
    """Return the page of everything that can be measured, by the module that defines it."""
    own = {
        f"{edit.name}.{name}": item
        for edit in EDITS.values()
        for name, item in edit.signals.items()
    }
    brought = {name: item for its in CATALOGS.values() for name, item in its.items()}
    # Nothing is measured here: any items and words do for those that only a recipe names.
    grams = gram_signal("NAME", 13, {}, partial(GramTable, (), (13,)))
    models = {
        item.name: item.signal()
        for name in describe_recipes()
        for item in load_recipe(name).perplexity
    }
    words = word_signal("NAME", {"anywhere": False}, partial(WordList, ("word",)))
    named = {item.name: item for item in (grams, words)}
    everything = {**GATE_SIGNALS, **text_signals(), **own, **brought, **models, **named}
    modules = dict.fromkeys(item.module for item in everything.values())
    thresholds = list(_thresholds())
    lines = [
        "# Signals",
        "",
        "What can be measured, and the published rules that read it. A bare name is measured on",
        "the extracted text, `c4_lines.words` on what the edit `c4_lines` has made of it. Counts",
        "are integers; a rule divides them in float64. This page is made by `make reference`.",
    ]
    for module in modules:
        its = {name: item for name, item in everything.items() if item.module == module}
        lines += _module_section(module, its, thresholds)
    return "\n".join(lines) + "\n"


def _module_section(
    module: str, named: Mapping[str, Signal], thresholds: Iterable[tuple[str, Rule, Signal]]
) -> Iterator[str]:
    title, _, source = (getdoc(import_module(module)) or "").partition("\n")
    yield from ("", f"## {title.rstrip('.')}", "")
    yield f"[`{module.replace('.', '/')}.py`](../{module.replace('.', '/')}.py)"
    if source.strip():
        yield from ("", source.strip())
    rows = [
        (f"`{name}`", item.summary, _settings(item.settings), str(item.version))
        for name, item in sorted(named.items())
    ]
    yield from ("", *_table(("signal", "what it says", "settings", "version"), rows))
    rules = [(recipe, rule) for recipe, rule, read in thresholds if read.module == module]
    if rules:
        cells = [(f"`{rule.name}`", f"`{rule}`", recipe) for recipe, rule in rules]
        yield from ("", *_table(("published rule", "a page leaves where", "recipe"), cells))


def _thresholds() -> Iterator[tuple[str, Rule, Signal]]:
    """Yield each rule of the recipes that stand for themselves, with the signal it is about."""
    for name in describe_recipes():
        recipe = load_recipe(name)
        if name == "demo":  # fineweb's rules once more
            continue
        revisions = (TEXT, *EDITS)
        for _, rule in recipe.rules():
            own = recipe.own_signals.get(revision_of(rule.numerator)[1])
            yield name, rule, own or resolve(rule.numerator, revisions)


def _settings(settings: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {_setting(value)}" for name, value in settings.items())


def _setting(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value}`" if len(value) <= _SHOWN_WORDS else f"{len(value)} characters"
    if isinstance(value, list | tuple | frozenset | set):
        return f"{len(value)} values" if len(value) > _SHOWN_WORDS else ", ".join(map(str, value))
    return str(value)


def recipe_reference() -> str:
    """Return the page of everything that a recipe can hold."""
    lines = [
        "# Recipes",
        "",
        "A recipe is a YAML file, such as [`configs/fineweb.yaml`](../configs/fineweb.yaml).",
        "`extends` builds on another; `--set PATH=VALUE` changes one value by its dotted path, or",
        "a rule's constant by its name. An editor completes from",
        "[`configs/recipe.schema.json`](../configs/recipe.schema.json). This page is made by",
        "`make reference`.",
        "",
        "## Keys",
        "",
    ]
    rows = [(f"`{key}`", meaning, _default(key)) for key, meaning in RECIPE_KEYS.items()]
    lines += _table(("key", "meaning", "default"), rows)
    lines += [
        "",
        "## Stages",
        "",
        "Gates come first, then drops and edits, then dedup, then drops, then edits.",
        "",
    ]
    kinds = [(f"`{kind}`", meaning) for kind, meaning in STAGE_KINDS.items()]
    lines += _table(("stage", "meaning"), kinds)
    lines += ["", _RULES, "", *_AFTER_DEDUP.splitlines(), "", *_EXTENDS.splitlines()]
    for name, options in EXTRACTORS.items():
        lines += _options(f"`extract: {{{name}: …}}`", options)
    for name, edit in EDITS.items():
        lines += _options(f"`edit: {{{name}: …}}`", edit_options(edit), edit.summary)
    lines += _options("`benchmarks: {NAME: …}`", BENCHMARK, _BENCHMARKS)
    lines += _options("`word_lists: {NAME: …}`", WORD_LIST, _WORD_LISTS)
    lines += _options("`cascade: …`", CASCADE)
    lines += _options("`limits: …`", LIMITS)
    lines += _options("`perplexity: {NAME: …}`", PERPLEXITY, _PERPLEXITY)
    lines += _options("`classifiers: {NAME: …}`", CLASSIFIER, _CLASSIFIER)
    for kind, options in KINDS.items():
        lines += _options(f"`dedup: {{{kind}: …}}`", options, KIND_MEANINGS[kind])
    lines += _options("`tokenizer: {train: …}`", TRAINED)
    lines += _options("`tokenizer: {tiktoken: …}`", TIKTOKEN)
    lines += _options("`tokens: …`", TOKENS, _TOKENS)
    lines += _options("`dataset: …`", DATASET, _DATASET)
    formats = [(f"`{name}`", layout.summary) for name, layout in LAYOUTS.items()]
    lines += ["", "## `input_format: …`", "", *_table(("format", "what it is"), formats)]
    for name, options in INPUT_FORMATS.items():
        lines += _options(f"`input_format: {{{name}: …}}`", options)
    columns = [(f"`{name}`", meaning) for name, meaning in COLUMNS.items()]
    lines += ["", "## `columns: …`", "", *_table(("column", "meaning"), columns)]
    return "\n".join(lines) + "\n"


_CLASSIFIER = "A model, whose score is the signal NAME; [more of it](classifiers.md)."
_DATASET = (
    "How the shards are laid out, and which configs the card names; "
    "[what that gives](publish.md#by-language)."
)
_PERPLEXITY = (
    "N-gram models whose perplexity is a signal; several as `languages: {LABEL: {model: …, "
    "sentencepiece: …}}`, by the language of a page; [more of it](perplexity.md)."
)
_BENCHMARKS = "Items that no page is to hold pieces of; [more of it](decontamination.md)."
_WORD_LISTS = (
    "Words or phrases that are looked for in pages, each list as its options or only its file; "
    "[how they are found and counted](signals.md#words-of-a-list-in-a-text-as-c4-looks-for-its-"
    "bad-words)."
)
_TOKENS = "What the token shards hold; [more of it](tokens.md)."
_RULES = """\
A rule is one line, `name: a / b > constant` or `name: a > constant`, with one of
`< <= > >= == !=`. It removes the pages of which it is true; the first rule that is true names the
reason. A label is compared with a word in double quotes. [What can be measured](signals.md).
Behind the constant, in brackets, stand languages of `languages` that have another one, or `off`
where the rule is not asked: `newlines / words > 0.3 (fr 0.2, ja off)`; the key `languages` and
`--set 'RULE[LANGUAGE]=VALUE'` write that."""


_AFTER_DEDUP = """\
## Rules after deduplication

A drop before `dedup` decides which pages can repeat each other; one right behind it decides which
of those that stay are kept. Where a cluster's page is dropped there, nothing of it is left,
as in a pipeline that filters what deduplication gave it.

```yaml
stages:
- gate: {not_english: language.code != "en"}
- dedup: {minhash: {keep: {highest: words}}}
- drop: {too_short: words < 50}
```

What these rules read is measured before deduplication, of every page that comes to it, so they
read the text as it is then: not without the lines that `lines` takes out, and not what a later edit
makes of it; an edit comes behind them. Another threshold measures and compares nothing again: only
what follows deduplication is done once more. In the ledger such a page has the stage `final`, and
the cluster that it stood for."""


_EXTENDS = """\
## Building on another recipe

`extends` names a shipped recipe ([recipes.md](recipes.md)) or a file beside this one. What is
written here is laid over it: maps merge key by key, another extractor or tokenizer replaces the
old one, and so does a list, `stages` among them. Single parts are changed by three keys, in this
order, which mean what `--set`, `--drop` and `--add` of the commands mean:

```yaml
recipe: mine
extends: fineweb
tokenizer: {train: {vocab_size: 8192}}
set:                            # another constant, expression or option
  gopher_short_doc: 30
  top_2_gram: top_2gram_chars / chars > 0.25
  minhash.bands: 20
drop: [list_ratio, pii]         # rules, edits, blocks, kinds of deduplication
add:                            # behind all other rules of the last gate or drop
  few_lines: c4_lines.nonblank_lines < 3
  after_dedup:                  # behind deduplication
    few_sentences: c4_lines.sentences < 7
```

A recipe that is extended may extend another one; each changes what lies below it.
`cuvee recipes show mine.yaml --resolved` prints what comes out."""


def _default(key: str) -> str:
    option = SCALARS.get(key)
    return _shown(option.default) if option else ""


def _options(title: str, options: Mapping[str, Option], summary: str = "") -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if summary:
        yield from (summary, "")
    rows = [
        (f"`{name}`", option.summary, option.wants, _shown(option.default))
        for name, option in options.items()
    ]
    yield from _table(("option", "meaning", "wants", "default"), rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None:
        return "`null`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"
