"""From a suite, its plan and the records found to verdicts, and from verdicts to an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from harness.analysis.bands import VERDICTS, Verdict
from harness.analysis.baselines import Baseline, BaselineVerdict, judge_baselines
from harness.analysis.cells import CellVerdict, TableVerdict
from harness.analysis.claims import ClaimVerdict, judge_claims, sides
from harness.analysis.evidence import Evidence, gather
from harness.analysis.hypotheses import HypothesisVerdict, cells, judge_hypotheses
from harness.analysis.outcomes import Outcome, digest
from harness.analysis.protocol import overrides
from harness.analysis.responses import trials_of
from harness.analysis.rows import judge_tables
from harness.analysis.series import Series, find_series
from harness.analysis.strength import TableMeans, capped_share, edge_strengths, measures_strength, table_means
from harness.benchmarks.ranking import Ranking
from harness.benchmarks.spec import NB201
from harness.methods.training import TrainingSpec
from harness.runner.integrity import problem
from harness.runner.plan import Plan
from harness.runner.record import Record
from harness.runner.trial import ProfileName
from harness.suite.loaded import LoadedSuite
from harness.suite.published import published_cells
from harness.suite.schema import Suite

if TYPE_CHECKING:
    from harness.benchmarks.nb201 import Nb201Table
    from harness.benchmarks.table import Table

Judged = CellVerdict | ClaimVerdict | HypothesisVerdict | BaselineVerdict
IN_BAND, OUT_OF_BAND, INCOMPLETE = 0, 1, 3


@dataclass(frozen=True)
class SuiteVerdict:
    """A suite under one profile: verdicts on published cells, claims and hypotheses, and against the baseline.

    ``means``: what the benchmark's table says of the operations on each edge; None where strength is not measured.
    ``ranking``: of reduced trainings; None where there are none, or nothing is recorded.
    """

    loaded: LoadedSuite
    profile_name: ProfileName
    follows_papers: bool
    evidence: Evidence
    tables: tuple[TableVerdict, ...]
    claims: tuple[ClaimVerdict, ...]
    hypotheses: tuple[HypothesisVerdict, ...]
    baselines: tuple[BaselineVerdict, ...]
    series: tuple[Series, ...]
    means: TableMeans | None = None
    ranking: Ranking | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the reader must know: of the plan, of records, and of bands that were changed after looking."""
        printed = {
            (f"{cell.column.dataset}/{cell.column.training_epochs}", cell.column.metric)
            for cell in published_cells(self.loaded.suite)
        }
        changed = (
            f"the band of {place}, {metric}, was changed after records existed; before: {band.before}"
            for place, of_metric in self.loaded.suite.bands.items()
            for metric, band in of_metric.items()
            if band.before is not None and (place, metric) in printed
        )
        ranked = [self.ranking.note] if self.ranking is not None and not self.embedded else []
        return (*self.evidence.notes, *changed, *ranked, *self._capped())

    def _capped(self) -> Iterator[str]:
        """Say of every row that measures strength how often its tuning ended before accuracies settled."""
        for row in self.evidence.plan.rows:
            trials = self.evidence.of_row(row)
            measured = edge_strengths(self.evidence.done(trials)) if measures_strength(trials) else []
            if measured:
                capped, tried = capped_share(measured)
                yield f"{row}: the cap of tuning bound on {capped} of {tried} discretisations ({capped / tried:.1%})"

    @property
    def embedded(self) -> bool:
        """Tell whether some trials ran on a stand-in for the suite's images."""
        return any(trial.embedded for trial in self.evidence.trials.values())

    @property
    def comparable(self) -> bool:
        """Tell whether the numbers may be compared with the papers'."""
        return self.follows_papers and not self.embedded

    @property
    def failed(self) -> list[Outcome]:
        """Return the failed trials."""
        return [outcome for outcome in self.evidence.outcomes.values() if not outcome.done]

    @property
    def planned(self) -> int:
        """Return the number of planned trials."""
        return len(self.evidence.trials)

    @property
    def done(self) -> int:
        """Return the number of trials that ended well."""
        return sum(outcome.done for outcome in self.evidence.outcomes.values())

    def published_cells(self) -> Iterator[CellVerdict]:
        """Yield the verdicts on published numbers."""
        cells = (cell for table in self.tables for row in table.rows for cell in row.cells)
        return (cell for cell in cells if cell is not None and cell.published is not None)

    def counts(self) -> Mapping[str, Mapping[Verdict, int]]:
        """Count the verdicts of ``cells``, ``claims``, ``hypotheses`` and ``baselines``, every word in its place."""
        kinds: dict[str, Iterable[Judged]] = {
            "cells": self.published_cells(),
            "claims": self.claims,
            "hypotheses": self.hypotheses,
            "baselines": self.baselines,
        }
        counted = {kind: Counter(item.verdict for item in items) for kind, items in kinds.items()}
        return {kind: {word: count[word] for word in VERDICTS} for kind, count in counted.items()}


