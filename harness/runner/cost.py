"""How long a trial will take, roughly: for ``--dry-run`` and for the order of work, never for a result.

One pass (forward and backward of one batch) costs a fixed time per option of a cell (calls and launches), a time per
element of the cells' node tensors (memory traffic) and the time of its multiplications. `speed.cost` fits the constants
of one core to measured steps (docs/performance.md shows both); those of CUDA are estimates for an H200.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.methods.training import Given, TrainingSpec
from harness.runner.availability import TEST_IMAGES, TRAINING_IMAGES
from harness.runner.trial import Trial
from harness.spaces.space import Group, Space

FORWARD = 1 / 3  # of a pass


@dataclass(frozen=True)
class Speed:
    """Seconds per option of a cell and pass, seconds per element of a node tensor and pass, FLOPs per second."""

    option: float
    element: float
    flops: float


SPEEDS = {"cpu": Speed(1.47e-4, 1.05e-7, 3.3e11), "cuda": Speed(2.7e-5, 5e-10, 3e13)}
BFLOAT16 = 0.55  # of the seconds of float32

TRAINING_ELEMENTS = 0.5  # of a supernet's traffic: an edge has one operation, and is not mixed

# Computations, on one core; what is not here takes no time that a plan should show.
SECONDS_PER_RUN = {"reinforce": 0.005, "bohb": 0.2, "layer-shuffling": 100.0}


def estimate(trial: Trial, device: str, *, follows: bool = False) -> float:
    """Estimate a trial; ``follows``: another one does the search proper.

    Raises `HarnessError` where it needs more images.
    """
    match trial.spec:
        case ComputedSpec(computation=computation, runs=runs):
            return SECONDS_PER_RUN.get(computation.name, 0.0) * runs
        case TrainingSpec():
            counts = trial.spec.data.counts(TRAINING_IMAGES[trial.dataset], TEST_IMAGES[trial.dataset])
            return training_seconds(trial.spec, *counts, device)
    done = trial.spec.search_epochs if follows else 0
    return estimate_seconds(trial.spec, TRAINING_IMAGES[trial.dataset], device, done=done)


def training_seconds(spec: TrainingSpec, images: int, evaluated: int, device: str) -> float:
    """Estimate a training on ``images``, its accuracy on ``evaluated`` others."""
    speed, side = SPEEDS[device], spec.data.image_size
    space = spec.architectures.model_copy(update={"channels": spec.network.channels, "cells": spec.network.cells})
    work = space.work(side // spec.network.size.stem_stride)
    kept = sum(map(_kept, space.groups))  # edges of an architecture, of all options of a supernet
    if isinstance(spec.subject, Given):
        counted = spec.architectures.counts(spec.subject.architecture, spec.network.size, 10, side).multiplications
    else:
        counted = int(work.multiplications * kept / space.option_count)  # what a search finds is not known yet
    passes = spec.epochs * math.ceil(images / spec.batch_size)
    checks = math.ceil(spec.epochs / spec.evaluated_every) * evaluated * FORWARD
    seen = spec.epochs * images + checks
    flops = 2 * 3 * counted
    factor = BFLOAT16 if spec.precision == "bfloat16" else 1.0
    an_image = TRAINING_ELEMENTS * work.elements * speed.element + flops / speed.flops
    calls = passes * work.cells * kept / len(space.cell_types)
    return factor * (calls * speed.option + seen * an_image)


def _kept(group: Group) -> int:
    """Return how many edges of a group an architecture has: all, or so many of every node."""
    entering = [group.nodes.count(node) for node in set(group.nodes)]
    return sum(min(count, group.keep or count) for count in entering)


def estimate_seconds(spec: SearchSpec, images: int, device: str, *, done: int = 0) -> float:
    """Estimate a search on ``images`` training images; ``device``: ``cpu`` (one core) or ``cuda``.

    At most: tuning that ends where accuracies settle counts in full. ``done``: epochs of the search proper that
    another trial does. Raises `HarnessError` where the search needs more images.
    """
    if spec.stages:
        return sum(estimate_seconds(stage, images, device) for stage in spec.outlines)
    space, side, speed = spec.space, spec.data.image_size, SPEEDS[device]
    weights, architecture = spec.data.counts(images)
    a_pass, beside = _passes(spec, done), _image_passes_beside(spec, architecture, done)
    passes = a_pass * math.ceil(weights / spec.batch_size) + beside / spec.batch_size
    seen = a_pass * weights + beside  # images, counted once per pass
    work = space.work(side)
    flops = 2 * 3 * work.multiplications  # two per multiplication; the backward pass costs two forward ones
    factor = BFLOAT16 if spec.precision == "bfloat16" else 1.0
    calls = passes * work.cells * space.option_count / len(space.cell_types)
    return factor * (calls * speed.option + seen * (work.elements * speed.element + flops / speed.flops))


def _passes(spec: SearchSpec, done: int) -> float:
    """Return how many passes over all of the weights' images the epochs are worth."""
    tuning = spec.all_epochs - spec.search_epochs
    a_step, tuned = (_passes_a_step(spec, alpha_moves=moves) for moves in (True, not spec.select.holds_alpha))
    return (spec.search_epochs - done) * a_step + tuning * tuned


def _passes_a_step(spec: SearchSpec, *, alpha_moves: bool) -> float:
    """Return how many passes through all operations a step is worth; a sampled path is a part of one."""
    path = _path(spec.space)
    of_alpha = path if spec.relaxation.sampled else 1.0
    of_weights = path if (spec.weight_relaxation or spec.relaxation).sampled else 1.0
    noise = 0 if spec.weight_noise is None else spec.weight_noise.passes
    return (spec.update.passes(of_weights, of_alpha, path) if alpha_moves else of_weights) + noise


def _image_passes_beside(spec: SearchSpec, architecture: int, done: int) -> float:
    """Return what is evaluated beside the steps, in images times passes through all operations."""
    path = _path(spec.space)
    measured = sum(
        part.times(spec.all_epochs, done) * (architecture if part.images == "all" else part.images) * part.passes
        for part in spec.diagnostics
    )
    paths = (spec.epochs - done) * spec.update.paths_an_epoch * spec.batch_size * path
    return measured + FORWARD * (paths + spec.select.image_passes(spec.space, path, architecture))


def _path(space: Space) -> float:
    """Return which part of all options a sampled path evaluates."""
    rows = [row for group in space.groups for row in group.options]
    return sum(1 / len(row) for row in rows) / len(rows)
