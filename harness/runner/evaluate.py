"""Look the architectures of a trajectory up, and read what a record says of the one that was found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from harness.benchmarks.spec import NB201, Benchmark, TableBenchmark, TableName
from harness.benchmarks.table import Table, locate, read
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.runner.record import Record

if TYPE_CHECKING:
    from harness.benchmarks.nb201 import Nb201Table

Accuracies = dict[str, float]  # "cifar10/test/200" -> percent


@dataclass(frozen=True)
class Evaluated:
    """Accuracies of each architecture, and the checksum of the table they come from (None: nothing was asked)."""

    accuracies: dict[str, Accuracies]
    checksum: str | None


def wanted(trajectory: Trajectory, benchmark: Benchmark) -> list[str]:
    """Return the architectures to look up: those of every epoch."""
    return sorted(set(trajectory.architectures)) if isinstance(benchmark, TableBenchmark) else []


def is_evaluated(record: Record, benchmark: Benchmark) -> bool:
    """Tell whether a record has all that ``benchmark`` says about its trajectory."""
    if record.trajectory is None:
        return False
    asked = wanted(record.trajectory, benchmark)
    return not asked or (
        record.benchmark == benchmark.model_dump(mode="json") and all(record.evaluations.get(a) for a in asked)
    )


def test_accuracy(record: Record, architecture: str) -> float | None:
    """Return an architecture's test accuracy (percent) on the trial's data set after the longest training."""
    values = record.evaluations.get(architecture, {})
    tests = {int(key.split("/")[2]): v for key, v in values.items() if key.startswith(f"{record.dataset}/test/")}
    return tests[max(tests)] if tests else None


def found_architecture(record: Record) -> str | None:
    """Return the architecture that a search found, or that was trained."""
    if record.training is not None:
        return record.training.architecture
    return record.trajectory.architectures[-1] if record.trajectory else None


def found_accuracy(record: Record) -> float | None:
    """Return the test accuracy (percent) of the architecture that was found or trained."""
    architecture = found_architecture(record)
    return test_accuracy(record, architecture) if architecture else None


def evaluate(trajectory: Trajectory, benchmark: Benchmark, data_root: Path | None) -> Evaluated:
    """Look up what `wanted` names."""
    architectures = wanted(trajectory, benchmark)
    if not architectures or not isinstance(benchmark, TableBenchmark):
        return Evaluated({}, None)
    table = load_table(data_root, benchmark.name)
    columns = table.accuracies(architectures)
    looked_up = {a: {key: column[row] for key, column in columns.items()} for row, a in enumerate(architectures)}
    return Evaluated(looked_up, table.checksum)


def table_problem(data_root: Path | None, name: TableName = NB201) -> str | None:
    """Say why a table cannot be looked up, naming the file; None where it can: it has been read and checked."""
    try:
        load_table(data_root, name)
    except HarnessError as error:
        return str(error)
    return None


@overload
def load_table(data_root: Path | None, name: Literal["nb201-table"] = NB201) -> Nb201Table: ...
@overload
def load_table(data_root: Path | None, name: TableName) -> Table: ...
def load_table(data_root: Path | None, name: TableName = NB201) -> Table:
    """Load the table of a benchmark, once per process and version of the file; computations ask NAS-Bench-201."""
    path = locate(name, data_root)
    return _table(name, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _table(name: TableName, path: Path, changed: int) -> Table:
    return read(name, path)
