"""``published`` and the report's first screen: one list of numbers, whatever lies beside it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from harness.audit.finding import Finding
from harness.audit.published_rows import collect
from harness.audit.record import AuditRecord, number_checksums
from harness.methods.catalogue import load_catalogue
from harness.suite.load import load_suite

EXTRA = (
    "suite: extra\ntitle: Four more\npapers:\n  paper-b: {title: B, authors: Another}\nband: {kind: exact}\n"
    "columns:\n  size: {label: Params, metric: parameters, unit: M, goal: min}\n"
    "tables:\n  t1:\n    paper: paper-b\n    number: T1\n    title: Sizes\n    protocol: counted\n    columns: [size]\n"
    "    rows:\n"
) + "".join(f'      r{i}: {{method: null, label: "=Row {i}", values: ["{i}.50"]}}\n' for i in range(4))


def rows(project) -> list[dict[str, str]]:  # type: ignore[no-untyped-def]
    answer = project.cli("published", "--format", "csv")
    assert answer.code == 0
    return list(csv.DictReader(io.StringIO(answer.out)))


def test_the_list_is_the_same_whatever_lies_beside_it(project) -> None:  # type: ignore[no-untyped-def]
    before = rows(project)
    assert len(before) == 4 and {row["reproduction"] for row in before} == {"NOT RUN"}
    project.run("-m", "darts-v1")  # the reduced profile
    assert rows(project) == before
    project.cli("report", "-m", "darts-v1", "--out", "reports")
    page = (project.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert "0 of the 4 numbers printed in 1 paper" in page
    (project.folder / "suites" / "extra.yaml").write_text(EXTRA, encoding="utf-8")
    after = rows(project)
    assert [row for row in after if row["paper"] == "paper-a"] == before
    assert [row["mean"] for row in after if row["paper"] == "paper-b"] == ["0.50", "1.50", "2.50", "3.50"]


def test_a_record_of_the_papers_protocol_is_named(project) -> None:  # type: ignore[no-untyped-def]
    project.train()
    project.cli(
        "run",
        "suites/tiny.yaml",
        "--profile",
        "paper",
        "--jobs",
        "1",
        "--device",
        "cpu",
        "-m",
        "darts-v1",
        "--seeds",
        "0",
    )
    by_cell = {row["cell"]: row for row in rows(project)}
    found = by_cell["tiny:t1/darts/digits-test"]
    (path,) = [one for one in project.paths() if '"trajectory": null' in one.read_text()]  # that of the training
    assert found["status"] == "measured" and found["reproduction"] == "INCOMPLETE"
    assert found["evidence"] == path.relative_to(project.folder / "results").with_suffix("").as_posix()
    assert by_cell["tiny:t1/cdarts/digits-test"]["status"] == "not run, because it is another machine's"


def test_an_audit_stands_beside_numbers_that_came_since(project) -> None:  # type: ignore[no-untyped-def]
    lines = collect([load_suite(Path("suites/tiny.yaml"), load_catalogue())])
    finding = Finding("unit", "error", ("tiny:t1/cdarts/digits-test",), "in another unit", "inconsistent")
    audit = AuditRecord(harness="1", git=None, numbers=number_checksums(lines), table="t", findings=[finding])
    (project.folder / "results").mkdir()
    (project.folder / "results" / "audit.json").write_text(audit.model_dump_json())
    (project.folder / "suites" / "extra.yaml").write_text(EXTRA, encoding="utf-8")
    answer = project.cli("published")
    assert "4 numbers are new or were others then" in answer.err
    found = {row["cell"]: row for row in csv.DictReader(io.StringIO(answer.out))}
    assert found["tiny:t1/cdarts/digits-test"]["consistency"] == "CONTRADICTED"
    assert found["tiny:t1/cdarts/digits-test"]["evidence"] == "audit/unit"
    assert found["extra:t1/r0/size"]["consistency"] == "UNCHECKED"
    check = project.cli("check")
    assert "CONTRADICTED: CDARTS, digits, %" in check.out and "in another unit" in check.out


def without_the_paper(project, *changes: tuple[str, str]) -> None:  # type: ignore[no-untyped-def]
    """Leave the suite the reduced profile alone."""
    path = project.folder / "suites" / "tiny.yaml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("  paper:\n    comparable"), text.index("  reduced:\n")
    text = text[:start] + text[end:]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_numbers_are_printed_for_a_profile_that_can_be_held_against_them(project) -> None:  # type: ignore[no-untyped-def]
    without_the_paper(project)
    answer = project.cli("validate")
    assert answer.code == 2 and "missing key 'paper': numbers are printed" in answer.err


def test_a_suite_of_claims_alone_needs_no_profile_of_a_paper(project) -> None:  # type: ignore[no-untyped-def]
    without_the_paper(
        project,
        ('        values: ["50.00 ± 5.00"]\n', ""),
        ("number: T1", "number: own"),
        ("number: T2", "number: own"),
    )
    assert project.cli("validate").code == 0
    assert rows(project) == [] and project.cli("report", "--out", "reports").code == 0
