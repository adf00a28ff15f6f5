"""What a benchmark finds: ours against something else, round by round in one sitting; and what was recorded."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from harness.runner.environment import cores, machine
from harness.spaces.nb201 import kernels

RECORDED = Path(__file__).with_name("recorded")  # a file for each processor: ratios are not those of another one
LATEST = Path(__file__).with_name("results") / "latest.json"
LEAST = 0.6  # of the recorded ratio; timings on shared cores scatter


@dataclass(frozen=True)
class Comparison:
    """``ours`` and ``other`` of every round, in seconds or MB: less is better. ``goal``: of the ratio other / ours."""

    name: str
    ours: tuple[float, ...]
    other: tuple[float, ...]
    unit: str
    goal: float | None

    @property
    def ratios(self) -> list[float]:
        """The ratios other / ours, round by round."""
        return [other / own for own, other in zip(self.ours, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        """Their median."""
        return median(self.ratios)

    def as_json(self) -> dict[str, Any]:
        """Return what is kept."""
        return {
            "ratio": round(self.ratio, 2),
            "least": round(min(self.ratios), 2),
            "most": round(max(self.ratios), 2),
            "goal": self.goal,
            "rounds": len(self.ours),
            "unit": self.unit,
            "ours": float(f"{median(self.ours):.4g}"),
            "other": float(f"{median(self.other):.4g}"),
        }


def own_record() -> Path:
    """Return the file of this machine's processor."""
    return RECORDED / f"{re.sub('[^a-z0-9]+', '-', machine('cpu').lower()).strip('-')}.json"


def recorded(file: Path) -> dict[str, Any]:
    """Return the comparisons of a file by name."""
    if not file.exists():
        return {}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["comparisons"]
    return found


def expected(name: str) -> float | None:
    """Return the ratio recorded on this processor, else the least of other processors; None where there is none."""
    own = recorded(own_record()).get(name)
    others = [found[name]["ratio"] for found in map(recorded, sorted(RECORDED.glob("*.json"))) if name in found]
    ratios: list[float] = [own["ratio"]] if own else others
    return min(ratios, default=None)


def floor(name: str) -> float | None:
    """Return the ratio below which a comparison has failed; None where none is recorded."""
    ratio = expected(name)
    return None if ratio is None else LEAST * ratio


def write(path: Path, comparisons: Sequence[Comparison], keep: dict[str, Any]) -> None:
    """Write comparisons with the facts of the machine, beside those of ``keep`` that were not made again."""
    facts = {
        "machine": machine("cpu"),
        "cores": cores(),
        "torch": torch.__version__,
        "kernels": kernels.library() is not None,
        "load": round(os.getloadavg()[0], 1),
    }
    found = keep | {comparison.name: comparison.as_json() for comparison in comparisons}
    path.parent.mkdir(exist_ok=True)
    text = json.dumps({"machine": facts, "comparisons": dict(sorted(found.items()))}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def table(comparisons: Sequence[Comparison]) -> list[str]:
    """Return lines that show all comparisons."""
    width = max(len(comparison.name) for comparison in comparisons)
    lines = [f"{'':{width}}      ours     other   ratio  [least,  most]  goal  recorded"]
    for c in comparisons:
        scale, unit = (1e3, "ms") if c.unit == "s" and median(c.ours) < 1 else (1.0, c.unit)
        numbers = f"{scale * median(c.ours):9.4g} {scale * median(c.other):9.4g} {unit:2}"
        ratios = f"{c.ratio:6.2f}  [{min(c.ratios):5.2f}, {max(c.ratios):5.2f}]"
        goal = "    -" if c.goal is None else f"{c.goal:5.2f}"
        before = expected(c.name)
        old = "        -" if before is None else f"{before:9.2f}"
        missed = "  goal missed" if c.goal is not None and c.ratio < c.goal else ""
        lines.append(f"{c.name:{width}} {numbers} {ratios} {goal} {old}{missed}")
    return lines
