"""The report as markdown, for pull requests and terminals."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.cells import TableVerdict
from harness.analysis.claims import ClaimVerdict
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.record import AuditRecord, cell_words
from harness.report.declared import declared_figures
from harness.report.printed import coverage_rows, rest_line
from harness.report.provenance import environment_lines
from harness.report.views import (
    BASELINE_COLUMNS,
    CLAIM_COLUMNS,
    SEARCH_COLUMNS,
    baseline_texts,
    claim_values,
    collapsed_lines,
    common_reason,
    counts_line,
    coverage,
    effect_text,
    failure_line,
    formula,
    heading,
    margin_text,
    profile_mark,
    row_view,
    search_texts,
    table_heading,
    why,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")


def render_markdown(verdicts: Sequence[SuiteVerdict], audit: AuditRecord | None = None) -> str:
    """Return the whole report; text of suites and records is escaped."""
    lines = ["# Report", ""]
    for verdict in verdicts:
        lines += [f"- {_safe(heading(verdict))}: {_safe(coverage(verdict))}; {_safe(counts_line(verdict))}"]
    lines += ["", *(f"- {_safe(line)}" for line in environment_lines(verdicts)), "", *_printed(verdicts, audit)]
    for verdict in verdicts:
        lines += _suite(verdict)
    return "\n".join(lines).rstrip() + "\n"


def _suite(verdict: SuiteVerdict) -> Iterator[str]:
    yield from (f"## {_safe(heading(verdict))}", "")
    mark = profile_mark(verdict)
    if mark:
        yield from (f"**{_safe(mark)}**", "")
    yield from (f"> {_safe(note)}\n" for note in verdict.evidence.plan.notes)
    for table in verdict.tables:
        yield from _table(verdict, table)
    yield from _claims(verdict)
    yield from _baselines(verdict)
    yield from _searches(verdict)
    yield from _figures(verdict)
    if verdict.failed:
        yield from ("### Failed trials", "", *(f"- {_safe(failure_line(outcome))}" for outcome in verdict.failed), "")


def _table(verdict: SuiteVerdict, table: TableVerdict) -> Iterator[str]:
    yield from (f"### {_safe(table_heading(verdict, table))}", "")
    mark = profile_mark(verdict)
    yield from (f"{_safe(table.table.protocol)}.{f' **{_safe(mark)}**' if mark else ''}", "")
    rows = [row_view(verdict, table, row) for row in table.rows]
    cells = [(row, cell) for row in rows for cell in row.cells if cell is not None and row.collapsed is None]
    common = common_reason([row for row in rows if row.collapsed is None])
    if cells:
        yield from (f"Where the last column says nothing else: {_safe(str(common))}.", "")
        yield from _grid(
            ("row", "column", "paper", "ours mean ± std (n)", "delta", "width", "verdict", "why"),
            ((r.label, c.column, c.paper, c.ours, c.delta, c.width, c.verdict, why(c, common)) for r, c in cells),
        )
    for (word, reason), alike in collapsed_lines(rows).items():
        yield f"- {_safe(', '.join(row.label for row in alike))}: {word}: {_safe(reason)}"
    for row in rows:
        if row.command is not None:
            notes = f" {_safe('; '.join(row.notes))}." if row.notes else ""
            yield f"- {_safe(row.label)}:{notes} Run with `{row.command}`"
    yield ""


def _printed(verdicts: Sequence[SuiteVerdict], audit: AuditRecord | None) -> Iterator[str]:
    audited = dict(cell_words(audit.findings)) if audit else None
    rows, rest = coverage_rows(verdicts, audited), rest_line(verdicts)
    if rows:
        yield from ("## Printed numbers with a verdict", "")
        yield from _grid(rows[0], rows[1:])
    if rest:
        yield from (f"{rest}.", "")


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
        yield from _grid(SEARCH_COLUMNS, searches)


def _figures(verdict: SuiteVerdict) -> Iterator[str]:
    figures = declared_figures(verdict)
    if figures:
        mark = profile_mark(verdict)
        yield from ("### The papers' figures", "", *([f"**{_safe(mark)}**", ""] if mark else []))
    for figure in figures:
        if figure.data is not None:
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
