"""What trials took on this machine beside their estimates: kept in the cache folder, it makes the next estimates right.

One line of JSON for each search and training that a processor did from its start in one sitting, unless it was short.
The cost of a plan is that of `harness.runner.cost` times the median ratio of the latest trials like it: of the same
method on the same space at the same size, else of any method, else of the same space, else of any.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median

from harness.files import cache_folder
from harness.methods.computed import ComputedSpec
from harness.methods.training import TrainingSpec
from harness.runner.cost import estimate
from harness.runner.environment import machine
from harness.runner.record import Record
from harness.runner.trial import Trial

FILE = "timings.jsonl"
SHORTEST = 5.0  # seconds: below, a start weighs too much
LATEST = 15
TAIL = 2**18  # bytes that are read of the file


def note(trial: Trial, record: Record) -> None:
    """Remember what a trial took. A folder that cannot be written costs nothing but the next estimate."""
    made, folder = record.provenance, cache_folder()
    if folder is None or made.cpu_seconds is None or made.cpu_seconds < SHORTEST or made.device != "cpu":
        return
    if isinstance(trial.spec, ComputedSpec) or trial.embedded:  # digits take seconds, most of them to start
        return
    follows = made.supernet is not None
    ratio = made.cpu_seconds / estimate(trial, "cpu", follows=follows)
    line = json.dumps({"machine": made.platform, "kinds": kinds(trial, follows), "ratio": float(f"{ratio:.4g}")})
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(line + "\n")  # one short write: lines of several processes do not mix


def kinds(trial: Trial, follows: bool) -> list[str]:
    """Say what a trial is like, from exactly to not at all; ``follows``: another one does the search proper."""
    spec = trial.spec
    if isinstance(spec, ComputedSpec):
        return []
    if isinstance(spec, TrainingSpec):
        what, name, network = "training", spec.space, spec.network
        size = f"{network.cells} cells, {network.channels} channels"
    else:
        what, name, space = "selection" if follows else "search", spec.space.name, spec.space
        size = f"{space.cells} cells, {space.channels} channels, {space.option_count} options"
    size += f", {spec.data.image_size} pixels, {spec.precision}"
    return [f"{what}, {trial.method}, {name}, {size}", f"{what}, {name}, {size}", f"{what}, {name}", "any"]


class Timings:
    """Ratios of this machine by kind, and the estimates that they make. ``device``: that the trials will run on."""

    def __init__(self, device: str, ratios: Mapping[str, list[float]]) -> None:
        self.device, self.ratios = device, ratios

    @classmethod
    def read(cls, device: str) -> Timings:
        """Read what is known; of processors alone."""
        folder = cache_folder()
        lines = _tail(folder / FILE) if folder is not None and device == "cpu" else []
        return cls(device, _by_kind(lines, machine("cpu")))

    def estimate(self, trial: Trial, *, follows: bool = False) -> float:
        """Estimate the seconds of a trial on one core, see `harness.runner.cost.estimate`."""
        found = next((self.ratios[kind] for kind in kinds(trial, follows) if kind in self.ratios), [1.0])
        return estimate(trial, self.device, follows=follows) * median(found[-LATEST:])

    @property
    def basis(self) -> str:
        """Say in words what estimates rest on."""
        if self.device != "cpu":
            return "nothing is timed on a GPU"
        if not self.ratios:
            return "by another machine's speed: nothing was timed on this one yet"
        return "by the times of trials on this machine"


def _tail(path: Path) -> list[str]:
    """Return the last whole lines of a file, none where it cannot be read."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - TAIL)
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[1:] if start else lines


def _by_kind(lines: Iterable[str], here: str) -> dict[str, list[float]]:
    """Collect the ratios of this machine; a line that is none is passed over."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            seen = json.loads(line)
            if seen["machine"] == here and (ratio := float(seen["ratio"])) > 0:
                for kind in seen["kinds"]:
                    ratios[kind].append(ratio)
    return dict(ratios)
