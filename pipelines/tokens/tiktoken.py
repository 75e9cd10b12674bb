"""Ranks of tiktoken as a tokenizer.json.

A file of ranks has on each line a token in base64 and its rank, which is its id. tiktoken parts a
text by a pattern (`pipelines.patterns`), takes a piece that is a token as it is, and else joins its
bytes: always the two neighbours that make the token of lowest rank (openai/tiktoken 0.14,
`src/lib.rs`). As merges these are all ways to part a token into two, in the order of ranks.
"""

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from tokenizers import Regex, pre_tokenizers

from filters.errors import UsageError, nearest
from pipelines.patterns import CL100K, GPT2, LLAMA3, O200K
from pipelines.pieces import BYTE_CHARACTERS
from pipelines.recipe.parts import TiktokenRanks

_LINE = re.compile(rb"[A-Za-z0-9+/]+=* [0-9]+")


class _Known(NamedTuple):
    pattern: str
    special: Mapping[str, int]


_END = "<|endoftext|>"
_FILL = {"<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260}
_GPT2 = _Known(GPT2, {_END: 50256})
KNOWN: Mapping[str, _Known] = {
    "gpt2": _GPT2,
    "r50k_base": _GPT2,
    "p50k_base": _GPT2,
    "cl100k_base": _Known(CL100K, {_END: 100257, **_FILL, "<|endofprompt|>": 100276}),
    "o200k_base": _Known(O200K, {_END: 199999, "<|endofprompt|>": 200018}),
    "llama3": _Known(LLAMA3, {"<|begin_of_text|>": 128000, "<|end_of_text|>": 128001}),
}
"""Patterns by name, with their special tokens."""


def looks_like_ranks(data: bytes) -> bool:
    """Whether a file begins as ranks do."""
    return _LINE.fullmatch(data[:4096].partition(b"\n")[0].strip()) is not None


def ranks_as_tokenizer(ranks: TiktokenRanks, data: bytes) -> bytes:
    """Return the tokenizer.json of ranks; UsageError for what they cannot be read from."""
    known = _known(ranks)
    by_token = _read(ranks.ranks, data)
    missing = [byte for byte in range(256) if bytes([byte]) not in by_token]
    if missing:
        raise _refused(
            ranks.ranks, f"{len(missing)} bytes have no token, the first is {missing[0]}"
        )
    shown = {token: _shown(token) for token in by_token}
    vocab = {shown[token]: rank for token, rank in by_token.items()}
    free = {token: number for token, number in known.special.items() if token not in vocab}
    taken = set(vocab.values())
    special = {token: number for token, number in free.items() if number not in taken}
    written = {
        "version": "1.0",
        "added_tokens": [
            _added(token, number) for token, number in sorted(special.items(), key=_id)
        ],
        "pre_tokenizer": _parting(ranks.ranks, known.pattern),
        "decoder": _byte_level(),
        "model": {
            "type": "BPE",
            "ignore_merges": True,
            "vocab": vocab | special,
            "merges": [[shown[left], shown[right]] for left, right in _merges(by_token)],
        },
    }
    return json.dumps(written, ensure_ascii=False).encode()


def _known(ranks: TiktokenRanks) -> _Known:
    stem = PurePath(ranks.ranks).name.partition(".")[0]
    name = stem if ranks.pattern is None else ranks.pattern
    if name in KNOWN:
        return KNOWN[name]
    if ranks.pattern is not None and not re.fullmatch(r"\w+", name):
        return _Known(name, {})
    close = nearest(name, KNOWN)
    hint = f"Did you mean '{close}'?  " if close else ""
    raise UsageError(
        f"tokenizer '{ranks.ranks}': ranks of tiktoken say no pattern, and '{name}' names none.\n"
        f"  {hint}Say it: tokenizer: {{tiktoken: {{ranks: …, pattern: cl100k_base}}}}; "
        f"known: {', '.join(KNOWN)}, or a regular expression."
    )


def _read(place: str, data: bytes) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        token, _, rank = line.strip().partition(b" ")
        try:
            found[b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise _refused(place, f"line {number} is no token in base64 and its rank") from error
    if len(set(found.values())) != len(found):
        raise _refused(place, "two tokens have one rank")
    return found


def _merges(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Return every way to part a token into two tokens, in the order of the token's rank."""
    merges: list[tuple[bytes, bytes]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        pairs = ((token[:at], token[at:]) for at in range(1, len(token)))
        known = [pair for pair in pairs if pair[0] in ranks and pair[1] in ranks]
        merges += sorted(known, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges


def _shown(token: bytes) -> str:
    return "".join(BYTE_CHARACTERS[byte] for byte in token)


def _id(item: tuple[str, int]) -> int:
    return item[1]


def _added(token: str, number: int) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": token, **flags, "special": True}


def _byte_level() -> dict[str, Any]:
    flags = {"add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {"type": "ByteLevel", **flags}


def _parting(place: str, pattern: str) -> dict[str, Any]:
    try:
        pre_tokenizers.Split(Regex(pattern), "isolated")
    except Exception as error:
        raise _refused(place, f"the pattern is no regular expression: {error}") from error
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, _byte_level()]}


def _refused(place: str, fact: str) -> UsageError:
    return UsageError(
        f"tokenizer '{place}': not ranks that tiktoken could read: {fact}.\n"
        "  Each line is a token in base64, a space and its rank, as in cl100k_base.tiktoken."
    )
