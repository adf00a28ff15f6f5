"""``published``: every printed number, where it is from, and what became of it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from harness.analysis.coverage import REPRODUCTIONS, Entry, by_table, coverage, settings
from harness.api.reader import Reader
from harness.api.request import Request
from harness.audit.consistency import CONSISTENCIES
from harness.report.export import PUBLISHED_FIELDS, published_row
from harness.text import markdown_table, no_formula


def list_published(request: Request, layout: str) -> int:
    """Print the numbers to stdout, the coverage to stderr; return 0."""
    evidence = Reader(request)
    listed = evidence.entries()
    sys.stdout.write(WRITERS[layout](listed))
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
    return ["" if value is None else str(value) for value in published_row(entry).values()]


def as_csv(listed: Sequence[Entry]) -> str:
    """Write one line per number, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PUBLISHED_FIELDS)
    writer.writerows(map(no_formula, _cells(entry)) for entry in listed)
    return text.getvalue()


def as_markdown(listed: Sequence[Entry]) -> str:
    """Write a table for a page of markdown."""
    return markdown_table(PUBLISHED_FIELDS, map(_cells, listed)) + "\n"


def as_json(listed: Sequence[Entry]) -> str:
    """Write one object per number, with the columns of the CSV as its keys."""
    return json.dumps([published_row(entry) for entry in listed], indent=1, ensure_ascii=False) + "\n"


WRITERS: Mapping[str, Callable[[Sequence[Entry]], str]] = {"csv": as_csv, "json": as_json, "md": as_markdown}
