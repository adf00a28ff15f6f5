"""Plant drifts of realistic size, one at a time, in a copy of the source, and see whether the regression catches them.

``python -m regression.plant [NAME ...]`` prints a line per drift: what `python -m regression --elsewhere` concludes to
the bit and by golden traces. 0: all are caught, in both ways.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("harness", "regression", "suites", "tests")


@dataclass(frozen=True)
class Drift:
    """A text of a file, there exactly once, and what takes its place."""

    file: str
    old: str
    new: str


DRIFTS = {
    "momentum .9 to .8, in code": Drift(
        "harness/engine/optimisers.py", "SGD)(parameters, lr, momentum,", "SGD)(parameters, lr, momentum * 8 / 9,"
    ),
    "momentum .9 to .8, in the catalogue": Drift(
        "harness/methods/catalogue.yaml",
        "{name: sgd, lr: 0.025, momentum: 0.9, nesterov: true,",
        "{name: sgd, lr: 0.025, momentum: 0.8, nesterov: true,",
    ),
    "alpha's decay doubled": Drift(
        "harness/engine/optimisers.py",
        "Adam)(parameters, lr, betas, eps, weight_decay=decay,",
        "Adam)(parameters, lr, betas, eps, weight_decay=2 * decay,",
    ),
    "a ReLU dropped": Drift(
        "harness/spaces/nb201/net.py", "nn.Sequential(nn.ReLU(), conv,", "nn.Sequential(nn.Identity(), conv,"
    ),
    "the schedule one epoch late": Drift(
        "harness/methods/optimisers.py",
        "return _cosine(lr, self.final_lr, int(epoch), self.period or epochs)",
        "return _cosine(lr, self.final_lr, max(0, int(epoch) - 1), self.period or epochs)",
    ),
    "other statistics in batch norm": Drift(
        "harness/spaces/nb201/net.py",
        "affine=False, track_running_stats=running)",
        "affine=False, track_running_stats=False)",
    ),
}


def plant(name: str, drift: Drift) -> list[str]:
    """Return the conclusions of a regression with a drift, to the bit and by golden traces."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        for part in COPIED:
            shutil.copytree(ROOT / part, Path(folder) / part)
        file = Path(folder) / drift.file
        text = file.read_text(encoding="utf-8")
        if text.count(drift.old) != 1:
            raise SystemExit(f"{name}: {drift.file} has {drift.old!r} {text.count(drift.old)} times, not once")
        file.write_text(text.replace(drift.old, drift.new), encoding="utf-8")
        command = [sys.executable, "-m", "regression", "--elsewhere"]
        planted = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(command, cwd=folder, env=planted, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("regression, ")]
    return found or [f"no conclusion: {done.stderr[-300:]}"]


def main(names: list[str]) -> int:
    """Plant the drifts that are named, or all; return 0 where each is caught in both ways."""
    missed = 0
    for name, drift in DRIFTS.items():
        if not names or name in names:
            found = plant(name, drift)
            missed += sum(" changed" not in line for line in found)
            print(name, *found, sep="\n  ", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
