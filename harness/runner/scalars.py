"""TensorBoard event files beside a record, on request: what a trial leaves per epoch, as scalars.

They are written from the checkpoint of every epoch, so that no search knows of them, and hold all epochs also where
a trial was resumed.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.engine.trajectory import TrainingCurve, Trajectory
from harness.errors import HarnessError
from harness.methods.history import magnitudes
from harness.runner.record import PER_EPOCH
from harness.runner.store import Store
from harness.runner.trial import Trial

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD = "tensorboard"
Point = tuple[int, float | None]  # epoch and value
CURVES = ("loss", "train_accuracy", "lr", "accuracy", "top5")


def check() -> None:
    """Raise `HarnessError` where event files cannot be written for want of the package."""
    if find_spec(TENSORBOARD) is None:
        raise HarnessError("--log tensorboard: the package tensorboard is missing; pip install tensorboard")


class EventFile:
    """The scalars of one trial in this run, in a folder named like its record."""

    def __init__(self, trial: Trial, store: Store) -> None:
        record = store.path(trial.profile, trial.method, trial.dataset, trial.seed, trial.id)
        self.folder, self.checkpoint = record.with_suffix(""), store.checkpoint(trial.id)
        self.writer: SummaryWriter | None = None
        self.written: Counter[str] = Counter()  # points of each series

    def write(self, *, last: bool) -> None:
        """Add what the checkpoint has beyond what was written; the first time begin anew: it has all epochs."""
        from harness.engine import checkpoint

        points = series(checkpoint.load(self.checkpoint, "cpu"))
        writer = self.writer or self._begin()
        for name, found in points.items():
            for epoch, value in found[self.written[name] :]:
                if value is not None:
                    writer.add_scalar(name, value, epoch)
            self.written[name] = len(found)
        if last:
            writer.close()
        else:
            writer.flush()

    def _begin(self) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(self.folder, ignore_errors=True)
        self.writer = SummaryWriter(str(self.folder))
        return self.writer


def series(state: Mapping[str, Any]) -> dict[str, list[Point]]:
    """Return the scalars of a saved state by name, each with its epochs.

    Of a search: losses, accuracies, diagnostics, and the mean weight of each operation, stage after stage; of a
    training: its curve.
    """
    found: dict[str, list[Point]] = defaultdict(list)
    if "curve" in state:
        curve = TrainingCurve.model_validate(state["curve"])
        return {name: list(enumerate(getattr(curve, name), start=1)) for name in CURVES}
    last, epoch = Trajectory.model_validate(state["trajectory"]), 0
    for track in (*last.earlier, last):
        for name, values in _of_stage(track):
            found[name] += enumerate(values, start=epoch)
        epoch += len(track.architectures) - 1
    return found


def _of_stage(track: Trajectory) -> Iterator[tuple[str, list[float | None]]]:
    yield from ((name, getattr(track, name)) for name in PER_EPOCH)
    yield from ((f"diagnostics/{name}", values) for name, values in track.diagnostics.items())
    weights = {group.name: np.asarray(track.mixing[group.name], dtype=np.float64) for group in track.groups}
    for cell in dict.fromkeys(group.cell for group in track.groups):
        of_cell = magnitudes([group for group in track.groups if group.cell == cell], weights)
        yield from ((f"weight of {operation}/{cell}", list(curve)) for operation, curve in of_cell.items())
