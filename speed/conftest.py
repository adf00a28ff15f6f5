"""`pytest speed --benchmark-only`: all comparisons; with ``--short`` a few cheap ones, in some minutes.

A comparison fails where its ratio falls below 60% of the one recorded on this processor, or of the least recorded on
others. ``--record`` writes those of this processor anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from types import ModuleType
from typing import Any

import pytest
import torch

from harness.runner.environment import keep_memory_mapped
from harness.spaces.nb201 import kernels
from speed import comparison
from speed.comparison import Comparison

FOUND = pytest.StashKey[list[Comparison]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="a few cheap comparisons")
    parser.addoption("--record", action="store_true", help="write what is recorded for this processor")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "short: cheap enough for every change")
    config.stash[FOUND] = []
    keep_memory_mapped()  # as workers do; the other side has it too


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(1800))
    if config.getoption("--short"):
        chosen = [item for item in items if item.get_closest_marker("short")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash[FOUND]
    if not found:
        return
    terminalreporter.section("ratios (more is better)")
    for line in comparison.table(found):
        terminalreporter.write_line(line)
    if config.getoption("--record"):
        own = comparison.own_record()
        comparison.write(own, found, comparison.recorded(own))


class Against:
    """Makes the comparisons of one benchmark."""

    def __init__(self, benchmark: Any, config: pytest.Config) -> None:
        self.benchmark, self.config = benchmark, config

    def keep(
        self,
        name: str,
        ours: Sequence[float],
        other: Sequence[float],
        unit: str = "s",
        goal: float | None = None,
        *,
        held: bool = True,
    ) -> None:
        """Take down a comparison; fail where it is ``held`` to the recorded one and far below it."""
        made = Comparison(name, tuple(ours), tuple(other), unit, goal)
        self.config.stash[FOUND].append(made)
        self.benchmark.extra_info[name] = made.as_json()
        comparison.write(comparison.LATEST, self.config.stash[FOUND], {})  # a run that is cut off leaves what it has
        least = comparison.floor(name)
        if held and not self.config.getoption("--record"):
            assert least is None or made.ratio >= least, f"{name}: {made.ratio:.2f} times, which was to be {least:.2f}"

    def interleaved(
        self, name: str, ours: Callable[[], Any], other: Callable[[], Any], *, rounds: int, goal: float | None = None
    ) -> None:
        """Time both in turns, after one round that does not count."""
        times: list[float] = []

        def before() -> None:
            start = perf_counter()
            other()
            times.append(perf_counter() - start)

        self.benchmark.pedantic(ours, setup=before, rounds=rounds, warmup_rounds=1)
        self.keep(name, self.benchmark.stats.stats.data, times[-rounds:], goal=goal)

    def limit(self, name: str, run: Callable[[], Any], *, rounds: int, seconds: float) -> None:
        """Time a run against a limit: other machines have other times, so nothing is held to it."""
        self.benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)
        own = self.benchmark.stats.stats.data
        self.keep(name, own, [seconds] * len(own), goal=1.0, held=False)


@pytest.fixture
def against(benchmark: Any, request: pytest.FixtureRequest) -> Against:
    """Return what makes comparisons."""
    return Against(benchmark, request.config)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Return what sets the number of threads until the end of a benchmark."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def space_kernels() -> ModuleType:
    """Return the module of the space's compiled kernels."""
    return kernels


@pytest.fixture(params=["kernels", "torch"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, space_kernels: ModuleType) -> str:
    """Compute by compiled kernels or by torch's operations alone; return what to add to a name."""
    if request.param == "torch":
        monkeypatch.setattr(space_kernels, "library", lambda: None)
        return ", torch alone"
    if space_kernels.library() is None:
        pytest.skip("no compiler")
    return ""
