"""What an audit says about published numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
Verdict = Literal["consistent", "attributed", "ambiguous", "unexplained", "inconsistent"]


@dataclass(frozen=True)
class Finding:
    """One statement on some cells.

    ``severity``: error: the numbers cannot all be true; warning: they disagree, or say something else than the paper
    does; info: what is true of them, or cannot be decided. ``cells``: their names, ``suite:table/row/column``;
    ``evidence``: one or two sentences with the numbers. ``blamed``: the cells among which the mistake must be, None
    where the rule cannot tell them from the others.
    """

    rule: str
    severity: Severity
    cells: tuple[str, ...]
    evidence: str
    verdict: Verdict
    blamed: tuple[str, ...] | None = None

    @property
    def suspects(self) -> tuple[str, ...]:
        """Return the cells that an error or a warning may be about; none for mere information."""
        if self.severity == "info":
            return ()
        return self.cells if self.blamed is None else self.blamed


def graded(rule: str, right: bool, severity: Severity, cells: tuple[str, ...], evidence: str) -> Finding:
    """Return a finding of something checked: information where it is right, else of the given severity."""
    if right:
        return Finding(rule, "info", cells, evidence, "consistent")
    return Finding(rule, severity, cells, evidence, "inconsistent")


def at_least(findings: Iterable[Finding], severity: Severity) -> list[Finding]:
    """Return the findings of a severity and of the graver ones."""
    kept = SEVERITIES[SEVERITIES.index(severity) :]
    return [finding for finding in findings if finding.severity in kept]


def by_cell(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return the findings of each cell, the gravest first."""
    cells: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: -SEVERITIES.index(f.severity)):
        for cell in finding.cells:
            cells.setdefault(cell, []).append(finding)
    return cells
