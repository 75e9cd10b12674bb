"""A crawl in several languages, and a run of it whose dataset is laid out by them."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.pipelines.small_run import do_run, prose
from tests.pipelines.text_rows import lines

BY_LANGUAGE = """\
recipe: many
input: crawl
stages:
- gate: {unsure_language: language.score <= 0.5}
- drop: {short: chars < 60}
- dedup: {exact: {}}
tokenizer: {train: {vocab_size: 400}}
dataset: {by: language}
audit_fraction: 0.3
max_failed_pages: 1.0
"""
SENTENCES = {
    "de": (
        "Der alte Fluss fließt langsam durch die stille Stadt und am Markt vorbei.",
        "Niemand weiß, warum das Haus am Rand des Waldes seit Jahren leer steht.",
        "Gestern haben die Lehrer über die neue Brücke und ihre Kosten gesprochen.",
        "Wer das Fenster öffnet, hört im Garten die Vögel und den Wind in den Bäumen.",
    ),
    "fr": (
        "La rivière traverse lentement la vieille ville et passe devant le marché.",
        "Personne ne sait pourquoi la maison au bord de la forêt est vide depuis des années.",
        "Hier, les professeurs ont parlé du nouveau pont et de ce qu'il coûtera.",
        "Quand on ouvre la fenêtre, on entend les oiseaux et le vent dans les arbres.",
    ),
    "zh": (
        "这条河慢慢地流过安静的老城，从市场旁边经过。",
        "没有人知道森林边上的那座房子为什么空了很多年。",
        "昨天老师们谈到了新的桥以及它要花多少钱。",
        "打开窗户的人可以听见花园里的鸟声和树上的风声。",
    ),
    "sr": (
        "Река полако тече кроз стари град и пролази поред пијаце.",
        "Нико не зна зашто је кућа на ивици шуме годинама празна.",
        "Јуче су наставници говорили о новом мосту и о томе колико ће коштати.",
        "Ко отвори прозор, чује птице у башти и ветар у дрвећу.",
    ),
    "th": (
        "แม่น้ำไหลช้าๆ ผ่านเมืองเก่าที่เงียบสงบและผ่านตลาด",
        "ไม่มีใครรู้ว่าทำไมบ้านที่ชายป่าจึงว่างเปล่ามาหลายปี",
        "เมื่อวานนี้ครูได้พูดถึงสะพานใหม่และค่าใช้จ่ายของมัน",
        "ใครที่เปิดหน้าต่างจะได้ยินเสียงนกในสวนและเสียงลมในต้นไม้",
    ),
}
FOLDERS = {
    "en": "eng_Latn", "de": "deu_Latn", "fr": "fra_Latn", "zh": "cmn_Hani", "sr": "srp_Cyrl",
    "th": "tha_Thai",
}  # fmt: skip


def text_in(language: str, number: int) -> str:
    """Return a text that no other number has."""
    if language == "en":
        return "\n".join(prose(number))
    pick = random.Random(number)
    sentences = SENTENCES[language]
    return "\n".join([f"{number}.", *(pick.choice(sentences) for _ in range(12))])


def made_texts(counts: Mapping[str, int], first: int = 0) -> list[dict[str, Any]]:
    """Return so many rows in each language, on four hosts; some too short, one that repeats."""
    rows: list[dict[str, Any]] = []
    for language, count in counts.items():
        for _ in range(count):
            number = first + len(rows)
            url = f"http://host{number % 4}.example/{number}"
            rows.append({"id": f"p{number}", "url": url, "text": text_in(language, number)})
    short = [{"id": f"s{first}", "url": "http://host1.example/short", "text": "Zu kurz."}]
    again = {**rows[0], "id": f"a{first}", "url": "http://host9.example/again"}
    return [*rows, *short, again]


def run_by_language(
    folder: Path, dumps: Mapping[str, Mapping[str, int]], recipe: str = BY_LANGUAGE
) -> Path:
    """Run a recipe on made texts: so many in each language of each dump, in two files."""
    crawl = folder / "crawl"
    for at, (dump, counts) in enumerate(dumps.items()):
        (crawl / dump).mkdir(parents=True, exist_ok=True)
        rows = made_texts(counts, 1000 * (at + 1))
        for name, half in (("a", rows[::2]), ("b", rows[1::2])):
            (crawl / dump / f"{name}.jsonl").write_bytes(lines(half))
    do_run(recipe, crawl, folder / "run")
    return folder / "run"
