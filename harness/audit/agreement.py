"""The same quantity printed twice must agree: across tables, across papers, as error and as accuracy.

That it does says nothing for it: a copy repeats its original. Where it does not, the original stands against its copy,
and what several papers copied alike against what one did; else it is not known which of the two is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from harness.audit.finding import SEVERITIES, Finding, Severity
from harness.audit.printed import Printed, same, slip
from harness.audit.published_rows import COSTS, Number, PublishedRow

RULE = "agreement"
RUNS_RULE = "number-of-runs"
STANDARD_ERRORS = 3.0  # between the means of independent runs


@dataclass(frozen=True)
class Pair:
    """Two printings of one quantity."""

    first: PublishedRow
    second: PublishedRow
    a: Number
    b: Number

    @property
    def means_agree(self) -> bool:
        """Tell whether the means can be roundings of one number."""
        a, b = self.a.percent, self.b.percent
        return same(a.mean, a.half, b.mean, b.half)

    @property
    def stds_agree(self) -> bool:
        """Tell whether the stds can be roundings of one number; yes where one is not printed."""
        a, b = self.a.percent, self.b.percent
        return a.std is None or b.std is None or same(a.std, a.std_half, b.std, b.std_half)

    @property
    def agree(self) -> bool:
        """Tell whether all that both print agrees."""
        return self.means_agree and self.stds_agree

    @property
    def one_origin(self) -> bool:
        """Tell whether one row copies the other, or both a third, or one paper prints both."""
        return self.first.origin == self.second.origin or self.first.paper == self.second.paper

    @property
    def shown(self) -> tuple[Printed, Printed]:
        """Return both as printed, or both as accuracies where one is an error."""
        both = self.a.column.metric == self.b.column.metric
        return (self.a.printed, self.b.printed) if both else (self.a.percent, self.b.percent)

    @property
    def slip(self) -> bool:
        """Tell whether they differ by no more than one in the last digit, which is little of the number."""
        a, b = self.shown
        means = self.means_agree or slip(a.mean, a.half, b.mean, b.half)
        return means and (self.stds_agree or slip(float(a.std or 0), a.std_half, float(b.std or 0), b.std_half))


def pairs(lines: Sequence[PublishedRow]) -> Iterator[Pair]:
    """Yield every two numbers of the same quantity and the same runs, each two once."""
    known: dict[object, list[tuple[PublishedRow, Number]]] = {}
    for line in lines:
        for number in line.numbers:
            if not number.column.difference:
                paper = line.paper if number.quantity.kind == "statistic" else None
                for identity in line.identities or (line.name,):
                    known.setdefault((identity, number.quantity, paper), []).append((line, number))
    seen: set[tuple[str, str]] = set()
    for group in known.values():
        for (first, a), (second, b) in combinations(group, 2):
            if first.together(second) and (a.cell, b.cell) not in seen:
                seen.add((a.cell, b.cell))
                yield Pair(first, second, a, b)


def agreement(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Compare all printings of the same quantities: a finding per two rows that disagree, and what agrees."""
    findings: list[Finding] = []
    agreeing: list[list[Pair]] = []
    printings = _printings(lines)
    for group in _by_rows(lines).values():
        wrong = [pair for pair in group if not pair.agree]
        if not wrong:
            agreeing.append(group)
        for severity in SEVERITIES:
            graded = [pair for pair in wrong if _grade(pair)[0] == severity]
            if graded:
                findings.append(_disagreement(severity, graded, printings))
    return findings + _agreements(agreeing)


