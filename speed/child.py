"""Steps in a process of their own: `python -m speed.child SIZE,PRECISION|ordinary THREADS STEPS`.

Prints the seconds of the steps, after two that do not count, and the peak memory of the process.
"""

from __future__ import annotations

import json
import sys
import time

import torch

from harness.runner.environment import keep_memory_mapped, peak_memory_mb
from speed.searches import SIZES, ordinary_step, search_of, step_of


def main() -> None:
    what, threads, steps = sys.argv[1:]
    size, _, kind = what.partition(",")
    keep_memory_mapped()
    torch.set_num_threads(int(threads))
    step = ordinary_step(SIZES[size]) if kind == "ordinary" else step_of(search_of("darts-v1", SIZES[size], kind))
    for _ in range(2):
        step()
    start = time.perf_counter()
    for _ in range(int(steps)):
        step()
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": peak_memory_mb("cpu")}))


if __name__ == "__main__":
    main()
