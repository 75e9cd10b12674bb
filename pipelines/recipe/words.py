"""The recipe's keys `words` and `stop_words`."""

from pipelines.recipe.problems import Problems, shown
from pipelines.recipe.source import Node


def read_words(node: Node, problems: Problems) -> str:
    """Return whose rules split a text into words: a language of datatrove's table."""
    from datatrove.utils.word_tokenizers import (  # slow to import
        load_tokenizer_assignments,
    )

    languages = load_tokenizer_assignments()
    if isinstance(node.value, str) and node.value in languages:
        return node.value
    fact = f"words must be the code of a language, not {shown(node.plain())}."
    problems.add(node.place, fact, "For example en, deu or hin_Deva: ISO 639, a script if need be.")
    return "en"


def read_stop_words(node: Node, problems: Problems) -> tuple[str, ...]:
    """Return a list of stop words, each once."""
    words = node.plain() if isinstance(node.value, list) else []
    if words and all(isinstance(word, str) and word.split() == [word] for word in words):
        return tuple(dict.fromkeys(words))
    fact = f"stop_words must be a list of words, not {shown(node.plain())}."
    problems.add(node.place, fact, 'For example: stop_words: [le, la, les, et, de, "l\'"]')
    return ()
