"""What a profile asks of its benchmark: settings only (no torch, so that suites load quickly)."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from harness.config import Strict

# What the NAS-Bench-201 table can be asked for.
DATASETS: Final = ("cifar10", "cifar100", "imagenet16_120")
SPLITS: Final = ("valid", "test")
EPOCHS: Final = (200, 12)

# How far two means of the same training runs lie apart, in points, read from other files or averaged after rounding.
READING: Final = 0.01

# How far a mean of one architecture may lie from the same mean in another version of the table, in points: papers of
# 2020-21 read versions 1.0 or 1.1; where training runs were added later, means moved: the ResNet cell from 93.97 to
# 93.91 (CIFAR-10 test) and from 43.63 to 44.23 (ImageNet-16-120 test). Nothing within it is called impossible.
VERSIONS: Final = {"cifar10": 0.3, "cifar100": 0.6, "imagenet16_120": 0.8}


class TableFacts(NamedTuple):
    """What a table can be asked for. ``space``: whose architectures it has; ``epochs``: the longest training first."""

    title: str
    space: str
    datasets: tuple[str, ...]
    splits: tuple[str, ...]
    epochs: tuple[int, ...]


TableName = Literal["nb201-table", "nb101-table"]
NB201: Final = "nb201-table"
NB101: Final = "nb101-table"
TABLES: Final[dict[TableName, TableFacts]] = {
    NB201: TableFacts("NAS-Bench-201", "nb201", DATASETS, SPLITS, EPOCHS),
    NB101: TableFacts("NAS-Bench-101", "oneshot", ("cifar10",), SPLITS, (108, 36, 12, 4)),
}


class TableBenchmark(Strict):
    """Look the found architecture up in the benchmark's table."""

    name: TableName

    @property
    def facts(self) -> TableFacts:
        """Return what the table can be asked for."""
        return TABLES[self.name]


class TrainingBenchmark(Strict):
    """Train from scratch what the suite says is trained (`harness.suite.training`), each in a trial of its own."""

    name: Literal["training"]


class NoBenchmark(Strict):
    """Evaluate nothing: what is said of a search rests on what it chooses."""

    name: Literal["none"]


Benchmark = Annotated[TableBenchmark | TrainingBenchmark | NoBenchmark, Field(discriminator="name")]
