"""The one search loop: every method of the catalogue runs through it, whatever its parts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.data.images import Dataset
from harness.engine import checkpoint as checkpoints
from harness.engine.capture import recorder
from harness.engine.optimisers import set_rate
from harness.engine.steps import HOST_STREAMS, Steps
from harness.engine.streams import begin_streams
from harness.engine.trajectory import Trajectory
from harness.engine.turns import DEVICE
from harness.errors import HarnessError
from harness.methods.spec import SearchSpec
from harness.seeds import derive_seed

Sitting = Mapping[str, Any]  # plain data on one of the runs that a search was spread over


@dataclass(frozen=True)
class SearchResult:
    """The trajectory of a search, and how long it took (not part of the result).

    ``from_supernet``: its supernet was trained before, by the trial that shares it.
    """

    trajectory: Trajectory
    epoch_seconds: list[float]
    resumed_from_epoch: int | None
    sittings: list[Sitting]
    from_supernet: bool = False


def run_search(
    spec: SearchSpec,
    dataset: Dataset,
    seed: int,
    device: str,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
    *,
    supernet: Path | None = None,
    keep: Mapping[int, Path] | None = None,
    sitting: Sitting | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> SearchResult:
    """Search from scratch, or from ``checkpoint`` if that file exists, which is written after every epoch.

    ``supernet``: the state of an equal search at the epoch where this one's selection begins; if that file exists,
    the search starts there. ``keep``: where to leave such states for others, by epoch. ``sitting``: what the result
    is to say of this part of the search beside the epoch at which it began. ``clock``: measures epochs, in seconds.

    Raises `DamagedCheckpoint` for a checkpoint or supernet that no search can go on from.
    """
    with DEVICE.share():
        run = _Run(spec, dataset, seed, torch.device(device), clock)
        try:
            return run.all(checkpoint, on_epoch or (lambda *_: None), supernet, keep or {}, sitting or {})
        finally:
            run.search.recorder = None  # which holds on to the search, and to the device's memory


class _Run:
    """The stages of a search, one after the other: `search` is that of the present one."""

    def __init__(
        self, spec: SearchSpec, dataset: Dataset, seed: int, device: torch.device, clock: Callable[[], float]
    ) -> None:
        self.spec, self.dataset, self.seed, self.device, self.clock = spec, dataset, seed, device, clock
        self.search = self._begin([])

    def _begin(self, earlier: list[Trajectory]) -> Search:
        """Return the search of the stage that follows on others, with new weights and alphas."""
        spec, number, seed = self.spec, len(earlier), self.seed
        if spec.stages:
            before = (earlier[-1].groups, {g: w[-1] for g, w in earlier[-1].mixing.items()}) if earlier else None
            spec, seed = spec.stage(number, before, seed), derive_seed(seed, f"stage {number}") if number else seed
        search = Search(spec, self.dataset, seed, self.device)
        search.trajectory.earlier = earlier
        return search

    def all(
        self,
        checkpoint: Path | None,
        on_epoch: Callable[[int, int], None],
        supernet: Path | None,
        keep: Mapping[int, Path],
        sitting: Sitting,
    ) -> SearchResult:
        """Go on from where it was left, to the end of the last stage."""
        resumed = self._take_up(checkpoint)
        shared = resumed is None and self._take_up(supernet) is not None
        if resumed is None and not shared:
            self.search.observe(None)
        self.search.sittings.append({**sitting, "after_epoch": self.epoch, "new_streams": self.search.new_streams})
        while self._stages_after:
            self._stage(checkpoint, on_epoch, {})
            self._next()
        self._stage(checkpoint, on_epoch, keep)
        search = self.search
        return SearchResult(search.trajectory, search.seconds, resumed, search.sittings, shared)

    @property
    def epoch(self) -> int:
        """Return the epochs that are done, of all stages."""
        before = self.spec.outlines[: len(self.search.trajectory.earlier)]
        return self.search.epoch + sum(stage.all_epochs for stage in before)

    @property
    def _stages_after(self) -> int:
        return len(self.spec.stages) - 1 - len(self.search.trajectory.earlier) if self.spec.stages else 0

    def _stage(self, checkpoint: Path | None, on_epoch: Callable[[int, int], None], keep: Mapping[int, Path]) -> None:
        """Do what is left of the present stage."""
        search, epochs = self.search, self.spec.all_epochs
        while search.epoch < search.spec.all_epochs and not search.spec.select.finished(search):
            start = self.clock()
            search.run_epoch()
            search.seconds.append(self.clock() - start)
            for file in filter(None, (keep.get(search.epoch), checkpoint)):  # killed between them: not done
                checkpoints.save(search.state(), file)
            on_epoch(self.epoch, self.epoch if search.spec.select.finished(search) else epochs)
        if search.spec.select.conclude(search):
            search.observe(None)

    def _next(self) -> None:
        """Go on to the next stage; what is known of the time is kept."""
        done = self.search
        done.recorder = None
        track = done.trajectory
        self.search = self._begin([*track.earlier, track.model_copy(update={"earlier": []})])
        self.search.seconds, self.search.sittings = done.seconds, done.sittings
        self.search.observe(None)

    def _take_up(self, file: Path | None) -> int | None:
        """Go on from a saved state; return its epoch, None where there is none."""
        return checkpoints.take_up(file, self.device, self._load)

    def _load(self, state: dict[str, Any]) -> int:
        """Take up a saved state, in its stage."""
        earlier = [Trajectory.model_validate(track) for track in state["trajectory"].get("earlier", [])]
        if earlier:
            self.search = self._begin(earlier)
        self.search.load(state)
        return self.epoch


class Search(Steps):
    """One search: its epochs, what it leaves of them, and its checkpoints."""

    def __init__(self, spec: SearchSpec, dataset: Dataset, seed: int, device: torch.device) -> None:
        super().__init__(spec, dataset, seed, device)
        self.seconds: list[float] = []
        self.sittings: list[Sitting] = []
        self.new_streams = False  # it went on from another kind of device
        self.trajectory = Trajectory(
            groups=list(spec.space.groups), mixing=self.history, architectures=[], weight_loss=[],
            weight_accuracy=[], architecture_loss=[], architecture_accuracy=[], weight_lr=[],
            diagnostics={name: [] for name in self._series()},
        )  # fmt: skip
        self.history, self.measured = self.trajectory.mixing, self.trajectory.diagnostics
        self.recorder = recorder(self)

    def _series(self) -> list[str]:
        """Name what is measured beside the epochs."""
        spec = self.spec
        of_diagnostics = (name for part in spec.diagnostics for name in part.names(spec.space, self.net.kinds))
        return [*of_diagnostics, *spec.select.names(spec.space)]

    def run_epoch(self) -> None:
        """Do one pass over the weights' images, then observe."""
        spec = self.spec
        if self.epoch == spec.search_epochs:
            self.weight_optimiser = self.new_weight_optimiser()  # tuning begins without momentum
            self.recorder = recorder(self)
        spec.select.before_epoch(self)
        self.net.train()
        steps = self.feed.steps(self.epoch)
        for step, (weight_batch, architecture_batch) in enumerate(self.feed.batches(self.epoch)):
            rate = self._set_rates(self.epoch + step / steps)
            self.now = self.next_step()
            self.step(weight_batch, architecture_batch)
        spec.update.end_epoch(self)
        self.epoch += 1
        self.observe(rate)

    def step(self, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one step of the update on image indices [B], from a recording where there is one."""
        if self.recorder is None:
            self.spec.update.step(self, weight_batch, architecture_batch)
        else:
            self.recorder.step(weight_batch, architecture_batch)

    def _set_rates(self, epoch: float) -> float:
        """Set the learning rates of a step, ``epoch`` with its fraction; return the weights'."""
        spec = self.spec
        weights, architecture = spec.weight_optimiser.lr, spec.architecture_optimiser.lr
        if epoch >= spec.search_epochs:  # only a selection goes on from there, and only one with a rate
            rate = weights * (getattr(spec.select, "tuning_lr", None) or 1.0)
            epoch = spec.search_epochs - 1
        else:
            rate = spec.weight_schedule.rate(weights, epoch, spec.epochs)
        set_rate(self.weight_optimiser, rate)
        set_rate(self.architecture_optimiser, spec.architecture_schedule.rate(architecture, epoch, spec.epochs))
        return rate

    def observe(self, rate: float | None) -> None:
        """Append the state after an epoch to the trajectory; a loss that is not finite ends the trial.

        Mixing weights are written as the shortest decimals that single precision reads back unchanged.
        """
        track = self.trajectory
        mixing = self.strengths()
        for group, weights in mixing.items():
            track.mixing[group].append([[float(str(value)) for value in row] for row in weights.cpu().numpy()])
        track.architectures.append(self.architecture())
        loss, accuracy = self.weight_meter.take()
        track.weight_loss.append(loss)
        track.weight_accuracy.append(accuracy)
        other_loss, accuracy = self.architecture_meter.take()
        track.architecture_loss.append(other_loss)
        track.architecture_accuracy.append(accuracy)
        track.weight_lr.append(rate)
        measured = self._measure()
        for name, series in track.diagnostics.items():
            series.append(measured.get(name))
        if any(value is not None and not math.isfinite(value) for value in (loss, other_loss)):
            raise HarnessError(f"the search diverged: its loss is no finite number in epoch {self.epoch}")

    def _measure(self) -> dict[str, float]:
        """Return what is due to be measured, by its series."""
        spec, found = self.spec, self.spec.select.measure(self)
        for diagnostic in spec.diagnostics:
            if diagnostic.due(self.epoch, spec.all_epochs):
                names = diagnostic.names(spec.space, self.net.kinds)
                found |= zip(names, diagnostic.measure(self), strict=True)
        return found

    def architecture(self) -> str:
        """Return the architecture of the step, by what is decided and by alpha's opinion."""
        opinion = self.alpha if self.spec.space.reads_alpha else self.strengths()
        weights = {group: values.tolist() for group, values in opinion.items()}
        decided = {group: rows.tolist() for group, rows in self.decided.items()}
        return self.spec.space.discretise(weights, decided)

    def state(self) -> dict[str, Any]:
        """Return all that the rest of the run depends on."""
        return {
            "device": self.device.type,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "sittings": self.sittings,
            "trajectory": self.trajectory.model_dump(),
            "kept": self.kept,
            **self.moved(),
        }

    def load(self, state: dict[str, Any]) -> int:
        """Take up a saved state; return its epoch.

        Of another kind of device, too: its random streams stay behind, and others, as random, go on from there.
        """
        self.epoch, self.seconds, self.kept = state["epoch"], state["seconds"], state.get("kept")
        self.sittings = state.get("sittings", [])  # which earlier versions did not keep
        self._load_trajectory(state["trajectory"])
        self.new_streams = state.get("device", self.device.type) != self.device.type
        if self.new_streams:
            states = [state, self.kept] if self.kept else [state]
            begin_streams(self.generators, HOST_STREAMS, self.seed, self.epoch, states)
        self.move_to(state)
        return self.epoch

    def _load_trajectory(self, data: dict[str, Any]) -> None:
        """Go on with a trajectory, of which another selection may have measured something else."""
        track = Trajectory.model_validate(data)
        track.diagnostics = {n: track.diagnostics.get(n, [None] * len(track.architectures)) for n in self._series()}
        self.trajectory, self.history, self.measured = track, track.mixing, track.diagnostics

    def move_to(self, state: dict[str, Any]) -> None:
        """Put in place what training moves; a recording does not know the new learning rates."""
        super().move_to(state)
        self.recorder = recorder(self)
