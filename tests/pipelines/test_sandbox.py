"""The sandbox by itself: what its items do to it, they do to themselves alone."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from filters.errors import WorkError
from pipelines.sandbox import lives
from pipelines.sandbox.launch import _Ours, close_template
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.lives import Item
from pipelines.sandbox.run import Answer, Dead, Fault, Sandbox
from tests.pipelines import planted_handler
from tests.pipelines.planted_handler import MIB

SMALL = Limits(cpu_seconds=0.15, memory=48 * MIB, page_bytes=12 * MIB, idle_seconds=0.5)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    # A template that has held models keeps their freed memory, which a page may use without
    # growing: with limits of a few MiB that decides.
    close_template()
    made = Sandbox(planted_handler.load, False, "plain", SMALL)
    yield made
    made.lives.retire()


def echo(number: int) -> Item:
    return Item(b"echo", b"%d" % number * (1 + number % 7 * 10_000))


def answers(
    sandbox: Sandbox, items: Sequence[Item | None], **more: Callable
) -> list[Answer | None]:
    found = list(sandbox.work(b"unit", enumerate(items), **more))
    assert [key for key, _ in found] == list(range(len(items)))
    return [answer for _, answer in found]


def plain(item: Item) -> Answer:
    return [b"unit", hashlib.sha256(item.body).digest(), b"-"]


def children_of(process: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_items_are_answered_in_order_and_batches_told_of(sandbox: Sandbox):
    items = [echo(number) if number % 5 else None for number in range(200)]
    told: list[bytes] = []
    found = answers(sandbox, items, told=told.append)
    assert found == [item and plain(item) for item in items]
    assert len(told) >= 200 / 32
    assert set(told) == {b"closed"}
    assert sandbox.faults == []
    assert sandbox.lives.cpu_seconds > 0


@pytest.mark.parametrize(
    ("about", "stage", "reason"),
    [
        ("loop", "quality", "cpu_limit"),
        ("burn 2", "language", "cpu_limit"),
        ("segfault", "extract", "crash:SIGSEGV"),
        ("kill 6", "extract", "crash:SIGABRT"),
        ("exit 0", "extract", "crash:exit_0"),
        ("allocate 1000", "extract", "memory_limit"),
        ("at_once", "extract", "memory_limit"),
        ("sleep", "extract", "stalled"),
        ("garble", "extract", "crash:garbled"),
        ("kill 9", "extract", "crash:SIGKILL"),
    ],
)
def test_an_item_costs_only_itself(sandbox: Sandbox, about: str, stage: str, reason: str):
    items = [echo(number) for number in range(40)]
    items[7] = Item(about.encode(), b"")
    found = answers(sandbox, items)
    assert found[7] == Dead(stage, reason)
    assert sandbox.faults == [Fault(7, stage, reason, failed=True)]
    assert [a for i, a in enumerate(found) if i != 7] == [
        plain(item) for i, item in enumerate(items) if i != 7
    ]


def test_a_second_try_has_double_the_limits(sandbox: Sandbox):
    items = [echo(0), Item(b"burn 0.22", b"a"), Item(b"allocate 70", b"b"), echo(1)]
    assert answers(sandbox, items) == [plain(item) for item in items]
    assert [(fault.ordinal, fault.failed) for fault in sandbox.faults] in (
        [(2, False)],
        [(1, False), (2, False)],
    )


def test_what_raises_or_is_too_long_is_not_tried_again(sandbox: Sandbox):
    items = [echo(0), Item(b"raise", b""), Item(b"echo", b"x" * (12 * MIB + 1)), echo(1)]
    raised, long = Dead("extract", "error:ValueError"), Dead("extract", "page_bytes")
    assert answers(sandbox, items) == [plain(items[0]), raised, long, plain(items[3])]
    assert sandbox.faults == [Fault(2, "extract", "page_bytes", failed=True)]


def test_what_is_for_a_person_is_raised_here(sandbox: Sandbox):
    with pytest.raises(WorkError, match="nothing can be made of it"):
        answers(sandbox, [echo(0), Item(b"refuse", b""), echo(1)])
    assert answers(sandbox, [echo(2)]) == [plain(echo(2))]
    with pytest.raises(WorkError, match="no such model"):
        answers(Sandbox(planted_handler.refuse, "no such model", "refuses", SMALL), [echo(0)])


def test_whoever_stops_reading_leaves_no_answers_behind(sandbox: Sandbox):
    work = sandbox.work(b"one", ((number, echo(number)) for number in range(300)))
    next(work)
    work.close()
    assert answers(sandbox, [echo(7)]) == [plain(echo(7))]


def test_a_handler_with_state_has_it_again_in_a_fresh_child():
    made = Sandbox(planted_handler.load, True, "counts", SMALL, keeps_state=True)
    items = [echo(number) for number in range(80)]
    for ordinal in (3, 50, 70):
        items[ordinal] = Item(b"kill 11", b"")
    items[10], items[60] = Item(b"raise", b""), Item(b"burn 0.22", b"")
    found = answers(made, items, again=lambda: iter(items))
    fatal = {3, 50, 70}
    seen = 0
    for ordinal, answer in enumerate(found):
        seen += ordinal not in fatal
        if ordinal in fatal:
            assert answer == Dead("extract", "crash:SIGSEGV")
        elif ordinal != 10:
            assert answer[2] == str(seen).encode(), ordinal
    assert [a[2] for a in answers(made, [echo(0), echo(1)])] == [b"1", b"2"]
    made.lives.retire()


@pytest.mark.parametrize("seed", range(2))
def test_killing_children_at_random_changes_nothing(sandbox: Sandbox, seed: int):
    chance = random.Random(seed)
    items = [Item(b"burn 0.006", b"%d" % number) for number in range(80)]
    sandbox.lives.start()
    template = _Ours.template.process
    over = threading.Event()
    killed: list[int] = []

    def kill() -> None:
        while not over.wait(chance.uniform(0.1, 0.3)):
            for child in children_of(template):
                os.kill(child, signal.SIGKILL)
                killed.append(child)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        found = answers(sandbox, items)
    finally:
        over.set()
        killer.join()
    assert found == [plain(item) for item in items]
    assert sandbox.faults == []
    assert len(killed) > 1


def test_a_template_that_was_killed_is_had_again(sandbox: Sandbox):
    assert answers(sandbox, [echo(1)]) == [plain(echo(1))]
    os.kill(_Ours.template.process, signal.SIGKILL)
    items = [echo(number) for number in range(70)]
    assert answers(sandbox, items) == [plain(item) for item in items]


def test_a_loaded_machine_changes_no_decision(sandbox: Sandbox):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        # A third of the limit, which takes longer than the limit by the clock on the wall.
        items = [Item(b"burn 0.05", b"%d" % number) for number in range(6)]
        began = time.monotonic()
        assert answers(sandbox, items) == [plain(item) for item in items]
        assert time.monotonic() - began > 6 * 0.05
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert sandbox.faults == []


@pytest.mark.parametrize(("which", "most"), [("MOST_PAGES", 20), ("_LEAKED", 1 << 40)])
def test_a_child_that_has_grown_is_followed_by_another(
    sandbox: Sandbox, which: str, most: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lives, which, most)
    first = sandbox.lives.start().process
    items = [echo(number) for number in range(100)]
    assert answers(sandbox, items) == [plain(item) for item in items]
    assert sandbox.lives.start().process != first
    assert sandbox.faults == []


def test_the_template_has_one_thread_and_leaves_nobody_behind():
    program = (
        "import os, sys, time\n"
        "from pipelines.sandbox.limits import Limits\n"
        "from pipelines.sandbox.run import Item, Sandbox\n"
        "from pipelines.sandbox.launch import _Ours\n"
        "from tests.pipelines import planted_handler\n"
        "box = Sandbox(planted_handler.load, False, 'x', Limits())\n"
        "work = box.work(b'', [(0, Item(b'echo', b''))] * 40 + [(1, Item(b'loop', b''))] * 40)\n"
        "next(work)\n"
        "print(_Ours.template.process, box.lives.start().process, flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    started = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=root, start_new_session=True,
    )  # fmt: skip
    template, child = map(int, started.stdout.readline().split())
    assert len(list(Path(f"/proc/{template}/task").iterdir())) == 1
    assert Path(f"/proc/{child}/oom_score_adj").read_text().strip() == "1000"
    os.killpg(started.pid, signal.SIGINT)  # Ctrl-C reaches them all
    _, said = started.communicate(timeout=20)
    assert said.count("Traceback") == 1
    assert "template" not in said
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() or Path(f"/proc/{template}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_template_keeps_two_handlers(sandbox: Sandbox):
    boxes = {
        name: Sandbox(planted_handler.load, name == "counts", name, SMALL)
        for name in ("plain", "counts", "other")
    }
    processes, kept = set(), []
    for name in ("plain", "counts", "plain", "counts", "other", "plain"):
        (answer,) = answers(boxes[name], [echo(1)])
        assert answer == ([*plain(echo(1))[:2], b"1"] if name == "counts" else plain(echo(1)))
        boxes[name].lives.retire()
        assert _Ours.template is not None
        processes.add(_Ours.template.process)
        kept.append(list(_Ours.template._loaded))
    assert len(processes) == 1
    assert kept[1:4] == [["plain", "counts"], ["counts", "plain"], ["plain", "counts"]]
    assert kept[4:] == [["counts", "other"], ["other", "plain"]]
    del sandbox
