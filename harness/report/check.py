"""What `check` prints: the verdicts as plain tables, in colour on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Literal

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.bands import VERDICTS, Verdict
from harness.analysis.cells import NOT_COMPARABLE, TableVerdict
from harness.analysis.coverage import Marks
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import CONSISTENCIES
from harness.report.views import (
    BASELINE_COLUMNS,
    CELLS,
    CLAIM_COLUMNS,
    HYPOTHESIS_COLUMNS,
    RowView,
    baseline_texts,
    claim_values,
    collapsed_lines,
    common_reason,
    consistency_line,
    counts_line,
    coverage,
    differences,
    effect_text,
    failure_line,
    formula,
    heading,
    hypothesis_texts,
    margin_text,
    profile_mark,
    row_view,
    search_columns,
    search_texts,
    table_heading,
    why,
)

COLOURS: dict[Verdict, str] = {
    "PASS": "green",
    "DRIFT": "yellow",
    "FAIL": "bold red",
    "UNDECIDED": "cyan",
    "INCOMPLETE": "magenta",
    "NOT RUN": "dim",
    "NOT JUDGED": "dim",
}
CONSISTENCY_COLOURS = {"COHERENT": "green", "CONTRADICTED": "bold red"}


def render_check(
    verdicts: Sequence[SuiteVerdict], marks: Marks | None = None, *, width: int = 160, colour: bool = False
) -> str:
    """Return both marks per table, claims with their values, and verdicts against baselines, as text.

    Text of suites and records is shown as it is: markup in it has no effect.
    """
    stream = StringIO()
    console = Console(
        file=stream, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False
    )
    for verdict in verdicts:
        for part in _parts(verdict, marks or {}):
            console.print(part)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _parts(verdict: SuiteVerdict, marks: Marks) -> Iterator[RenderableType]:
    yield Text(heading(verdict), style="bold")
    yield from (Text(f"note: {note}", style="yellow") for note in verdict.notes)
    for table in verdict.tables:
        yield ""
        yield from _table(verdict, table, marks)
    if verdict.claims:
        yield from ("", _claims(verdict))
    if verdict.hypotheses:
        yield from ("", _hypotheses(verdict))
    if verdict.baselines:
        yield from ("", _baselines(verdict))
    if searches := search_texts(verdict):
        grid = _grid(
            "searches: how they ended, by the last epoch, and how long they took (± sample std)",
            search_columns(verdict),
        )
        for texts in searches:
            grid.add_row(*map(Text, texts))
        yield from ("", grid)
    for outcome in verdict.failed:
        yield Text(f"failed: {failure_line(outcome)}")
    yield ""
    yield Text(f"{coverage(verdict)}; {counts_line(verdict)}")
    yield ""


def _table(verdict: SuiteVerdict, table: TableVerdict, marks: Marks) -> Iterator[RenderableType]:
    rows = [row_view(verdict, row, marks) for row in table.rows]
    mark = f" [{NOT_COMPARABLE}]" if profile_mark(verdict) else ""
    grid = _grid(f"{table.key}: {table_heading(verdict, table)}{mark}", CELLS)
    run = [row for row in rows if row.collapsed is None]
    common = common_reason(run)
    for row in run:
        _add_cells(grid, row, common)
    if common is not None:
        yield grid
        yield Text(f"  why, where nothing else is said: {common}", style="dim")
    else:
        yield Text(str(grid.title), style="bold")
        yield from [Text("  no number is printed in it")] * bool(run)
    for entry, row in zip(table.rows, rows, strict=True):
        if row.collapsed is None:
            yield from (Text(f"  {row.label}: {said}", style="yellow") for said in differences(entry))
    for (word, reason), alike in collapsed_lines(rows).items():
        said = consistency_line(alike)
        labels = ", ".join(row.label for row in alike)
        yield Text.assemble(f"  {labels}: ", _word(word), f": {reason}", f" ({said})" if said else "")
    for row in rows:
        yield from _contradictions(row)


def _add_cells(grid: Table, row: RowView, common: str | None) -> None:
    label = row.label
    for cell in row.cells:
        if cell is not None:
            texts = (label, cell.column, cell.paper, cell.ours, cell.delta, cell.width)
            word = cell.consistency or ""
            consistency = Text(word, style=CONSISTENCY_COLOURS.get(word, "dim"), no_wrap=True)
            grid.add_row(*map(Text, texts), _word(cell.verdict), consistency, Text(why(cell, common)))
            label = ""


def _contradictions(row: RowView) -> Iterator[Text]:
    """Say what contradicts the numbers of a row, each thing once."""
    reasons: dict[str, list[str]] = {}
    for cell in row.cells:
        if cell is not None and cell.audit is not None and cell.audit.word == "CONTRADICTED":
            reasons.setdefault(cell.audit.reason, []).append(cell.column)
    for reason, columns in reasons.items():
        yield Text(f"  CONTRADICTED: {row.label}, {'; '.join(columns)}: {reason}", style="red")


def _claims(verdict: SuiteVerdict) -> Table:
    grid = _grid("claims", CLAIM_COLUMNS)
    for claim in verdict.claims:
        what = Text(f"{claim.key}: {claim.claim.text}\n{formula(claim.claim)}")
        texts = ("\n".join(claim_values(claim)), margin_text(claim), effect_text(claim))
        grid.add_row(what, *map(Text, texts), _word(claim.verdict), Text(claim.reason))
    return grid


def _hypotheses(verdict: SuiteVerdict) -> Table:
    grid = _grid("hypotheses: effects of factors, corrected for all of them", HYPOTHESIS_COLUMNS)
    for item in verdict.hypotheses:
        what = Text(f"{item.key}: {item.hypothesis.text}")
        grid.add_row(what, *map(Text, hypothesis_texts(item)), _word(item.verdict), Text(item.reason))
    return grid


def _baselines(verdict: SuiteVerdict) -> Table:
    grid = _grid("baselines: what this profile gave when they were recorded (± sample std)", BASELINE_COLUMNS)
    shown = ""
    for item in verdict.baselines:
        series, *texts = baseline_texts(item)
        grid.add_row(*map(Text, ("" if series == shown else series, *texts)), _word(item.verdict), Text(item.reason))
        shown = series
    return grid


def _grid(title: str, names: Sequence[str]) -> Table:
    """Make an empty table; on a narrow terminal every column may wrap but the verdict."""
    grid = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        justify: Literal["left", "right"] = "right" if name in ("delta", "width") else "left"
        words = {"verdict": VERDICTS, "reproduction": VERDICTS, "consistency": CONSISTENCIES}.get(name, ())
        least = max(map(len, words), default=None)
        grid.add_column(name, justify=justify, min_width=least, overflow="fold")
    return grid


def _word(verdict: Verdict) -> Text:
    return Text(verdict, style=COLOURS[verdict], no_wrap=True)
