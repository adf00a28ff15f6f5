"""What a profile asks of its benchmark: settings only (no torch, so that suites load quickly)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, PositiveInt

from harness.config import Strict

# What the NAS-Bench-201 table can be asked for.
DATASETS: Final = ("cifar10", "cifar100", "imagenet16_120")
SPLITS: Final = ("valid", "test")
EPOCHS: Final = (200, 12)


class TableBenchmark(Strict):
    """Look the found architecture up in the NAS-Bench-201 table."""

    name: Literal["nb201-table"]

    @property
    def space(self) -> str:
        """Return the space whose architectures it has."""
        return "nb201"


class ScratchBenchmark(Strict):
    """Train the found architecture from scratch."""

    name: Literal["scratch"]
    channels: PositiveInt
    cells: PositiveInt
    epochs: PositiveInt
    batch_size: PositiveInt
    lr: float = Field(gt=0)
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    crop_padding: int = Field(ge=0)
    flip: bool


Benchmark = Annotated[TableBenchmark | ScratchBenchmark, Field(discriminator="name")]
