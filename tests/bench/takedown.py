"""What a takedown of 30 hosts costs on a dataset of more than 60 shards, at a Hub on this machine.

`python -m tests.bench.takedown` makes texts of random words on 300 hosts, publishes them, takes
30 hosts down and prints requests and bytes, by LFS and, as hf-xet stores them, by Xet.
"""

import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.stages import publishing as stages
from tests.hub.people import TOKEN, completed, environment, run_commands
from tests.hub.server import serve
from tests.hub.xet import XetStore
from tests.pipelines.units import Listener

RECIPE = """\
recipe: words
dump: words
stages:
- dedup: {url: {}}
tokenizer: {train: {vocab_size: 400, sample_bytes: 100000}}
keep_text: kept
"""
HOSTS, GONE, SHARDS = 300, 30, 75
PAGES, WORDS = 10, 5_000


def crawl(folder: Path) -> int:
    """Write the pages as JSON lines; return the bytes of their texts."""
    pick = random.Random(1)
    words = ["".join(pick.choices("etaoinshrdlu", k=pick.randint(2, 9))) for _ in range(20_000)]
    size = 0
    folder.mkdir()
    with (folder / "pages.jsonl").open("w") as lines:
        for number in range(HOSTS * PAGES):
            text = " ".join(pick.choices(words, k=WORDS))
            size += len(text)
            url = f"http://host{number % HOSTS:03d}.example/{number}"
            lines.write(json.dumps({"id": f"page-{number}", "url": url, "text": text}) + "\n")
    return size


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Make, publish, take down; print the figures."""
    folder = Path(tempfile.mkdtemp(prefix="takedown-"))
    size = crawl(folder / "crawl")
    setattr(stages, "SHARD_BYTES", -(-size // SHARDS))  # noqa: B010  as tests patch it
    (folder / "words.yaml").write_text(RECIPE)
    recipe = load_recipe(str(folder / "words.yaml"), (), [str(folder / "crawl")])
    run(recipe, folder / "run", RunOptions(engine="inline"), Listener())
    completed(folder / "run")
    gone = [f"host{number:03d}.example" for number in range(0, HOSTS, HOSTS // GONE)]
    (folder / "hosts.txt").write_text("\n".join(gone))
    for way in ("lfs", "xet"):
        with serve(rights={TOKEN: "write"}) as hub:
            env = environment(hub, folder / f"hf-{way}")
            if way == "xet":
                hub.xet = XetStore(folder / "xet")
                env["HF_HUB_DISABLE_XET"] = "0"
            published = run_commands([["publish", str(folder / "run"), "org/words"]], env)
            assert published[0][0] == 0, published
            asked, stored = len(hub.asked), _held(folder / "xet")
            hosts = str(folder / "hosts.txt")
            given = ["takedown", "org/words", "--domains", hosts, "--yes"]
            code, said = run_commands([given], env)[0]
            assert code == 0, said
            sent = sum(len(request.body) for request in hub.host.asked[asked:])
            say(f"{way}: {len(hub.asked) - asked} requests, {sent:,} bytes of bodies")
            say(f"  stored by Xet: {_held(folder / 'xet') - stored:,} bytes more")
            say("\n".join(f"  {line}" for line in said.splitlines() if "  - " not in line))
    shutil.rmtree(folder)


def _held(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
