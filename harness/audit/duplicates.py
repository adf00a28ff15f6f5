"""Numbers that stand where they should not stand again: another method's row, one split's mean under the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from harness.audit.agreement import pairs
from harness.audit.finding import Finding
from harness.audit.printed import EPS
from harness.audit.published_rows import COSTS, COUNTS, Number, PublishedRow

ENOUGH = 3  # equal means with spread: more than two methods have by chance
PEERS = 5  # rows that show how far valid and test lie apart
FAR = 20  # units of the last digit: no other row's valid and test are nearer than this
NETWORK_DIGITS = 4  # printed digits of a count that name a network


def other_row(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report rows that print another's numbers.

    An error where the row's own numbers, as printed elsewhere, are others; a warning where there are too many equal
    ones with spread for chance. Rows of one architecture (std 0) are equal by right.
    """
    contradicted = {cell for pair in pairs(lines) if not pair.agree for cell in (pair.a.cell, pair.b.cell)}
    findings = []
    replaced: set[str] = set()
    for first, second, equal in _equal_rows(lines):
        spread = [pair for pair in equal if pair[0].percent.std]
        for line, other, place in ((first, second, 0), (second, first, 1)):
            cells = tuple(pair[place].cell for pair in equal)
            wrong = len(equal) > 1 and spread and all(cell in contradicted for cell in cells)
            if wrong and line.name not in replaced:
                replaced.add(line.name)
                values = " and ".join(f"{pair[place].column.label} {pair[place].printed}" for pair in equal)
                text = f"{line.label} in {line.name} prints {values}, the numbers of {other.label} in {other.name}; "
                text += "elsewhere it has others"
                findings.append(Finding("other-row", "error", cells, text, "inconsistent"))
        if len(spread) >= ENOUGH:
            cells = tuple(number.cell for pair in equal for number in pair)
            text = f"{len(equal)} equal numbers of {first.label} in {first.name} and {second.label} in {second.name}"
            findings.append(Finding("other-row", "warning", cells, text, "inconsistent"))
    return findings


def _equal_rows(
    lines: Sequence[PublishedRow],
) -> Iterator[tuple[PublishedRow, PublishedRow, list[tuple[Number, Number]]]]:
    """Yield rows of different identity whose common quantities, costs aside, are printed alike without exception."""
    for first, second in combinations(lines, 2):
        if first.same_as(second):
            continue
        common = list(_common(first, second))
        equal = [pair for pair in common if _alike(*pair)]
        if equal and len(equal) == len(common):
            yield first, second, equal


def _common(first: PublishedRow, second: PublishedRow) -> Iterator[tuple[Number, Number]]:
    others = {number.quantity: number for number in second.numbers}
    for number in first.numbers:
        measured = number.quantity.kind != "statistic" and number.quantity.kind not in COSTS
        if measured and number.quantity in others:
            yield number, others[number.quantity]


def _alike(a: Number, b: Number) -> bool:
    x, y = a.percent, b.percent
    stds = (x.std is None and y.std is None) or (None not in (x.std, y.std) and abs(x.std - y.std) < EPS)  # type: ignore[operator]
    return abs(x.mean - y.mean) < EPS and x.half == y.half and stds


def repeated_number(lines: Sequence[PublishedRow]) -> list[Finding]:
    """List means that one paper prints with the same std for different things: chance, or a slip."""
    known: dict[object, list[tuple[PublishedRow, Number]]] = {}
    for line in lines:
        for number in line.numbers:
            if number.quantity.kind == "accuracy" and number.percent.std:
                what = replace(number.quantity, label=None)
                known.setdefault((line.paper, what, number.percent), []).append((line, number))
    findings = []
    for group in known.values():
        rows = {line.name: line for line, _ in group}
        alone = [
            line.name for line in rows.values() if not any(line.same_as(o) for o in rows.values() if o is not line)
        ]
        if len(alone) > 1:
            names = ", ".join(f"{rows[name].label} in {name}" for name in alone)
            cells = tuple(number.cell for line, number in group if line.name in alone)
            text = f"{group[0][1].printed} is printed for {names}"
            findings.append(Finding("repeated-number", "info", cells, text, "ambiguous"))
    return findings


def repeated_mean(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report a row whose valid and test means are equal where they lie far apart in all other rows."""
    findings = []
    both = [found for line in lines for found in _valid_and_test(line)]
    for line, valid, test in both:
        if abs(valid.percent.mean - test.percent.mean) > EPS:
            continue
        peers = [
            abs(v.percent.mean - t.percent.mean)
            for other, v, t in both
            if other.name != line.name and v.quantity == valid.quantity
        ]
        if len(peers) >= PEERS and min(peers) >= FAR * 2 * valid.percent.half:
            text = f"{line.label} in {line.name} has {valid.printed} on valid and {test.printed} on test; in "
            text += f"{len(peers)} other rows they differ by {min(peers):.2f} or more"
            cells = (valid.cell, test.cell)
            findings.append(Finding("repeated-mean", "warning", cells, text, "inconsistent"))
    return findings


def _valid_and_test(line: PublishedRow) -> Iterator[tuple[PublishedRow, Number, Number]]:
    for valid, test in combinations(line.numbers, 2):
        a, b = valid.quantity, test.quantity
        facts = (a.kind, a.dataset, a.epochs, a.label) == (b.kind, b.dataset, b.epochs, b.label)
        if facts and a.kind == "accuracy" and (a.split, b.split) == ("valid", "test"):
            yield line, valid, test


def same_network(lines: Sequence[PublishedRow]) -> list[Finding]:
    """List networks of equal counts whose accuracies differ: how much training alone moves them."""
    networks: dict[tuple[object, ...], list[tuple[PublishedRow, Number]]] = {}
    for line in lines:
        counts = [number for number in line.numbers if number.quantity.kind in COUNTS]
        accuracy = [number for number in line.numbers if number.quantity.kind == "accuracy"]
        if len(counts) > 1 and len(accuracy) == 1 and max(map(_digits, counts)) > NETWORK_DIGITS:
            key: tuple[object, ...] = (line.paper, *(str(number.printed) for number in counts))
            networks.setdefault(key, []).append((line, accuracy[0]))
    findings = []
    for network, rows in networks.items():
        means = [number.printed.mean for _, number in rows]
        if len({line.who for line, _ in rows}) > 1 and max(means) - min(means) > EPS:
            values = ", ".join(f"{number.printed} ({line.label})" for line, number in rows)
            text = f"networks of {' and '.join(map(str, network[1:]))}: {values}; {max(means) - min(means):.2f} apart"
            cells = tuple(number.cell for _, number in rows)
            findings.append(Finding("same-network", "info", cells, text, "ambiguous"))
    return findings


def _digits(number: Number) -> int:
    return sum(map(str.isdigit, str(number.printed)))
