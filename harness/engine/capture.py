"""Whole steps as one launch: on CUDA a step is recorded once as a graph and then replayed.

At batch 64 a step is thousands of small kernels, and launching them one by one costs more than running them. A
recorded step reads its images' indices and the learning rates from tensors that stay in place. What the host decides
within a step, `Recorder.branch` names: every branch is a recording of its own, and a step that draws on the host or
that a selection changes is not recorded at all.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import torch
from torch import Tensor

from harness.engine.optimisers import fixed_rates
from harness.engine.steps import Steps
from harness.engine.turns import DEVICE
from harness.errors import HarnessError

KEPT = 4  # recordings: those of a warm-up and of two temperatures; older ones, of epochs that are over, go
WARM_UP = 3  # steps before a recording: optimisers make their buffers, cuDNN chooses its kernels


class Tape(Protocol):
    """A recording of one function without arguments."""

    def replay(self) -> None:
        """Do again what was recorded, on what the tensors hold now."""


Recording = Callable[[Callable[[], None], list[torch.Generator]], Tape]


class CudaGraphs:
    """Records steps as CUDA graphs, without running them, that work in one and the same memory.

    Each search on a stream of its own: cuBLAS has a workspace a stream, which graphs that overlap must not share.
    """

    def __init__(self) -> None:
        self.pool: Any = None
        current = torch.cuda.current_stream()
        default = current == torch.cuda.default_stream()
        self.stream = torch.cuda.Stream() if default else current  # type: ignore[no-untyped-call]

    def __call__(self, step: Callable[[], None], generators: list[torch.Generator]) -> Tape:
        """Record a step; ``generators``: the device's streams that it draws from. Raises RuntimeError."""
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        for generator in generators:
            graph.register_generator_state(generator)
        gc.collect()  # of earlier searches: their graphs must not be freed while another is recorded
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                step()
        finally:
            torch.cuda.set_stream(stream)  # torch stays on the recording's where it fails
        self.pool = graph.pool()  # one replay after the other, and what a step leaves lies elsewhere
        return graph


class Tapes:
    """Recordings by branch, each made once its step has run a few times. ``generators``: that steps draw from."""

    def __init__(self, generators: list[torch.Generator], record: Recording | None) -> None:
        self.generators = generators
        self.record = CudaGraphs() if record is None else record
        self.tapes: dict[Hashable, Tape] = {}
        self.warm: dict[Hashable, int] = {}

    def of(self, branch: Hashable, step: Callable[[], None]) -> Tape | None:
        """Return the recording of the present step, made now where it is due; None where there is none yet."""
        if branch not in self.tapes:
            self.warm[branch] = self.warm.get(branch, 0) + 1
            if self.warm[branch] > WARM_UP:
                self._make(branch, step)
        return self.tapes.get(branch)

    def _make(self, branch: Hashable, step: Callable[[], None]) -> None:
        """Record the present step; where that is not possible, say how to do without."""
        while len(self.tapes) >= KEPT:
            del self.tapes[next(iter(self.tapes))]
        try:
            with DEVICE.alone():
                self.tapes[branch] = self.record(step, self.generators)
        except RuntimeError as error:  # the device's allocator and random numbers are in no state to go on from
            cause = str(error.__context__ or error).splitlines()[0]
            text = f"a step could not be recorded ({cause}); HARNESS_GRAPHS=0 runs steps one by one"
            raise HarnessError(text) from error


class Recorder:
    """Runs the steps of a search: the first of a branch as they are, then recorded."""

    def __init__(self, search: Steps, record: Recording | None = None) -> None:
        self.search = search
        self.recorded = Tapes([search.generators[name] for name in ("augmentation", "noise")], record)
        size = search.spec.batch_size
        self.weight_batch, self.architecture_batch = (
            torch.zeros(size, dtype=torch.int64, device=search.device) for _ in range(2)
        )

    def step(self, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one step of the search's update on image indices [B]; a rest of an epoch is not recorded."""
        DEVICE.give_way()
        tape = self._tape(full=len(weight_batch) == len(architecture_batch) == len(self.weight_batch))
        if tape is None:
            self.search.spec.update.step(self.search, weight_batch, architecture_batch)
            return
        self.weight_batch.copy_(weight_batch)
        self.architecture_batch.copy_(architecture_batch)
        tape.replay()

    def _tape(self, *, full: bool) -> Tape | None:
        branch = self.branch()
        return None if branch is None or not full else self.recorded.of(branch, self._step)

    def _step(self) -> None:
        self.search.seen.clear()
        self.search.spec.update.step(self.search, self.weight_batch, self.architecture_batch)

    def branch(self) -> Hashable | None:
        """Name what the host decides about the present step; None where it cannot be recorded."""
        search, spec = self.search, self.search.spec
        draws = spec.weight_noise or spec.drop_path or spec.weight_relaxation
        seen = spec.relaxation.branch(search.now)
        if seen is None or not spec.update.recordable or draws or search.deciding:
            return None
        return search.warming_up(), seen, search.now.epoch if spec.auxiliary_skip else None


def records(device: torch.device) -> bool:
    """Tell whether steps are recorded on a device: where it can replay them and HARNESS_GRAPHS is not 0."""
    return device.type == "cuda" and os.environ.get("HARNESS_GRAPHS") != "0"


def recorder(search: Steps) -> Recorder | None:
    """Return what records the steps of a search, where its device can replay them and HARNESS_GRAPHS is not 0."""
    if not records(search.device):
        return None
    fixed_rates(search.weight_optimiser)
    fixed_rates(search.architecture_optimiser)
    return Recorder(search)
