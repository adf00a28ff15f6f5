"""All rules of the audit, and the audit itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.audit import (
    agreement,
    arithmetic,
    attainability,
    attribution,
    counts,
    duplicates,
    extremes,
    fingerprint,
    mixtures,
    plausibility,
    recompute,
    settings,
)
from harness.audit.finding import SEVERITIES, Finding
from harness.audit.published_rows import PublishedRow
from harness.audit.table import TableValues

Lines = Sequence[PublishedRow]
RULES: dict[str, Callable[[Lines], list[Finding]]] = {
    "agreement": agreement.agreement,
    "number-of-runs": agreement.number_of_runs,
    "other-row": duplicates.other_row,
    "repeated-number": duplicates.repeated_number,
    "repeated-mean": duplicates.repeated_mean,
    "same-network": duplicates.same_network,
    "best-of-runs": extremes.best_of_runs,
    "best-counts": extremes.best_counts,
    "summary": extremes.summary_rows,
    "derived": extremes.derived_numbers,
    "upper-bound": extremes.upper_bounds,
    "difference": arithmetic.differences,
    "symmetry": arithmetic.symmetry,
    "diagonal": arithmetic.diagonal,
    "setting": settings.settings,
    "counts": counts.counts,
    "fingerprint": fingerprint.fingerprint,
    "unit": plausibility.units,
    "error-as-accuracy": plausibility.error_as_accuracy,
    "shifted-columns": plausibility.shifted_columns,
}
TABLE_RULES: dict[str, Callable[[Lines, TableValues], list[Finding]]] = {
    "optimum": recompute.optimum,
    "fixed-architecture": recompute.fixed_architecture,
    "edge-counts": recompute.edge_counts,
    "attribution": attribution.attribution,
    "mixture": mixtures.mixtures,
    "attainability": attainability.attainability,
}
TITLES = {
    "agreement": "One quantity printed twice",
    "number-of-runs": "Equal statistics of different numbers of runs",
    "other-row": "Rows that print another's numbers",
    "repeated-number": "One mean and std for two things",
    "repeated-mean": "One mean on two splits",
    "same-network": "One network, several accuracies",
    "best-of-runs": "The best of n against their mean and std",
    "best-counts": "The best network against the mean one",
    "summary": "Rows made of other rows",
    "derived": "Numbers that follow from others",
    "upper-bound": "Means above their upper bound",
    "difference": "Printed differences",
    "symmetry": "Symmetric tables",
    "diagonal": "Diagonals of symmetric tables",
    "setting": "Printed settings",
    "counts": "Counts of published cells",
    "fingerprint": "Counts of cells that nobody published",
    "unit": "Units of counts",
    "error-as-accuracy": "Errors and accuracies",
    "shifted-columns": "Numbers in the neighbouring column",
    "optimum": "The best of the table",
    "fixed-architecture": "Architectures looked up",
    "edge-counts": "What is on an architecture's edges",
    "attribution": "Rows of one architecture",
    "mixture": "Rows of a few architectures",
    "attainability": "What n architectures can have",
}


@dataclass(frozen=True)
class Audit:
    """What the rules found, by rule in their order and the gravest first; ``skipped``: rules that had no table."""

    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]


def audit(lines: Lines, table: TableValues | None) -> Audit:
    """Apply all rules to published rows; without the table, those that need none."""
    found = [finding for rule in RULES.values() for finding in _sorted(rule(lines))]
    if table is None:
        return Audit(tuple(found), tuple(TABLE_RULES))
    found += [finding for table_rule in TABLE_RULES.values() for finding in _sorted(table_rule(lines, table))]
    return Audit(tuple(found), ())


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))
