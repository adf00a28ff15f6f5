"""Write the report: the same records give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.analysis.verdicts import SuiteVerdict
from harness.data.atomic import replacing
from harness.report.printed import Printed


def write_report(
    verdicts: Sequence[SuiteVerdict],
    out: Path,
    results: Path | None = None,
    printed: Printed | None = None,
) -> list[Path]:
    """Write page, markdown, tables and pictures into ``out``; return their paths, the page first.

    ``results``: the folder of the records, for links to them. ``printed``: all printed numbers and the audit, by
    default the numbers of the verdicts under the paper profile. Files are replaced whole.
    """
    from harness.report.curves import collapse_figure
    from harness.report.declared import declared_figures
    from harness.report.export import results_csv, verdicts_csv
    from harness.report.figures import to_png
    from harness.report.markdown import render_markdown
    from harness.report.page import RecordLinks, render_page
    from harness.report.panels import to_csv

    printed = printed or Printed.beside(verdicts)
    contents: dict[str, bytes] = {
        "report.html": render_page(verdicts, RecordLinks(out, results), printed).encode(),
        "report.md": render_markdown(verdicts, printed).encode(),
        "results.csv": results_csv(verdicts).encode(),
        "verdicts.csv": verdicts_csv(verdicts).encode(),
    }
    for verdict in verdicts:
        data = collapse_figure(verdict)
        if data is not None:
            contents[f"{data.name}.png"] = to_png(data)
        for figure in declared_figures(verdict, printed.majorities):
            if figure.drawing is not None:
                contents[f"{figure.name}.png"] = figure.drawing.png()
                contents[f"{figure.name}.csv"] = figure.drawing.csv().encode()
            if figure.data is not None:
                contents[f"{figure.data.name}.png"] = to_png(figure.data)
                contents[f"{figure.data.name}.csv"] = to_csv(figure.data).encode()
    return [_write(out / name, content) for name, content in contents.items()]


def _write(path: Path, content: bytes) -> Path:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path
