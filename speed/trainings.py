"""Final trainings and ordinary ones of the same networks, small enough for a core, on random images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from harness.config import deep_merge
from harness.documents import load_document
from harness.engine.training import Training
from harness.methods.training import TrainingSpec
from harness.spaces.cells import load_cells
from harness.spaces.darts import encoding as darts
from harness.spaces.nb201 import encoding as nb201
from speed.reference_training import BenchNetwork, DartsNetwork, Trainer
from speed.searches import CLASSES, dataset

BLOCKS = Path(__file__).parents[1] / "suites" / "_base" / "training.yaml"
NB201_CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
BATCH = 64


@dataclass(frozen=True)
class Kind:
    """A network and how it is trained. ``auxiliary``: with that head, which maps below 8 pixels have no room for."""

    block: str
    cells: int
    channels: int
    side: int
    auxiliary: bool = False

    @property
    def architecture(self) -> str:
        """Return the cell: a good one of the benchmark, or that of DARTS."""
        return NB201_CELL if self.block.startswith("nb201") else load_cells()["darts-v2"].architecture


KINDS = {
    "NAS-Bench-201, reduced size": Kind("nb201-200", 1, 8, 16),
    "NAS-Bench-201, full size": Kind("nb201-200", 5, 16, 32),
    "DARTS space, reduced size": Kind("darts", 5, 8, 16),
    "DARTS space, S1 to S4 size": Kind("darts", 8, 16, 32, auxiliary=True),
}


def spec_of(kind: Kind) -> TrainingSpec:
    """Return a published protocol on the network of a kind, batches of 64."""
    blocks = load_document(BLOCKS).data["trainings"]
    changes = {
        "network": {"cells": kind.cells, "channels": kind.channels},
        "data": {"image_size": kind.side, "crop_padding": kind.side // 8},
        "batch_size": BATCH,
        "subject": {"name": "given", "architecture": kind.architecture},
        **({} if kind.auxiliary else {"auxiliary": None}),
    }
    return TrainingSpec.model_validate(deep_merge(blocks[kind.block]["settings"], changes))


def training_of(kind: Kind) -> Training:
    """Begin a training; a third of it is behind, so that paths are dropped."""
    spec = spec_of(kind)
    training = Training(spec, kind.architecture, dataset(8 * BATCH, kind.side), 0, torch.device("cpu"))
    training.epoch = spec.epochs // 3
    training.kept.fill_(spec.kept(training.epoch))
    training.net.train()
    return training


def step_of(training: Training) -> Callable[[], None]:
    """Return what does the next step, augmentation included."""
    batches = list(training.feed.batches(training.generators["training-batches"]))
    done = 0

    def step() -> None:
        nonlocal done
        training.step(batches[done % len(batches)])
        done += 1

    return step


def ordinary_network(kind: Kind) -> nn.Module:
    """Build the same network as published code does."""
    if kind.block.startswith("nb201"):
        operations = dict(zip(nb201.EDGES, nb201.parse(kind.architecture), strict=True))
        nodes = [[(nb201.OPS[operations[to, source]], source) for source in range(to)] for to in (1, 2, 3)]
        return BenchNetwork(nodes, kind.channels, kind.cells, CLASSES)
    cells = {name: cell.nodes for name, cell in darts.parse(kind.architecture).items()}
    network = DartsNetwork(cells, kind.channels, kind.cells, CLASSES, auxiliary=kind.auxiliary)
    network.probability = 0.2 / 3
    return network


def ordinary_step(kind: Kind) -> Callable[[], None]:
    """Return what does a step of the ordinary implementation, on a batch that is ready."""
    torch.manual_seed(0)
    bench = kind.block.startswith("nb201")
    settings = (
        {"lr": 0.1, "nesterov": True, "decay": 5e-4} if bench else {"lr": 0.025, "nesterov": False, "decay": 3e-4}
    )
    trainer = Trainer(ordinary_network(kind).train(), clip=None if bench else 5.0, **settings)  # type: ignore[arg-type]
    batch = torch.randn(BATCH, 3, kind.side, kind.side), torch.randint(CLASSES, (BATCH,))

    def step() -> None:
        trainer.step(batch)

    return step
