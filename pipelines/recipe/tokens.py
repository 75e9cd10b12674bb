"""The recipe's keys `tokenizer` and `tokens`."""

from pipelines.recipe.keys import TIKTOKEN, TOKENS, TRAINED
from pipelines.recipe.parts import GivenTokenizer, TiktokenRanks, TokenOptions, TrainedTokenizer
from pipelines.recipe.problems import Problems, checked_options, shown
from pipelines.recipe.source import Node


def read_tokenizer(node: Node, problems: Problems) -> GivenTokenizer | TrainedTokenizer:
    """Return the tokenizer: a name or path, ranks of tiktoken, or one to be trained."""
    if isinstance(node.value, str) and node.value:
        return node.value
    if set(node.map) == {"train"}:
        return TrainedTokenizer(**checked_options("train", node.map["train"], TRAINED, problems))
    if set(node.map) == {"tiktoken"}:
        return _read_ranks(node.map["tiktoken"], problems)
    fact = f"tokenizer must be a name, a path or {{train: …}}, not {shown(node.plain())}."
    hint = "For example: tokenizer: gpt2, or tokenizer: {train: {vocab_size: 8192}}"
    problems.add(node.place, fact, hint)
    return "gpt2"


def _read_ranks(node: Node, problems: Problems) -> TiktokenRanks:
    options = checked_options("tiktoken", node, TIKTOKEN, problems)
    if options["ranks"] is None:
        fact = "tiktoken names no file of ranks."
        hint = "For example: tokenizer: {tiktoken: {ranks: cl100k_base.tiktoken}}"
        problems.add(node.place, fact, hint)
        return TiktokenRanks("")
    return TiktokenRanks(**options)


def read_tokens(node: Node, problems: Problems) -> TokenOptions:
    """Return what the token shards hold besides the tokens of a text."""
    return TokenOptions(**checked_options("tokens", node, TOKENS, problems))
