"""What a run shows: lines where output is piped, a tree on a terminal."""

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.runner.progress import (
    Board,
    Item,
    PlainProgress,
    TreeProgress,
    duration,
    make_progress,
    summary,
    time_left,
)


def trial(trial_id, seed=0, method="darts-v1", rows=("t1/darts",), part="", *, trains=False):
    about = {"method": method, "subject": f"{method} {part}".rstrip(), "dataset": "digits", "seed": seed}
    return SimpleNamespace(id=trial_id, suite="tiny", rows=rows, trains=trains, **about)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def console(**options):
    return Console(file=StringIO(), width=100, **options)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (12.34, "12.3 s"), (59.94, "59.9 s"), (60, "1:00"), (245, "4:05"), (3723.4, "1:02:03")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_time_left_weighs_trials_by_their_cost():
    done = Item(trial("a"), 30.0, "done", ended=1.0)
    half = Item(trial("b"), 20.0, "running", epoch=5, epochs=10)
    waiting = Item(trial("c"), 40.0, "waiting")
    before = Item(trial("d"), 0.0, "done")
    assert time_left([done, half, waiting, before], elapsed=8.0) == pytest.approx(8.0 * 50 / 40)
    assert time_left([waiting], elapsed=8.0) is None


def test_summaries_say_how_many_of_how_many():
    items = [
        Item(trial("a"), 0.0, "done"),
        Item(trial("b"), 10.0, "running", epoch=5, epochs=10, started=90.0),
        Item(trial("c"), 10.0, "failed", started=80.0, ended=85.0),
        Item(trial("d"), 0.0, "blocked"),
    ]
    assert summary(items, now=100.0) == "1/4 seeds, 1 failed, 1 blocked, epoch 5/10, 20.0 s, left 6.7 s"
    assert summary(items[:1], now=100.0) == "1/1 seeds"
    assert summary(items[2:3], now=100.0) == "0/1 seeds, 1 failed, 5.0 s"
    parts = [Item(trial(place, part=f"cell/{place}"), 0.0, "done") for place in ("1<-0", "2<-0")]
    assert summary(parts, now=100.0) == "2/2 trials"


def test_searches_and_the_trainings_that_wait_for_them_are_counted_apart_and_once():
    searches = [Item(trial(f"s{seed}", seed), 1.0, phase) for seed, phase in enumerate(("done", "done", "running"))]
    trainings = [Item(trial(f"t{seed}", seed, trains=True), 1.0, "waiting") for seed in range(3)]
    trainings[0].phase = "done"
    assert summary([*searches, *trainings], now=1.0).startswith("2/3 searches, 1/3 trainings")
    assert summary(trainings, now=1.0) == "1/3 seeds"


def test_plain_lines_tell_starts_and_ends_in_order():
    out = console()
    items = [Item(trial("a"), 0.0, "done"), Item(trial("b", 1), 1.0, "waiting"), Item(trial("c", 2), 1.0, "waiting")]
    board = Board(items, PlainProgress(out))
    board.beat("b", 0, 3)
    board.beat("b", 1, 3)
    board.beat("c", 0, 3)
    board.finish("c", "failed", "failed: out of [cheese], 1.0 s")
    board.finish("b", "done", "done, 54.30% test, 12.3 s")
    assert out.file.getvalue().splitlines() == [
        "darts-v1 digits seed 1: started",
        "darts-v1 digits seed 2: started",
        "[1/2] darts-v1 digits seed 2: failed: out of [cheese], 1.0 s",
        "[2/2] darts-v1 digits seed 1: done, 54.30% test, 12.3 s",
    ]


