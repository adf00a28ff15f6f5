"""The report as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.analysis.cells import RowVerdict, TableVerdict
from harness.analysis.outcomes import Outcome
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import Mark
from harness.audit.present import render_audit_section
from harness.report import curves, figures
from harness.report.declared import DeclaredFigure, declared_figures
from harness.report.panels import FigureData, to_csv
from harness.report.printed import (
    SETTING,
    Printed,
    coverage_rows,
    recomputed_rows,
    setting_rows,
    settings_rows,
    summary_lines,
)
from harness.report.provenance import environment_lines
from harness.report.views import (
    NOTHING,
    baseline_texts,
    claim_values,
    coverage,
    effect_text,
    failure_line,
    formula,
    heading,
    margin_text,
    profile_mark,
    remarks,
    row_view,
    search_columns,
    search_texts,
    table_heading,
    unit_heading,
)
from harness.runner.store import Store
from harness.suite.facts import sourced_settings
from harness.suite.loaded import LoadedSuite
from harness.suite.schema import Column

KINDS = ("cells", "claims", "baselines")


@dataclass(frozen=True)
class RecordLinks:
    """Relative links from the report's folder to the records; none where the records' folder is not known."""

    page_folder: Path
    results: Path | None

    def to(self, outcome: Outcome) -> str | None:
        """Return the link to a record."""
        if self.results is None:
            return None
        path = Store(self.results).path(outcome.profile, outcome.method, outcome.dataset, outcome.seed, outcome.id)
        return quote(Path(os.path.relpath(path, self.page_folder)).as_posix())


def render_page(verdicts: Sequence[SuiteVerdict], links: RecordLinks, printed: Printed | None = None) -> str:
    """Return the page; every text of suites and records is escaped. ``printed``: by default of the verdicts."""
    printed = printed or Printed.beside(verdicts)
    shown = _Shown(links, printed)
    loader = PackageLoader("harness.report", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    css = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        css=Markup(css),
        kinds=KINDS,
        nothing=NOTHING,
        environment=environment_lines(verdicts),
        summary=summary_lines(printed.listed),
        printed=coverage_rows(printed.listed),
        printed_settings=settings_rows(printed.listed),
        recomputed=recomputed_rows(printed.listed),
        contradicted=[SETTING, *setting_rows(printed.listed, ["CONTRADICTED"])],
        every_setting=[SETTING, *setting_rows(printed.listed)],
        rest=printed.rest,
        audit=_audit(shown),
        suites=[_suite(verdict, shown) for verdict in verdicts],
    )


class _Shown:
    """What the tables link to: records, and findings by their anchors on the page."""

    def __init__(self, links: RecordLinks, printed: Printed) -> None:
        self.links, self.marks, self.majorities = links, printed.marks, printed.majorities
        self.facts, self.of_facts = printed.facts, dict[str, str]()
        used = {mark.finding for mark in printed.marks.values()}
        self.findings = [f for f in printed.findings if f.severity != "info" or f in used]
        self.anchors = {finding: f"finding-{index}" for index, finding in enumerate(self.findings)}

    def anchor(self, mark: Mark | None) -> str | None:
        """Return the anchor of the finding that a mark rests on."""
        return self.anchors[mark.finding] if mark else None

    def sources(self, loaded: LoadedSuite, row: RowVerdict, place: str) -> dict[str, str] | None:
        """Return a row's settings with their sources as lines; ``like``: the place of a row that has the same ones.

        None where it is no search, or no sources are at hand.
        """
        table, _, name = row.key.partition("/")
        if self.facts is None or not self.facts.have(loaded.suite.suite, table, name):
            return None
        found = sourced_settings(self.facts, loaded, table, name)
        text = "\n".join(f"{key}: {json.dumps(value)}  [{source}]" for key, value, source in found)
        return {"text": text, "like": self.of_facts.setdefault(text, place)}


def _audit(shown: _Shown) -> list[dict[str, Any]]:
    """Return the findings by rule: what raises doubts, and apart from it what only explains a mark."""
    sections = []
    for section in render_audit_section(shown.findings):
        rows = [(shown.anchors[f], *texts) for f, texts in zip(section.findings, section.rows, strict=True)]
        grave = [row for row in rows if row[1] != "info"]
        said = [row for row in rows if row[1] == "info"]
        sections.append({"rule": section.rule, "title": section.title, "grave": grave, "said": said})
    return sections


def _suite(verdict: SuiteVerdict, shown: _Shown) -> dict[str, Any]:
    drawn = [curves.accuracy_figure(verdict), curves.magnitude_figure(verdict)]
    declared = declared_figures(verdict, shown.majorities)
    parts: dict[str, object] = {"claims": verdict.claims, "baselines": verdict.baselines}
    parts |= {"paper-figures": declared, "figures": drawn[0] or drawn[1]}
    return {
        "sections": [*(table.key for table in verdict.tables), *(name for name, part in parts.items() if part)],
        "id": f"{verdict.loaded.suite.suite}-{verdict.profile_name}",
        "profile": verdict.profile_name,
        "heading": heading(verdict),
        "mark": profile_mark(verdict),
        "coverage": coverage(verdict),
        "counts": verdict.counts(),
        "notes": verdict.notes,
        "tables": [_table(verdict, table, shown) for table in verdict.tables],
        "claims": list(_claims(verdict)),
        "baselines": _baselines(verdict),
        "searches": search_texts(verdict),
        "search_columns": search_columns(verdict),
        "failed": [failure_line(outcome) for outcome in verdict.failed],
        "paper_figures": [_declared(figure) for figure in declared],
        "figures": [_figure(data) for data in drawn if data is not None],
        "edge_figures": [_figure(data) for data in curves.edge_figures(verdict)],
    }


def _declared(figure: DeclaredFigure) -> dict[str, Any]:
    drawn = _figure(figure.data) if figure.data is not None else None
    if figure.drawing is not None:
        drawn = _drawn(figure.name, figure.heading, figure.drawing.svg(), figure.drawing.csv())
    return {"key": figure.key, "heading": figure.heading, "drawn": drawn, "waiting": figure.waiting}


def _figure(data: FigureData) -> dict[str, Any]:
    return _drawn(data.name, data.title, figures.to_svg(data), to_csv(data))


def _drawn(name: str, title: str, svg: str, data: str) -> dict[str, Any]:
    content = base64.b64encode(data.encode()).decode()
    return {"name": name, "title": title, "svg": Markup(svg), "data": f"data:text/csv;base64,{content}"}


def _table(verdict: SuiteVerdict, table: TableVerdict, shown: _Shown) -> dict[str, Any]:
    suite = verdict.loaded.suite
    return {
        "key": table.key,
        "title": table_heading(verdict, table),
        "authors": "" if table.table.number == "own" else f"{suite.papers[table.table.paper].authors}. ",
        "protocol": table.table.protocol,
        "columns": [_column(suite.columns[name]) for name in table.table.columns],
        "rows": [_row(verdict, row, shown) for row in table.rows],
    }


def _column(column: Column) -> dict[str, str]:
    return {"label": column.label, "unit": unit_heading(column)}


def _row(verdict: SuiteVerdict, row: RowVerdict, shown: _Shown) -> dict[str, Any]:
    view = row_view(verdict, row, shown.marks)
    methods = verdict.loaded.catalogue.methods
    method = methods.get(row.row.method) if row.row.method else None
    place = f"{verdict.loaded.suite.suite}-{verdict.profile_name}/{row.key}"
    return {
        "id": place,
        "view": view,
        "anchors": [shown.anchor(cell.audit) if cell else None for cell in view.cells],
        "command": view.command,
        "remarks": remarks(view),
        "trials": [_trial(verdict, trial_id, shown.links) for trial_id in row.trials],
        "follows": method.follows if method else None,
        "settings": _settings(verdict, row),
        "sources": shown.sources(verdict.loaded, row, place),
    }


def _trial(verdict: SuiteVerdict, trial_id: str, links: RecordLinks) -> dict[str, Any]:
    outcome = verdict.evidence.outcomes.get(trial_id)
    return {
        "seed": verdict.evidence.trials[trial_id].seed,
        "id": trial_id,
        "state": "not recorded" if outcome is None else outcome.status,
        "link": links.to(outcome) if outcome else None,
    }


def _settings(verdict: SuiteVerdict, row: RowVerdict) -> list[str]:
    """Return the resolved settings of a row's records as YAML, each text once; before a run, those of the plan."""
    outcomes = verdict.evidence.outcomes
    recorded = dict.fromkeys(outcomes[trial].setup for trial in row.trials if trial in outcomes)
    if recorded or not row.trials:
        return [_yaml(json.loads(setup)) for setup in recorded]
    return [_yaml({"search": verdict.evidence.trials[row.trials[0]].spec.model_dump(mode="json")})]


def _yaml(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def _claims(verdict: SuiteVerdict) -> Iterator[dict[str, Any]]:
    for item in verdict.claims:
        yield {
            "key": item.key,
            "text": item.claim.text,
            "source": item.claim.source,
            "formula": formula(item.claim),
            "values": claim_values(item),
            "mean": margin_text(item),
            "effect": effect_text(item),
            "verdict": item.verdict,
            "reason": item.reason,
        }


def _baselines(verdict: SuiteVerdict) -> dict[str, list[dict[str, Any]]]:
    """Return the verdicts against the baseline, by series in their order."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for item in verdict.baselines:
        series, *texts = baseline_texts(item)
        grouped.setdefault(series, []).append({"texts": texts, "verdict": item.verdict, "reason": item.reason})
    return grouped
