"""The report's numbers as CSV: one row per trial and metric, and one row per verdict."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.aggregate import Summary
from harness.analysis.bands import Judgement
from harness.analysis.baselines import BaselineVerdict
from harness.analysis.cells import CellVerdict
from harness.analysis.claims import ClaimVerdict
from harness.analysis.coverage import Entry
from harness.analysis.hypotheses import HypothesisVerdict
from harness.analysis.measures import accuracy_at, magnitude_at
from harness.analysis.outcomes import Outcome
from harness.analysis.responses import RESPONSES
from harness.analysis.series import ACCURACY
from harness.analysis.verdicts import SuiteVerdict
from harness.report.views import claim_values, effect_text, formula, profile_mark
from harness.text import no_formula

Value = str | float | int | None
Fields = dict[str, Value]

RESULT_FIELDS = (
    *("suite", "profile", "comparable", "rows", "method", "dataset", "embedded", "seed", "trial", "status"),
    *("metric", "run", "value", "unit", "error", "overrides"),
)
PUBLISHED_FIELDS = (
    *("cell", "paper", "table", "row", "column", "mean", "std", "n", "unit", "protocol"),
    *("status", "reproduction", "consistency", "ours", "evidence", "note"),
)
VERDICT_FIELDS = (
    *("suite", "profile", "comparable", "kind", "table", "row", "column", "method", "paper", "source", "protocol"),
    *("metric", "dataset", "split", "training_epochs", "unit", "goal"),
    *("published", "published_mean", "published_std", "published_n", "ours_mean", "ours_population_std"),
    *("ours_sample_std", "ours_n", "ours_planned", "delta", "width", "verdict", "reason", "effect", "values", "note"),
    *("tolerance", "drift", "p_fail", "p_fail_corrected", "p_drift", "p_drift_corrected", "std_ratio", "std_ratio_low"),
    *("std_ratio_high", "evidence", "deviations", "overrides"),
)


def results_csv(verdicts: Sequence[SuiteVerdict]) -> str:
    """Return the tidy results: one row per trial, metric and run; a failed trial has one row, without a value.

    A search is one run; a computed trial may hold many, numbered from 0, and its metrics are named as in its record.
    """
    return _write(RESULT_FIELDS, result_rows(verdicts))


def result_rows(verdicts: Sequence[SuiteVerdict]) -> list[Fields]:
    """Return the rows of `results_csv`."""
    return [row for verdict in verdicts for row in _results(verdict)]


def verdicts_csv(verdicts: Sequence[SuiteVerdict]) -> str:
    """Return every verdict with the numbers behind it."""
    return _write(VERDICT_FIELDS, verdict_rows(verdicts))


def verdict_rows(verdicts: Sequence[SuiteVerdict]) -> list[Fields]:
    """Return a row per verdict; what a kind of verdict does not have is None."""
    return [dict.fromkeys(VERDICT_FIELDS) | row for verdict in verdicts for row in _verdicts(verdict)]


def _results(verdict: SuiteVerdict) -> Iterator[Fields]:
    shared = _common(verdict)
    for trial in verdict.evidence.trials.values():
        outcome = verdict.evidence.outcomes.get(trial.id)
        if outcome is None:
            continue
        common = shared | {
            "rows": " ".join(trial.rows),
            "method": outcome.method,
            "dataset": outcome.dataset,
            "embedded": "yes" if outcome.embedded else "no",
            "seed": outcome.seed,
            "trial": outcome.id,
            "status": outcome.status,
            "overrides": " ".join(trial.overrides),
            "error": (outcome.error or "").partition("\n")[0],
        }
        for metric, run, value, unit in _metrics(outcome):
            yield common | {"metric": metric, "run": run, "value": value, "unit": unit}


def _metrics(outcome: Outcome) -> Iterator[tuple[str, int, Value, str]]:
    if not outcome.done:
        yield "", 0, None, ""
        return
    for key in outcome.accuracy:
        yield f"{ACCURACY} {key}", 0, accuracy_at(outcome, key), "%"
    for cell, magnitudes in outcome.magnitude.items():
        of_cell = f" in {cell}" if len(outcome.magnitude) > 1 else ""
        for operation in magnitudes:
            yield f"magnitude {operation}{of_cell}", 0, magnitude_at(outcome, operation, cell), "1"
    for name, numbers in outcome.values.items():
        accuracy = name.count("/") == 2  # dataset/split/training epochs
        metric, unit = (f"{ACCURACY} {name}", "%") if accuracy else (name, "")
        yield from ((metric, run, number, unit) for run, number in enumerate(numbers))
    yield "search_seconds", 0, outcome.search_seconds, "s"
    yield "evaluation_seconds", 0, outcome.evaluation_seconds, "s"


def _verdicts(verdict: SuiteVerdict) -> Iterator[Fields]:
    common = _common(verdict)
    for table in verdict.tables:
        for row in table.rows:
            yield from (common | _cell(verdict, row.key, cell) for cell in row.cells if cell is not None)
    yield from (common | _claim(claim) for claim in verdict.claims)
    yield from (common | _hypothesis(item) for item in verdict.hypotheses)
    yield from (common | _baseline(item) for item in verdict.baselines)


def published_row(entry: Entry) -> Fields:
    """Return a printed number with its two marks; ``mean`` and ``std`` as printed."""
    values = (
        *(entry.cell, entry.paper, entry.table, entry.row, entry.column, *entry.value.printed, entry.n, entry.unit),
        *(entry.protocol, entry.status, entry.reproduction, entry.consistency, entry.ours),
        *(" ".join(entry.evidence), entry.note),
    )
    return dict(zip(PUBLISHED_FIELDS, values, strict=True))


def _common(verdict: SuiteVerdict) -> dict[str, Value]:
    comparable = profile_mark(verdict) or "yes"
    return {"suite": verdict.loaded.suite.suite, "profile": verdict.profile_name, "comparable": comparable}


def _cell(verdict: SuiteVerdict, row_key: str, cell: CellVerdict) -> Fields:
    suite = verdict.loaded.suite
    table, _, row = row_key.partition("/")
    column, published = suite.columns[cell.column], cell.published
    fields: dict[str, Value] = {
        "kind": "cell",
        "table": table,
        "row": row,
        "column": cell.column,
        "method": suite.tables[table].rows[row].method,
        "paper": suite.tables[table].paper,
        "metric": column.metric,
        "dataset": column.dataset,
        "split": column.split,
        "training_epochs": column.training_epochs,
        "unit": column.unit,
        "goal": column.goal,
        "verdict": cell.verdict,
        "reason": cell.reason,
    }
    if published is not None:
        fields |= {
            "source": published.source,
            "protocol": published.protocol,
            "published": published.value.text,
            "published_mean": published.value.mean,
            "published_std": published.value.std,
            "published_n": published.n,
            "note": published.note,
        }
    fields |= {
        "evidence": " ".join(cell.evidence),
        "deviations": "; ".join(deviation.text for deviation in cell.deviations),
        "overrides": " ".join(cell.overrides),
    }
    return fields | _summary(cell.ours) | _judgement(cell.judgement) | _tests(cell)


def _tests(cell: CellVerdict) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    if cell.judgement is not None:
        fields |= {"tolerance": cell.judgement.tolerance, "drift": cell.judgement.drift}
        for name, test in (("p_fail", cell.judgement.fails), ("p_drift", cell.judgement.drifts)):
            if test is not None:
                fields |= {name: test.raw, f"{name}_corrected": test.corrected}
    if cell.spread is not None and cell.spread.width is not None:
        names = ("std_ratio", "std_ratio_low", "std_ratio_high")
        ratios = (math.exp(cell.spread.delta + side * cell.spread.width) for side in (0, -1, 1))
        fields |= dict(zip(names, ratios, strict=True))
    return fields


def _claim(claim: ClaimVerdict) -> Fields:
    return {
        "kind": "claim",
        "row": claim.key,
        "source": claim.claim.source,
        "metric": formula(claim.claim),
        "ours_mean": claim.margin,
        "ours_n": claim.seeds,
        "verdict": claim.verdict,
        "reason": claim.reason,
        "effect": effect_text(claim) if claim.effect else None,
        "values": "; ".join(claim_values(claim)),
        "note": claim.claim.text,
    }


def _hypothesis(item: HypothesisVerdict) -> Fields:
    of, (low, high) = item.hypothesis, item.interval or (None, None)
    return {
        "kind": "hypothesis",
        "table": " ".join(of.tables),
        "row": item.key,
        "paper": of.paper,
        "source": of.source,
        "metric": of.response,
        "unit": RESPONSES[of.response][1],
        "delta": item.found.effect if item.found else None,
        "width": None if low is None or high is None else (high - low) / 2,
        "ours_n": item.seeds,
        "verdict": item.verdict,
        "reason": item.reason,
        "values": f"effect {of.relation} {of.least:g}"
        if of.relation == "<="
        else f"effect {of.relation} 0, matters from {of.least:g}",
        "note": of.text,
    }


def _baseline(item: BaselineVerdict) -> Fields:
    recorded = item.recorded
    fields: dict[str, Value] = {"kind": "baseline", "row": item.series, "metric": item.statistic}
    fields |= {"verdict": item.verdict, "reason": item.reason}
    if recorded is not None:
        fields |= {"published_mean": recorded.mean, "published_std": recorded.sample_std, "published_n": recorded.n}
    return fields | _summary(item.ours) | {"delta": item.delta}


def _summary(ours: Summary | None) -> dict[str, Value]:
    if ours is None:
        return {}
    return {
        "ours_mean": ours.mean,
        "ours_population_std": ours.population_std,
        "ours_sample_std": ours.sample_std,
        "ours_n": ours.n,
        "ours_planned": ours.planned,
    }


def _judgement(judgement: Judgement | None) -> dict[str, Value]:
    return {"delta": judgement.delta, "width": judgement.width} if judgement else {}


def _write(names: Sequence[str], rows: Iterable[Fields]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([no_formula(row.get(name)) for name in names] for row in rows)
    return text.getvalue()
