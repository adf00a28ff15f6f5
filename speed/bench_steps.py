"""Steps of a search against the bi-level step of the ordinary implementation.

On one thread each, as a worker runs them: two trials with a thread each beat one trial with two, and where cores are
shared with others a thread that waits for another makes any time meaningless. At full size on two as well, where
cores share the way to memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.runner.environment import cores
from speed.conftest import Against
from speed.searches import SIZES, ordinary_step, search_of, step_of

LEVELS = {"bi-level": "darts-v1", "single-level": "single-darts"}
Threads = Callable[[int], None]


@pytest.mark.parametrize(
    ("level", "precision", "goal"),
    [
        ("bi-level", "float32", 2.5),
        ("bi-level", "bfloat16", 4.0),
        ("single-level", "float32", 4.5),
        ("single-level", "bfloat16", 5.5),
    ],
)
@pytest.mark.parametrize("used", [1, pytest.param(2, marks=pytest.mark.skipif(cores() < 2, reason="one core"))])
def test_full_size(
    level: str, precision: str, goal: float, used: int, against: Against, threads: Threads, form: str
) -> None:
    threads(used)
    step = step_of(search_of(LEVELS[level], SIZES["full"], precision))
    name = f"full size, {level}, {precision}{form}{', two threads' if used > 1 else ''}"
    against.interleaved(name, step, ordinary_step(SIZES["full"]), rounds=5, goal=goal)


@pytest.mark.short
@pytest.mark.parametrize(("size", "rounds"), [("reduced", 9), ("tiny", 15)])
@pytest.mark.parametrize(("level", "goal"), [("bi-level", 2.0), ("single-level", None)])
def test_small_sizes(
    size: str, rounds: int, level: str, goal: float | None, against: Against, threads: Threads, form: str
) -> None:
    threads(1)
    step = step_of(search_of(LEVELS[level], SIZES[size]))
    against.interleaved(f"{size} size, {level}{form}", step, ordinary_step(SIZES[size]), rounds=rounds, goal=goal)


def in_a_process(what: str, threads: int, steps: int) -> subprocess.Popen[str]:
    """Start `speed.child`."""
    command = [sys.executable, "-m", "speed.child", what, str(threads), str(steps)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def report(process: subprocess.Popen[str]) -> dict[str, float]:
    """Wait for a child; return what it says."""
    out, _ = process.communicate()
    assert process.returncode == 0
    found: dict[str, float] = json.loads(out)
    return found


@pytest.mark.parametrize(("precision", "goal"), [("float32", 1 / 0.55), ("bfloat16", 1 / 0.35)])
def test_peak_memory_at_full_size(precision: str, goal: float, against: Against) -> None:
    ours: list[float] = []
    other: list[float] = []

    def run(found: list[float], what: str) -> None:
        found.append(report(in_a_process(what, 1, 0))["peak_mb"])  # after the two that do not count

    against.benchmark.pedantic(
        run, args=(ours, f"full,{precision}"), setup=lambda: run(other, "full,ordinary"), rounds=5
    )
    against.keep(f"full size, peak memory, {precision}", ours, other, "MB", goal)


@pytest.mark.skipif(cores() < 2, reason="one core")
@pytest.mark.parametrize(("size", "steps"), [("reduced", 80), ("tiny", 240)])
def test_two_processes_with_a_thread_each_against_one_with_two(size: str, steps: int, against: Against) -> None:
    """Seconds for as many steps in all; how long it takes to start is not counted."""

    def run(found: list[float], processes: int) -> None:
        kind = f"{size},float32"
        running = [in_a_process(kind, 2 // processes, steps // processes) for _ in range(processes)]
        found.append(max(report(process)["seconds"] for process in running))

    ours: list[float] = []
    other: list[float] = []
    against.benchmark.pedantic(run, args=(ours, 2), setup=lambda: run(other, 1), rounds=5)
    name = f"{size} size, two searches at once against one after the other on two threads"
    against.keep(name, ours, other, goal=1.4)


@pytest.mark.short
def test_a_sampled_path_against_all_operations(against: Against, threads: Threads) -> None:
    threads(1)
    sampled, dense = (step_of(search_of(method, SIZES["reduced"])) for method in ("gdas", "darts-v1"))
    against.interleaved("reduced size, one sampled path against all operations", sampled, dense, rounds=9)


@pytest.mark.short
@pytest.mark.parametrize("edge", [0, 5])
def test_many_mixings_at_once(edge: int, against: Against, threads: Threads) -> None:
    """DARTS-PT takes each operation out of an edge: the first edge shares least, the last one most."""
    threads(1)
    search: Any = search_of("darts-v1", SIZES["reduced"])
    images = torch.randn(64, 3, 16, 16)
    mixings = [{"cell": torch.full((6, 5), 0.2)} for _ in range(5)]
    for column, mixing in enumerate(mixings):
        mixing["cell"][edge, column] = 0

    @torch.no_grad()
    def apart() -> None:
        for mixing in mixings:
            search.net(images, mixing)

    name = f"reduced size, five mixings at once that differ in edge {edge}"
    against.interleaved(name, lambda: search.net.many(images, mixings), apart, rounds=15)
