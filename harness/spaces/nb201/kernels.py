"""Calls of the compiled kernels (`harness.spaces.native`), on contiguous rows [n, C] or images [B, H, W, C]."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from harness.spaces import native

SOURCE = Path(__file__).with_name("kernels.cpp")
TYPES = {torch.float32: "float", torch.float64: "double", torch.bfloat16: "bfloat16"}


class Term(ctypes.Structure):
    """One term of a weighted sum (``struct Term`` of the source)."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("gradient", ctypes.c_void_p),
        ("value_stride", ctypes.c_int64),
        ("gradient_stride", ctypes.c_int64),
        ("mean", ctypes.c_void_p),
        ("var", ctypes.c_void_p),
        ("weight", ctypes.c_double),
        ("weight_gradient", ctypes.c_double),
        ("add", ctypes.c_int32),
    )


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled kernels, None where there are none."""
    loaded = native.load(SOURCE)
    if loaded is None:
        return None
    pointer, whole, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    arguments = {
        "mix": [pointer, number, whole, whole, pointer, pointer, ctypes.c_double, number],
        "mix_backward": [pointer, number, whole, whole, pointer, ctypes.c_double, number, number],
        "pool": [pointer, pointer, whole, whole, whole, whole, number],
        "pool_backward": [pointer, pointer, whole, whole, whole, whole, pointer, pointer, number, number],
    }
    for name, types in arguments.items():
        for suffix in TYPES.values():
            function = getattr(loaded, f"{name}_{suffix}")
            function.argtypes, function.restype = types, None
    return loaded


def usable(x: Tensor) -> bool:
    """Tell whether there are kernels for a tensor."""
    return x.device.type == "cpu" and x.dtype in TYPES and library() is not None


def _call(name: str, x: Tensor, *arguments: object) -> None:
    getattr(library(), f"{name}_{TYPES[x.dtype]}")(*arguments)


def _address(x: Tensor | None) -> int | None:
    return None if x is None else x.data_ptr()


def mix(terms: ctypes.Array[Term], out: Tensor, relu: Tensor | None, eps: float) -> None:
    """Write the sum of the terms to ``out``, its positive part to ``relu``, means and variances to normalised terms."""
    count, channels = out.numel() // out.shape[-1], out.shape[-1]
    threads = torch.get_num_threads()
    _call("mix", out, terms, len(terms), count, channels, _address(out), _address(relu), eps, threads)


def mix_backward(terms: ctypes.Array[Term], gradient: Tensor, eps: float, *, plain: bool) -> None:
    """Write the gradients of the terms and of their weights; of plain terms' weights only if ``plain``."""
    count, channels = gradient.numel() // gradient.shape[-1], gradient.shape[-1]
    threads = torch.get_num_threads()
    _call("mix_backward", gradient, terms, len(terms), count, channels, _address(gradient), eps, threads, plain)


def pool(x: Tensor) -> Tensor:
    """Average 3x3 neighbourhoods of [B, H, W, C] at stride 1; padding does not count in the divisor."""
    out = torch.empty_like(x)
    _call("pool", x, _address(x), _address(out), *x.shape, torch.get_num_threads())
    return out


def pool_backward(out: Tensor, pooled: Tensor, relu: Tensor, through: Sequence[Tensor]) -> None:
    """Add to ``out``, the gradient of x, what comes from those of pool(x) and of relu(x), the sum of ``through``."""
    addresses = (ctypes.c_void_p * len(through))(*map(_address, through))
    arguments = _address(relu), addresses, len(through), torch.get_num_threads()
    _call("pool_backward", relu, _address(pooled), _address(out), *relu.shape, *arguments)
