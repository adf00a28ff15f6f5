"""The list of printed numbers and its coverage, on the shipped suites: counts taken from the papers by hand."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from harness.analysis.coverage import Entry, coverage, entries
from harness.analysis.verdicts import judge
from harness.cli.published import COLUMNS, as_csv, as_markdown
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability
from harness.runner.plan import Selection, make_plan
from harness.suite.load import find_suites, load_suite

SUITES = Path(__file__).parents[2] / "suites"
# Printed numbers per table of the five papers, roman numerals as arabic; a mean with its std is one number.
PRINTED = {
    "single-darts": [54, 39, 16, 9, 32, 45],
    "darts-pt": [6, 70, 36, 6, 6],
    "sp-darts": [109, 11, 61, 9, 120, 24],
    "delve": [85, 106, 90, 27, 28],
    "stacnas": [5, 61, 30, 18, 6, 36],
}


@pytest.fixture(scope="module")
def listed() -> list[Entry]:
    nothing = DataAvailability({}, {})
    suites = [load_suite(path, load_catalogue()) for path in find_suites([SUITES])]
    plans = [(loaded, make_plan(loaded, "paper", Selection(), (), data=nothing)) for loaded in suites]
    return entries(judge(loaded, "paper", plan, []) for loaded, plan in plans)


@pytest.mark.parametrize("paper", PRINTED)
def test_every_table_has_as_many_numbers_as_are_printed(listed: list[Entry], paper: str) -> None:
    found = Counter(entry.table for entry in listed if entry.paper == paper and entry.table != "text")
    assert found == {f"T{i}": count for i, count in enumerate(PRINTED[paper], start=1)}


def test_no_printed_place_is_listed_twice_and_statements_are_not_numbers(listed: list[Entry]) -> None:
    assert len({entry.cell for entry in listed}) == len(listed)
    assert {entry.paper for entry in listed} == set(PRINTED)
    assert not [entry for entry in listed if entry.unit == "truth"]


def test_without_records_nothing_has_a_verdict(listed: list[Entry]) -> None:
    total = coverage(listed)[-1]
    assert total.paper == "all" and total.total == len(listed) and total.judged == 0
    assert sum(item.total for item in coverage(listed)[:-1]) == total.total


def test_csv_and_markdown_hold_every_number(listed: list[Entry]) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(listed))))
    assert tuple(rows[0]) == COLUMNS and len(rows) == len(listed)
    first = next(row for row in rows if (row["paper"], row["table"], row["row"]) == ("delve", "T1", "EX-DARTS"))
    assert first["n"] == "5" and first["unit"] == "s"
    assert as_markdown(listed).count("\n") == len(listed) + 2
