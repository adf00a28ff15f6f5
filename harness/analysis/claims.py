"""Verdicts on the suite's ordinal claims, seed by seed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.bands import Verdict
from harness.analysis.evidence import Evidence
from harness.analysis.measures import claim_value
from harness.suite.schema import Claim, Measure, Suite


@dataclass(frozen=True)
class SeedMargin:
    """One seed: ``margin`` is how far left lies on the claimed side of right (negative: on the other)."""

    seed: int
    left: float
    right: float
    margin: float
    holds: bool


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim with its margins; ``planned``: the seeds that both sides should have."""

    key: str
    claim: Claim
    seeds: tuple[SeedMargin, ...]
    planned: tuple[int, ...]
    mean_margin: float | None
    verdict: Verdict
    reason: str


def judge_claims(suite: Suite, evidence: Evidence) -> tuple[ClaimVerdict, ...]:
    """Judge every claim of the suite; on the embedded digits none is judged."""
    return tuple(_judge(key, claim, suite, evidence) for key, claim in suite.claims.items())


def _judge(key: str, claim: Claim, suite: Suite, evidence: Evidence) -> ClaimVerdict:
    measures = [side for side in (claim.left, claim.right) if isinstance(side, Measure)]
    absent = next((text for side in measures if (text := _absent(side.row, evidence))), None)
    if absent is not None:
        return ClaimVerdict(key, claim, (), (), None, "NOT RUN", absent)
    sides = [_values(side, suite, evidence) for side in measures]
    planned = tuple(sorted(set.intersection(*(set(side) for side in sides))))
    margins = tuple(margin for seed in planned if (margin := _margin(claim, seed, sides)) is not None)
    mean = statistics.fmean(margin.margin for margin in margins) if margins else None
    verdict, reason = _verdict(claim, margins, planned, mean)
    if any(trial.embedded for side in measures for trial in evidence.of_row(side.row)):
        verdict, reason = "NOT JUDGED", "digits show the machinery and no claim"
    return ClaimVerdict(key, claim, margins, planned, mean, verdict, reason)


def _verdict(
    claim: Claim, margins: Sequence[SeedMargin], planned: Sequence[int], mean: float | None
) -> tuple[Verdict, str]:
    """PASS: holds for every seed; DRIFT: only for the mean; FAIL: not even there; all with the claim's margin."""
    holding = sum(margin.holds for margin in margins)
    count = f"holds for {holding} of {len(margins)} seeds"
    if not planned:
        return "NOT RUN", "the rows have no seed in common"
    if mean is None:
        return "NOT RUN", f"nothing measured yet: 0 of {len(planned)} seeds"
    if len(margins) < len(planned):
        missing = sorted(set(planned) - {margin.seed for margin in margins})
        return "INCOMPLETE", f"{count}; not measured: seed {', '.join(map(str, missing))}"
    if holding == len(planned):
        return "PASS", count
    return ("DRIFT", f"{count}, and in the mean") if _holds(claim, mean) else ("FAIL", f"{count}, not in the mean")


def _absent(row: str, evidence: Evidence) -> str | None:
    """Say why the plan has no trial for a row; None where it has some."""
    if row in evidence.plan.not_run:
        return f"{row}: {evidence.plan.not_run[row]}"
    return None if evidence.plan.rows.get(row) else f"{row}: not selected"


def _values(measure: Measure, suite: Suite, evidence: Evidence) -> Mapping[int, float | None]:
    """Return the value per planned seed; None where the trial is missing, failed or lacks the number."""
    table, _, row = measure.row.partition("/")
    stop = suite.tables[table].rows[row].stop
    trials = evidence.of_row(measure.row)
    done = {outcome.seed: outcome for outcome in evidence.done(trials)}
    return {t.seed: claim_value(done[t.seed], measure, stop) if t.seed in done else None for t in trials}


def _margin(claim: Claim, seed: int, sides: Sequence[Mapping[int, float | None]]) -> SeedMargin | None:
    left = sides[0][seed]
    right = sides[1][seed] if isinstance(claim.right, Measure) else claim.right
    if left is None or right is None:
        return None
    margin = left - right if claim.relation in (">", ">=") else right - left
    return SeedMargin(seed, left, right, margin, _holds(claim, margin))


def _holds(claim: Claim, margin: float) -> bool:
    return margin >= claim.margin if claim.relation in (">=", "<=") else margin > claim.margin