def number_of_runs(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report equal means and stds that are said to be of different numbers of runs."""
    findings = []
    for (first, second), group in _by_rows(lines).items():
        spread = [p for p in group if p.agree and p.a.percent.std and p.b.percent.std]
        different = [p for p in spread if None not in (p.a.n, p.b.n) and p.a.n != p.b.n]
        if different and len(spread) > 1:
            n = (different[0].a.n, different[0].b.n)
            text = f"{len(different)} equal means and stds, of {n[0]} runs in {first} and of {n[1]} in {second}"
            findings.append(Finding(RUNS_RULE, "warning", tuple(_cells(different)), text, "inconsistent"))
    return findings


def _by_rows(lines: Sequence[PublishedRow]) -> dict[tuple[str, str], list[Pair]]:
    together: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs(lines):
        together.setdefault((pair.first.name, pair.second.name), []).append(pair)
    return together


def _printings(lines: Sequence[PublishedRow]) -> Mapping[str, set[str]]:
    """Return by cell the papers that print its number alike, its own among them."""
    papers: dict[str, set[str]] = {}
    for pair in pairs(lines):
        for cell, line in ((pair.a.cell, pair.first), (pair.b.cell, pair.second)):
            papers.setdefault(cell, set()).add(line.paper)
        if pair.agree:
            both = {pair.first.paper, pair.second.paper}
            papers[pair.a.cell] |= both
            papers[pair.b.cell] |= both
    return papers


def _disagreement(severity: Severity, group: Sequence[Pair], printings: Mapping[str, set[str]]) -> Finding:
    pair = group[0]
    texts = [f"{p.a.column.label} {p.shown[0]} against {p.shown[1]}" for p in group]
    reasons = dict.fromkeys(_grade(p)[1] for p in group)
    where = f"{pair.first.label} in {pair.first.name} and {pair.second.name}"
    text = f"{where}: {', '.join(texts)} ({'; '.join(reasons)})"
    blamed = dict.fromkeys(cell for p in group for cell in _blamed(p, printings))
    return Finding(RULE, severity, tuple(_cells(group)), text, "inconsistent", tuple(blamed))


def _blamed(pair: Pair, printings: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return the cell that is wrong, or both: a copy and not its original, one paper and not several."""
    a, b = pair.a.cell, pair.b.cell
    if pair.first.paper != pair.second.paper and pair.one_origin:
        if None in (pair.first.source, pair.second.source):
            return (b,) if pair.first.source is None else (a,)
        support = len(printings[a]) - len(printings[b])
        if support:
            return (b,) if support > 0 else (a,)
    return a, b


def _grade(pair: Pair) -> tuple[Severity, str]:
    """Return how grave a disagreement is, and why."""
    if pair.a.quantity.kind in COSTS:
        return "info", "costs of different machines may differ"
    if pair.slip:
        return "info", "one in the last digit"
    if pair.first.paper == pair.second.paper:
        return "warning", "twice in one paper"
    if pair.one_origin:
        return "warning", "a copy should be the same"
    apart = _standard_errors(pair.a.percent, pair.b.percent, pair.a.n, pair.b.n)
    if apart is None:
        return "info", "each paper's own runs, their errors are not known"
    if apart <= STANDARD_ERRORS:
        return "info", f"each paper's own runs, within {STANDARD_ERRORS:.0f} standard errors"
    return "warning", "each paper's own runs, farther apart than their errors allow"


def _standard_errors(a: Printed, b: Printed, n_a: int | None, n_b: int | None) -> float | None:
    """Return how far two means are apart; None where their errors are not known."""
    if a.std is None or b.std is None or n_a is None or n_b is None:
        return None
    error = sqrt((a.std**2 + a.std_half**2) / n_a + (b.std**2 + b.std_half**2) / n_b)
    return abs(a.mean - b.mean) / error


def _agreements(groups: Sequence[Sequence[Pair]]) -> list[Finding]:
    """Gather rows that agree with each other into one finding per set of rows."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for group in groups:
        parent[root(group[0].second.name)] = root(group[0].first.name)
    clusters: dict[str, list[Pair]] = {}
    for group in groups:
        clusters.setdefault(root(group[0].first.name), []).extend(group)
    findings = []
    for cluster in clusters.values():
        rows = {line.name: line for pair in cluster for line in (pair.first, pair.second)}
        cells = tuple(_cells(cluster))
        text = f"{len(cells)} printings agree, in {', '.join(sorted(rows))}; {_who_copied(list(rows.values()))}"
        findings.append(Finding(RULE, "info", cells, text, "consistent"))
    return findings


def _who_copied(rows: Sequence[PublishedRow]) -> str:
    """Say whose numbers agreeing rows are."""
    own = sorted(row.name for row in rows if row.source is None)
    papers = {row.paper for row in rows if row.source is None}
    if not own:
        return f"all are copies, from {'; '.join(dict.fromkeys(str(row.source) for row in rows))}"
    if len(own) == 1:
        return f"{own[0]} is the original"
    return "one paper repeats them" if len(papers) == 1 else f"{' and '.join(sorted(papers))} print them as their own"


def _cells(group: Sequence[Pair]) -> list[str]:
    return list(dict.fromkeys(cell for pair in group for cell in (pair.a.cell, pair.b.cell)))
