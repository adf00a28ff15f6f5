"""Verdicts on hypotheses about the factors of a design: one look at 5 seeds a cell, one more at 10 for what is open.

At each look Holm's correction over all hypotheses of the suite, once for them and once for their opposites, at half of
5%, as for claims (`harness.analysis.sequential`): one without its trials counts with p = 1, and so does one that was
decided at the first look. Intervals have a confidence of 97.5%, so that both looks together keep 95%.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.analysis.bands import Verdict
from harness.analysis.contrasts import Estimate, estimate
from harness.analysis.holm import step_down
from harness.errors import HarnessError
from harness.suite.hypotheses import DEFAULT_LEVELS, Hypothesis
from harness.suite.schema import Suite

if TYPE_CHECKING:
    from pandas import DataFrame

LOOKS = (5, 10)
ALPHA = 0.025  # of each look, for each direction
CONFIDENCE = 1 - ALPHA


@dataclass(frozen=True)
class HypothesisVerdict:
    """A hypothesis with what was found at the last look that was taken at it.

    ``seeds``: those of that look, 0 where none was taken. ``p``: for it and for its opposite, corrected by Holm.
    """

    key: str
    hypothesis: Hypothesis
    verdict: Verdict
    reason: str
    seeds: int = 0
    found: Estimate | None = None
    p: tuple[float, float] = (1.0, 1.0)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the interval of the effect."""
        return self.found.interval(CONFIDENCE) if self.found else None

    @property
    def size(self) -> str:
        """Say whether the effect is as large as would matter, by its interval: yes, no, or open."""
        if self.interval is None:
            return ""
        low, high = self.interval if self.hypothesis.relation != "<" else tuple(-b for b in reversed(self.interval))
        return "yes" if low >= self.hypothesis.least else "no" if high < self.hypothesis.least else "open"


def factors_of(suite: Suite, tables: Sequence[str]) -> list[str]:
    """Return the factors that every row of some tables has a level of."""
    rows = [{**DEFAULT_LEVELS, **row.levels} for table in tables for row in suite.tables[table].rows.values()]
    return [factor for factor in rows[0] if all(factor in levels for levels in rows)]


def judge_hypotheses(
    suite: Suite, trials: DataFrame, left_out: Mapping[str, str] = MappingProxyType({})
) -> list[HypothesisVerdict]:
    """Judge every hypothesis of a suite by its trials (`harness.analysis.responses.trials_of`).

    ``left_out``: which are not to be judged, and why; they count with p = 1.
    """
    verdicts = {key: HypothesisVerdict(key, of, "NOT RUN", "") for key, of in suite.hypotheses.items()}
    verdicts |= {key: replace(verdicts[key], verdict="NOT JUDGED", reason=why) for key, why in left_out.items()}
    for seeds in LOOKS:
        looked = {
            key: _look(suite, trials, verdict, seeds)
            for key, verdict in verdicts.items()
            if verdict.verdict not in ("PASS", "FAIL", "NOT JUDGED")
        }
        corrected = _corrected(list(verdicts), {key: v for key, v in looked.items() if v.seeds == seeds})
        for key, verdict in looked.items():
            verdicts[key] = _decided(verdict, corrected[key]) if verdict.seeds == seeds else verdict
    return list(verdicts.values())


def _look(suite: Suite, trials: DataFrame, before: HypothesisVerdict, seeds: int) -> HypothesisVerdict:
    """Estimate the effect from the first seeds; where trials are missing, keep what an earlier look found."""
    hypothesis = before.hypothesis
    planned, chosen = len(cells(suite, hypothesis)), of_cells(trials, hypothesis, seeds)
    done, wanted = len(chosen), seeds * planned
    if done < wanted:
        if before.reason:
            return before
        why = f"{done} of {wanted} trials of its cells, seeds 0 to {seeds - 1}"
        return HypothesisVerdict(before.key, hypothesis, "INCOMPLETE" if done else "NOT RUN", why)
    factors = factors_of(suite, hypothesis.tables)
    try:
        found = estimate(chosen, hypothesis.response, factors, hypothesis.effect, hypothesis.at)
    except HarnessError as error:
        return HypothesisVerdict(before.key, hypothesis, "UNDECIDED", str(error))
    return HypothesisVerdict(before.key, hypothesis, "UNDECIDED", "", seeds, found)


def cells(suite: Suite, hypothesis: Hypothesis) -> list[str]:
    """Return the rows of a hypothesis' cells, as ``table/row``."""
    return [
        f"{table}/{name}"
        for table in hypothesis.tables
        for name, row in suite.tables[table].rows.items()
        if counts(hypothesis, {**DEFAULT_LEVELS, **row.levels})
    ]


def counts(hypothesis: Hypothesis, levels: Mapping[str, str]) -> bool:
    """Tell whether a cell with such levels counts for a hypothesis."""
    return all(levels.get(factor) in of for factor, of in hypothesis.among.items())


def of_cells(trials: DataFrame, hypothesis: Hypothesis, seeds: int) -> DataFrame:
    """Return the trials of a hypothesis' cells with the first seeds and a known response."""
    if trials.empty:
        return trials
    chosen = trials[trials["table"].isin(hypothesis.tables) & (trials["seed"] < seeds)]
    for factor, levels in hypothesis.among.items():
        chosen = chosen[chosen[factor].isin(levels)]
    return chosen[chosen[hypothesis.response].notna()]


def _p_values(verdict: HypothesisVerdict) -> tuple[float, float]:
    """Return the p-values of a hypothesis and of its opposite."""
    found, hypothesis = verdict.found, verdict.hypothesis
    if found is None:
        return 1.0, 1.0
    bound = hypothesis.least if hypothesis.relation == "<=" else 0.0
    above, below = found.p_above(bound), found.p_below(bound)
    return (above, below) if hypothesis.relation == ">" else (below, above)


def _corrected(family: Sequence[str], looked: Mapping[str, HypothesisVerdict]) -> dict[str, tuple[float, float]]:
    raw = {key: _p_values(looked[key]) if key in looked else (1.0, 1.0) for key in family}
    ways = (step_down([raw[key][way] for key in family]) for way in (0, 1))
    return dict(zip(family, zip(*ways, strict=True), strict=True))


def _decided(verdict: HypothesisVerdict, p: tuple[float, float]) -> HypothesisVerdict:
    word: Verdict = "PASS" if p[0] <= ALPHA else "FAIL" if p[1] <= ALPHA else "UNDECIDED"
    reason = verdict.reason or f"adjusted p {p[0]:.2g}, of the opposite {p[1]:.2g}, at {verdict.seeds} seeds"
    return HypothesisVerdict(verdict.key, verdict.hypothesis, word, reason, verdict.seeds, verdict.found, p)
