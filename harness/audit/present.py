"""Findings as rows of text, for the page, the terminal and files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from harness.audit.finding import SEVERITIES, Finding
from harness.audit.registry import TITLES
from harness.text import no_formula

FIELDS = ("rule", "severity", "verdict", "cells", "evidence")


@dataclass(frozen=True)
class AuditSection:
    """The findings of one rule, and in their order as text: rows of (severity, verdict, where, evidence)."""

    rule: str
    title: str
    counts: dict[str, int]
    findings: tuple[Finding, ...]
    rows: tuple[tuple[str, str, str, str], ...]


def render_audit_section(findings: Sequence[Finding]) -> list[AuditSection]:
    """Group findings by rule, in their order."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.rule, []).append(finding)
    return [_section(rule, group) for rule, group in groups.items()]


def _section(rule: str, group: Sequence[Finding]) -> AuditSection:
    counts = {severity: sum(f.severity == severity for f in group) for severity in reversed(SEVERITIES)}
    rows = tuple((f.severity, f.verdict, where(f.cells), f.evidence) for f in group)
    return AuditSection(rule, TITLES[rule], {key: value for key, value in counts.items() if value}, tuple(group), rows)


def where(cells: Sequence[str]) -> str:
    """Write cells short: the columns of a row together, the first rows by name."""
    rows: dict[str, list[str]] = {}
    for cell in cells:
        row, _, column = cell.rpartition("/")
        rows.setdefault(row, []).append(column)
    texts = [f"{row}/{','.join(columns)}" for row, columns in rows.items()]
    return "; ".join(texts[:3]) + (f"; and {len(texts) - 3} more rows" if len(texts) > 3 else "")


def as_csv(findings: Sequence[Finding]) -> str:
    """Write one line per finding, with a header; cells are separated by spaces."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    rows = ((f.rule, f.severity, f.verdict, " ".join(f.cells), f.evidence) for f in findings)
    writer.writerows(map(no_formula, row) for row in rows)
    return text.getvalue()


def as_json(findings: Sequence[Finding], skipped: Sequence[str]) -> str:
    """Write findings and skipped rules."""
    data = {"findings": [asdict(finding) for finding in findings], "skipped": list(skipped)}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
