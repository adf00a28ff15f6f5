"""Loader of the optional C++ kernels, and their calls on tensors of rows [n, C] or images [B, H, W, C], contiguous.

The source is compiled on first use, in seconds, and kept in the user's cache for the same source, compiler and
processor. Without a compiler, on other systems than Linux, or with HARNESS_KERNELS=0 there is no library, and the
supernet computes the same in torch operations alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("kernels.cpp")
FLAGS = ["-O3", "-march=native", "-fopenmp", "-fPIC"]
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
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if os.environ.get("HARNESS_KERNELS") == "0" or platform.system() != "Linux" or compiler is None:
        return None
    try:
        loaded = ctypes.CDLL(str(_compiled(compiler)))
    except (OSError, RuntimeError, subprocess.CalledProcessError):  # no file, no home, no success
        return None
    pointer, whole, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    arguments = {
        "mix": [pointer, number, whole, whole, pointer, pointer, ctypes.c_double, number],
        "mix_backward": [pointer, number, whole, whole, pointer, ctypes.c_double, number, number],
        "pool": [pointer, pointer, whole, whole, whole, whole, number],
        "pool_backward": [pointer, pointer, whole, whole, whole, whole, pointer, pointer, number],
    }
    for name, types in arguments.items():
        for suffix in TYPES.values():
            function = getattr(loaded, f"{name}_{suffix}")
            function.argtypes, function.restype = types, None
    return loaded


def _compiled(compiler: str) -> Path:
    """Return the shared library, compiled unless it is there. OpenMP's symbols are those that torch has loaded."""
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True).stdout
    processor = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].partition("flags")[2].partition("\n")
    parts = [SOURCE.read_bytes(), version, processor[0].encode(), *(flag.encode() for flag in FLAGS)]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nas-harness"
    target = folder / f"kernels-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            unlinked, linked = Path(scratch) / "kernels.o", Path(scratch) / "kernels.so"
            for command in ([*FLAGS, "-c", str(SOURCE), "-o"], ["-shared", str(unlinked), "-o"]):
                output = unlinked if "-c" in command else linked
                subprocess.run([compiler, *command, str(output)], check=True, capture_output=True)
            os.replace(linked, target)
    return target


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


def pool_backward(out: Tensor, pooled: Tensor, x: Tensor, relu: Tensor) -> None:
    """Add to ``out``, the gradient of x, what comes from those of pool(x) and of relu(x)."""
    arguments = _address(x), _address(relu), torch.get_num_threads()
    _call("pool_backward", x, _address(pooled), _address(out), *x.shape, *arguments)
