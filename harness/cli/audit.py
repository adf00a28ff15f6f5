"""``audit``: test published numbers for internal truth."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.api.request import DEFAULT_SUITES
from harness.audit.finding import SEVERITIES, Finding, Severity, at_least
from harness.audit.present import AuditSection, as_csv, as_json, render_audit_section
from harness.audit.published_rows import PublishedRow, collect
from harness.audit.record import FILE, AuditRecord, number_checksums, read_audit
from harness.audit.registry import Audit, audit
from harness.audit.table import TableValues
from harness.data.atomic import check_writable
from harness.data.sources import DataMissing, data_root
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.runner import environment
from harness.runner.store import render, write_atomically
from harness.suite.load import find_suites, load_suite

INCOMPLETE = 3
STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def audit_suites(suites: Sequence[str] | None, severity: str, layout: str, record: Path | None) -> int:
    """Print what is found at a severity and above; return 3 where rules had to be skipped, else 0.

    ``record``: the folder of the records, to store all findings in.
    """
    if record is not None:
        check_writable(record)
    lines = collect([load_suite(path, load_catalogue()) for path in find_suites(suites or (DEFAULT_SUITES,))])
    table, checksum = _table()
    found = audit(lines, table)
    if record is not None:
        _store(found, lines, checksum, record)
    shown = at_least(found.findings, cast(Severity, severity))
    if layout == "csv":
        sys.stdout.write(as_csv(shown))
    elif layout == "json":
        sys.stdout.write(as_json(shown, found.skipped))
    else:
        _print(render_audit_section(shown))
    numbers = sum(len(line.numbers) for line in lines)
    typer.echo(_summary(found, shown, numbers), err=True)
    return INCOMPLETE if found.skipped else 0


def _store(found: Audit, lines: Sequence[PublishedRow], checksum: str | None, folder: Path) -> None:
    if checksum is None:
        raise HarnessError("an audit without the NAS-Bench-201 table is incomplete and not recorded")
    earlier = read_audit(folder / FILE)
    numbers = number_checksums(lines)
    lost = {number.partition(":")[0] for number in (earlier.numbers if earlier else ())}
    lost -= {number.partition(":")[0] for number in numbers}
    if lost:
        names = ", ".join(sorted(lost))
        raise HarnessError(f"{folder / FILE}: would lose the numbers of suites that are not asked for: {names}")
    audited = AuditRecord(
        harness=environment.version(),
        git=environment.revision(),
        numbers=numbers,
        table=checksum,
        findings=list(found.findings),
    )
    write_atomically(folder / FILE, render(audited.model_dump(mode="json")) + "\n")
    typer.echo(f"recorded: {folder / FILE}", err=True)


def find_table() -> TableValues | None:
    """Load the table; None, in silence, where there is none."""
    from harness.benchmarks.nb201 import Nb201Table, locate_table

    try:
        return TableValues.of(Nb201Table.load(locate_table(data_root())))
    except DataMissing:
        return None


def _table() -> tuple[TableValues | None, str | None]:
    """Load the table and its checksum; say loudly where there is none."""
    from harness.benchmarks.nb201 import Nb201Table, locate_table

    try:
        table = Nb201Table.load(locate_table(data_root()))
    except DataMissing as error:
        typer.echo(f"WARNING: {error}; every rule that recomputes from the table is SKIPPED", err=True)
        return None, None
    return TableValues.of(table), table.checksum


def _print(sections: Sequence[AuditSection]) -> None:
    """Print grouped tables to a terminal, plain lines to a pipe."""
    if sys.stdout.isatty():
        console = Console()
        for section in sections:
            console.print(_grouped(section))
        return
    for section in sections:
        typer.echo(f"{section.title} ({section.rule}): {_counted(section.counts)}")
        for severity, verdict, where, evidence in section.rows:
            typer.echo(f"  {severity}  {verdict}  {where}\n    {evidence}")


def _grouped(section: AuditSection) -> Table:
    table = Table(title=f"{section.title}: {_counted(section.counts)}", title_justify="left", expand=True)
    for name, ratio in (("severity", None), ("verdict", None), ("where", 2), ("evidence", 5)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for severity, *texts in section.rows:
        table.add_row(*map(Text, (severity, *texts)), style=STYLES[severity])
    return table


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {severity}" for severity, number in counts.items())


def _summary(found: Audit, shown: Sequence[Finding], numbers: int) -> str:
    counts: dict[str, int] = {s: sum(f.severity == s for f in found.findings) for s in reversed(SEVERITIES)}
    text = f"audit of {numbers} numbers: {_counted(counts)}"
    if len(shown) < len(found.findings):
        text += f"; {len(found.findings) - len(shown)} not shown (--severity info shows all)"
    if found.skipped:
        text += f"; {len(found.skipped)} rules SKIPPED for want of the table: {', '.join(found.skipped)}"
    return text
