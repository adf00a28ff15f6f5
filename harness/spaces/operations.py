"""Every operation of every space once: its kind, and how it counts. No torch here.

What an operation computes is its space's business (``net.py``); what it is called, which kind of thing it is and how
many weights and multiplications it has is the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.errors import HarnessError, nearest

Kind = Literal["none", "skip", "pool", "conv", "noise", "link"]


@dataclass(frozen=True)
class Convolution:
    """One convolution C -> C without bias. ``depthwise``: every channel by itself; ``normalised``: batch norm follows.

    ``kernel``: rows and columns. Where an operation has stride 2, its first convolution has it; one of a single row or
    column has it only along itself.
    """

    kernel: tuple[int, int]
    depthwise: bool = False
    normalised: bool = True

    def weights(self, channels: int, *, affine: bool) -> int:
        """Count trainable parameters; an ``affine`` batch norm has two per channel."""
        return self.multiplications(channels, 1) + 2 * channels * (affine and self.normalised)

    def multiplications(self, channels: int, positions: int) -> int:
        """Count multiply-adds for one image whose output has so many positions; batch norms do not count."""
        return self.kernel[0] * self.kernel[1] * channels * (1 if self.depthwise else channels) * positions

    @property
    def single(self) -> bool:
        """Tell whether it is a row or a column."""
        return self.kernel[0] != self.kernel[1]


@dataclass(frozen=True)
class Operation:
    """An operation on one edge. ``label``: short, for figures and tables.

    ``kind``: ``none`` gives zeros, ``skip`` passes its input on, ``pool`` and ``noise`` have no weights, ``conv`` has;
    a ``link`` is none: it says from where a node reads.
    ``convolutions``: in their order; ``strided``: those of the operation with stride 2, where they are others (a skip
    connection then is a FactorizedReduce, whose two halves count as one pointwise convolution).
    """

    name: str
    label: str
    kind: Kind
    convolutions: tuple[Convolution, ...] = ()
    strided: tuple[Convolution, ...] | None = None

    def weights(self, channels: int, *, stride: int = 1, affine: bool = True) -> int:
        """Count trainable parameters of the operation C -> C; of a supernet, whose batch norms are not ``affine``."""
        return sum(c.weights(channels, affine=affine) for c in self._convolutions(stride))

    def multiplications(self, channels: int, side: int, *, stride: int = 1) -> int:
        """Count multiply-adds for one image; ``side``: of the INPUT, which a stride divides."""
        return sum(c.multiplications(channels, positions) for c, positions in self._placed(side, stride))

    def elementwise(self, channels: int, side: int, *, stride: int = 1) -> int:
        """Count the operations on single elements that some papers add: 2 for batch norms, 1 for the ReLU before.

        ``side``: of the INPUT, whose elements the first ReLU sees.
        """
        total, before = 0, side**2
        for convolution, positions in self._placed(side, stride):
            if convolution.normalised:
                total, before = total + channels * (before + 2 * positions), positions
        return total

    def _placed(self, side: int, stride: int) -> Iterator[tuple[Convolution, int]]:
        """Yield the convolutions, each with the number of positions of its output."""
        rows = columns = side
        for number, convolution in enumerate(self._convolutions(stride)):
            halves = number == 0 or convolution.single
            rows //= stride if halves and convolution.kernel[0] >= convolution.kernel[1] else 1
            columns //= stride if halves and convolution.kernel[0] <= convolution.kernel[1] else 1
            yield convolution, rows * columns

    def _convolutions(self, stride: int) -> tuple[Convolution, ...]:
        return self.convolutions if stride == 1 or self.strided is None else self.strided


_POINTWISE = Convolution((1, 1))
LINKED = 6  # nodes that others may read from, at most


def _separable(kernel: int) -> tuple[Convolution, ...]:
    """Depthwise, pointwise, batch norm; ReLU before them has no weights."""
    return (Convolution((kernel, kernel), depthwise=True, normalised=False), _POINTWISE)


def _row_and_column(kernel: int) -> tuple[Convolution, ...]:
    """Whole convolutions 1 x k and k x 1, one batch norm."""
    return (Convolution((1, kernel), normalised=False), Convolution((kernel, 1)))


_TABLE: dict[str, Operation] = {}


def register(*operations: Operation) -> None:
    """Add operations to the table; an equal one may come again, another of the same name is a `HarnessError`."""
    for operation in operations:
        if _TABLE.setdefault(operation.name, operation) != operation:
            raise HarnessError(f"operation {operation.name!r} is in the table, and is another one")


def operation(name: str) -> Operation:
    """Look an operation up; raise `HarnessError`."""
    if name not in _TABLE:
        raise HarnessError(f"unknown operation {name!r}{nearest(name, _TABLE)}")
    return _TABLE[name]


def names() -> tuple[str, ...]:
    """Name all operations."""
    return tuple(_TABLE)


def of_kind(kind: Kind, options: tuple[str, ...]) -> tuple[int, ...]:
    """Return the positions of the options of a kind."""
    return tuple(index for index, name in enumerate(options) if operation(name).kind == kind)


register(
    Operation("none", "none", "none"),
    Operation("skip_connect", "skip", "skip", strided=(_POINTWISE,)),
    Operation("nor_conv_1x1", "conv 1x1", "conv", (_POINTWISE,)),
    Operation("nor_conv_3x3", "conv 3x3", "conv", (Convolution((3, 3)),)),
    Operation("avg_pool_3x3", "avg pool", "pool"),
    Operation("max_pool_3x3", "max pool", "pool"),
    Operation("sep_conv_3x3", "sep 3x3", "conv", 2 * _separable(3)),
    Operation("sep_conv_5x5", "sep 5x5", "conv", 2 * _separable(5)),
    Operation("sep_conv_7x7", "sep 7x7", "conv", 2 * _separable(7)),
    Operation("dil_conv_3x3", "dil 3x3", "conv", _separable(3)),
    Operation("dil_conv_5x5", "dil 5x5", "conv", _separable(5)),
    Operation("conv_7x1_1x7", "conv 7x1 1x7", "conv", _row_and_column(7)),
    Operation("conv_3x1_1x3", "conv 3x1 1x3", "conv", _row_and_column(3)),
    Operation("max_pool_5x5", "max pool 5x5", "pool"),
    Operation("noise", "noise", "noise"),
    Operation("maxpool3x3", "max pool", "pool"),  # NAS-Bench-101's names
    Operation("conv3x3-bn-relu", "conv 3x3", "conv", (Convolution((3, 3)),)),
    Operation("conv1x1-bn-relu", "conv 1x1", "conv", (_POINTWISE,)),
    *(Operation(f"from-{node}", f"from {node}", "link") for node in range(LINKED)),
)
