"""Bytes to text: what is believed, and that nothing raises."""

import random

import pytest

from pipelines.crawl.archive.decode import codec, decode_html, decode_page, decode_text
from tests.pipelines.warc_bytes import Read, http, record

GERMAN = "<p>Über die Größe möglicher Flüsse</p>"
RUSSIAN = "<p>Привет, мир! Как дела сегодня?</p>"
JAPANESE = "<p>これは日本語の文章です。</p>"


def meta(charset: str) -> str:
    return f'<html><head><meta charset="{charset}"></head>'


@pytest.mark.parametrize(
    ("body", "header", "text", "charset", "source"),
    [
        (b"\xef\xbb\xbf" + GERMAN.encode(), "latin-1", GERMAN, "utf-8", "bom"),
        (b"\xff\xfe" + GERMAN.encode("utf-16-le"), None, GERMAN, "utf-16-le", "bom"),
        (b"\xfe\xff" + GERMAN.encode("utf-16-be"), "utf-8", GERMAN, "utf-16-be", "bom"),
        # A stale declaration over valid UTF-8 is not believed.
        (GERMAN.encode(), "iso-8859-1", GERMAN, "utf-8", "valid"),
        ((meta("windows-1251") + GERMAN).encode(), None, None, "utf-8", "valid"),
        (b"", None, "", "utf-8", "valid"),
        (b"plain", "gb2312", "plain", "utf-8", "valid"),
        # A body that was cut in the middle of a character is still UTF-8.
        (GERMAN.encode()[:6], "latin-1", "<p>Üb", "utf-8", "valid"),
        ("<p>Ü".encode()[:-1], "latin-1", "<p>\ufffd", "utf-8", "valid"),
        ("<p>日本".encode()[:-1], "latin-1", "<p>日\ufffd", "utf-8", "valid"),
        (b"<p>\xc3 x", "latin-1", "<p>Ã x", "cp1252", "header"),
        # Then the header, then <meta>, then detection.
        (RUSSIAN.encode("cp1251"), "windows-1251", RUSSIAN, "cp1251", "header"),
        (GERMAN.encode("latin-1"), "iso-8859-1", GERMAN, "cp1252", "header"),
        (b"<p>\x93\xe4\x94", "latin1", "<p>“ä”", "cp1252", "header"),
        (b"<p>\xe4 \x81", "windows-1252", "<p>ä \ufffd", "cp1252", "header"),
        (b"<p>\xe4\xf6 x", "utf-8", "<p>\ufffd\ufffd x", "utf-8", "header"),
        ((meta("koi8-r") + RUSSIAN).encode("koi8-r"), None, None, "koi8-r", "meta"),
        ((meta("koi8-r") + RUSSIAN).encode("koi8-r"), "nonsense", None, "koi8-r", "meta"),
        (
            b"<META content='text/html; charset=Shift_JIS' http-equiv=x>"
            + JAPANESE.encode("cp932"),
            None, None, "cp932", "meta",
        ),
        (b"<?xml version='1.0' encoding='EUC-JP'?>" + JAPANESE.encode("euc_jp"), None, None,
         "euc_jp", "meta"),
        ((meta("utf-16") + GERMAN).encode("latin-1"), None, None, "utf-8", "meta"),
        (RUSSIAN.encode("cp1251"), None, RUSSIAN, "cp1251", "detected"),
        (GERMAN.encode("latin-1"), "x-unknown", GERMAN, "cp1252", "detected"),
        # ISO-2022-JP is made of ASCII bytes, and so always valid UTF-8.
        (JAPANESE.encode("iso2022_jp"), "iso-2022-jp", JAPANESE, "iso2022_jp", "header"),
        (b"<p>plain</p>", "iso-2022-jp", "<p>plain</p>", "utf-8", "valid"),
    ],
)  # fmt: skip
def test_what_is_believed(body, header, text, charset, source):
    decoded = decode_html(body, header)
    assert (decoded.charset, decoded.source) == (charset, source)
    assert decoded.text == (text if text is not None else body.decode(charset, "replace"))
    assert text is None or "�" in text or "�" not in decoded.text


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("latin-1", "cp1252"), ("ISO-8859-1", "cp1252"), ("us-ascii", "cp1252"),
        (" UTF8 ", "utf-8"), ("utf-8", "utf-8"), ("unicode-1-1-utf-8", "utf-8"),
        ("gb2312", "gb18030"), ("GBK", "gb18030"), ("x-gbk", "gb18030"),
        ("x-sjis", "cp932"), ("shift_jis", "cp932"), ("windows-31j", "cp932"),
        ("euc-kr", "cp949"), ("ks_c_5601-1987", "cp949"), ("big5", "big5hkscs"),
        ("iso-8859-9", "cp1254"), ("tis-620", "cp874"), ("windows-874", "cp874"),
        ("iso88592", "iso8859-2"), ("iso88591", "cp1252"), ("x-cp1253", "cp1253"),
        ("iso885911", "cp874"), ("iso885999", None), ("unicodefffe", "utf-16-be"),
        ("iso-8859-8-i", "iso8859-8"), ("windows-1251", "cp1251"), ("macintosh", "mac-roman"),
        ("hex", None), ("rot13", None), ("base64", None), ("zlib", None), ("idna", None),
        ("punycode", None), ("unicode_escape", None), ("undefined", None), ("utf-7", None),
        ("", None), ("x" * 10_000, None), ("a\0b", None), ("../../etc/passwd", None), ("ü", None),
    ],
)  # fmt: skip
def test_labels_mean_what_browsers_take_them_for(label, name):
    assert codec(label) == name


def test_nothing_raises():
    chance = random.Random(3)
    labels = ["utf-8", "utf-16", "big5", "gb2312", "iso-2022-jp", "hz", "x-sjis", "euc-kr", None]
    for _ in range(600):
        body = chance.randbytes(chance.randrange(200))
        prefix = chance.choice([b"", b"\x1b$B", b"\xff\xfe", meta("hz").encode(), b"~{"])
        decoded = decode_html(prefix + body, chance.choice(labels))
        assert isinstance(decoded.text, str)
        assert codec(decoded.charset) is not None


def test_a_wet_record_is_utf8_whatever_its_bytes():
    assert decode_text("é".encode()) == ("é", "utf-8", "valid")
    assert decode_text(b"\xe9t\xe9 ") == ("\ufffdt\ufffd ", "utf-8", "fallback")


def test_a_page_is_decoded_by_its_own_header():
    block = http(RUSSIAN.encode("cp1251"), Content_Type="text/html; charset=cp1251")
    (page,) = Read(record(block=block)).pages
    assert decode_page(page).text == RUSSIAN
    (page,) = Read(record("conversion", b"<meta charset=latin-1>\xe9")).pages
    assert decode_page(page).text.endswith("\ufffd")
