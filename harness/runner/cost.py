"""How long a search will take, roughly: for ``--dry-run`` and for the order of work, never for a result.

One pass (forward and backward of one batch) costs a fixed time per cell (calls and launches), a time per element
of the cells' node tensors (memory traffic) and the time of its multiplications. `benchmarks.cost` fits the constants
of one core to measured steps (docs/performance.md shows both); those of CUDA are estimates for an H200.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.methods.collaborative import Collaborative
from harness.methods.controller import PolicyGradient
from harness.methods.diagnostics import Eigenvalue
from harness.methods.noises import AdversarialNoise
from harness.methods.selections import BestPath, Progressive
from harness.methods.spec import SearchSpec
from harness.methods.updates import Alternating, Joint
from harness.spaces.space import Space

FORWARD = 1 / 3  # of a pass
CURVATURE = 60  # passes to one eigenvalue, by Lanczos iterations


@dataclass(frozen=True)
class Speed:
    """Seconds per cell and pass, seconds per element of a node tensor and pass, FLOPs per second."""

    cell: float
    element: float
    flops: float


SPEEDS = {"cpu": Speed(4.4e-3, 1.05e-7, 3.3e11), "cuda": Speed(8e-4, 5e-10, 3e13)}
BFLOAT16 = 0.55  # of the seconds of float32

# Computations, on one core; what is not here takes no time that a plan should show.
SECONDS_PER_RUN = {"reinforce": 0.005, "bohb": 0.2}


def estimate_seconds(spec: SearchSpec, images: int, device: str) -> float:
    """Estimate a search on ``images`` training images; ``device``: ``cpu`` (one core) or ``cuda``.

    Raises `HarnessError` where the search needs more images.
    """
    space, side, speed = spec.space, spec.data.image_size, SPEEDS[device]
    weights, architecture = spec.data.counts(images)
    a_step, beside = _passes_a_step(spec), _image_passes_beside(spec, architecture)
    passes = spec.all_epochs * math.ceil(weights / spec.batch_size) * a_step + beside / spec.batch_size
    seen = spec.all_epochs * weights * a_step + beside  # images, counted once per pass
    work = space.work(side)
    flops = 2 * 3 * work.multiplications  # two per multiplication; the backward pass costs two forward ones
    factor = BFLOAT16 if spec.precision == "bfloat16" else 1.0
    return factor * (passes * work.cells * speed.cell + seen * (work.elements * speed.element + flops / speed.flops))


def _passes_a_step(spec: SearchSpec) -> float:
    """Return how many passes through all operations a step is worth; a sampled path is a part of one."""
    path = _path(spec.space)
    of_alpha = path if spec.relaxation.sampled else 1.0
    of_weights = path if (spec.weight_relaxation or spec.relaxation).sampled else 1.0
    match spec.update:
        case Alternating(unrolled=unrolled):
            passes = of_weights + of_alpha + 3 * unrolled
        case Collaborative():
            passes = of_weights + of_alpha + path
        case Joint():
            passes = of_alpha
        case _:
            passes = of_weights
    return passes + (spec.weight_noise.steps if isinstance(spec.weight_noise, AdversarialNoise) else 0)


def _image_passes_beside(spec: SearchSpec, architecture: int) -> float:
    """Return what is evaluated beside the steps, in images times passes through all operations."""
    select, path = spec.select, _path(spec.space)
    total = 0.0
    for part in spec.diagnostics:
        cost = CURVATURE if isinstance(part, Eigenvalue) else FORWARD
        total += spec.all_epochs // part.every * part.images * cost
    if isinstance(spec.update, PolicyGradient):
        total += spec.epochs * spec.update.steps * spec.update.samples * spec.batch_size * FORWARD * path
    if isinstance(select, BestPath):
        total += select.candidates * select.images * FORWARD * path
    if isinstance(select, Progressive) and select.images is not None:
        images = architecture if select.images == "all" else select.images
        asked = sum(len(row) for group in spec.space.groups for row in group.options)
        total += asked * images * FORWARD
    return total


def _path(space: Space) -> float:
    """Return which part of all options a sampled path evaluates."""
    rows = [row for group in space.groups for row in group.options]
    return sum(1 / len(row) for row in rows) / len(rows)
