"""``check`` and ``report``: from records to verdicts."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from harness.analysis.verdicts import SuiteVerdict, exit_code
from harness.api.reader import Reader, store_baseline
from harness.api.request import Request
from harness.cli.layout import emit_json, finite, terminal_width
from harness.data.atomic import check_writable
from harness.errors import HarnessError

PIPED_WIDTH = 160  # characters of a table where the output is no terminal


def check_suites(request: Request, layout: str, *, record: bool) -> int:
    """Print the verdicts; with ``record`` first make the present state the baseline. Return the exit code."""
    if record and request.overrides:
        raise HarnessError("--record-baseline: a baseline is of the suite as it stands, leave out --set")
    if record:
        for verdict in Reader(request).verdicts():
            store_baseline(verdict)
    evidence = Reader(request)
    verdicts = list(evidence.verdicts())
    _print(verdicts, evidence, layout)
    return exit_code(verdicts)


def _print(verdicts: Sequence[SuiteVerdict], evidence: Reader, layout: str) -> None:
    from harness.report.check import render_check
    from harness.report.export import verdict_rows, verdicts_csv

    if layout == "csv":
        sys.stdout.write(verdicts_csv(verdicts))
    elif layout == "json":
        emit_json([{key: finite(value) for key, value in row.items()} for row in verdict_rows(verdicts)])
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        text = render_check(verdicts, evidence.marks(), width=terminal_width(PIPED_WIDTH), colour=colour)
        typer.echo(text, nl=False)


def report_suites(request: Request, out: Path) -> int:
    """Write the report; return 0: `check` is what judges."""
    from harness.audit.majority import figure6a
    from harness.cli.audit import find_table
    from harness.report import write_report
    from harness.report.printed import Printed

    check_writable(out)
    evidence = Reader(request)
    verdicts = list(evidence.verdicts())
    table = find_table()
    majorities = figure6a(table) if table is not None else ()
    printed = Printed.of(list(evidence.printed(verdicts)), evidence.findings, majorities, evidence.facts)
    first, *others = write_report(verdicts, out, request.results, printed)
    typer.echo(str(first))
    typer.echo(f"{len(others)} more files beside it; open the first in a browser", err=True)
    return 0
