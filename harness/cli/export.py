"""``export``: a table, or all verdicts, results and printed numbers, for a manuscript or an analysis."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.analysis.cells import TableVerdict
from harness.analysis.verdicts import SuiteVerdict
from harness.api.reader import Reader
from harness.api.request import Request
from harness.data.atomic import check_writable, replacing
from harness.errors import HarnessError, nearest
from harness.report.frames import paper_frame, published_frame, results_frame, verdict_frame
from harness.text import no_formula

if TYPE_CHECKING:
    from pandas import DataFrame

WHOLE = ("verdicts", "results", "published")


def export(request: Request, what: str, to: str, out: Path | None) -> int:
    """Write what is asked for into a file, or to stdout."""
    if to == "parquet" and out is None:
        raise HarnessError("--to parquet: name a file with --out, it is no text")
    if out is not None:
        check_writable(out.parent)
        if out.is_dir():
            raise HarnessError(f"--out {out}: is a folder")
    content = _content(_frame(request, what, to), to)
    if out is None:
        sys.stdout.write(content.decode())
        return 0
    with replacing(out) as temporary:
        temporary.write_bytes(content)
    typer.echo(str(out), err=True)
    return 0


def _frame(request: Request, what: str, to: str) -> DataFrame:
    evidence = Reader(request)
    if what == "published":
        return published_frame(list(evidence.printed()), evidence.marks())
    verdicts = list(evidence.verdicts())
    if what in WHOLE:
        return verdict_frame(verdicts) if what == "verdicts" else results_frame(verdicts)
    verdict, table = _find(verdicts, what)
    return paper_frame(verdict, table) if to == "latex" else verdict_frame([verdict], table.key)


def _find(verdicts: list[SuiteVerdict], name: str) -> tuple[SuiteVerdict, TableVerdict]:
    """Return the table that ``[SUITE/]TABLE`` names, of the profile with records, or asked for."""
    every = [(f"{v.loaded.suite.suite}/{table.key}", v, table) for v in verdicts for table in v.tables]
    found = [(full, v, table) for full, v, table in every if name in (full, table.key)]
    if not found:
        names = dict.fromkeys((*WHOLE, *(table.key for _, _, table in every)))
        raise HarnessError(f"no table {name!r}{nearest(name, names)}")
    if len({full for full, *_ in found}) > 1:
        raise HarnessError(f"{name!r} is a table of several suites: {', '.join(full for full, *_ in found)}")
    return found[0][1:]


def _content(frame: DataFrame, to: str) -> bytes:
    if to == "latex":
        text: str = frame.to_latex(escape=True, index=frame.index.name is not None, na_rep="")
        return text.replace("±", r"$\pm$").replace("—", "--").encode()
    if to == "parquet":
        stream = io.BytesIO()
        frame.to_parquet(stream, index=False)
        return stream.getvalue()
    text = frame.map(no_formula).to_csv(index=False, lineterminator="\n")
    return text.encode()
