"""What a run shows while it works: a live tree on a terminal, lines where output is piped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from harness.text import printable

if TYPE_CHECKING:
    from harness.runner.trial import Trial

HEARTBEAT_SECONDS = 60.0  # between two lines on a trial that is running, where output is piped
SHOWN = 4  # of trials that are running at once
Phase = Literal["waiting", "running", "done", "failed", "blocked"]
STYLES: dict[Phase, str] = {"waiting": "dim", "running": "cyan", "done": "green", "failed": "red", "blocked": "yellow"}


@dataclass
class Item:
    """One trial of a run. ``weight``: its estimated seconds; 0 for what needs no work in this run.

    ``origin``: the epoch that this run went on from; ``beaten``: when its last epoch ended.
    """

    trial: Trial
    weight: float
    phase: Phase
    epoch: int = 0
    epochs: int = 0
    started: float | None = None
    ended: float | None = None
    origin: int | None = None
    beaten: float = 0.0

    def beat(self, epoch: int, epochs: int, now: float) -> None:
        """Take in how far it is."""
        if epoch < self.epoch:  # another worker begins with it
            self.started, self.origin = now, None
        elif self.origin is None and epoch > self.epoch:
            self.origin = epoch - 1
        self.epoch, self.epochs, self.beaten = epoch, epochs, now

    def seconds_left(self, now: float) -> float | None:
        """Extrapolate from its epochs of this run; None before the first."""
        if self.origin is None or self.started is None:
            return None
        each = (self.beaten - self.started) / (self.epoch - self.origin)
        return max(0.0, each * (self.epochs - self.epoch) - (now - self.beaten))

    @property
    def work_done(self) -> float:
        """Return the part of ``weight`` that is behind, from 0 to ``weight``."""
        if self.ended is not None:
            return self.weight
        return self.weight * self.epoch / self.epochs if self.epochs else 0.0


def name(trial: Trial) -> str:
    """Name a trial for the reader."""
    return f"{trial.subject} {trial.dataset} seed {trial.seed}{' training' if trial.trains else ''}"


def duration(seconds: float) -> str:
    """Write a duration: ``12.3 s``, ``4:05``, ``1:02:03``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def summary(items: Sequence[Item], now: float) -> str:
    """Describe a group of trials: ``2/3 seeds, epoch 12/50, 0:41, left 1:20``.

    It counts ``trials`` where some share a seed, and searches and trainings apart where there are both.
    """
    counts = {phase: sum(item.phase == phase for item in items) for phase in STYLES}
    parts = [_done(part, what) for what, part in _parts(items).items()]
    parts += [f"{counts[phase]} {phase}" for phase in ("failed", "blocked") if counts[phase]]
    running = [item for item in items if item.phase == "running" and item.epochs]
    if running:
        parts.append("epoch " + ", ".join(f"{item.epoch}/{item.epochs}" for item in running[:4]))
    started = [item.started for item in items if item.started is not None]
    if started:
        over = all(item.phase not in ("waiting", "running") for item in items)
        end = max((item.ended for item in items if item.ended is not None), default=now) if over else now
        elapsed = end - min(started)
        parts.append(duration(elapsed))
        left = time_left(items, elapsed)
        if left is not None and not over:
            parts.append(f"left {duration(left)}")
    return ", ".join(parts)


def _parts(items: Sequence[Item]) -> dict[str, list[Item]]:
    """Divide trials by what a reader counts, each into one part."""
    trainings = [item for item in items if item.trial.trains]
    if trainings and len(trainings) < len(items):
        return {"searches": [item for item in items if not item.trial.trains], "trainings": trainings}
    shared = any(item.trial.subject != item.trial.method for item in items)
    return {"trials" if shared else "seeds": list(items)}


def _done(items: Sequence[Item], what: str) -> str:
    return f"{sum(item.phase == 'done' for item in items)}/{len(items)} {what}"


def time_left(items: Iterable[Item], elapsed: float) -> float | None:
    """Extrapolate the seconds left from the weighted work behind; None before any is."""
    total = behind = 0.0
    for item in items:
        total += item.weight
        behind += item.work_done
    return elapsed * (total - behind) / behind if behind else None


def heartbeat(item: Item, now: float) -> str:
    """Say how far a running trial is: ``epoch 12/50, 0:41, left 1:20``."""
    said = [f"epoch {item.epoch}/{item.epochs}"] if item.epochs else ["running"]
    left = item.seconds_left(now)
    elapsed = duration(now - (item.started or now))
    return ", ".join([*said, elapsed, *([] if left is None else [f"left {duration(left)}"])])


class Progress:
    """What `harness.runner.execute` tells while it runs. This one shows nothing."""

    def begin(self, items: list[Item]) -> None:
        """Take the trials of the run, in the order of the plan."""

    def started(self, item: Item) -> None:
        """Hear that a trial has begun."""

    def finished(self, item: Item, text: str) -> None:
        """Hear that a trial has ended; ``text`` says how."""

    def note(self, text: str) -> None:
        """Hear something that the user should know."""

    def refresh(self) -> None:
        """Hear that epochs have gone by."""

    def end(self) -> None:
        """Hear that nothing more will come."""


