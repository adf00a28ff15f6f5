"""``check`` and ``report``: from records to verdicts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import typer

from harness.analysis.verdicts import exit_code
from harness.api.reader import Reader, baseline_path, load_baseline, store_baseline
from harness.api.request import Request
from harness.data.atomic import check_writable

__all__ = ["Reader", "baseline_path", "check_suites", "load_baseline", "report_suites", "store_baseline"]

PIPED_WIDTH = 160  # characters of a table where the output is no terminal


def check_suites(request: Request, *, record: bool) -> int:
    """Print the verdicts; with ``record`` first make the present state the baseline. Return the exit code."""
    from harness.report.check import render_check

    if record:
        for verdict in Reader(request).verdicts():
            store_baseline(verdict)
    evidence = Reader(request)
    verdicts = list(evidence.verdicts())
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else PIPED_WIDTH
    typer.echo(render_check(verdicts, evidence.marks(), width=width, colour=terminal), nl=False)
    return exit_code(verdicts)


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
    for path in write_report(verdicts, out, request.results, printed):
        typer.echo(str(path))
    return 0
