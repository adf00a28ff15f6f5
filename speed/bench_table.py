"""Look-ups in the NAS-Bench-201 table, against limits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.benchmarks.nb201 import Nb201Table, locate_table
from speed.conftest import Against

LOAD = """
import sys, time
start = time.perf_counter()
from pathlib import Path
from harness.benchmarks.nb201 import Nb201Table, locate_table
Nb201Table.load(locate_table(Path(sys.argv[1])))
print(time.perf_counter() - start)
"""
WHAT: dict[str, Any] = {"dataset": "cifar10", "split": "test", "epochs": 200}


@pytest.fixture(scope="module")
def root() -> Path:
    """The data root."""
    value = os.environ.get("HARNESS_DATA")
    if not value:
        pytest.skip("HARNESS_DATA is not set")
    return Path(value)


def test_imports_and_load(root: Path, against: Against) -> None:
    times: list[float] = []

    def load() -> None:
        command = [sys.executable, "-c", LOAD, str(root)]
        times.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    against.benchmark.pedantic(load, rounds=5, warmup_rounds=1)
    against.keep("table: imports and load, against 0.6 s", times[1:], [0.6] * 5, goal=1.0, held=False)


def test_a_million_look_ups_at_once(root: Path, against: Against) -> None:
    table = Nb201Table.load(locate_table(root))
    chosen = np.random.default_rng(0).integers(len(table), size=1_000_000)
    name = "table: a million look-ups, against 0.05 s"
    against.limit(name, lambda: table.accuracy(chosen, **WHAT), rounds=7, seconds=0.05)


def test_look_ups_one_by_one(root: Path, against: Against) -> None:
    table = Nb201Table.load(locate_table(root))
    chosen = [table.strings[i] for i in np.random.default_rng(0).integers(len(table), size=10_000)]
    look_up = table.accessor(**WHAT)
    name = "table: ten thousand look-ups one by one, against 0.02 s"
    against.limit(name, lambda: [look_up(text) for text in chosen], rounds=7, seconds=0.02)
