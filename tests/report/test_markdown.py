"""The markdown twin of the page."""

from __future__ import annotations

import re

from harness.analysis.verdicts import SuiteVerdict
from harness.report.markdown import render_markdown


def test_tables_are_regular(paper: SuiteVerdict, reduced: SuiteVerdict) -> None:
    """Every row of a table has as many cells as its head; escaped bars do not count."""
    width = 0
    for line in render_markdown([paper, reduced]).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        if not line.startswith("|"):
            width = 0
        elif not width:
            width = cells
        else:
            assert cells == width, line


def test_verdicts_stand_beside_both_numbers(paper: SuiteVerdict) -> None:
    text = render_markdown([paper])
    assert "| 54.30 ± 0.00 (n = 3) | 54.30 ± 0.24 (3 of 3) | +0.00 | — | DRIFT | UNCHECKED |" in text
    assert "- Never run: NOT RUN: " in text


def test_reduced_sections_are_marked(reduced: SuiteVerdict) -> None:
    text = render_markdown([reduced])
    tables = re.split(r"^### ", text, flags=re.M)[1:4]
    assert all("not comparable with the paper" in table for table in tables)
    assert "not comparable with the paper" in next(line for line in text.splitlines() if line.startswith("## "))


def test_rows_come_with_their_command(paper: SuiteVerdict) -> None:
    assert "--profile paper -t t1 -m darts-v1 --seeds 0-2`" in render_markdown([paper])
