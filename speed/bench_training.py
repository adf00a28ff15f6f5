"""Steps of a final training against the same network in plain PyTorch: images in NCHW, default settings, ordinary loop.

One thread each, as a worker runs them; both with the tuned allocator. Ours augments its images in the step, the other
gets batches that are ready.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from speed.conftest import Against
from speed.trainings import KINDS, ordinary_step, step_of, training_of

GOALS = {"NAS-Bench-201": 1.15, "DARTS space": 1.3}


def goal(name: str) -> float:
    """Return the ratio that is aimed at."""
    return GOALS[name.partition(",")[0]]


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.short) for name in KINDS if "reduced" in name])
def test_small_networks(name: str, against: Against, threads: Callable[[int], None]) -> None:
    threads(1)
    kind = KINDS[name]
    against.interleaved(
        f"training, {name}", step_of(training_of(kind)), ordinary_step(kind), rounds=15, goal=goal(name)
    )


@pytest.mark.parametrize("name", [name for name in KINDS if "reduced" not in name])
def test_networks_of_published_tables(name: str, against: Against, threads: Callable[[int], None]) -> None:
    threads(1)
    kind = KINDS[name]
    against.interleaved(f"training, {name}", step_of(training_of(kind)), ordinary_step(kind), rounds=7, goal=goal(name))


@pytest.mark.parametrize("name", [name for name in KINDS if "reduced" not in name])
def test_peak_memory(name: str, against: Against) -> None:
    """No more than the other: `python -m speed.bench_training NAME ours|other` runs three steps and says its peak."""
    ours: list[float] = []
    other: list[float] = []

    def run(found: list[float], which: str) -> None:
        command = [sys.executable, "-m", "speed.bench_training", name, which]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(json.loads(out))

    against.benchmark.pedantic(run, args=(ours, "ours"), setup=lambda: run(other, "other"), rounds=2)
    against.keep(f"training, {name}, peak memory", ours, other, "MB", 1.0)


def main() -> None:
    """Do three steps and print the peak memory of this process in MB."""
    import torch

    from harness.runner.environment import keep_memory_mapped, peak_memory_mb

    keep_memory_mapped()
    torch.set_num_threads(1)
    kind = KINDS[sys.argv[1]]
    step = step_of(training_of(kind)) if sys.argv[2] == "ours" else ordinary_step(kind)
    for _ in range(3):
        step()
    print(json.dumps(peak_memory_mb("cpu")))


if __name__ == "__main__":
    main()