class PlainProgress(Progress):
    """One line when a trial starts, one when it ends, and about once a minute one of each that is running."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self.clock = console, clock
        self.items: list[Item] = []
        self.todo = self.ended = 0
        self.said = clock()

    def begin(self, items: list[Item]) -> None:
        """Count what will be run."""
        self.items = items
        self.todo = sum(item.phase == "waiting" for item in items)

    def started(self, item: Item) -> None:
        """Print the start."""
        self._print(f"{name(item.trial)}: started")

    def finished(self, item: Item, text: str) -> None:
        """Print the end, with how many of how many have ended."""
        self.ended += 1
        self._print(f"[{self.ended}/{self.todo}] {name(item.trial)}: {text}")

    def note(self, text: str) -> None:
        """Print the line."""
        self._print(text)

    def refresh(self) -> None:
        """Print how far the running trials are, where nothing was said of that for a while."""
        now = self.clock()
        if now - self.said < HEARTBEAT_SECONDS:
            return
        self.said = now
        running = [item for item in self.items if item.phase == "running"]
        for item in running[:SHOWN]:
            self._print(f"[{self.ended}/{self.todo}] {name(item.trial)}: {heartbeat(item, now)}")
        if len(running) > SHOWN:
            self._print(f"[{self.ended}/{self.todo}] and {len(running) - SHOWN} more are running")

    def _print(self, line: str) -> None:
        self.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


class TreeProgress(PlainProgress):
    """A tree of suites, tables and methods below the lines of the trials that ended."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, clock)
        self.live = Live(console=console, auto_refresh=False, transient=True)

    def begin(self, items: list[Item]) -> None:
        """Show the tree."""
        super().begin(items)
        self.live.start()
        self.refresh()

    def started(self, item: Item) -> None:
        """Show the change; the tree has the trial already."""
        self.refresh()

    def refresh(self) -> None:
        """Draw the tree anew."""
        self.live.update(self.tree(), refresh=True)

    def end(self) -> None:
        """Take the tree away; the lines stay."""
        self.live.stop()

    def tree(self) -> Tree:
        """Build the tree: a trial stands under every table that shows it."""
        now = self.clock()
        root = Tree(_label("all", self.items, now), guide_style="dim")
        for suite, in_suite in _group(self.items, lambda item: [item.trial.suite]).items():
            suite_node = root.add(_label(suite, in_suite, now))
            for table, in_table in _group(in_suite, _tables).items():
                table_node = suite_node.add(_label(table, in_table, now))
                for method, of_method in _group(in_table, _method).items():
                    table_node.add(_label(method, of_method, now))
        return root


class Board:
    """The state of all trials of a run, kept from heartbeats and results, told to a `Progress`."""

    def __init__(self, items: list[Item], progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self.items = {item.trial.id: item for item in items}
        self.progress, self.clock = progress, clock
        progress.begin(items)

    def beat(self, trial_id: str, epoch: int, epochs: int) -> None:
        """Take in how far a running trial is."""
        item, now = self.items[trial_id], self.clock()
        if item.phase == "waiting":
            item.phase, item.started, item.epoch = "running", now, epoch
            self.progress.started(item)
        item.beat(epoch, epochs, now)
        self.progress.refresh()

    def finish(self, trial_id: str, phase: Phase, text: str) -> None:
        """Take in the end of a trial."""
        item = self.items[trial_id]
        item.phase, item.ended = phase, self.clock()
        self.progress.finished(item, text)
        self.progress.refresh()

    def note(self, text: str) -> None:
        """Pass a line on to the user."""
        self.progress.note(text)

    def refresh(self) -> None:
        """Let time go by."""
        self.progress.refresh()


def make_progress(console: Console | None = None) -> Progress:
    """Choose by where the output goes, by default to stderr."""
    console = console or Console(stderr=True)
    return TreeProgress(console) if console.is_terminal and not console.is_dumb_terminal else PlainProgress(console)


def _tables(item: Item) -> list[str]:
    return list(dict.fromkeys(row.partition("/")[0] for row in item.trial.rows))


def _method(item: Item) -> list[str]:
    return [f"{item.trial.method} {item.trial.dataset}"]


def _group(items: list[Item], keys: Callable[[Item], list[str]]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        for key in keys(item):
            groups.setdefault(key, []).append(item)
    return groups


def _label(title: str, items: list[Item], now: float) -> Text:
    phases = {item.phase for item in items}
    order: tuple[Phase, ...] = ("failed", "running", "waiting", "blocked", "done")
    phase = next(phase for phase in order if phase in phases)
    return Text.assemble((title, f"bold {STYLES[phase]}"), "  ", summary(items, now))
