"""Where a trial runs: device, threads, allocator, and the provenance that its record states."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

import harness
from harness.errors import HarnessError

Device = Literal["auto", "cpu", "cuda"]
_STATUS = Path("/proc/self/status")
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def resolve_device(name: Device) -> str:
    """Return ``cpu`` or ``cuda``; raise `HarnessError` where CUDA is asked for and absent."""
    if name == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise HarnessError("--device cuda: this machine, or this build of torch, has no CUDA device")
    return "cpu"


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_jobs(device: str) -> int:
    """Return how many trials run at once: one per core (two trials beat one with two threads), one on a GPU."""
    return 1 if device == "cuda" else cores()


def threads_per_worker(jobs: int) -> int:
    """Return the threads of one worker: what `OMP_NUM_THREADS` says, else its share of the cores.

    It depends on ``jobs`` and not on the number of trials left: the order of floating point sums follows the
    number of threads, and a resumed run must end as if it had never stopped.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # one number per level of nesting
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    return max(1, cores() // max(1, jobs))


def keep_memory_mapped() -> None:
    """Tell glibc to keep large blocks instead of returning them to the system after each operation.

    Mapping and unmapping every activation costs a training loop on CPU 1.2 to 1.6 times its time in page faults.
    The values are the largest that make sense: blocks up to 1 GiB from the heap, trim only beyond 2 GiB.
    """
    if platform.system() == "Linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


@contextmanager
def own_stream(device: str) -> Iterator[None]:
    """Let this thread's work on a CUDA device overlap with that of other threads."""
    if device != "cuda":
        yield
        return
    import torch

    with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
        yield


def version() -> str:
    """Return the installed version of the harness; ``source`` where it runs without being installed."""
    try:
        return metadata.version("nas-harness")
    except metadata.PackageNotFoundError:
        return "source"


def revision() -> str | None:
    """Return the git revision of the harness' own source, with ``-dirty``; None where it is installed without.

    A copy of a checkout without its history is told by HARNESS_REVISION.
    """
    package = Path(harness.__file__).parent
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    return (
        _git(package, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
        if tracked
        else os.environ.get("HARNESS_REVISION")
    )


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def host() -> str:
    """Name this machine."""
    return platform.node() or "this machine"


def machine(device: str) -> str:
    """Name the operating system and the processor that does the work."""
    if device == "cuda":
        import torch

        processor = torch.cuda.get_device_name()
    else:
        processor = _cpu_model()
    return f"{platform.system()} {platform.machine()}, {processor}"


def _cpu_model() -> str:
    """Name the processor with its family, model and stepping: hypervisors give several generations one name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").partition("\n\n")[0].splitlines() if info.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = facts.get("model name") or platform.processor() or "unknown processor"
    exact = ", ".join(f"{key} {facts[key]}" for key in ("cpu family", "model", "stepping") if key in facts)
    return f"{name} ({exact})" if exact else name


def peak_memory_mb(device: str) -> float:
    """Return the peak memory in MB: of the device's allocator, or of this process since its start."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    status = _STATUS.read_text(encoding="utf-8") if _STATUS.exists() else ""
    if peak := re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE):
        return int(peak[1]) / 2**10  # Linux: what getrusage says, a process inherits from the one that started it
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes on macOS, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