def test_piped_lines_beat_about_once_a_minute():
    clock, out = Clock(), console()
    items = [Item(trial(str(seed), seed), 10.0, "waiting") for seed in range(6)]
    board = Board(items, PlainProgress(out, clock), clock)
    board.beat("0", 0, 50)
    clock.now += 30
    board.beat("0", 1, 50)
    board.beat("1", 0, 8)
    clock.now += 29.9
    board.refresh()
    assert [line.rpartition(": ")[2] for line in out.file.getvalue().splitlines()] == ["started", "started"]
    clock.now += 0.1
    board.refresh()
    board.refresh()
    assert out.file.getvalue().splitlines()[2:] == [
        "[0/6] darts-v1 digits seed 0: epoch 1/50, 1:00, left 24:00",  # 49 epochs of 30 s, 30 s after one ended
        "[0/6] darts-v1 digits seed 1: epoch 0/8, 30.0 s",
    ]
    board.finish("0", "done", "done, 1:00")
    for seed in "2345":
        board.beat(seed, 0, 0)  # which has no epochs
    clock.now += 60
    board.refresh()
    assert out.file.getvalue().splitlines()[-5:] == [
        "[1/6] darts-v1 digits seed 1: epoch 0/8, 1:30",
        *(f"[1/6] darts-v1 digits seed {seed}: running, 1:00" for seed in (2, 3, 4)),
        "[1/6] and 1 more are running",
    ]


def test_what_is_left_counts_the_epochs_of_this_run():
    clock = Clock()
    item = Item(trial("a"), 10.0, "waiting")
    board = Board([item], PlainProgress(console(), clock), clock)
    board.beat("a", 0, 100)
    clock.now += 10
    board.beat("a", 41, 100)  # it went on from epoch 40
    assert item.seconds_left(clock.now) == 590
    clock.now += 4
    assert item.seconds_left(clock.now) == 586
    board.beat("a", 42, 100)
    assert item.seconds_left(clock.now) == 7 * 58
    clock.now += 1e6
    assert item.seconds_left(clock.now) == 0
    board.beat("a", 0, 100)  # its worker died, and another one goes on from epoch 42
    assert item.seconds_left(clock.now) is None
    clock.now += 5
    board.beat("a", 43, 100)
    assert item.seconds_left(clock.now) == 57 * 5


def test_the_tree_shows_a_trial_under_every_table_with_its_epoch():
    clock = Clock()
    shared = Item(trial("a", rows=("t1/darts", "t2/again")), 10.0, "waiting")
    other = Item(trial("b", method="ex-darts", rows=("t2/ex",)), 10.0, "waiting")
    out = console()
    progress = TreeProgress(out, clock)
    board = Board([shared, other], progress, clock)
    clock.now += 10
    board.beat("a", 0, 10)
    clock.now += 5
    board.beat("a", 5, 10)
    out.print(progress.tree())
    progress.end()
    lines = [line.rstrip() for line in out.file.getvalue().splitlines()]
    tree = lines[lines.index("all  0/2 seeds, epoch 5/10, 5.0 s, left 15.0 s") :][:7]
    assert tree[1] == "└── tiny  0/2 seeds, epoch 5/10, 5.0 s, left 15.0 s"
    assert tree[2] == "    ├── t1  0/1 seeds, epoch 5/10, 5.0 s, left 5.0 s"
    assert tree[3] == "    │   └── darts-v1 digits  0/1 seeds, epoch 5/10, 5.0 s, left 5.0 s"
    assert tree[4].startswith("    └── t2  0/2 seeds")
    assert tree[6] == "        └── ex-darts digits  0/1 seeds"


def test_a_late_heartbeat_does_not_wake_a_finished_trial():
    board = Board([Item(trial("a"), 1.0, "waiting")], PlainProgress(console()))
    board.finish("a", "done", "done")
    board.beat("a", 1, 2)
    assert board.items["a"].phase == "done"


def test_the_output_decides():
    assert isinstance(make_progress(console(force_terminal=True)), TreeProgress)
    assert not isinstance(make_progress(console()), TreeProgress)


def test_no_color_is_obeyed(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = console(force_terminal=True)
    progress = TreeProgress(out)
    Board([Item(trial("a"), 1.0, "failed")], progress)
    progress.end()
    assert "tiny" in out.file.getvalue() and "\x1b[31m" not in out.file.getvalue()
    assert "38;5" not in out.file.getvalue() and ";31m" not in out.file.getvalue()
