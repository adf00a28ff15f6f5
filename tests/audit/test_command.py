"""``audit`` as its users meet it."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from harness.audit.finding import Finding, at_least, by_cell
from harness.audit.present import AuditSection, render_audit_section
from harness.audit.published_rows import collect
from harness.audit.record import FILE
from harness.audit.registry import TABLE_RULES, Audit
from harness.cli.audit import _store
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.suite.load import load_suite
from tests.audit.conftest import needs_data
from tests.audit.synthetic import SUITES

IMAGENET, STACNAS = SUITES / "imagenet.yaml", SUITES / "stacnas.yaml"


def test_without_the_table_rules_are_skipped_aloud(project) -> None:  # type: ignore[no-untyped-def]
    answer = project.cli("audit", STACNAS)
    assert answer.code == 3
    assert "HARNESS_DATA is not set" in answer.err and "SKIPPED" in answer.err
    assert all(rule in answer.err for rule in TABLE_RULES)
    assert "best 1.77" in answer.out and "the best of n" in answer.out.lower()
    assert "info" not in answer.out and "not shown" in answer.err


@pytest.mark.parametrize(("severity", "expected"), [("info", {"info", "warning", "error"}), ("error", {"error"})])
def test_severity(project, severity: str, expected: set[str]) -> None:  # type: ignore[no-untyped-def]
    answer = project.cli("audit", STACNAS, "--format", "csv", "--severity", severity)
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert {row["severity"] for row in rows} == expected
    assert list(rows[0]) == ["rule", "severity", "verdict", "cells", "evidence"]
    assert all(cell.startswith("stacnas:") for row in rows for cell in row["cells"].split())


def test_json(project) -> None:  # type: ignore[no-untyped-def]
    answer = project.cli("audit", IMAGENET, "--format", "json")
    data = json.loads(answer.out)
    assert set(data["skipped"]) == set(TABLE_RULES)
    assert {finding["rule"] for finding in data["findings"]} == {"summary", "counts", "fingerprint"}
    summaries = [finding["cells"] for finding in data["findings"] if finding["rule"] == "summary"]
    assert summaries[0] == ["imagenet:single-darts-t2/single-darts-best/flops"]


@pytest.mark.parametrize("words", [["--severity", "grave"], ["--format", "xml"], ["no-such.yaml"]])
def test_wrong_usage(project, words: list[str]) -> None:  # type: ignore[no-untyped-def]
    answer = project.cli("audit", *words)
    assert answer.code == 2 and answer.out == ""


@pytest.mark.realdata
@needs_data
def test_with_the_table_findings_do_not_change_the_exit_code(project, monkeypatch, request) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("HARNESS_DATA", REAL)
    answer = project.cli("audit", SUITES / "nb201.yaml")
    assert answer.code == 0 and "SKIPPED" not in answer.err
    answer = project.cli("audit", STACNAS)
    assert answer.code == 0 and "error" in answer.out


REAL = os.environ.get("HARNESS_DATA", "")

A = Finding("agreement", "info", ("s:t/r/a", "s:t/r/b", "s:t/q/a"), "fine", "consistent")
B = Finding("agreement", "error", ("s:t/r/b",), "wrong", "inconsistent")
C = Finding("mixture", "warning", ("s:t/r/b",), "odd", "ambiguous")


def test_findings_of_cells_the_gravest_first() -> None:
    assert by_cell([A, C, B]) == {"s:t/r/a": [A], "s:t/q/a": [A], "s:t/r/b": [B, C, A]}
    assert at_least([A, B, C], "warning") == [B, C] and at_least([A, B, C], "info") == [A, B, C]


def test_rows_of_a_page() -> None:
    first, second = render_audit_section([A, B, C])
    assert first == AuditSection(
        "agreement",
        "One quantity printed twice",
        {"error": 1, "info": 1},
        (A, B),
        (("info", "consistent", "s:t/r/a,b; s:t/q/a", "fine"), ("error", "inconsistent", "s:t/r/b", "wrong")),
    )
    assert second.rule == "mixture"


def test_a_record_of_some_suites_does_not_replace_one_of_all(tmp_path: Path) -> None:
    lines = [collect([load_suite(path, load_catalogue())]) for path in (IMAGENET, STACNAS)]
    nothing = Audit(findings=(), skipped=())
    _store(nothing, [*lines[0], *lines[1]], "a" * 16, tmp_path)
    before = (tmp_path / FILE).read_text()
    with pytest.raises(HarnessError, match=r"audit\.json: would lose the numbers of suites .*: stacnas$"):
        _store(nothing, lines[0], "a" * 16, tmp_path)
    assert (tmp_path / FILE).read_text() == before
