r"""Personal data as Dolma finds it: e-mail addresses, telephone numbers and IP addresses.

Soldaini et al. 2024, https://arxiv.org/abs/2402.00159, section 5.3; exactly as the package dolma
1.2.1 finds them (`dolma/taggers/pii.py`, tagger `pii_regex_with_counts_fast_v2`), paragraph by
paragraph, and as its mixer puts stand-ins in their place (configs/dolma-v1_5/mixing/cc-head.yaml):
spans in the order of their beginnings, one that begins inside the one before left alone.

A page with more than ten thousand question marks is not looked at, as there.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from operator import itemgetter
from types import MappingProxyType

from filters.edit import Edit, Edited, Options, own_signals
from filters.signal import signal
from filters.text import Text

STAND_INS = MappingProxyType(
    {
        "email": " |||EMAIL_ADDRESS||| ",
        "phone": " |||PHONE_NUMBER||| ",
        "ip": " |||IP_ADDRESS||| ",
    }
)
"""In the order in which the mixer is told of them."""

_Spans = list[tuple[int, int]]
_MOST_QUESTIONS = 10_000
_PARAGRAPH = re.compile(r"[^\n]*\n|[^\n]+$")
_MARKS = re.compile(r"[.\s@,?!;:)(]+")
"""What an address may have before it; a mark or a space stands behind it, and then a space."""
_LOCAL = re.compile(r"[^\s@]+")
_DOMAIN = re.compile(r"@([^\s@,?!;:)(]+)")
_ONLY_MARKS = ".,?!;:)("
_PHONE = re.compile(r"(?<!\s)\s+\(?(\d{3})\)?[-\. ]*(\d{3})[-. ]?(\d{4})")
"""From the first of several spaces on, where the tagger's own pattern begins, too."""
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
_IP = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")


def found_places(text: Text) -> dict[str, _Spans]:
    """Return where each kind of personal data is, in the text's order."""
    found: dict[str, _Spans] = {kind: [] for kind in STAND_INS}
    if text.raw.count("?") > _MOST_QUESTIONS:
        return found
    for match in _PARAGRAPH.finditer(text.raw):
        paragraph, at = match[0], match.start()
        if not paragraph.strip():
            continue
        for kind, finder in _FINDERS.items():
            found[kind] += [(at + start, at + end) for start, end in finder(paragraph)]
    return found


def _emails(paragraph: str) -> Iterator[tuple[int, int]]:
    """Yield where the tagger's pattern of addresses matches, in time linear in the paragraph.

    That is marks and spaces, a local part without spaces, `@`, a domain, a mark, a space. As one
    pattern it is tried at every mark of a long row of them to its end. Here every `@` is looked at
    once; of matches with the same beginning the pattern finds the last, as its marks are greedy.
    """
    if "@" not in paragraph:
        return
    runs = [match.span() for match in _MARKS.finditer(paragraph)]
    found = [(*each, _marks_before(each[0], runs)) for each in _candidates(paragraph)]
    free = 0
    for (local, end, is_address, start), after in zip_longest(found, found[1:]):
        if local < free or (after and max(after[-1], free) == max(start, free)):
            continue
        if is_address:
            yield max(start, free), end
        free = end


def _candidates(paragraph: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where each local part begins and its match ends, and whether it is an address."""
    behind, sign = 0, paragraph.find("@")
    while sign >= 0:
        local = _LOCAL.match(paragraph[behind:sign][::-1])
        domain = _DOMAIN.match(paragraph, sign)
        behind = sign + 1
        if local and domain and (found := _domain_and_end(paragraph, domain)):
            named = local[0][::-1].lstrip(_ONLY_MARKS) or local[0][0]
            yield sign - len(local[0]), found[1], named != "(" and "." in found[0]
        sign = paragraph.find("@", behind)


def _domain_and_end(paragraph: str, domain: re.Match[str]) -> tuple[str, int] | None:
    """Return the domain without a full stop behind it, and the end of mark and space after it."""
    name, stop = domain[1], domain.end()
    mark, space = paragraph[stop : stop + 1], paragraph[stop + 1 : stop + 2]
    if len(name) > 1 and name.endswith(".") and mark.isspace():
        return name[:-1], stop + 1
    if mark and space.isspace():
        return name, stop + 2
    return (name, stop + 1) if mark.isspace() else None


def _marks_before(place: int, runs: list[tuple[int, int]]) -> int:
    """Return where the marks and spaces begin that end at a place; the place without any."""
    at = bisect_left(runs, (place, 0)) - 1
    return runs[at][0] if at >= 0 and place <= runs[at][1] else place


def _spans_of(pattern: re.Pattern[str], paragraph: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in pattern.finditer(paragraph))


_FINDERS: MappingProxyType[str, Callable[[str], Iterator[tuple[int, int]]]] = MappingProxyType(
    {"email": _emails, "phone": partial(_spans_of, _PHONE), "ip": partial(_spans_of, _IP)}
)


@signal(version=1)
def dolma_emails(text: Text) -> int:
    """Count e-mail addresses as Dolma's tagger finds them."""
    return len(text.share(found_places)["email"])


@signal(version=1)
def dolma_phones(text: Text) -> int:
    """Count telephone numbers of ten digits as Dolma's tagger finds them."""
    return len(text.share(found_places)["phone"])


@signal(version=1)
def dolma_ips(text: Text) -> int:
    """Count IP addresses as Dolma's tagger finds them."""
    return len(text.share(found_places)["ip"])


@signal(version=1)
def dolma_personal_data(text: Text) -> int:
    """Count e-mail addresses, telephone numbers and IP addresses as Dolma's tagger finds them."""
    return sum(map(len, text.share(found_places).values()))


def _redact(text: Text, options: Options) -> Edited:  # noqa: ARG001  it has no options
    spans = [(*span, kind) for kind, its in found_places(text).items() for span in its]
    counts = {f"{kind}s": 0 for kind in STAND_INS}
    pieces: list[str] = []
    copied = 0
    for start, end, kind in sorted(spans, key=itemgetter(0)):
        if start >= copied:
            pieces += (text.raw[copied:start], STAND_INS[kind])
            copied = end
            counts[f"{kind}s"] += 1
    return Edited("".join((*pieces, text.raw[copied:])), counts)


DOLMA_PII = Edit(
    name="dolma_pii",
    summary="Put |||EMAIL_ADDRESS|||, |||PHONE_NUMBER||| and |||IP_ADDRESS||| there (Dolma).",
    version=1,
    options=MappingProxyType({}),
    meanings=MappingProxyType({}),
    signals=MappingProxyType(
        own_signals(
            __name__,
            1,
            {
                "emails": "Count e-mail addresses replaced.",
                "phones": "Count telephone numbers replaced.",
                "ips": "Count IP addresses replaced.",
            },
        )
    ),
    apply=_redact,
)
