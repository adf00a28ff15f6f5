"""Loader of optional C++ kernels: one source file, compiled on first use, in seconds.

A library is kept in the user's cache for the same source, compiler and processor. Without a compiler, on other systems
than Linux, or with HARNESS_KERNELS=0 there is none, and a supernet computes the same in torch's operations alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

FLAGS = ["-O3", "-march=native", "-fopenmp", "-fPIC"]


def load(source: Path) -> ctypes.CDLL | None:
    """Return the compiled source, None where that cannot be."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if os.environ.get("HARNESS_KERNELS") == "0" or platform.system() != "Linux" or compiler is None:
        return None
    try:
        return ctypes.CDLL(str(_compiled(source, compiler)))
    except (OSError, RuntimeError, subprocess.CalledProcessError):  # no file, no home, no success
        return None


def _compiled(source: Path, compiler: str) -> Path:
    """Return the shared library, compiled unless it is there. OpenMP's symbols are those that torch has loaded."""
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True).stdout
    processor = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].partition("flags")[2].partition("\n")
    parts = [source.read_bytes(), version, processor[0].encode(), *(flag.encode() for flag in FLAGS)]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nas-harness"
    target = folder / f"kernels-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            unlinked, linked = Path(scratch) / "kernels.o", Path(scratch) / "kernels.so"
            for command in ([*FLAGS, "-c", str(source), "-o"], ["-shared", str(unlinked), "-o"]):
                output = unlinked if "-c" in command else linked
                subprocess.run([compiler, *command, str(output)], check=True, capture_output=True)
            os.replace(linked, target)
    return target
