"""English names of languages, for people who do not know the codes.

They are those of datatrove's table of tokenizers, which has GlotLID's languages.
"""

import csv
from functools import cache
from importlib.resources import files

from filters.languages import Language

_OWN = {"gsw": "Swiss German", "und": "Undetermined"}


def language_name(language: Language) -> str:
    """Return the English name of a language, such as `French`; its code where none is known."""
    return _names().get(language.code, language.code)


@cache
def _names() -> dict[str, str]:
    table = files("datatrove").joinpath("assets", "tokenizer_assignment.csv")
    rows = csv.DictReader(table.read_text("utf-8").splitlines())
    names = {row["code_3"]: row["name"] for row in rows}
    return {code: name for code, name in names.items() if name} | _OWN
