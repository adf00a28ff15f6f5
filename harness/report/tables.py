"""Tables in their paper's layout, and claims, as templates show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.analysis.cells import RowVerdict, TableVerdict
from harness.analysis.claims import ClaimVerdict
from harness.analysis.coverage import cell_key
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import Mark
from harness.audit.finding import Finding
from harness.report.links import AUDIT, Records, explorer, method_page, row_anchor, row_trials, table_anchor
from harness.report.printed import Printed
from harness.report.views import (
    claim_values,
    effect_text,
    formula,
    margin_text,
    remarks,
    row_view,
    table_heading,
    unit_heading,
)
from harness.suite.facts import sourced_settings

Setting = tuple[str, str]  # as text, and who has it or why


class Tables:
    """Puts the tables of one page into words. ``findings``: the anchors of the audit's page.

    ``settings``: rows show those of the paper profile, with their sources.
    """

    def __init__(self, printed: Printed, records: Records, findings: dict[Finding, str], settings: bool = True) -> None:
        self.printed, self.records, self.findings = printed, records, findings
        self.facts = printed.facts if settings else None
        self.listed = {entry.cell for entry in printed.listed}

    def table(self, verdict: SuiteVerdict, table: TableVerdict) -> dict[str, Any]:
        """Return a table."""
        suite = verdict.loaded.suite
        columns = [suite.columns[name] for name in table.table.columns]
        settings = {row.key: self._settings(verdict, row) for row in table.rows}
        common = _common([of_row for of_row in settings.values() if of_row])
        return {
            "id": table_anchor(verdict, table.key),
            "key": table.key,
            "title": table_heading(verdict, table),
            "authors": "" if table.table.number == "own" else f"{suite.papers[table.table.paper].authors}. ",
            "protocol": table.table.protocol,
            "columns": [{"label": column.label, "unit": unit_heading(column)} for column in columns],
            "rows": [self._row(verdict, row) | _own(settings[row.key], common) for row in table.rows],
            "settings": _by_source(common),
        }

    def _row(self, verdict: SuiteVerdict, row: RowVerdict) -> dict[str, Any]:
        view = row_view(verdict, row, self.printed.marks)
        keys = [cell and cell_key(verdict, row, cell) for cell in row.cells]
        return {
            "id": row_anchor(verdict, row.key),
            "view": view,
            "numbers": [explorer("numbers", row=key) if key in self.listed else None for key in keys],
            "findings": [self.finding(cell.audit) if cell else None for cell in view.cells],
            "remarks": remarks(view),
            "trials": row_trials(verdict, row.key) if row.trials else None,
            "recorded": [self._trial(verdict, trial) for trial in row.trials if trial in verdict.evidence.outcomes],
            "method": _method(verdict, row),
        }

    def finding(self, mark: Mark | None) -> str | None:
        """Return the address of the finding that a mark rests on."""
        return f"{AUDIT}#{self.findings[mark.finding]}" if mark else None

    def _trial(self, verdict: SuiteVerdict, trial: str) -> dict[str, Any]:
        outcome = verdict.evidence.outcomes[trial]
        return {"seed": outcome.seed, "id": trial, "state": outcome.status, "link": self.records.link(trial)}

    def _settings(self, verdict: SuiteVerdict, row: RowVerdict) -> list[Setting]:
        """Return a row's settings under the paper profile, each with its source.

        Empty where it is no search, or no sources are at hand.
        """
        loaded, facts = verdict.loaded, self.facts
        table, _, name = row.key.partition("/")
        if facts is None or not loaded.searches(table, name) or not facts.have(loaded.suite.suite, table, name):
            return []
        found = sourced_settings(facts, loaded, table, name)
        return [(f"{key}: {json.dumps(value, ensure_ascii=False)}", source) for key, value, source in found]


def _common(rows: Sequence[list[Setting]]) -> list[Setting]:
    """Return the settings that all of several rows have."""
    return [setting for setting in rows[0] if all(setting in other for other in rows)] if len(rows) > 1 else []


def _own(of_row: Sequence[Setting], common: Sequence[Setting]) -> dict[str, dict[str, list[str]]]:
    return {"settings": _by_source([setting for setting in of_row if setting not in common])}


def _by_source(found: Sequence[Setting]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for text, source in found:
        grouped.setdefault(source, []).append(text)
    return grouped


def _method(verdict: SuiteVerdict, row: RowVerdict) -> dict[str, str] | None:
    method = verdict.loaded.catalogue.methods.get(row.row.method) if row.row.method else None
    if method is None or row.row.method is None:
        return None
    return {"title": method.title, "follows": method.follows, "page": method_page(row.row.method)}


def claims(verdict: SuiteVerdict, chosen: Sequence[ClaimVerdict]) -> list[dict[str, Any]]:
    """Return claims."""
    return [
        {
            "id": f"{verdict.loaded.suite.suite}-{verdict.profile_name}-claim-{item.key}",
            "text": item.claim.text,
            "source": item.claim.source,
            "formula": formula(item.claim),
            "values": claim_values(item),
            "mean": margin_text(item),
            "effect": effect_text(item),
            "verdict": item.verdict,
            "reason": item.reason,
        }
        for item in chosen
    ]
