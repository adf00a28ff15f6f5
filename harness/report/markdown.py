"""The report as markdown, for pull requests and terminals."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.cells import TableVerdict
from harness.analysis.claims import ClaimVerdict
from harness.analysis.coverage import Marks
from harness.analysis.verdicts import SuiteVerdict
from harness.report.declared import declared_figures
from harness.report.printed import SETTING, Printed, coverage_rows, setting_rows, settings_rows, summary_lines
from harness.report.provenance import environment_lines
from harness.report.views import (
    BASELINE_COLUMNS,
    CELLS,
    CLAIM_COLUMNS,
    baseline_texts,
    claim_values,
    collapsed_lines,
    common_reason,
    consistency_line,
    counts_line,
    coverage,
    effect_text,
    failure_line,
    formula,
    heading,
    margin_text,
    profile_mark,
    row_view,
    search_columns,
    search_texts,
    table_heading,
    why,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")


def render_markdown(verdicts: Sequence[SuiteVerdict], printed: Printed | None = None) -> str:
    """Return the whole report; text of suites and records is escaped. ``printed``: by default of the verdicts."""
    printed = printed or Printed.beside(verdicts)
    lines = ["# Report", "", *_printed(printed)]
    for verdict in verdicts:
        lines += [f"- {_safe(heading(verdict))}: {_safe(coverage(verdict))}; {_safe(counts_line(verdict))}"]
    lines += ["", *(f"- {_safe(line)}" for line in environment_lines(verdicts)), ""]
    for verdict in verdicts:
        lines += _suite(verdict, printed)
    return "\n".join(lines).rstrip() + "\n"


def _suite(verdict: SuiteVerdict, printed: Printed) -> Iterator[str]:
    yield from (f"## {_safe(heading(verdict))}", "")
    mark = profile_mark(verdict)
    if mark:
        yield from (f"**{_safe(mark)}**", "")
    yield from (f"> {_safe(note)}\n" for note in verdict.notes)
    for table in verdict.tables:
        yield from _table(verdict, table, printed.marks)
    yield from _claims(verdict)
    yield from _baselines(verdict)
    yield from _searches(verdict)
    yield from _figures(verdict, printed)
    if verdict.failed:
        yield from ("### Failed trials", "", *(f"- {_safe(failure_line(outcome))}" for outcome in verdict.failed), "")


def _table(verdict: SuiteVerdict, table: TableVerdict, marks: Marks) -> Iterator[str]:
    yield from (f"### {_safe(table_heading(verdict, table))}", "")
    mark = profile_mark(verdict)
    yield from (f"{_safe(table.table.protocol)}.{f' **{_safe(mark)}**' if mark else ''}", "")
    rows = [row_view(verdict, row, marks) for row in table.rows]
    cells = [(row, cell) for row in rows for cell in row.cells if cell is not None and row.collapsed is None]
    common = common_reason([row for row in rows if row.collapsed is None])
    if cells:
        yield from (f"Where the last column says nothing else: {_safe(str(common))}.", "")
        yield from _grid(
            CELLS,
            (
                (r.label, c.column, c.paper, c.ours, c.delta, c.width, c.verdict, c.consistency or "", why(c, common))
                for r, c in cells
            ),
        )
    for (word, reason), alike in collapsed_lines(rows).items():
        labels, said = _safe(", ".join(row.label for row in alike)), consistency_line(alike)
        yield f"- {labels}: {word}: {_safe(reason)}{f' ({said})' if said else ''}"
    for row in rows:
        if row.command is not None:
            notes = f" {_safe('; '.join(row.notes))}." if row.notes else ""
            yield f"- {_safe(row.label)}:{notes} Run with `{row.command}`"
    yield ""


def _printed(printed: Printed) -> Iterator[str]:
    rows = coverage_rows(printed.listed)
    yield from (f"- **{word}**: {_safe(text)}" for word, text in summary_lines(printed.listed))
    if rows:
        yield from ("", "## Printed numbers, reproduction and consistency", "")
        yield from _grid(rows[0], rows[1:])
    if settings := settings_rows(printed.listed):
        yield from ("## Printed settings", "")
        yield from _grid(settings[0], settings[1:])
        yield from _grid(SETTING, setting_rows(printed.listed, ["CONTRADICTED"]))
    if printed.rest:
        yield from (f"{printed.rest}.", "")


def _claims(verdict: SuiteVerdict) -> Iterator[str]:
    if verdict.claims:
        yield from ("### Claims", "")
        yield from _grid(
            CLAIM_COLUMNS,
            (
                (_claim(c), "; ".join(claim_values(c)), margin_text(c), effect_text(c), c.verdict, c.reason)
                for c in verdict.claims
            ),
        )


def _claim(claim: ClaimVerdict) -> str:
    return f"{claim.claim.text}: {formula(claim.claim)}"


def _baselines(verdict: SuiteVerdict) -> Iterator[str]:
    if verdict.baselines:
        yield from ("### Against the recorded baseline (± sample std)", "")
        yield from _grid(
            BASELINE_COLUMNS,
            ((*baseline_texts(item), item.verdict, item.reason) for item in verdict.baselines),
        )


def _searches(verdict: SuiteVerdict) -> Iterator[str]:
    if searches := search_texts(verdict):
        mark = profile_mark(verdict)
        yield from ("### Searches", "", f"By the last epoch, ± sample std.{f' **{_safe(mark)}**' if mark else ''}", "")
        yield from _grid(search_columns(verdict), searches)


def _figures(verdict: SuiteVerdict, printed: Printed) -> Iterator[str]:
    figures = declared_figures(verdict, printed.majorities)
    if figures:
        mark = profile_mark(verdict)
        yield from ("### The papers' figures", "", *([f"**{_safe(mark)}**", ""] if mark else []))
    for figure in figures:
        if figure.drawing is not None:
            yield from (f"![{_safe(figure.heading)}]({figure.name}.png)", "", _safe(figure.drawing.caption), "")
        elif figure.data is not None:
            yield from (f"![{_safe(figure.heading)}]({figure.data.name}.png)", "", _safe(figure.data.caption), "")
        else:
            yield from (f"NOT RUN: {_safe(figure.heading)}. Waits for {_safe('; '.join(figure.waiting))}", "")


def _grid(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(_safe(cell) for cell in row)} |"
    yield ""


def _safe(text: str) -> str:
    """Take the meaning of markdown and HTML from a text, and put it on one line."""
    return html.escape(_SPECIAL.sub(r"\\\1", " ".join(text.split())), quote=False)
