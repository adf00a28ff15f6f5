"""How long a search will take, roughly: for ``--dry-run`` and for the order of work, never for a result.

One pass (forward and backward of one batch) costs a fixed time per cell (calls and launches), a time per element
of the cells' node tensors (memory traffic, which dominates) and the time of its multiplications. With the
constants of one core the model meets all measured passes from C = 4, N = 1, 8x8 to C = 16, N = 5, 32x32 within
30%; they were fitted on an AMD EPYC (Zen 5), float32, one thread. Those of CUDA are estimates for an H200.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.methods.spec import SearchSpec
from harness.methods.updates import Alternating
from harness.spaces import nb201

KERNEL_AREA = {"nor_conv_1x1": 1, "nor_conv_3x3": 9}


@dataclass(frozen=True)
class _Speed:
    """Seconds per cell and pass, seconds per element of a node tensor and pass, FLOPs per second."""

    cell: float
    element: float
    flops: float


SPEEDS = {"cpu": _Speed(3.3e-3, 2.7e-7, 2.3e11), "cuda": _Speed(8e-4, 5e-10, 3e13)}


# Computations, on one core; what is not here takes no time that a plan should show.
SECONDS_PER_RUN = {"reinforce": 0.005, "bohb": 0.2}


def estimate_seconds(spec: SearchSpec, images: int, device: str) -> float:
    """Estimate a search on ``images`` training images; ``device``: ``cpu`` (one core) or ``cuda``.

    Raises `HarnessError` where the search needs more images.
    """
    space, side, speed = spec.space, spec.data.image_size, SPEEDS[device]
    weights, _ = spec.data.counts(images)
    passes_a_step = _passes(spec)
    share = 1 / len(space.ops) if spec.relaxation.sampled else 1.0  # of the operations that a pass evaluates
    passes = spec.epochs * math.ceil(weights / spec.batch_size) * passes_a_step
    seen = spec.epochs * weights * passes_a_step  # images, counted once per pass
    cells = nb201.STAGES * space.cells
    area = sum(KERNEL_AREA.get(op, 0) for op in space.ops) * len(nb201.EDGES)
    # Every stage halves the side and doubles the channels: equal work, half the elements.
    elements = space.cells * space.channels * side**2 * sum(0.5**stage for stage in range(nb201.STAGES))
    multiplications = cells * area * space.channels**2 * side**2
    multiplications += nb201.flops((0,) * 6, classes=10, image_size=side, channels=space.channels, cells=0)
    flops = 2 * 3 * multiplications  # two per multiplication; the backward pass costs two forward ones
    return share * (passes * cells * speed.cell + seen * (elements * speed.element + flops / speed.flops))


def _passes(spec: SearchSpec) -> int:
    """Return the forward and backward passes of a step: the unrolled gradient needs four of its own."""
    if not isinstance(spec.update, Alternating):
        return 1
    return 5 if spec.update.unrolled else 2
