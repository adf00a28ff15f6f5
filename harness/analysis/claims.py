"""Verdicts on the suite's ordinal claims: exact tests, looks at 6 and 10 seeds a side, one family per suite."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from harness.analysis.bands import Verdict
from harness.analysis.evidence import Evidence
from harness.analysis.measures import claim_value
from harness.analysis.permutation import Effect, Sample, effect
from harness.analysis.sequential import ALPHA, LOOKS, Look, can_decide, seeds_needed, take_looks
from harness.methods.spec import SearchSpec
from harness.runner.trial import Trial
from harness.suite.schema import Claim, Measure, Suite


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim with what was measured of it.

    ``left``, ``right``: values by seed (a number on the right stands there as often), from seed 0 to the first that
    is missing on its side; the verdict rests on the first ``seeds`` of each. ``margin``: mean of the claimed side
    less the other, in the unit of the values. ``effect``: how often the claimed side is above the other by the
    claim's margin. ``next_look``: seeds a side that it is worth adding up to, None where no seeds would change it.
    ``trials``: ids behind the verdict, and the processor time (seconds) of each, None where it is not known.
    """

    key: str
    claim: Claim
    verdict: Verdict
    reason: str
    paired: bool = False
    left: tuple[float, ...] = ()
    right: tuple[float, ...] = ()
    seeds: int = 0
    margin: float | None = None
    effect: Effect | None = None
    next_look: int | None = None
    trials: Mapping[str, float | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class _Side:
    """The trials of a claim's side by seed, ``planned`` seeds by the suite's own plan, and the values from seed 0 on.

    ``seconds``: the processor time of each trial that is done, None of a resumed one or an older record.
    """

    trials: tuple[tuple[Trial, ...], ...]
    planned: int
    values: tuple[float, ...]
    seconds: Mapping[str, float | None]


def judge_claims(
    suite: Suite, evidence: Evidence, further: Evidence | None = None, left_out: Mapping[str, str] | None = None
) -> tuple[ClaimVerdict, ...]:
    """Judge the claims about rows that were selected, among all of the suite; on the embedded digits none is judged.

    ``further``: the same rows with more seeds than planned, where there are such. ``left_out``: why some are
    not judged; as those without values they make no other claim easier to pass.
    """
    left_out = left_out or {}
    found = {key: _sides(claim, suite, evidence, further or evidence) for key, claim in suite.claims.items()}
    samples = {key: None if key in left_out else _sample(suite.claims[key], both) for key, both in found.items()}
    looks = dict(zip(samples, take_looks(list(samples.values())), strict=True))
    return tuple(
        _judge(key, claim, found[key], samples[key], looks[key], len(suite.claims))
        if (absent := _absent(claim, evidence) or _left_out(left_out.get(key))) is None
        else ClaimVerdict(key, claim, *absent)
        for key, claim in suite.claims.items()
        if all(row in evidence.plan.rows or row in evidence.plan.not_run for row in sides(claim))
    )


def _measures(claim: Claim) -> list[Measure]:
    return [side for side in (claim.left, claim.right) if isinstance(side, Measure)]


def sides(claim: Claim) -> list[str]:
    """Return the rows that a claim is about."""
    return list(dict.fromkeys(measure.row for measure in _measures(claim)))


def _absent(claim: Claim, evidence: Evidence) -> tuple[Verdict, str] | None:
    """Say why nothing can be judged: a row without trials, or a stand-in for the images."""
    for row in sides(claim):
        if row in evidence.plan.not_run:
            return "NOT RUN", f"{row}: {evidence.plan.not_run[row]}"
        if not evidence.plan.rows.get(row):
            return "NOT RUN", f"{row}: no seed of it is selected"
        if any(trial.embedded for trial in evidence.of_row(row)):
            return "NOT JUDGED", "digits show the machinery and no claim"
    return None


def _left_out(why: str | None) -> tuple[Verdict, str] | None:
    return ("NOT JUDGED", why) if why else None


def _sides(claim: Claim, suite: Suite, evidence: Evidence, further: Evidence) -> list[_Side]:
    return [_side(measure, suite, evidence, further) for measure in _measures(claim)]


def _side(measure: Measure, suite: Suite, evidence: Evidence, further: Evidence) -> _Side:
    table, _, row = measure.row.partition("/")
    stop = suite.tables[table].rows[row].stop
    seeds = list(_by_seed(further.of_row(measure.row)).items())
    trials = tuple(of_seed for number, (seed, of_seed) in enumerate(seeds) if seed == number)
    done = {outcome.id: outcome for outcome in further.done(further.of_row(measure.row)) if not outcome.embedded}
    whole = takewhile(lambda of_seed: all(trial.id in done for trial in of_seed), trials)
    values = (claim_value([done[trial.id] for trial in of_seed], measure, stop) for of_seed in whole)
    known = tuple(value for value in takewhile(lambda value: value is not None, values) if value is not None)
    planned = len(_by_seed(evidence.of_row(measure.row)))
    return _Side(trials, planned, known, {key: outcome.cpu_seconds for key, outcome in done.items()})


def _by_seed(trials: Iterable[Trial]) -> dict[int, tuple[Trial, ...]]:
    """Group trials by seed, in the order of the seeds: a seed has several where each measures a part."""
    found: dict[int, tuple[Trial, ...]] = {}
    for trial in sorted(trials, key=lambda trial: trial.seed):
        found[trial.seed] = (*found.get(trial.seed, ()), trial)
    return found


def _sample(claim: Claim, found: Sequence[_Side]) -> Sample | None:
    """Put the side that is claimed to be the higher one first, less the claim's margin; None without values.

    A claim of more (``>``) must exceed its margin; one of no less (``>=``) may fall short by it.
    """
    left, right = _values(claim, found)
    seeds = min(len(left), len(right))
    if not seeds:
        return None
    higher, lower = (left, right) if claim.relation in (">", ">=") else (right, left)
    margin = claim.margin if claim.relation in (">", "<") else -claim.margin
    return Sample(tuple(value - margin for value in higher[:seeds]), lower[:seeds], _paired(claim, found))


def _values(claim: Claim, found: Sequence[_Side]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    left = found[0].values
    return left, found[1].values if isinstance(claim.right, Measure) else (claim.right,) * len(left)


def _paired(claim: Claim, found: Sequence[_Side]) -> bool:
    """Tell whether both sides are read from the same searches: then their seeds belong together."""
    if not isinstance(claim.right, Measure):
        return True
    left, right = ([_search(of_seed[0]) for of_seed in side.trials] for side in found)
    return bool(left) and all(a == b for a, b in zip(left, right, strict=False))


def _search(trial: Trial) -> tuple[object, ...]:
    """Return what a trial's weights and alpha depend on: neither a selection afterwards nor a diagnostic is part."""
    spec = trial.spec.supernet.model_copy(update={"diagnostics": ()}) if isinstance(trial.spec, SearchSpec) else None
    return spec or trial.spec, trial.dataset, trial.seed


def _judge(
    key: str, claim: Claim, found: Sequence[_Side], sample: Sample | None, looks: tuple[Look, ...], claims: int
) -> ClaimVerdict:
    decided = next((look for look in looks if look.word), None)
    seeds = decided.seeds if decided else sample.seeds if sample else 0
    left, right = _values(claim, found)
    verdict, reason = _word(found, sample, looks, claims)
    return ClaimVerdict(
        key,
        claim,
        verdict,
        reason,
        paired=_paired(claim, found),
        left=left,
        right=right,
        seeds=seeds,
        margin=_margin(claim, left[:seeds], right[:seeds]),
        effect=effect(sample.first(seeds)) if sample else None,
        next_look=None if decided else next((n for n in LOOKS if not sample or sample.seeds < n), None),
        trials={
            trial.id: side.seconds[trial.id] for side in found for of_seed in side.trials[:seeds] for trial in of_seed
        },
    )


def _margin(claim: Claim, left: Sequence[float], right: Sequence[float]) -> float | None:
    if not left or not right:
        return None
    difference = statistics.fmean(left) - statistics.fmean(right)
    return difference if claim.relation in (">", ">=") else -difference


def _word(found: Sequence[_Side], sample: Sample | None, looks: Sequence[Look], claims: int) -> tuple[Verdict, str]:
    """PASS: the claim is shown; FAIL: its opposite is; else what is missing."""
    if looks and (word := looks[-1].word):
        return word, f"{'' if word == 'PASS' else 'refuted: '}{_p_text(looks[-1], claims, word == 'FAIL')}"
    if not sample:
        return "NOT RUN", f"nothing measured yet: 0 of {min(side.planned for side in found)} seeds a side"
    short = [side for side in found if len(side.values) < side.planned]
    if short:
        count = " and ".join(f"{len(side.values)} of {side.planned}" for side in found)
        return "INCOMPLETE", f"{count} planned seeds measured without a gap"
    waits = next((n for n in LOOKS if sample.seeds < n), None)
    if waits is None:
        return "UNDECIDED", f"{_p_text(looks[-1], claims)}; {_outlook(sample.first(LOOKS[-1]), claims)}"
    said = [_p_text(looks[-1], claims)] if looks else []
    return "UNDECIDED", "; ".join([*said, f"{sample.seeds} seeds a side, the next look is at {waits}"])


def _p_text(look: Look, claims: int, opposite: bool = False) -> str:
    raw, corrected = look.raw[opposite], look.corrected[opposite]
    return f"p {raw:.2g}, {corrected:.2g} among {claims} claims, at {look.seeds} seeds a side"


def _outlook(sample: Sample, claims: int) -> str:
    """Say how many seeds would decide."""
    if not can_decide(sample.seeds, claims, paired=sample.paired):
        return f"{sample.seeds} seeds cannot go below {ALPHA:g} among {claims} claims"
    needed = seeds_needed(sample, claims)
    if needed is None:
        return "no number of seeds up to 1,000 would decide at this effect"
    return f"seeds: about {needed} a side would decide at this effect"
