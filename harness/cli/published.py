"""``published``: every printed number, where it is from, and what became of it."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import asdict

from harness.analysis.coverage import Entry, coverage, entries
from harness.cli.judge import Evidence
from harness.cli.select import Request
from harness.text import no_formula

COLUMNS = (
    "paper", "table", "row", "column", "mean", "std", "n", "unit", "protocol", "status", "verdict", "note",
)  # fmt: skip


def list_published(request: Request, layout: str) -> int:
    """Print the numbers to stdout, the coverage to stderr; return 0."""
    evidence = Evidence(request)
    listed = entries(evidence.verdicts(), evidence.audited())
    sys.stdout.write(as_csv(listed) if layout == "csv" else as_markdown(listed))
    for line in coverage_lines(listed):
        print(line, file=sys.stderr)
    return 0


def coverage_lines(listed: Sequence[Entry]) -> list[str]:
    """Say per paper how many numbers have a verdict."""
    lines = []
    for item in coverage(listed):
        verdicts = ", ".join(f"{number} {word}" for word, number in sorted(item.verdicts.items()))
        lines.append(f"{item.paper}: {item.judged} of {item.total} printed numbers have a verdict ({verdicts})")
    return lines


def _cells(entry: Entry) -> list[str | float | None]:
    facts = asdict(entry)
    return [facts[name] for name in COLUMNS]


def as_csv(listed: Sequence[Entry]) -> str:
    """Write one line per number, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(no_formula, _cells(entry)) for entry in listed)
    return text.getvalue()


def as_markdown(listed: Sequence[Entry]) -> str:
    """Write a table for a page of markdown."""
    texts = (["" if cell is None else str(cell) for cell in _cells(entry)] for entry in listed)
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *texts]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
