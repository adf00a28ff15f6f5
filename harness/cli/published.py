"""``published``: every printed number, where it is from, and what became of it."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from harness.analysis.coverage import REPRODUCTIONS, Entry, by_table, coverage, settings
from harness.audit.consistency import CONSISTENCIES
from harness.cli.judge import Reader
from harness.cli.select import Request
from harness.text import no_formula

COLUMNS = (
    *("cell", "paper", "table", "row", "column", "mean", "std", "n", "unit", "protocol"),
    *("status", "reproduction", "consistency", "ours", "evidence", "note"),
)


def list_published(request: Request, layout: str) -> int:
    """Print the numbers to stdout, the coverage to stderr; return 0."""
    evidence = Reader(request)
    listed = evidence.entries()
    sys.stdout.write(as_csv(listed) if layout == "csv" else as_markdown(listed))
    for line in (*coverage_lines(listed), *settings_lines(listed)):
        print(line, file=sys.stderr)
    return 0


def settings_lines(listed: Sequence[Entry]) -> list[str]:
    """Say by table what other places say of the printed settings."""
    return [
        f"settings of {place}: {_counts(Counter(entry.consistency for entry in of_table), CONSISTENCIES)}"
        for place, of_table in by_table(settings(listed)).items()
    ]


def coverage_lines(listed: Sequence[Entry]) -> list[str]:
    """Say per paper how many numbers have which word, by mark."""
    return [
        f"{item.paper}: {item.total} printed numbers; reproduction: {_counts(item.reproduction, REPRODUCTIONS)}; "
        f"consistency: {_counts(item.consistency, CONSISTENCIES)}"
        for item in coverage(listed)
    ]


Word = TypeVar("Word", bound=str)


def _counts(counted: Mapping[Word, int], words: Sequence[Word]) -> str:
    return ", ".join(f"{counted[word]} {word}" for word in words if counted.get(word)) or "none"


def _cells(entry: Entry) -> list[str]:
    mean, std = entry.value.printed
    return [
        *(entry.cell, entry.paper, entry.table, entry.row, entry.column),
        *(mean, std, "" if entry.n is None else str(entry.n), entry.unit, entry.protocol),
        *(entry.status, entry.reproduction, entry.consistency, entry.ours, " ".join(entry.evidence), entry.note),
    ]


def as_csv(listed: Sequence[Entry]) -> str:
    """Write one line per number, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(no_formula, _cells(entry)) for entry in listed)
    return text.getvalue()


def as_markdown(listed: Sequence[Entry]) -> str:
    """Write a table for a page of markdown."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *map(_cells, listed)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
