"""How fast a search runs on a CUDA device: `python -m benchmarks.gpu` (with ``--tiny --device cpu`` it shows itself).

Variants are interleaved within one process, so that a ratio compares equal conditions; times are medians over
rounds. The full-size search has 391 steps an epoch and 50 epochs. Concurrency is measured with processes that all
run the same recorded search. Images are random: no time depends on what they show.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.reference import Network, Steps
from benchmarks.searches import dataset, spec_of
from harness.engine.search import Search
from harness.runner.worker import prepare

STEPS_A_SEARCH = 391 * 50


@dataclass(frozen=True)
class Size:
    """What is measured: settings that differ from the paper profile, images, steps and rounds per variant."""

    overrides: tuple[str, ...]
    images: int
    side: int
    channels: int
    cells: int
    steps: int
    rounds: int


FULL = Size((), 50_000, 32, 16, 5, 40, 5)
TINY = Size(
    ("space.channels=4", "space.cells=1", "data.image_size=8", "data.crop_padding=1"), 512, 8, 4, 1, 2, 2
)  # fmt: skip
VARIANTS = {  # method, precision, recorded
    "bi-level, float32, step by step": ("darts-v1", "float32", False),
    "bi-level, float32, recorded": ("darts-v1", "float32", True),
    "bi-level, bfloat16, recorded": ("darts-v1", "bfloat16", True),
    "single-level, float32, recorded": ("single-darts", "float32", True),
    "single-level, bfloat16, recorded": ("single-darts", "bfloat16", True),
}
CONCURRENT = "bi-level, bfloat16, recorded"


def ours(name: str, size: Size, device: str) -> Callable[[int], None]:
    """Return what runs a number of steps of one of our variants."""
    method, precision, recorded = VARIANTS[name]
    spec = spec_of(method, *size.overrides, f"precision={precision}")
    search = Search(spec, dataset(size.images, size.side), 0, torch.device(device))
    if not recorded:
        search.recorder = None
    search.net.train()
    pairs = [pair for pair in search.feed.batches() if len(pair[0]) == search.spec.batch_size]
    done = 0

    def run(steps: int) -> None:
        nonlocal done
        for _ in range(steps):
            search.now = search.next_step()
            search.step(*pairs[done % len(pairs)])
            done += 1

    return run


def ordinary(size: Size, device: str) -> Callable[[int], None]:
    """Return what runs a number of bi-level steps of the ordinary implementation, images on the device."""
    torch.manual_seed(0)
    steps_of = Steps(Network(size.channels, size.cells, 10).to(device))
    batch = (torch.randn(64, 3, size.side, size.side, device=device), torch.randint(10, (64,), device=device))

    def run(steps: int) -> None:
        for _ in range(steps):
            steps_of.bilevel_step(batch, batch)

    return run


def timed(run: Callable[[int], None], steps: int, device: str) -> float:
    """Return the seconds of one step."""
    _wait(device)
    start = time.perf_counter()
    run(steps)
    _wait(device)
    return (time.perf_counter() - start) / steps


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def compare(size: Size, device: str) -> dict[str, dict[str, float]]:
    """Time all variants in turns; return per variant ms a step, the search's seconds, the ratio, memory in MB."""
    makers: dict[str, Callable[[], Callable[[int], None]]] = {"ordinary, float32": lambda: ordinary(size, device)}
    makers |= {name: partial(ours, name, size, device) for name in VARIANTS}
    runs, memory = {}, {}
    for name, make in makers.items():
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() if device == "cuda" else 0
        runs[name] = make()
        runs[name](8)  # first steps, recording included
        memory[name] = (torch.cuda.max_memory_allocated() - before) / 2**20 if device == "cuda" else 0.0
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(size.rounds):
        for name, run in runs.items():
            times[name].append(timed(run, size.steps, device))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        name: {
            "ms": 1e3 * median, "min_ms": 1e3 * min(times[name]), "max_ms": 1e3 * max(times[name]),
            "search_s": median * STEPS_A_SEARCH, "ratio": medians["ordinary, float32"] / median, "mb": memory[name],
        }
        for name, median in medians.items()
    }  # fmt: skip


def worker(size: Size, device: str, seconds: float) -> None:
    """Run one search for a while, from when the parent says so; print the steps per second."""
    run = ours(CONCURRENT, size, device)
    run(8)
    _wait(device)
    print("ready", flush=True)
    sys.stdin.readline()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        run(size.steps)
        _wait(device)
        done += size.steps
    print(done / (time.perf_counter() - start), flush=True)


def concurrency(counts: list[int], arguments: list[str]) -> dict[int, float]:
    """Return the steps per second of all together, by the number of searches at once."""
    rates = {}
    for count in counts:
        command = [sys.executable, "-m", "benchmarks.gpu", "--worker", *arguments]
        workers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
        ]
        for process in workers:
            assert process.stdout is not None and process.stdout.readline().strip() == "ready"
        for process in workers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        rates[count] = sum(float(process.communicate()[0]) for process in workers)
    return rates


def main() -> None:
    """Print the tables, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    prepare(1)
    size = TINY if asked.tiny else FULL
    if asked.worker:
        worker(size, asked.device, asked.seconds)
        return
    table = compare(size, asked.device)
    for name, row in table.items():
        spread = f"[{row['min_ms']:.2f}, {row['max_ms']:.2f}]"
        whole = f"search {row['search_s']:7.0f} s  {row['ratio']:5.2f}x  {row['mb']:7.0f} MB"
        print(f"{name:36s} {row['ms']:8.2f} ms {spread}  {whole}")
    passed = ["--device", asked.device, "--seconds", str(asked.seconds), *(["--tiny"] if asked.tiny else [])]
    rates = concurrency(asked.jobs, passed)
    for count, rate in rates.items():
        print(f"{count} searches at once: {rate:8.1f} steps/s, {rate / rates[asked.jobs[0]]:.2f}x")
    if asked.out:
        asked.out.write_text(json.dumps({"steps": table, "concurrency": rates}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
