"""Coverage with the audit's verdicts, and what the audit's findings decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.coverage import Entry, coverage, entries
from harness.audit.finding import Finding
from harness.audit.record import AuditRecord, cell_words, read_audit
from harness.errors import HarnessError


def finding(rule: str, severity: str, verdict: str, *cells: str) -> Finding:
    return Finding(rule, severity, cells, "because", verdict)  # type: ignore[arg-type]


def test_the_gravest_finding_decides_and_mere_possibility_does_not() -> None:
    words = cell_words(
        [
            finding("agreement", "info", "consistent", "s:t/a/x", "s:t/b/x"),
            finding("mixture", "warning", "attributed", "s:t/b/x"),
            finding("attribution", "error", "inconsistent", "s:t/c/x"),
            finding("agreement", "info", "consistent", "s:t/c/x"),
            finding("attainability", "info", "consistent", "s:t/d/x"),
            finding("mixture", "info", "unexplained", "s:t/e/x"),
        ]
    )
    assert {cell: word for cell, (word, _) in words.items()} == {
        "s:t/a/x": "PASS",
        "s:t/b/x": "DRIFT",
        "s:t/c/x": "FAIL",
    }
    assert words["s:t/c/x"][1] == "audit, attribution: because"


def test_a_measured_verdict_stands_and_the_audit_fills_the_rest() -> None:
    facts = {"paper": "p", "table": "T1", "row": "r", "column": "c", "mean": 1.0, "std": None, "n": None, "unit": "%",
             "protocol": "x", "status": "measured", "note": "kept"}  # fmt: skip
    listed = [Entry(cell="measured", verdict="FAIL", **facts), Entry(cell="open", verdict="NOT RUN", **facts)]

    import harness.analysis.coverage as module

    audited = {"measured": ("PASS", "a"), "open": ("PASS", "audit says so"), "other": ("FAIL", "b")}
    filled = [module._with_audit(entry, audited) for entry in listed]  # type: ignore[arg-type]
    assert [(e.verdict, e.audited) for e in filled] == [("FAIL", False), ("PASS", True)]
    assert filled[1].note == "kept; audit says so"
    total = coverage(filled)[-1]
    assert (total.judged, total.audited, total.total) == (2, 1, 2)
    assert entries([]) == []


def test_a_recorded_audit_reads_back_and_another_file_is_refused(tmp_path: Path) -> None:
    record = AuditRecord(
        harness="1", git=None, numbers="n", table="t", findings=[finding("unit", "info", "consistent", "a")]
    )
    file = tmp_path / "audit.json"
    assert read_audit(file) is None
    file.write_text(record.model_dump_json())
    assert read_audit(file) == record
    file.write_text("{}")
    with pytest.raises(HarnessError, match=r"audit\.json: not a recorded audit"):
        read_audit(file)
