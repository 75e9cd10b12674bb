"""Any signal of a text, on the spot: to try a filter, or to understand a page."""

from filters.catalog import TEXT, resolve, text_signals
from filters.errors import UsageError
from filters.segment import segmenter
from filters.signal import Value
from filters.text import Text


def measure(raw: str, *names: str, words: str = "en") -> dict[str, Value]:
    """Return the values of signals on a text, by bare name; of all of them when none is named.

    `words` is the language whose rules split words and sentences. Raises UsageError for a
    name that nothing measures on a text.
    """
    text = Text(raw, segmenter(words))
    values: dict[str, Value] = {}
    for name in names or sorted(text_signals()):
        function = resolve(name, (TEXT,)).measure
        if function is None:
            raise UsageError(f"'{name}' is not measured on a text.\n  List all: cuvee signals")
        values[name.removeprefix(f"{TEXT}.")] = function(text)
    return values
