"""The stand-alone networks of NAS-Bench-101: what surrounds the cells, and counts. No torch here.

A convolution, three stacks of cells with as many channels, twice and four times as many, a 2x2 max-pool between them,
the mean over positions, a linear layer (Ying et al., "NAS-Bench-101", Figure 1).
"""

from __future__ import annotations

from harness.errors import HarnessError
from harness.spaces.oneshot.encoding import Cell, widths
from harness.spaces.operations import operation
from harness.spaces.space import Counts, Size

STACKS = 3


def checked(image_size: int) -> int:
    """Return an image's side if all maps can be halved where they must; raise `HarnessError`."""
    factor = 2 ** (STACKS - 1)
    if image_size < factor or image_size % factor:
        raise HarnessError(f"images of {image_size} pixels: the network halves maps, the side must divide by {factor}")
    return image_size


def count(cell: Cell, size: Size, classes: int, image_size: int) -> Counts:
    """Count the network of a pruned cell; ``size.cells``: of each stack."""
    side, channels = checked(image_size), size.channels
    total = _convolution(3, channels, 3, side)
    inputs = channels
    for stack in range(STACKS):
        for _ in range(size.cells):
            total = [
                a + b for a, b in zip(total, _of_cell(cell, inputs, channels << stack, side >> stack), strict=True)
            ]
            inputs = channels << stack
    return Counts(total[0] + inputs * classes + classes, total[1] + inputs * classes, total[2])


def _of_cell(cell: Cell, inputs: int, outputs: int, side: int) -> list[int]:
    """Return parameters, multiply-adds and elementwise operations of one cell."""
    found = [0, 0, 0]
    for width, label, parents in zip(widths(cell, inputs, outputs)[1:], cell.labels[1:], cell.parents, strict=True):
        kernels = [c.kernel[0] for c in operation(label).convolutions] if label in cell.operations else []
        parts = [_convolution(width, width, kernel, side) for kernel in kernels]
        parts += [_convolution(inputs, width, 1, side)] if 0 in parents else []
        found = [sum(values) for values in zip(found, *parts, strict=True)]
    return found


def _convolution(inputs: int, outputs: int, kernel: int, side: int) -> list[int]:
    """Count a convolution, its affine batch norm and ReLU."""
    weights = kernel**2 * inputs * outputs
    return [weights + 2 * outputs, weights * side**2, 3 * outputs * side**2]
