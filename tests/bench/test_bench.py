"""The benchmark measures both sides and compares what they give; nothing here asserts a time."""

import json
import time
from io import StringIO
from pathlib import Path

from rich.console import Console

from filters.catalog import EDITS, text_signals
from pipelines.tokenizer import train_tokenizer
from tests.bench import signals, tokens
from tests.bench.__main__ import main
from tests.bench.alter import altered
from tests.bench.crawl import prepare, read_lines, warc_record
from tests.bench.memory import Sampler, memory_table

HTML = "<html><body><p>Some words that follow other words, written down here.</p></body></html>"


def warc_file(folder: Path, *bodies: bytes) -> Path:
    folder.mkdir()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    records = [
        warc_record(
            {
                "warc-type": "response",
                "warc-record-id": f"<urn:uuid:00000000-0000-0000-0000-{number:012}>",
                "warc-target-uri": f"http://example.org/{number}",
                "warc-date": "2024-01-01T00:00:00Z",
                "warc-identified-payload-type": "text/html",
            },
            head + body,
        )
        for number, body in enumerate(bodies)
    ]
    (folder / "a.warc").write_bytes(b"".join(records))
    return folder


def test_a_step_is_measured_on_both_sides(tmp_path, capsys):
    crawl = warc_file(tmp_path / "in", *(HTML.encode() for _ in range(6)))
    written = tmp_path / "measured.json"
    main(["--input", str(crawl), "--rounds", "1", "--only", "read", "--json", str(written)])
    assert "6 same" not in capsys.readouterr().out  # two of six pages are for warming up
    found = json.loads(written.read_text())
    assert found["agreement"]["read"] == {
        "same": 4, "different": 0, "only datatrove": 0, "only cuvee": 0,
    }  # fmt: skip
    for side in ("datatrove", "cuvee"):
        (measured,) = found["rounds"]["read"][side]
        assert measured["pages"] == 4
        assert measured["cpu_seconds"] > 0
        assert measured["peak_bytes"] > 1 << 20


def test_both_sides_write_the_same_token_ids(tmp_path, monkeypatch):
    texts = [f"Some words, {number} of them, that follow other words.\n" for number in range(9)]
    place = tmp_path / "small.json"
    place.write_bytes(train_tokenizer(texts, 300))
    monkeypatch.setattr(tokens, "vocabulary_file", lambda _: place)
    rows = [{"id": str(at), "text": text, "warm": at < 3} for at, text in enumerate(texts)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = []
    for side in (tokens.DatatroveTokens, tokens.CuveeTokens):
        folder = tmp_path / side.__name__
        folder.mkdir()
        tokens.write_documents(tmp_path, folder)
        work = side("small", folder)
        work.run("warm")
        work.run("timed")
        found.append(list(work.ids("timed")))
    assert found[0] == found[1]
    assert [name for name, _ in found[0]] == ["3", "4", "5", "6", "7", "8"]
    assert all(len(ids) > 5 for _, ids in found[0])


def test_every_signal_has_its_cost(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "_GRAMS", 100)
    page = {"url": "http://example.org/", "html": HTML}
    (tmp_path / "pages.jsonl").write_text(json.dumps(page) + "\n")
    text = "Some words that follow other words, written down here.\n" * 3
    rows = ({"text": text, "english": english} for english in (True, False))
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    costs = signals.signal_costs(tmp_path, 1)
    assert {cost.name for cost in costs if cost.kind == "signal"} == {
        *text_signals(), "million_13grams", "bad_words", "redpajama_ldnoobw_words",
        "redpajama_stop_words", "importance",
    }  # fmt: skip
    assert {cost.name for cost in costs if cost.kind == "edit"} == set(EDITS)
    assert all(cost.alone > 0 for cost in costs)
    console = Console(file=StringIO(), width=160)
    console.print(signals.signal_table(costs, 1, 1))
    assert "licence.*" in console.file.getvalue()


def test_pages_of_another_charset_are_set_apart(tmp_path):
    latin = '<html><head><meta charset="iso-8859-2"></head><body>Żółć ąę</body></html>'
    crawl = warc_file(tmp_path / "in", HTML.encode(), latin.encode("iso-8859-2"))
    (tmp_path / "out").mkdir()
    found = prepare(crawl, tmp_path / "out")
    assert [len(ids) for ids in found.apart.values()] == [1]
    assert len(read_lines(tmp_path / "out", "pages.jsonl")) == 1


def test_copies_have_addresses_and_texts_of_their_own(tmp_path):
    crawl = warc_file(tmp_path / "in", HTML.encode())
    (tmp_path / "out").mkdir()
    prepare(crawl, tmp_path / "out", repeat=4)
    rows = read_lines(tmp_path / "out", "pages.jsonl")
    assert len({row["url"] for row in rows}) == len({row["id"] for row in rows}) == 4
    assert rows[0]["html"] == HTML
    assert len({row["html"] for row in rows}) == 4


def test_a_copy_keeps_markup_and_is_the_same_on_every_run():
    page = f"<script>some code here</script>{HTML}&copy; caf&eacute;"
    copy = altered(page, 1)
    assert copy == altered(page, 1)
    assert copy != page
    assert copy.startswith("<script>some code here</script><html><body><p>Some ")
    assert copy.endswith("</p></body></html>&copy; caf&eacute;")
    assert len(copy) == len(page)


def test_memory_over_time_is_drawn_with_its_quarters():
    samples = [(number / 2, 10**8, (1 + number) * 10**7, 10**7) for number in range(80)]
    console = Console(file=StringIO(), width=160)
    console.print(memory_table(samples, 7))
    title, _, driver, workers, _ = console.file.getvalue().splitlines()
    assert "7 pages, 40 s" in title
    assert driver.split() == ["driver", "█" * 60, *["100"] * 5]
    drawn, *numbers = workers.removeprefix("all workers").split()
    assert drawn == "".join(sorted(drawn))
    assert list(map(int, numbers)) == [105, 305, 505, 705, 800]


def test_memory_of_this_process_is_looked_at():
    sampler = Sampler()
    held = bytearray(b"x" * (80 << 20))
    while len(sampler.samples) < 2:
        time.sleep(0.05)
    assert max(driver for _, driver, _, _ in sampler.stop()) > len(held)
