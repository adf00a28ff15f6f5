"""Loader of optional C++ kernels: one source file, compiled on first use, in seconds.

A library is kept in the cache folder for the same source, compiler and processor. Without a compiler, on other systems
than Linux, or with HARNESS_KERNELS=0 there is none, and a supernet computes the same in torch's operations alone; a
compiler that fails, and a folder that cannot be written, are warnings, too.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

from harness.files import CACHE_VARIABLE, cache_folder

FLAGS = ["-O3", "-march=native", "-fopenmp", "-fPIC"]


def compiler() -> str | None:
    """Return the path of the compiler, None where there is none or kernels are not wanted."""
    if os.environ.get("HARNESS_KERNELS") == "0" or platform.system() != "Linux":
        return None
    return shutil.which(os.environ.get("CXX", "c++"))


def load(source: Path) -> ctypes.CDLL | None:
    """Return the compiled source, None where that cannot be."""
    command = compiler()
    if command is None:
        return None
    try:
        return ctypes.CDLL(str(_compiled(source, command)))
    except subprocess.CalledProcessError as error:
        said = next(
            (line for line in error.stderr.decode(errors="replace").splitlines() if "error" in line), str(error)
        )
    except OSError as error:
        said = str(error)
    warnings.warn(f"{source.name}: not compiled, searches are slower ({said})", stacklevel=2)
    return None


def _compiled(source: Path, compiler: str) -> Path:
    """Return the shared library, compiled unless it is there. OpenMP's symbols are those that torch has loaded."""
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True).stdout
    processor = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].partition("flags")[2].partition("\n")
    parts = [source.read_bytes(), version, processor[0].encode(), *(flag.encode() for flag in FLAGS)]
    folder = cache_folder()
    if folder is None:
        raise OSError(f"no home folder; {CACHE_VARIABLE} names another one")
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
