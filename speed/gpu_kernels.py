"""Whether Triton's kernels compute what torch's operations do on a CUDA device, and what they save.

`python -m speed.gpu_kernels` prints relative errors (largest of all weights) of both against torch's operations
in float64, for the cells of every stage at batch 64; then, variant by variant, milliseconds of a recorded step and the
kernels of it that take longest.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from harness.runner.worker import prepare
from harness.spaces.nb201 import triton_cell
from harness.spaces.nb201.net import Mix, MixedCell
from speed.gpu import FULL, ours, timed

CASES = [(16, 32), (32, 16), (64, 8)]
STEPS = ["bi-level, bfloat16, recorded", "single-level, bfloat16, recorded", "bi-level, float32, recorded"]


def switch(on: bool) -> None:
    """Turn the kernels on or off."""
    os.environ["HARNESS_TRITON"] = str(int(on))
    triton_cell.library.cache_clear()


def derived(cell: MixedCell, x: Tensor, matrix: Tensor, probe: Tensor, form: str) -> list[Tensor]:
    """Return output and gradients, of the image, the matrix and all weights, in a form's precision."""
    dtype, kind = {"exact": torch.float64}.get(form, torch.float32), torch.bfloat16
    cell.to(dtype)
    given = x.to(kind if form == "bfloat16" else dtype).requires_grad_()
    rows = matrix.to(dtype).requires_grad_()
    with torch.autocast("cuda", kind, enabled=form == "bfloat16"):
        out = cell(given, Mix(rows, cell.ops, cell.channels), None)
    inputs = [given, rows, *cell.parameters()]
    return [out.detach(), *torch.autograd.grad((out * probe.to(out.dtype)).sum(), inputs)]


def errors(found: list[Tensor], exact: list[Tensor]) -> str:
    """Return relative errors of output, image, matrix, and the largest of the weights."""
    ratios = [((a - b).norm() / b.norm()).item() for a, b in zip(found, exact, strict=True)]
    return "  ".join(f"{ratio:.1e}" for ratio in (*ratios[:3], max(ratios[3:])))


def profile(run: Callable[[int], None], rows: int = 15) -> None:
    """Print how many kernels a step launches, and those that take longest together."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        run(1)
        torch.cuda.synchronize()
    events = [event for event in profiler.key_averages() if event.self_device_time_total > 0]
    total = sum(event.self_device_time_total for event in events)
    print(f"  {sum(event.count for event in events)} kernels, {total / 1e3:.2f} ms")
    for event in sorted(events, key=lambda event: -event.self_device_time_total)[:rows]:
        print(f"  {event.self_device_time_total:8.0f} us {event.count:5d} x {event.key[:90]}")


def main() -> None:
    """Print errors, then times."""
    prepare(1)
    torch.manual_seed(0)
    for channels, side in CASES:
        cell = MixedCell(channels, (0, 1, 2, 3, 4), False, False, 1).to("cuda", memory_format=torch.channels_last)
        x, probe = (torch.randn(64, channels, side, side, device="cuda", dtype=torch.float64) for _ in range(2))
        x, probe = (t.to(torch.bfloat16).double().contiguous(memory_format=torch.channels_last) for t in (x, probe))
        matrix = torch.randn(6, 5, device="cuda", dtype=torch.float64)
        exact = derived(cell, x, matrix, probe, "exact")
        for form in ("float32", "bfloat16"):
            for on in (True, False):
                switch(on)
                found = errors(derived(cell, x, matrix, probe, form), exact)
                print(f"C {channels:2d} {form:8s} {'triton' if on else 'torch ':6s} output, x, alpha, weights: {found}")
    for name in STEPS:
        for on in (True, False):
            switch(on)
            assert (triton_cell.library() is not None) == on, "no kernels: see harness.spaces.nb201.triton_cell.library"
            run = ours(name, FULL, "cuda")
            run(8)  # first steps, recording included
            seconds = [timed(run, FULL.steps, "cuda") for _ in range(FULL.rounds)]
            form = "triton" if on else "torch"
            print(f"{name:36s} {form:6s} {1e3 * statistics.median(seconds):8.2f} ms", flush=True)
            profile(run)


if __name__ == "__main__":
    main()
