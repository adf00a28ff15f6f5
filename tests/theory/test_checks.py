from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.theory.checks import CHECKS, FIGURES
from harness.theory.result import CheckResult, Figure

SUITES = Path(__file__).parents[2] / "suites"

# What this harness says of the papers. A change here is a change of a scientific statement.
NOT_PASSED = {
    "delve-recovery-cause": "FAIL",
    "delve-eq-9": "FAIL",
    "delve-eq-10": "FAIL",
    "delve-eq-13": "FAIL",
    "delve-multiples": "DRIFT",
    "single-darts-batch-norm": "FAIL",
    "single-darts-eq-8": "FAIL",
    "single-darts-theorem-4.2": "FAIL",
    "single-darts-theorem-4.3": "FAIL",
    "single-darts-eq-17": "FAIL",
    "single-darts-eq-19": "FAIL",
    "darts-pt-eq-18": "FAIL",
    "darts-pt-eq-20": "FAIL",
    "stacnas-eq-10": "FAIL",
}


@pytest.fixture(scope="module")
def results() -> dict[str, CheckResult]:
    return {name: check() for name, check in CHECKS.items()}


def suite_rows() -> dict[str, tuple[str, list[str], list[Any]]]:
    """Return check name -> (paper, columns, values) of every row of the suite."""
    suite = yaml.safe_load(next(SUITES.glob("*theory.yaml")).read_text())
    return {
        row["computation"]["check"]: (table["paper"], table["columns"], row.get("values", []))
        for table in suite["tables"].values()
        for row in table["rows"].values()
    }


def test_verdicts(results: dict[str, CheckResult]) -> None:
    assert {name: r.verdict for name, r in results.items() if r.verdict != "PASS"} == NOT_PASSED


def test_names_are_unique(results: dict[str, CheckResult]) -> None:
    from harness.theory import checks

    assert len(CHECKS) == len(checks._ALL)
    assert all(result.name == name for name, result in results.items())


def test_papers_are_the_suites() -> None:
    papers = yaml.safe_load((SUITES / "_base" / "papers.yaml").read_text())["papers"]
    assert {check.paper for check in CHECKS.values()} == set(papers)


def test_results_are_complete(results: dict[str, CheckResult]) -> None:
    for result in results.values():
        assert result.measured and result.rule and result.note and result.where, result.name
        assert set(result.published) <= set(result.measured), result.name
        assert all(math.isfinite(value) for value in result.measured.values()), result.name


def test_a_check_gives_the_same_numbers_again_whatever_ran_before(results: dict[str, CheckResult]) -> None:
    for name in ("single-darts-theorem-4.3", "delve-eq-9", "single-darts-eq-8"):
        assert CHECKS[name]() == results[name]


def test_the_suite_has_a_row_for_every_check_under_its_paper() -> None:
    rows = suite_rows()
    assert set(rows) == set(CHECKS)
    assert {name: row[0] for name, row in rows.items()} == {name: check.paper for name, check in CHECKS.items()}


def test_the_suite_prints_what_the_checks_compare_with(results: dict[str, CheckResult]) -> None:
    """Where the paper prints no number, the suite says that the statement holds."""
    for name, (_, columns, values) in suite_rows().items():
        if values:  # a table of our own has none
            printed = {c: float(v) for c, v in zip(columns, values, strict=True)}
            assert printed == (results[name].published or {"holds": 1.0}), name


def figures(results: dict[str, CheckResult]) -> list[Figure]:
    return [make() for make in FIGURES.values()] + [r.figure for r in results.values() if r.figure]


def test_figures_can_be_drawn(results: dict[str, CheckResult]) -> None:
    for figure in figures(results):
        assert figure.title and figure.x_label and figure.y_label and figure.lines
        assert len({line.label for line in figure.lines}) == len(figure.lines)
        for line in figure.lines:
            assert len(line.x) == len(line.y) > 0
            shown = [y for y in line.y if not math.isnan(y)]
            assert shown and all(map(math.isfinite, shown))
            assert figure.x_scale == "linear" or min(line.x) > 0
            assert figure.y_scale == "linear" or min(shown) > 0


def test_import_needs_neither_torch_nor_scipy() -> None:
    heavy = "{'torch', 'scipy', 'pandas', 'matplotlib'}"
    code = f"import harness.theory.checks, sys; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
