"""The recorded audit: what of it stands when numbers change."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.audit.finding import Finding
from harness.audit.published_rows import PublishedRow
from harness.audit.record import AuditRecord, number_checksums, read_audit, standing
from harness.errors import HarnessError
from tests.audit.synthetic import SUITES, made_up, sample_row, suite_text, table_text


def lines(folder: Path, first: str = "93.51", extra: str = "", more: str = "") -> list[PublishedRow]:
    rows = sample_row("a", 3, [first], extra) + sample_row("b", 3, ["90.00"]) + more
    return made_up(folder, suite_text(table_text("t", rows, "cifar10-test")))


def finding(*rows: str) -> Finding:
    return Finding("unit", "error", tuple(f"made-up:t/{row}/cifar10-test" for row in rows), "because", "inconsistent")


def record(audited: list[PublishedRow]) -> AuditRecord:
    findings = [finding("a"), finding("b"), finding("a", "b")]
    return AuditRecord(harness="1", git=None, numbers=number_checksums(audited), table="t", findings=findings)


def test_an_unchanged_audit_stands(tmp_path: Path) -> None:
    found = standing(record(lines(tmp_path)), lines(tmp_path))
    assert found.findings == (finding("a"), finding("b"), finding("a", "b")) and found.changed == ()


@pytest.mark.parametrize("change", [{"first": "93.15"}, {"extra": "source: elsewhere, "}])
def test_a_changed_number_takes_its_own_findings_along_and_no_others(change: dict[str, str], tmp_path: Path) -> None:
    recorded = record(lines(tmp_path))
    found = standing(recorded, lines(tmp_path, **change))
    assert found.findings == (finding("b"),)
    assert found.changed == ("made-up:t/a/cifar10-test",)


def test_numbers_that_came_since_are_unaudited_and_leave_the_others_alone(tmp_path: Path) -> None:
    recorded = record(lines(tmp_path))
    found = standing(recorded, lines(tmp_path, more=sample_row("c", 3, ["80.00"])))
    assert len(found.findings) == 3 and found.changed == ("made-up:t/c/cifar10-test",)


def test_the_shipped_audit_is_of_the_shipped_numbers(shipped: list[PublishedRow]) -> None:
    recorded = read_audit(SUITES.parent / "results" / "audit.json")
    assert recorded is not None
    assert standing(recorded, shipped).changed == (), "run: python -m harness audit --record"


def test_a_recorded_audit_reads_back_and_another_file_is_refused(tmp_path: Path) -> None:
    recorded = record(lines(tmp_path))
    file = tmp_path / "audit.json"
    assert read_audit(file) is None
    file.write_text(recorded.model_dump_json())
    assert read_audit(file) == recorded
    for other in ("{}", '{"schema_version": 1}'):
        file.write_text(other)
        with pytest.raises(HarnessError, match=r"audit\.json: not a recorded audit"):
            read_audit(file)
