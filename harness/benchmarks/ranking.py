"""How well reduced trainings rank architectures, as ``scripts/tau.py`` recorded it: said wherever they show.

A reduced suite whose space has no table evaluates what is found by short trainings. What such an accuracy says of the
real one was measured on NAS-Bench-201, which has a table (``suites/tau.yaml``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

from harness import shipped
from harness.files import read_json
from harness.methods.training import TrainingSpec

FILE = "tau.json"


class Ranking(BaseModel):
    """Kendall's tau-b with its 95% interval, on architectures that had no part in the choice of the training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    training: str
    epochs: PositiveInt
    images: PositiveInt
    image_size: PositiveInt
    architectures: PositiveInt
    tau: float
    low: float
    high: float

    def covers(self, spec: TrainingSpec) -> bool:
        """Tell whether a training is as long, on as many images of that size, as the one that was measured."""
        asked = spec.epochs, spec.data.images, spec.data.image_size
        return asked == (self.epochs, self.images, self.image_size)

    @property
    def note(self) -> str:
        """Say it in a sentence."""
        return (
            f"trainings of {self.epochs} epochs on {self.images:,} images of {self.image_size}x{self.image_size} rank "
            f"{self.architectures} architectures of NAS-Bench-201 by "
            f"Kendall's tau {self.tau:.2f} [{self.low:.2f}, {self.high:.2f}] as its table does (suites/tau.yaml)"
        )


def recorded(results: Path | None = None) -> Ranking | None:
    """Read what is recorded in a folder, else what comes with the package; None where nothing is."""
    folders = [folder for folder in (results, shipped.folder("results")) if folder is not None]
    path = next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)
    return None if path is None else Ranking.model_validate_json(read_json(path))
