"""Numbers in the wrong unit, the wrong column, or as accuracy where an error is due."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from statistics import median

from harness.audit.finding import Finding
from harness.audit.published_rows import COUNTS, SHARES, Number, PublishedRow, Quantity

PEERS = 4  # numbers of the same kind that show what is usual
FACTOR = 8.0  # beyond which a count is in another unit


def units(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report counts of parameters or FLOPs that powers of ten away from all others would be among them."""
    groups: dict[tuple[object, ...], list[Number]] = {}
    for line in lines:
        for number in line.numbers:
            if number.quantity.kind in COUNTS and number.printed.mean > 0:
                groups.setdefault((number.quantity.kind, number.quantity.dataset, number.column.unit), []).append(
                    number
                )
    findings = []
    for group in groups.values():
        for number in group:
            others = [other.printed.mean for other in group if other is not number]
            if len(others) < PEERS:
                continue
            middle = median(others)
            power = round(log10(number.printed.mean / middle))
            scaled = number.printed.mean / 10.0**power
            if power and middle / FACTOR**0.5 <= scaled <= middle * FACTOR**0.5 and not _among(number, others):
                text = (
                    f"{number.column.label} {number.printed} {number.column.unit} among {len(others)} numbers around "
                )
                text += f"{middle:g}: {scaled:g}, in another unit?"
                findings.append(Finding("unit", "error", (number.cell,), text, "inconsistent"))
    return findings


def _among(number: Number, others: Sequence[float]) -> bool:
    """Tell whether a count is no farther out than its neighbours make usual."""
    return min(others) / FACTOR <= number.printed.mean <= max(others) * FACTOR


def error_as_accuracy(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report a number among errors that would be usual as an accuracy, or the reverse."""
    groups: dict[tuple[str, Quantity], list[Number]] = {}
    for line in lines:
        for number in line.numbers:
            if number.column.metric in SHARES:
                groups.setdefault((number.column.metric, number.quantity), []).append(number)
    findings = []
    for (metric, _), group in groups.items():
        for number in group:
            others = [other.printed.mean for other in group if other is not number]
            if len(others) < PEERS:
                continue
            low, high = min(others), max(others)
            turned = 100.0 - number.printed.mean
            off = max(low - number.printed.mean, number.printed.mean - high)
            if off > 2 * (high - low) and low - (high - low) <= turned <= high + (high - low):
                text = f"{number.printed} among {len(others)} values of {metric} from {low:g} to {high:g}, where "
                text += f"100 - {number.printed.mean:g} would be one"
                findings.append(Finding("error-as-accuracy", "error", (number.cell,), text, "inconsistent"))
    return findings


def shifted_columns(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report rows whose numbers lie outside their columns and inside those one place further left or right."""
    tables: dict[tuple[str, str], list[PublishedRow]] = {}
    for line in lines:
        tables.setdefault((line.suite, line.table), []).append(line)
    findings = []
    for rows in tables.values():
        for line in rows:
            others = [other for other in rows if other is not line]
            ranges = [_range(number, others) for number in line.numbers]
            for step, side in ((1, "left"), (-1, "right")):
                if _fits_shifted(line, ranges, step):
                    text = f"{line.label}: " + ", ".join(f"{n.column.label} {n.printed}" for n in line.numbers)
                    text += f", each as in the column to its {side} in other rows"
                    cells = tuple(number.cell for number in line.numbers)
                    findings.append(Finding("shifted-columns", "error", cells, text, "inconsistent"))
    return findings


Range = tuple[float, float] | None


def _range(number: Number, others: Sequence[PublishedRow]) -> Range:
    """Return the values of a column in other rows; None where there are too few."""
    name = number.cell.rsplit("/", 1)[1]
    values = [n.printed.mean for line in others for n in line.numbers if n.cell.rsplit("/", 1)[1] == name]
    return (min(values), max(values)) if len(values) >= PEERS else None


def _fits_shifted(line: PublishedRow, ranges: Sequence[Range], step: int) -> bool:
    """Tell whether each number but the one pushed out fits the neighbouring column, and hardly any its own."""
    values = [number.printed.mean for number in line.numbers]
    here = [_inside(value, known) for value, known in zip(values, ranges, strict=True)]
    there = [_inside(values[i], ranges[i - step]) for i in range(len(values)) if 0 <= i - step < len(values)]
    return len(values) > 2 and None not in ranges and all(there) and not any(here)


def _inside(value: float, known: Range) -> bool:
    if known is None:
        return False
    low, high = known
    room = 0.25 * (high - low)
    return low - room <= value <= high + room
