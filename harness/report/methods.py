"""The pages of methods: what each is, what its searches did, and where it is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from harness.analysis.cells import RowVerdict
from harness.analysis.verdicts import SuiteVerdict
from harness.report import curves
from harness.report.figure_view import view
from harness.report.links import explorer, method_page, paper_page, row_anchor, run_page

View = dict[str, Any]


def method_views(verdicts: Sequence[SuiteVerdict]) -> list[View]:
    """Return the methods of all rows in the order of the catalogue; ``view`` makes the rest of a page."""
    if not verdicts:
        return []
    catalogue = verdicts[0].loaded.catalogue
    used = {row.row.method for verdict in verdicts for table in verdict.tables for row in table.rows}
    names = [name for name in catalogue.methods if name in used]
    done = Counter(method for (method, _) in _done(verdicts))
    return [
        {
            "name": name,
            "page": method_page(name),
            "title": method.title,
            "paper": method.paper,
            "follows": method.follows,
            "parts": catalogue.own_parts(name),
            "extends": _link(method.extends, names),
            "done": f"{done[name]} trials done" if done[name] else "",
            "view": partial(_measured, verdicts, name),
        }
        for name, method in catalogue.methods.items()
        if name in names
    ]


def _link(name: str | None, names: Sequence[str]) -> View | None:
    return (name and {"name": name, "page": method_page(name) if name in names else None}) or None


def _done(verdicts: Sequence[SuiteVerdict]) -> set[tuple[str, str]]:
    outcomes = (outcome for verdict in verdicts for outcome in verdict.evidence.outcomes.values())
    return {(outcome.method, outcome.id) for outcome in outcomes if outcome.done}


def _measured(verdicts: Sequence[SuiteVerdict], method: str) -> View:
    return {
        "figures": list(_figures(verdicts, method)),
        "rows": [
            _row(verdict, table.table.title, row)
            for verdict in verdicts
            for table in verdict.tables
            for row in table.rows
            if row.row.method == method
        ],
        "explorer": explorer("trials", method=method),
    }


def _figures(verdicts: Sequence[SuiteVerdict], method: str) -> Iterator[View]:
    """Yield what its series find and how their weights move, of each space the first one edge by edge.

    What several suites have is shown once. Records hold the numbers.
    """
    shown, spaces = set[tuple[str, str]](), set[tuple[str, str]]()
    for verdict in verdicts:
        for series in (one for one in verdict.series if one.method == method and one.done):
            here = (series.dataset, series.settings)
            if here not in shown:
                shown.add(here)
                yield view(curves.series_figure(verdict, series)) | {"csv": ""}
            space = (verdict.profile_name, series.space.name)
            if space not in spaces:
                spaces.add(space)
                yield view(curves.edge_figure(verdict, series)) | {"csv": ""}


def _row(verdict: SuiteVerdict, table: str, row: RowVerdict) -> View:
    table_key, _, row_key = row.key.partition("/")
    paper = verdict.loaded.suite.tables[table_key].paper
    page = paper_page(paper) if verdict.follows_papers else run_page(verdict)
    cells = [cell for cell in row.cells if cell is not None and cell.published is not None]
    done = sum(trial in verdict.evidence.outcomes and verdict.evidence.outcomes[trial].done for trial in row.trials)
    return {
        "label": verdict.loaded.label(table_key, row_key),
        "table": table,
        "suite": f"{verdict.loaded.suite.suite}, {verdict.profile_name}",
        "page": f"{page}#{row_anchor(verdict, row.key)}",
        "done": f"{done} of {len(row.trials)}",
        "counts": Counter(cell.verdict for cell in cells),
    }
