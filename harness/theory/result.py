"""What a check of a printed statement is and returns, and the rules that turn its numbers into a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from harness.seeds import derive_seed

Verdict = Literal["PASS", "DRIFT", "FAIL"]
HOLDS: Mapping[Verdict, float] = {"PASS": 1.0, "DRIFT": 0.5, "FAIL": 0.0}
ROUND_OFF = 1e-9  # what a sum of doubles may miss an equality by


@dataclass(frozen=True)
class Line:
    """One curve: ``x`` and ``y`` have the same length; ``y`` is NaN where there is no value."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    @classmethod
    def of(cls, label: str, x: Iterable[float], y: Iterable[float]) -> Line:
        """Build a line from any numbers, NumPy's included."""
        return cls(label, tuple(map(float, x)), tuple(map(float, y)))


@dataclass(frozen=True)
class Figure:
    """Plot data: lines with their labels, axes with theirs. Drawing is the report's."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Ruling:
    """A verdict and the rule that it follows."""

    verdict: Verdict
    rule: str


@dataclass(frozen=True)
class Measurement:
    """What a check measured. ``published`` holds what the paper prints, under keys that ``measured`` has too."""

    judgement: Ruling
    measured: Mapping[str, float]
    published: Mapping[str, float] = field(default_factory=dict)
    figure: Figure | None = None


@dataclass(frozen=True)
class CheckResult:
    """A statement of a paper (see `Check`), what was measured of it, and the verdict.

    ``measured`` holds the verdict as a number too, under ``holds``.
    """

    name: str
    paper: str
    where: str
    statement: str
    verdict: Verdict
    rule: str
    measured: Mapping[str, float]
    published: Mapping[str, float]
    note: str
    figure: Figure | None


@dataclass(frozen=True)
class Check:
    """A statement that can be measured: call it. All but the numbers can be read without running it.

    ``paper``: a key of the suites' papers. ``where``: equation, theorem or section. ``statement``: in our words.
    ``note``: what holds, and where the printed argument has a gap.
    """

    name: str
    paper: str
    where: str
    statement: str
    note: str
    measure: Callable[[], Measurement]

    def __call__(self) -> CheckResult:
        """Measure, always with the same random numbers."""
        found = self.measure()
        return CheckResult(
            name=self.name,
            paper=self.paper,
            where=self.where,
            statement=self.statement,
            verdict=found.judgement.verdict,
            rule=found.judgement.rule,
            measured={**found.measured, "holds": HOLDS[found.judgement.verdict]},
            published=found.published,
            note=self.note,
            figure=found.figure,
        )


def check(
    *, name: str, paper: str, where: str, statement: str, note: str
) -> Callable[[Callable[[], Measurement]], Check]:
    """Make the decorated measurement a check."""
    return lambda measure: Check(name, paper, where, statement, note, measure)


def generator(check_name: str) -> np.random.Generator:
    """Return the random numbers of a check, its own whatever else is run."""
    return np.random.default_rng(derive_seed(0, f"theory/{check_name}"))


def never(counterexamples: int) -> Ruling:
    """Judge a statement about all instances: one counterexample refutes it."""
    rule = "PASS without a counterexample among the instances tried, FAIL with one"
    return Ruling("FAIL" if counterexamples else "PASS", rule)


def as_printed(measured: Mapping[str, float], published: Mapping[str, float], decimals: int) -> Ruling:
    """Judge printed numbers by half a unit of their last decimal (PASS) or one unit (DRIFT)."""
    unit = 10.0**-decimals
    distance = max(abs(measured[key] - value) for key, value in published.items()) - ROUND_OFF
    verdict: Verdict = "PASS" if distance <= unit / 2 else "DRIFT" if distance <= unit else "FAIL"
    return Ruling(verdict, f"PASS if all lie within {unit / 2:g} of the printed numbers, DRIFT within {unit:g}")


def same_order(log10: float, exponent: float) -> Ruling:
    """Judge a printed power of ten: PASS if it is the nearest one, DRIFT if the next one."""
    distance = abs(log10 - exponent)
    verdict: Verdict = "PASS" if distance <= 0.5 else "DRIFT" if distance <= 1.5 else "FAIL"
    return Ruling(verdict, "PASS if the printed power of ten is the nearest one, DRIFT if it is one off")


def negligible(size: float, tolerance: float) -> Ruling:
    """Judge 'about zero': PASS up to the tolerance, DRIFT up to five times that."""
    verdict: Verdict = "PASS" if size <= tolerance else "DRIFT" if size <= 5 * tolerance else "FAIL"
    return Ruling(verdict, f"PASS up to {tolerance:g}, DRIFT up to {5 * tolerance:g}")