def judge(
    loaded: LoadedSuite,
    profile_name: ProfileName,
    plan: Plan,
    records: Iterable[Record],
    baseline: Baseline | None = None,
    tables: Mapping[str, Table] | None = None,
    further: Plan | None = None,
    ranking: Ranking | None = None,
) -> SuiteVerdict:
    """Judge a suite by the records of a profile's plan; others may be among them, and are left out.

    ``tables``: the benchmarks', those that are at hand: records that say otherwise are named and not judged.
    ``further``: the plan of the claims' rows with the seeds of all looks; only claims look beyond the planned ones.
    ``ranking``: how well short trainings rank, as it was measured.
    ``records`` may be a generator: each record is boiled down at once, so that many never lie in memory together.
    Raises `HarnessError` for a record whose trajectory is broken.
    """
    planned = {trial.id for trial in (*plan.trials, *(further.trials if further else ()))}
    outcomes, rejected = {}, {}
    for record in records:
        if record.id in planned:
            if why := problem(record, tables or {}):
                rejected[record.id] = why
            else:
                outcomes[record.id] = digest(record)
    evidence = gather(plan, outcomes, rejected)
    beyond = gather(further, outcomes, rejected) if further else None
    suite, table = loaded.suite, (tables or {}).get(NB201)
    # A suite without profiles has no row that can be run, and so no number that needs the mark.
    comparable = profile_name not in suite.profiles or suite.profiles[profile_name].comparable
    series = find_series(suite, evidence)
    return SuiteVerdict(
        loaded=loaded,
        profile_name=profile_name,
        follows_papers=comparable,
        evidence=evidence,
        tables=judge_tables(loaded, comparable, evidence),
        claims=judge_claims(suite, evidence, beyond, _overridden(suite, evidence)),
        hypotheses=tuple(_hypotheses(suite, evidence)),
        baselines=judge_baselines(series, baseline),
        series=series,
        ranking=None if comparable else _covering(ranking, plan),
        means=table_means(cast("Nb201Table", table)) if table is not None and measures_strength(plan.trials) else None,
    )


def _covering(ranking: Ranking | None, plan: Plan) -> Ranking | None:
    """Return how well trainings of a plan rank, where some are those that were measured."""
    specs = [trial.spec for trial in plan.trials if isinstance(trial.spec, TrainingSpec)]
    return ranking if ranking is not None and any(map(ranking.covers, specs)) else None


def _hypotheses(suite: Suite, evidence: Evidence) -> list[HypothesisVerdict]:
    """Judge the hypotheses of a suite; what ran with overrides, or on a stand-in for images, shows nothing of one."""
    if not suite.hypotheses:
        return []
    left_out = {}
    for key, hypothesis in suite.hypotheses.items():
        rows = cells(suite, hypothesis)
        done = evidence.done([trial for row in rows for trial in evidence.of_row(row)])
        changed = dict.fromkeys(text for row in rows for text in overrides(suite, row, evidence))
        if done and changed:
            left_out[key] = f"overridden, {', '.join(changed)}"
        elif any(outcome.embedded for outcome in done):
            left_out[key] = f"{done[0].dataset} stands in for its images: this shows the machinery alone"
    return judge_hypotheses(suite, trials_of(suite, evidence), left_out)


def _overridden(suite: Suite, evidence: Evidence) -> dict[str, str]:
    """Say of which claims something ran with overrides: they are about the suite's searches."""
    changed = {
        key: dict.fromkeys(text for row in sides(claim) for text in overrides(suite, row, evidence))
        for key, claim in suite.claims.items()
    }
    return {key: f"overridden, {', '.join(texts)}" for key, texts in changed.items() if texts}


def exit_code(verdicts: Iterable[SuiteVerdict]) -> int:
    """Return 1 where a verdict is FAIL or a trial failed, else 3 where planned work is missing, else 0.

    DRIFT is a warning, UNDECIDED a question: neither counts, nor what cannot run at all (NOT RUN for a reason of the
    plan) and what no rule judges (NOT JUDGED).
    """
    code = IN_BAND
    for verdict in verdicts:
        counts = verdict.counts().values()
        if verdict.failed or any(count["FAIL"] for count in counts):
            return OUT_OF_BAND
        if verdict.done < verdict.planned or any(count["INCOMPLETE"] for count in counts):
            code = INCOMPLETE
    return code
