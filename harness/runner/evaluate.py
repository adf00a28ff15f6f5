"""Evaluate the architectures of a trajectory: look them up, or train the final one from scratch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.benchmarks.spec import Benchmark, NoBenchmark, ScratchBenchmark, TableBenchmark
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.runner.record import Record
from harness.runner.store import render, write_atomically

if TYPE_CHECKING:
    from harness.benchmarks.nb201 import Nb201Table
    from harness.data.images import Dataset
    from harness.spaces.space import Space

Accuracies = dict[str, float]  # "cifar10/test/200" -> percent


@dataclass(frozen=True)
class Evaluated:
    """Accuracies of each architecture, and the checksum of the table they come from (None: trained here)."""

    accuracies: dict[str, Accuracies]
    checksum: str | None


class Images(Protocol):
    """The data set of the trial, loaded when it is first needed: a look-up needs none."""

    def __call__(self) -> Dataset:
        """Return the data set."""


def wanted(trajectory: Trajectory, benchmark: Benchmark) -> list[str]:
    """Return the architectures to evaluate: of every epoch where that is a look-up, the final one to train it."""
    if isinstance(benchmark, NoBenchmark):
        return []
    if isinstance(benchmark, TableBenchmark):
        return sorted(set(trajectory.architectures))
    return [trajectory.architectures[-1]]


def is_evaluated(record: Record, benchmark: Benchmark) -> bool:
    """Tell whether a record has all that ``benchmark`` says about its trajectory."""
    if record.trajectory is None or record.benchmark != benchmark.model_dump(mode="json"):
        return False
    return all(record.evaluations.get(a) for a in wanted(record.trajectory, benchmark))


def test_accuracy(record: Record, architecture: str) -> float | None:
    """Return an architecture's test accuracy (percent) on the trial's data set after the longest training."""
    values = record.evaluations.get(architecture, {})
    tests = {int(key.split("/")[2]): v for key, v in values.items() if key.startswith(f"{record.dataset}/test/")}
    return tests[max(tests)] if tests else None


def found_accuracy(record: Record) -> float | None:
    """Return the test accuracy (percent) of the architecture that the search found."""
    return test_accuracy(record, record.trajectory.architectures[-1]) if record.trajectory else None


def evaluate(
    trajectory: Trajectory,
    benchmark: Benchmark,
    *,
    space: Space,
    images: Images,
    seed: int,
    device: str,
    data_root: Path | None,
    cache: Path,
) -> Evaluated:
    """Evaluate what `wanted` names. ``cache``: folder of the architectures that were trained before."""
    architectures = wanted(trajectory, benchmark)
    if not architectures:
        return Evaluated({}, None)
    if isinstance(benchmark, ScratchBenchmark):
        return Evaluated({a: _trained(space, a, benchmark, images(), seed, device, cache) for a in architectures}, None)
    table = load_table(data_root)
    columns = table.accuracies(architectures)
    looked_up = {a: {key: column[row] for key, column in columns.items()} for row, a in enumerate(architectures)}
    return Evaluated(looked_up, table.checksum)


def table_problem(data_root: Path | None) -> str | None:
    """Say why the table cannot be looked up, naming the file; None where it can: it has been read and checked."""
    try:
        load_table(data_root)
    except HarnessError as error:
        return str(error)
    return None


def load_table(data_root: Path | None) -> Nb201Table:
    """Load the NAS-Bench-201 table, once per process and version of the file."""
    from harness.benchmarks.nb201 import locate_table

    path = locate_table(data_root)
    return _table(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _table(path: Path, changed: int) -> Nb201Table:
    from harness.benchmarks.nb201 import Nb201Table

    return Nb201Table.load(path)


def _trained(
    space: Space, architecture: str, benchmark: ScratchBenchmark, dataset: Dataset, seed: int, device: str, cache: Path
) -> Accuracies:
    """Train an architecture, or read what an equal training gave."""
    question = {
        "architecture": architecture,
        "benchmark": benchmark.model_dump(mode="json"),
        "data_fingerprint": dataset.fingerprint,
        "seed": seed,
    }
    key = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:16]
    file = cache / f"{key}.json"
    answer = _read_answer(file, question)
    if answer is None:
        from harness.benchmarks.scratch import train_from_scratch

        answer = train_from_scratch(space, architecture, dataset, benchmark, seed, device)
        write_atomically(file, render({"question": question, "accuracies": answer}) + "\n")
    return answer


def _read_answer(file: Path, question: dict[str, object]) -> Accuracies | None:
    """Read a cached training; None where there is none or where the file answers something else."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    if not isinstance(content, dict) or content.get("question") != question:
        return None
    accuracies = content.get("accuracies")
    return accuracies if isinstance(accuracies, dict) else None
