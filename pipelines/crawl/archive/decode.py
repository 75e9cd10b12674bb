"""A page's bytes as text, and which charset that took.

Believed in this order: a byte order mark; UTF-8 if the whole body is valid
UTF-8, whatever is declared, since stale declarations over UTF-8 are common and
other text is hardly ever valid UTF-8 by chance; the HTTP header; `<meta>`;
detection. Labels mean what browsers take them for (WHATWG Encoding standard,
section 4.2: latin-1 is windows-1252, gb2312 is gb18030).
"""

import codecs
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from resiliparse.parse.encoding import detect_encoding

from pipelines.crawl.model import Page

Source = Literal["bom", "valid", "header", "meta", "detected", "fallback"]

_META_REACH = 4096
_META = re.compile(rb"<meta\s[^>]{0,1000}?charset\s*=\s*[\"']?\s*([\w.:()+-]{2,40})", re.IGNORECASE)
_XML = re.compile(
    rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([\w.:()+-]{2,40})[\"']", re.IGNORECASE
)
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CUT_SEQUENCE = 3  # the most bytes of a UTF-8 character that can stand alone at the end of a body
_ESCAPE = b"\x1b"

# Labels of the standard that Python does not know or takes for something else, by codec.
_LABELS: Mapping[str, str] = {
    "big5hkscs": "cn-big5 x-x-big5",
    "cp874": "dos-874 windows-874",
    "cp932": "windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 iso-ir-149 ks_c_5601-1989 ksc_5601 windows-949",
    "euc_jp": "cseucpkdfmtjapanese x-euc-jp",
    "gb18030": "csgb2312 gb_2312 gb_2312-80 x-gbk",
    "iso8859-6": "csiso88596e csiso88596i iso-8859-6-e iso-8859-6-i",
    "iso8859-7": "sun_eu_greek",
    "iso8859-8": "csiso88598e csiso88598i iso-8859-8-e iso-8859-8-i logical visual",
    "iso8859-15": "csisolatin9",
    "koi8-r": "koi koi8",
    "koi8-u": "koi8-ru",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "mac-roman": "csmacintosh mac x-mac-roman",
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    "utf-16-be": "unicodefffe",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff",
}
_SHORT_LABEL = re.compile(r"x-(cp125\d)|iso8859(\d{1,2})")

# Python's canonical names, and the superset that browsers use in their place.
_SUPERSETS: Mapping[str, str] = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "utf-16": "utf-16-le",
    "utf_8_sig": "utf-8",
}
# Codecs of Python that no page is written in; some of them can be made to raise or to execute.
_NO_CHARSETS = frozenset(
    {
        "idna",
        "punycode",
        "raw-unicode-escape",
        "unicode-escape",
        "undefined",
        "utf-7",
        "mbcs",
        "oem",
    }
)


class Decoded(NamedTuple):
    """A page's text, the Python codec that gave it and what pointed to that codec."""

    text: str
    charset: str
    source: Source


def decode_page(page: Page) -> Decoded:
    """Decode the body of a page; never raises."""
    return decode_text(page.body) if page.is_text else decode_html(page.body, page.charset)


def decode_html(body: bytes, http_charset: str | None) -> Decoded:
    """Decode a page; bytes that fit nowhere become U+FFFD. Never raises.

    `http_charset` is the label of the HTTP header, if it had one. Labels that
    nobody knows are passed over.
    """
    for bom, charset in _BOMS:
        if body.startswith(bom):
            return Decoded(_decode(body[len(bom) :], charset), charset, "bom")
    text = _as_utf8(body)
    if text is not None and _ESCAPE not in body:
        return Decoded(text, "utf-8", "valid")
    charset, source = _declared(body, http_charset)
    if text is not None and not _uses_escapes(charset):
        return Decoded(text, "utf-8", "valid")
    if not charset:
        charset, source = _detected(body)
    return Decoded(_decode(body, charset), charset, source)


def decode_text(body: bytes) -> Decoded:
    """Decode a WET record, which is UTF-8 by its format."""
    text = _as_utf8(body)
    if text is not None:
        return Decoded(text, "utf-8", "valid")
    return Decoded(_decode(body, "utf-8"), "utf-8", "fallback")


def codec(label: str) -> str | None:
    """Return the Python codec that browsers would use for a charset label; None if unknown."""
    label = label.strip().lower()
    for known, labels in _LABELS.items():
        if label in labels.split():
            return known
    short = _SHORT_LABEL.fullmatch(label)
    if short is not None:
        label = short[1] or f"iso8859-{short[2]}"
    try:
        found = codecs.lookup(label).name
        "".encode(found)  # LookupError for codecs that do not make text, such as hex
    except (LookupError, ValueError):
        return None
    return None if found in _NO_CHARSETS else _SUPERSETS.get(found, found)


def _declared(body: bytes, http_charset: str | None) -> tuple[str, Source]:
    """Return the charset that the page declares, empty if it declares none."""
    named = codec(http_charset or "")
    if named is not None:
        return named, "header"
    start = body[:_META_REACH]
    for match in (_META.search(start), _XML.match(start)):
        named = codec(match[1].decode("ascii", "replace")) if match else None
        if named is not None:
            # A declaration that can be read as ASCII is not written in UTF-16.
            return ("utf-8" if named.startswith("utf-16") else named), "meta"
    return "", "fallback"


def _detected(body: bytes) -> tuple[str, Source]:
    named = codec(detect_encoding(body) or "")
    return (named, "detected") if named else ("utf-8", "fallback")


def _as_utf8(body: bytes) -> str | None:
    """Return the text of valid UTF-8, but for a last character that was cut in two; else None."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        is_cut = error.start >= len(body) - _CUT_SEQUENCE
        if error.reason == "unexpected end of data" and is_cut:
            return _decode(body, "utf-8")
        return None


def _uses_escapes(charset: str) -> bool:
    """Whether text in a charset consists of ASCII bytes, so that it is always valid UTF-8."""
    return charset.startswith("iso2022") or charset == "hz"


def _decode(body: bytes, charset: str) -> str:
    return body.decode(charset, "replace")
