"""The C++ kernels of the DARTS space, and their calls on images [B, H, W, C], contiguous, C a multiple of 4.

Factors of channels are numpy arrays [..., C] of the images' type; sums are of float64.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from harness.spaces import native

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]

TYPES = {torch.float32: "float", torch.float64: "double"}
LANES = 4  # channels come in multiples of it


class _Branch(ctypes.Structure):
    """``struct Branch`` of the source."""

    _fields_ = (
        ("kernel", ctypes.c_int64),
        ("dilation", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("depth", ctypes.c_void_p),
        ("point", ctypes.c_void_p),
        ("middle", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("sums", ctypes.c_void_p),
        ("gradient", ctypes.c_void_p),
        ("factors", ctypes.c_void_p),
        ("depth_gradient", ctypes.c_void_p),
        ("point_gradient", ctypes.c_void_p),
    )


class _Value(ctypes.Structure):
    """``struct Value`` of the source."""

    _fields_ = (("value", ctypes.c_void_p), ("gain", ctypes.c_void_p))


@dataclass
class Branch:
    """A depthwise and a pointwise convolution [C, 1, k, k] and [C, C, 1, 1] of one input.

    ``middle``: what is between them, kept for the gradients of weights, or None; ``out``: the result; ``sums`` [2, C]:
    of it and of its squares. The gradient of ``out`` is factors[0] * gradient + factors[1] * out + factors[2];
    ``slopes``: where the weights' gradients go, or None.
    """

    dilation: int
    stride: int
    depth: Tensor
    point: Tensor
    middle: Tensor | None
    out: Tensor
    sums: Array
    gradient: Tensor | None = None
    factors: Array | None = None
    slopes: tuple[Tensor, Tensor] | None = None

    def struct(self) -> _Branch:
        """Return addresses."""
        depth, point = self.slopes or (None, None)
        return _Branch(
            self.depth.shape[-1], self.dilation, self.stride, self.depth.data_ptr(), self.point.data_ptr(),
            _address(self.middle), self.out.data_ptr(), self.sums.ctypes.data, _address(self.gradient),
            None if self.factors is None else self.factors.ctypes.data, _address(depth), _address(point),
        )  # fmt: skip


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled kernels, None where there are none."""
    loaded = native.load(Path(__file__).with_name("kernels.cpp"))
    if loaded is None:
        return None
    pointer, whole, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    image, values = [pointer] * 3 + [whole] * 4, [pointer, number, pointer, whole, whole, pointer, number]
    arguments = {
        "separable": [*image, pointer, number, number],
        "separable_backward": [*image, pointer, number, pointer, pointer, number],
        "combine": values,
        "products": values,
        "pool": [pointer] * 2 + [whole] * 5 + [number] * 2,
        "pool_backward": [pointer] * 4 + [whole] * 5 + [number] * 2,
    }
    for name, types in arguments.items():
        for suffix in TYPES.values():
            function = getattr(loaded, f"{name}_{suffix}")
            function.argtypes, function.restype = types, None
    return loaded


def usable(x: Tensor, channels: int) -> bool:
    """Tell whether there are kernels for a tensor and a number of channels."""
    plain = x.device.type == "cpu" and x.dtype in TYPES and not torch.is_autocast_enabled("cpu")
    return plain and channels % LANES == 0 and library() is not None


def _address(x: Tensor | None) -> int | None:
    return None if x is None else x.data_ptr()


def _call(name: str, x: Tensor, *arguments: object) -> None:
    getattr(library(), f"{name}_{TYPES[x.dtype]}")(*arguments, torch.get_num_threads())


def _affine(factors: Array | None) -> tuple[int | None, int | None]:
    return (None, None) if factors is None else (factors[0].ctypes.data, factors[1].ctypes.data)


def separable(x: Tensor, factors: Array | None, branches: Sequence[Branch]) -> None:
    """Compute every branch on max(0, factors[0] * x + factors[1]), or on max(0, x)."""
    structs = (_Branch * len(branches))(*(branch.struct() for branch in branches))
    _call("separable", x, x.data_ptr(), *_affine(factors), *x.shape, structs, len(branches))


def separable_backward(x: Tensor, factors: Array | None, branches: Sequence[Branch], sums: Array | None) -> Tensor:
    """Return the gradient of factors[0] * x + factors[1], or of x, and fill in those of the weights that are wanted.

    ``sums`` [2, C], where they are wanted: of that gradient, and of it times x.
    """
    out = torch.empty_like(x)
    structs = (_Branch * len(branches))(*(branch.struct() for branch in branches))
    where = None if sums is None else sums.ctypes.data
    _call(
        "separable_backward",
        x,
        x.data_ptr(),
        *_affine(factors),
        *x.shape,
        structs,
        len(branches),
        out.data_ptr(),
        where,
    )
    return out


def _values(values: Sequence[Tensor], gains: Array | None) -> Any:
    where = [None] * len(values) if gains is None else [gain.ctypes.data for gain in gains]
    return (_Value * len(values))(*(_Value(v.data_ptr(), g) for v, g in zip(values, where, strict=True)))


def combine(values: Sequence[Tensor], gains: Array, level: Array) -> Tensor:
    """Return level [C] plus the sum of gains [K, C] times values."""
    out = torch.empty_like(values[0])
    structs, count, channels = _values(values, gains), out.numel() // out.shape[-1], out.shape[-1]
    _call("combine", out, structs, len(values), level.ctypes.data, count, channels, out.data_ptr())
    return out


def products(values: Sequence[Tensor], gradient: Tensor, sums: Array) -> None:
    """Fill ``sums`` [K + 1, C] with the sums of gradient * value, value by value, and of the gradient."""
    channels = gradient.shape[-1]
    count = gradient.numel() // channels
    structs = _values(values, None)
    _call("products", gradient, structs, len(values), gradient.data_ptr(), count, channels, sums.ctypes.data)


def pool(x: Tensor, stride: int, *, largest: bool) -> Tensor:
    """Return 3x3 pools: the largest values, or means of what is inside the image."""
    batch, height, width, channels = x.shape
    out = x.new_empty(batch, height // stride, width // stride, channels)
    _call("pool", x, x.data_ptr(), out.data_ptr(), *x.shape, stride, largest)
    return out


def pool_backward(x: Tensor, pooled: Tensor, gradient: Tensor, out: Tensor, stride: int, *, largest: bool) -> None:
    """Add to ``out``, the gradient of x, what comes from that of its pools."""
    addresses = (tensor.data_ptr() for tensor in (x, pooled, gradient, out))
    _call("pool_backward", x, *addresses, *x.shape, stride, largest)
