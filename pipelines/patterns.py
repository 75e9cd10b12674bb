r"""The patterns by which byte-level tokenizers part a text before they encode its pieces.

GPT-2's is that of its release (Radford et al. 2019); the others are those of tiktoken 0.14
(`tiktoken_ext/openai_public.py`) and of Llama 3's tokenizer. They are written as the tokenizers
library reads them (Oniguruma): without possessive quantifiers, and with `\z` for the end.
"""

from collections.abc import Mapping
from typing import NamedTuple

_ENDING = r"'s|'t|'re|'ve|'m|'ll|'d"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
GPT2 = rf"{_ENDING}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    rf"(?i:{_ENDING})|{_BEFORE}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K = LLAMA3.replace(r"|\s*[\r\n]+", r"|\s+\z|\s*[\r\n]+")
O200K = (
    rf"{_BEFORE}{_UPPER}*{_LOWER}+(?i:{_ENDING})?|{_BEFORE}{_UPPER}+{_LOWER}*(?i:{_ENDING})?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ONE_DIGIT = LLAMA3.replace("{1,3}", "")


class Parting(NamedTuple):
    """How the kernels part a text (`filters/native/pieces.cpp`)."""

    style: int
    digits: int = 3
    to_end: bool = False


BY_GPT2 = Parting(0)
PARTINGS: Mapping[str, Parting] = {
    GPT2: BY_GPT2,
    LLAMA3: Parting(1),
    CL100K: Parting(1, to_end=True),
    ONE_DIGIT: Parting(1, digits=1),
    O200K: Parting(2),
}
"""What the kernels know, by pattern."""
