"""The best of n runs, rows made of other rows, and bounds that other rows must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, product
from math import sqrt

from harness.audit.finding import Finding, graded
from harness.audit.printed import EPS
from harness.audit.published_rows import COUNTS, SHARES, Number, PublishedRow

NEAR = 1.25  # between the best network's and the mean network's counts


def best_of_runs(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Compare the best of n runs with their mean and std: none of n numbers lies farther away than s sqrt(n - 1)."""
    findings = []
    for (line, best), (other, mean) in _best_and_mean(lines):
        n = mean.n or best.n
        std = mean.percent.std
        if n is None or n < 2 or std is None or best.quantity.kind != "accuracy":
            continue
        b, m = best.percent, mean.percent
        away = b.mean - m.mean
        reach, rounded = std * sqrt(n - 1), (std + m.std_half) * sqrt(n - 1) + b.half + m.half
        alike = best.column.metric == mean.column.metric
        shown = (best.printed, mean.printed) if alike else (b, m)
        text = f"best {shown[0]} in {line.name} against {shown[1]} of {n} runs in {other.name}: {abs(away):.2f} "
        text += f"{'better' if away >= 0 else 'worse'}, where one of {n} numbers can be {reach:.2f} off"
        cells = (best.cell, mean.cell)
        if away < -(b.half + m.half) - EPS:
            findings.append(
                Finding("best-of-runs", "error", cells, f"{text}; a best worse than the mean", "inconsistent")
            )
        elif away > rounded + EPS:
            findings.append(
                Finding("best-of-runs", "error", cells, f"{text} ({rounded:.2f} with rounding)", "inconsistent")
            )
        elif away > reach + EPS:
            findings.append(
                Finding("best-of-runs", "info", cells, f"{text}; only rounding reconciles them", "ambiguous")
            )
        else:
            findings.append(Finding("best-of-runs", "info", cells, text, "consistent"))
    return findings


def best_counts(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Compare the size of the best network with that of the mean one: one search finds networks of a size."""
    findings = []
    for (line, best), (other, mean) in _best_and_mean(lines):
        if best.quantity.kind in COUNTS:
            ratio = max(best.printed.mean, mean.printed.mean) / min(best.printed.mean, mean.printed.mean)
            text = f"{best.column.label}: {best.printed} for the best in {line.name}, {mean.printed} in {other.name}"
            if ratio > NEAR:
                findings.append(Finding("best-counts", "warning", (best.cell, mean.cell), text, "inconsistent"))
    return findings


def _best_and_mean(
    lines: Sequence[PublishedRow],
) -> list[tuple[tuple[PublishedRow, Number], tuple[PublishedRow, Number]]]:
    """Return every best number with the one of all runs, of the same subject in the same paper."""
    numbers: dict[object, list[tuple[PublishedRow, Number]]] = {}
    for line in lines:
        for number in line.numbers if line.principal else ():
            numbers.setdefault((line.paper, line.who, replace(number.quantity, best=False)), []).append((line, number))
    found = []
    for group in numbers.values():
        for one, two in combinations(group, 2):
            best, mean = (one, two) if one[1].quantity.best else (two, one)
            if best[1].quantity.best and not mean[1].quantity.best and one[0].together(two[0]):
                found.append((best, mean))
    return found


def summary_rows(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Recompute rows that are the mean or the best of other rows, or the difference or ratio of two."""
    known = {line.name: line for line in lines}
    findings = []
    for line in lines:
        if line.summary is None:
            continue
        parts = [known[f"{line.suite}:{name}"] for name in line.summary.of if f"{line.suite}:{name}" in known]
        for number in line.numbers:
            fits = _is_time if line.summary.take == "ratio" else partial(_summarises, number)
            values = [p for part in parts for p in part.numbers if fits(p)]
            if len(values) != len(line.summary.of):
                continue
            made, slack = _made(line.summary.take, number, values, parts)
            right = abs(made - number.printed.mean) <= number.printed.half + slack + EPS
            text = f"{line.label}: {number.column.label} is printed {number.printed}; the {line.summary.take} of "
            text += f"{', '.join(str(value.printed) for value in values)} is {made:.2f}"
            findings.append(graded("summary", right, "warning", (number.cell,), text))
    return findings


def _is_time(part: Number) -> bool:
    return part.quantity.kind == "search_seconds"


def _summarises(number: Number, part: Number) -> bool:
    """Tell whether a part's number is what the summary's is made of."""
    if number.column.difference or number.quantity.kind == "statistic":
        facts = (number.column.dataset, number.column.split, number.column.training_epochs, number.column.top)
        other = part.column
        return part.column.metric in SHARES and facts == (other.dataset, other.split, other.training_epochs, other.top)
    return replace(number.quantity, best=False) == replace(part.quantity, best=False)


def _made(take: str, number: Number, values: Sequence[Number], parts: Sequence[PublishedRow]) -> tuple[float, float]:
    """Return the summary of the values and how far rounding may move it."""
    means = [value.printed.mean for value in values]
    if take == "difference":
        return means[0] - means[1], values[0].printed.half + values[1].printed.half
    if take == "ratio":
        return means[0] / means[1], 0.0
    if take == "mean":
        return sum(means) / len(means), max(value.printed.half for value in values)
    scores = [max(n.percent.mean for n in part.numbers if n.quantity.kind == "accuracy") for part in parts]
    best = scores.index(max(scores))
    return means[best], values[best].printed.half


def derived_numbers(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Recompute numbers that are said to follow from another of their column by a factor that is printed elsewhere."""
    known = {number.cell: number for line in lines for number in line.numbers}
    findings = []
    for line in lines:
        for number in line.numbers:
            derived = number.derived
            if derived is None:
                continue
            base = known[f"{line.suite}:{derived.row}/{number.cell.rsplit('/', 1)[1]}"]
            made = base.printed.mean * derived.times.mean / derived.over.mean
            slack = base.printed.half * derived.times.mean / derived.over.mean
            right = abs(made - number.printed.mean) <= number.printed.half + slack + EPS
            text = f"{line.label}: {base.printed} times {derived.times.text} / {derived.over.text} ({derived.source}) "
            text += f"is {made:.1f}, printed {number.printed}{': computed, so not measured' if right else ''}"
            findings.append(graded("derived", right, "warning", (number.cell,), text))
    return findings


def upper_bounds(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Check that no stop rule has a better mean than the best accuracy that the same runs ever had."""
    bounds = [line for line in lines if line.bound]
    findings = []
    for bound, line in product(bounds, lines):
        if (line.paper, line.run) != (bound.paper, bound.run) or not line.together(bound) or line.bound:
            continue
        limits = {number.quantity: number for number in bound.numbers}
        for number in line.numbers:
            limit = limits.get(number.quantity)
            if limit is None or number.percent.mean <= limit.percent.mean + number.percent.half + limit.percent.half:
                continue
            text = f"{number.percent} is above {limit.percent}, the best that the runs of {bound.name} ever had"
            findings.append(Finding("upper-bound", "error", (number.cell, limit.cell), text, "inconsistent"))
    return findings
