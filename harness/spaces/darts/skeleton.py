"""What surrounds the cells of the DARTS space: which cell is of which kind, how wide, on which maps. No torch here.

Cells read the outputs of the two cells before them. Those at one third and at two thirds halve the map and double the
channels (Liu et al., "DARTS", section 2.1 and appendix A).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.spaces.darts.encoding import INPUTS, Cell
from harness.spaces.operations import Operation, operation
from harness.spaces.space import Counts, Size

STEM = 3  # times the channels of the first cell leave the stem on CIFAR


@dataclass(frozen=True)
class Place:
    """One cell in its network. ``before``, ``last``: channels of its two inputs, the last cell's and the one's before.

    ``side``: of the map that the last cell gave; ``halved``: the input before the last is twice as large.
    """

    kind: str
    channels: int
    before: int
    last: int
    side: int
    halved: bool

    @property
    def reduces(self) -> bool:
        """Tell whether operations on the inputs have stride 2."""
        return self.kind == "reduce"

    def stride(self, source: int) -> int:
        """Return the stride of operations on a source."""
        return 2 if self.reduces and source < INPUTS else 1

    def side_of(self, source: int) -> int:
        """Return the side of a source's map."""
        return self.side if source < INPUTS or not self.reduces else self.side // 2


def reductions(cells: int) -> frozenset[int]:
    """Return the numbers of the cells that reduce."""
    return frozenset((cells // 3, 2 * cells // 3))


def squeezed(size: Size, place: Place, number: int, outputs: int) -> int:
    """Return to how many channels a cell's ``outputs`` are squeezed, 0: to none.

    A quarter before the first reduction, an eighth then; none after two thirds of the cells (XNAS' published code).
    """
    if not size.squeeze or 3 * number > 2 * size.cells:
        return 0
    return outputs // (4 if place.channels == size.channels else 8)


def places(size: Size, returned: Mapping[str, int], image_size: int) -> Iterator[Place]:
    """Yield the cells in order; ``returned``: how many nodes a cell of each kind returns."""
    stem = size.channels if size.stem == "imagenet" else STEM * size.channels
    before = last = stem
    channels, halved = size.channels, size.stem == "imagenet"
    side = checked(image_size, size) // size.stem_stride
    for number in range(size.cells):
        kind = "reduce" if number in reductions(size.cells) else "normal"
        channels *= 2 if kind == "reduce" else 1
        yield Place(kind, channels, before, last, side, halved)
        before, last, halved = last, channels * returned[kind], kind == "reduce"
        side //= 2 if halved else 1


def checked(image_size: int, size: Size) -> int:
    """Return an image's side if all maps can be halved where they must; raise `HarnessError`."""
    factor = size.stem_stride * 2 ** len(reductions(size.cells))
    if image_size < factor or image_size % factor:
        raise HarnessError(f"images of {image_size} pixels: the network halves maps, the side must divide by {factor}")
    return image_size


@dataclass
class Tally:
    """Counts of the layers so far (`harness.spaces.space.Counts`)."""

    parameters: int = 0
    multiplications: int = 0
    elementwise: int = 0

    def convolution(self, weights: int, outputs: int, channels: int, *, relu: int = 0) -> None:
        """Add a convolution and its affine batch norm; ``outputs``: positions; ``relu``: elements of one beside."""
        self.parameters += weights + 2 * channels
        self.multiplications += weights * outputs
        self.elementwise += 2 * channels * outputs + relu

    def operation(self, found: Operation, channels: int, side: int, stride: int) -> None:
        """Add an operation of a cell."""
        self.parameters += found.weights(channels, stride=stride)
        self.multiplications += found.multiplications(channels, side, stride=stride)
        self.elementwise += found.elementwise(channels, side, stride=stride)

    def linear(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        """Add a linear layer; its bias counts as parameters only."""
        self.parameters += inputs * outputs + outputs * bias
        self.multiplications += inputs * outputs

    def counts(self) -> Counts:
        """Return what was counted."""
        return Counts(self.parameters, self.multiplications, self.elementwise)


def count(architecture: Mapping[str, Cell], size: Size, classes: int, image_size: int) -> Counts:
    """Count the stand-alone network."""
    tally = Tally()
    _count_stems(tally, size, image_size)
    channels, returned = 0, {kind: len(cell.returned) for kind, cell in architecture.items()}
    for number, place in enumerate(places(size, returned, image_size)):
        cell = architecture[place.kind]
        _count_inputs(tally, place)
        for name, source in cell.terms:
            tally.operation(operation(name), place.channels, place.side_of(source), place.stride(source))
        channels = place.channels * len(cell.returned)
        if narrow := squeezed(size, place, number, channels):
            tally.linear(channels, narrow, bias=False)
            tally.linear(narrow, channels, bias=False)
            tally.elementwise += narrow
    tally.linear(channels, classes)
    return tally.counts()


def _count_stems(tally: Tally, size: Size, image_size: int) -> None:
    c, outputs = size.channels, image_size**2
    if size.stem == "cifar":
        tally.convolution(27 * STEM * c, outputs, STEM * c)
        return
    half = c // 2
    tally.convolution(27 * half, outputs // 4, half, relu=half * outputs // 4)
    tally.convolution(9 * half * c, outputs // 16, c, relu=c * outputs // 16)
    tally.convolution(9 * c * c, outputs // 64, c)


def _count_inputs(tally: Tally, place: Place) -> None:
    """Add the convolutions that bring both inputs to the cell's channels and side."""
    outputs = place.side**2
    for inputs, factor in ((place.before, 4 if place.halved else 1), (place.last, 1)):
        tally.convolution(inputs * place.channels, outputs, place.channels, relu=inputs * outputs * factor)
