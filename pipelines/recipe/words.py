"""The recipe's keys `words` and `stop_words`."""

from typing import Any

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


def read_stop_words(node: Node, problems: Problems, key: str = "stop_words") -> tuple[str, ...]:
    """Return a list of stop words, each once; `key` is what the list is called where it stands."""
    words = node.plain() if isinstance(node.value, list) else []
    wrong = [word for word in words if not _is_stop_word(word)]
    if words and not wrong:
        return tuple(dict.fromkeys(words))
    said = f"which {shown(wrong[0])} is not" if words else f"not {shown(node.plain())}"
    hint = f'For example: {key}: [le, la, les, et, de, "l\'"]'
    if any(isinstance(word, bool) for word in wrong):
        hint = f"YAML reads words such as no and on as truth values: {key}: ['no', 'on']"
    problems.add(node.place, f"{key} must be a list of words, {said}.", hint)
    return ()


def _is_stop_word(word: Any) -> bool:
    """Return whether a word may be what a tokenizer finds.

    None has a space between letters; marks may, such as the two of Tibetan that end a verse,
    which stand among FineWeb-2's stop words of it.
    """
    if not isinstance(word, str) or not word or word != word.strip():
        return False
    apart = word.split()
    return len(apart) == 1 or (word == " ".join(apart) and not any(map(str.isalpha, word)))
