"""How time and memory grow, measured and as `--dry-run` estimates: `python -m speed.cost` draws docs/cost.png.

Processor seconds of bi-level steps on one thread, each size in a process of its own. With ``--fit`` the constants of
`harness.runner.cost` are fitted to them and printed. ``--draw`` draws the numbers of the last time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from harness.runner import cost
from harness.runner.environment import keep_memory_mapped, machine, peak_memory_mb
from speed.searches import Size, search_of, spec_of, step_of

ROOT = Path(__file__).parents[1]
NUMBERS = Path(__file__).with_name("cost.json")
BASE = {"channels": 8, "cells": 1, "side": 16, "batch": 64}
GRID = {
    "channels": (4, 8, 16, 32),
    "cells": (1, 2, 3, 5),
    "side": (8, 16, 32),
    "batch": (16, 32, 64, 128, 256),
}
LABELS = {"channels": "channels C", "cells": "cells a stage N", "side": "side of the images", "batch": "batch"}
FULL = {"channels": 16, "cells": 5, "side": 32, "batch": 64}
TRIALS = (1, 2, 4)
Point = dict[str, Any]


def child(point: dict[str, int]) -> None:
    """Print the processor seconds of a step and the peak memory of the process."""
    keep_memory_mapped()
    torch.set_num_threads(1)
    size = Size(point["channels"], point["cells"], point["side"], max(512, 4 * point["batch"]))
    step = step_of(search_of("darts-v1", size, "float32", f"batch_size={point['batch']}"))
    step()
    times = []
    while len(times) < 3 or (sum(times) < 2 and len(times) < 30):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    print(json.dumps({"seconds": median(times), "mb": peak_memory_mb("cpu")}))


def run_child(point: dict[str, int]) -> subprocess.Popen[str]:
    """Start a process that measures a size."""
    command = [sys.executable, "-m", "speed.cost", "--child", json.dumps(point)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(child: subprocess.Popen[str]) -> str:
    """Wait for a child; return what it says, raise where it failed."""
    out, _ = child.communicate()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, child.args)
    return out


def measure() -> dict[str, Any]:
    """Measure all sizes, and how much several searches of a few steps take, start included."""
    points = [{**BASE, key: value} for key, values in GRID.items() for value in values] + [FULL]
    found: list[Point] = []
    for point in points:
        if any(all(old[key] == value for key, value in point.items()) for old in found):
            continue
        said = json.loads(ended(run_child(point)))
        found.append(point | {key: float(f"{value:.4g}") for key, value in said.items()})
        print(found[-1], flush=True)
    trials = []
    for count in TRIALS:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        for _ in range(count):
            ended(run_child(BASE))
        trials.append({"trials": count, "seconds": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before})
    return {"machine": machine("cpu"), "steps": found, "trials": trials}


def estimate(point: Point) -> float:
    """Return the estimate of a step."""
    spec = spec_of(
        "darts-v1",
        f"space.channels={point['channels']}",
        f"space.cells={point['cells']}",
        f"data.image_size={point['side']}",
        f"batch_size={point['batch']}",
        "epochs=1",
        f"data.weight_images={point['batch']}",
        f"data.architecture_images={point['batch']}",
    )
    return cost.estimate_seconds(spec, 50_000, "cpu")


def fit(points: Sequence[Point]) -> list[float]:
    """Return the constants that meet the measured seconds best, relatively: what is estimated is linear in them."""
    before = cost.SPEEDS["cpu"]
    columns = []
    for unit in np.eye(3):
        cost.SPEEDS["cpu"] = cost.Speed(unit[0], unit[1], 1 / unit[2] if unit[2] else np.inf)
        columns.append([estimate(point) / point["seconds"] for point in points])
    cost.SPEEDS["cpu"] = before
    from scipy.optimize import nnls

    constants, _ = nnls(np.array(columns).T, np.ones(len(points)))
    return [constants[0], constants[1], 1 / constants[2] if constants[2] else np.inf]


def draw(numbers: dict[str, Any], path: Path) -> None:
    """Draw time and memory against every quantity, measured and estimated."""
    from matplotlib import pyplot as plt
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    figure, axes = plt.subplots(2, 5, figsize=(15, 5.5), layout="constrained")
    for column, (key, values) in enumerate(GRID.items()):
        chosen = [p for p in numbers["steps"] if all(p[k] == v for k, v in BASE.items() if k != key)]
        chosen.sort(key=lambda point: point[key])
        for row, (name, of) in enumerate((("ms a step", lambda p: 1e3 * p["seconds"]), ("MB at the peak", _mb))):
            axis = axes[row, column]
            axis.plot([p[key] for p in chosen], [of(p) for p in chosen], "o", color="C0", label="measured")
            if row == 0:
                axis.plot([p[key] for p in chosen], [1e3 * estimate(p) for p in chosen], color="C1", label="estimated")
                axis.set_yscale("log")
                axis.set_ylim(25, 500)
                axis.set_yticks([50, 100, 200, 400])
            else:
                axis.set_ylim(300, 550)
            axis.set_xscale("log", base=2)
            axis.set_xticks(values, [str(value) for value in values])
            axis.set_xlabel(LABELS[key])
            axis.set_ylabel(name if column == 0 else "")
    axes[0, 0].legend(frameon=False)
    _draw_rest(axes[0, 4], axes[1, 4], numbers)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.yaxis.set_major_formatter(ScalarFormatter())
    rest = ", ".join(f"{LABELS[key]} {value}" for key, value in BASE.items())
    figure.suptitle(f"One bi-level step on one core of {numbers['machine']}; where not varied: {rest}", fontsize=10)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _mb(point: Point) -> float:
    return float(point["mb"])


def _draw_rest(above: Any, below: Any, numbers: dict[str, Any]) -> None:
    """Draw the time of several trials, and all estimates against what was measured."""
    trials = numbers["trials"]
    above.plot([t["trials"] for t in trials], [t["seconds"] for t in trials], "o", color="C0")
    above.plot([0, TRIALS[-1]], [0, trials[0]["seconds"] * TRIALS[-1]], color="C1")
    above.set_xlabel("trials of a few steps, start included")
    above.set_ylabel("processor s in all")
    above.set_ylim(0)
    measured = [point["seconds"] for point in numbers["steps"]]
    below.loglog(measured, [estimate(point) for point in numbers["steps"]], "o", color="C1")
    ends = [min(measured), max(measured)]
    below.plot(ends, ends, color="0.6", linewidth=1)
    below.set_xlabel("measured, s a step")
    below.set_ylabel("estimated, s a step")


def main() -> None:
    """Measure, fit, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="print the constants that fit")
    parser.add_argument("--draw", action="store_true", help="draw what was measured last")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child)
        return
    if not asked.draw:
        NUMBERS.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    if asked.fit:
        print("seconds per option of a cell and pass, per element and pass, FLOPs a second:", *fit(numbers["steps"]))
    worst: Callable[[Point], float] = lambda point: estimate(point) / point["seconds"]  # noqa: E731
    ratios = sorted(worst(point) for point in numbers["steps"])
    print(f"estimated / measured: {ratios[0]:.2f} to {ratios[-1]:.2f}, median {median(ratios):.2f}")
    draw(numbers, ROOT / "docs" / "cost.png")


if __name__ == "__main__":
    main()
