"""How fast a search runs on a CUDA device: `python -m speed.gpu` (with ``--tiny --device cpu`` it shows itself).

Variants are interleaved within one process, so that a ratio compares equal conditions; times are medians over
rounds. The full-size search has 391 steps an epoch and 50 epochs. Concurrency is measured with threads of one process
that all run the same recorded search. Images are random: no time depends on what they show.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from harness.engine.search import Search
from harness.engine.turns import DEVICE
from harness.runner.environment import own_stream
from harness.runner.worker import prepare
from speed.reference import Network, Steps
from speed.searches import dataset, spec_of

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


FULL = Size((), 50_000, 32, 16, 5, 20, 5)
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
    pairs = [pair for pair in search.feed.batches(0) if len(pair[0]) == search.spec.batch_size]
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


def concurrency(counts: list[int], size: Size, device: str, seconds: float) -> dict[int, float]:
    """Return the steps per second of all together, by the number of searches at once, each on its own stream."""
    rates = {}
    for count in counts:
        ready, done = threading.Barrier(count), [0.0] * count

        def work(number: int, ready: threading.Barrier = ready, done: list[float] = done) -> None:
            with own_stream(device):
                with DEVICE.share():
                    run = ours(CONCURRENT, size, device)
                    run(8)
                ready.wait()
                with DEVICE.share():
                    done[number] = rate(run, size.steps // 4, device, seconds)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rates[count] = sum(done)
        print(
            f"{count} searches at once: {rates[count]:8.1f} steps/s, {rates[count] / rates[counts[0]]:.2f}x", flush=True
        )
    return rates


def rate(run: Callable[[int], None], steps: int, device: str, seconds: float) -> float:
    """Return the steps per second of one search, on the present stream."""
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        run(max(1, steps))
        if device == "cuda":
            torch.cuda.current_stream().synchronize()
        done += max(1, steps)
    return done / (time.perf_counter() - start)


def main() -> None:
    """Print the tables, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--no-steps", action="store_true", help="only searches at once")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    prepare(1)
    size = TINY if asked.tiny else FULL
    table = {} if asked.no_steps else compare(size, asked.device)
    for name, row in table.items():
        spread = f"[{row['min_ms']:.2f}, {row['max_ms']:.2f}]"
        whole = f"search {row['search_s']:7.0f} s  {row['ratio']:5.2f}x  {row['mb']:7.0f} MB"
        print(f"{name:36s} {row['ms']:8.2f} ms {spread}  {whole}", flush=True)
    if asked.out:
        asked.out.write_text(json.dumps({"steps": table}, indent=1) + "\n", encoding="utf-8")
    rates = concurrency(asked.jobs, size, asked.device, asked.seconds)
    if asked.out:
        asked.out.write_text(json.dumps({"steps": table, "concurrency": rates}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
