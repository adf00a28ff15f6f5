"""Claims of a suite: from records to samples, words and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from harness.analysis import claims
from harness.analysis.claims import ClaimVerdict, sides
from harness.analysis.evidence import gather
from harness.analysis.outcomes import digest
from harness.analysis.sequential import LOOKS, take_looks
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.runner.plan import Filters, Plan, plan_further
from harness.runner.record import Record
from harness.runner.trial import ProfileName
from harness.suite.loaded import LoadedSuite
from tests.analysis import synthetic

# Six and ten seeds of a side that lies high, and of one that lies low.
HIGH = [90.0, 90.4, 91.3, 90.2, 91.1, 90.7, 90.5, 91.0, 90.9, 90.1]
LOW = [54.3, 60.2, 51.0, 54.3, 70.1, 54.3, 62.0, 54.3, 58.8, 66.6]


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedSuite:
    return synthetic.load(tmp_path)


@pytest.fixture
def planned(loaded: LoadedSuite) -> Plan:
    return synthetic.plan(loaded, "reduced")


def widened(loaded: LoadedSuite, planned: Plan, profile: ProfileName = "reduced") -> Plan:
    seeds = {row: LOOKS[-1] for row in planned.rows}
    return plan_further(loaded, planned, profile, seeds, (), data=synthetic.DATA)


def of(verdict: SuiteVerdict, key: str) -> ClaimVerdict:
    return next(item for item in verdict.claims if item.key == key)


def claim(
    key: str,
    loaded: LoadedSuite,
    planned: Plan,
    values: Mapping[str, Sequence[float]],
    profile: ProfileName = "reduced",
) -> ClaimVerdict:
    further = widened(loaded, planned, profile)
    records = synthetic.records_of(further, values)
    return of(judge(loaded, profile, planned, records, further=further), key)


def better(loaded: LoadedSuite, planned: Plan, left: Sequence[float], right: Sequence[float]) -> ClaimVerdict:
    return claim("better", loaded, planned, {"t1/exchanged": left, "t1/darts": right})


def grows(loaded: LoadedSuite, planned: Plan, finals: Sequence[float]) -> ClaimVerdict:
    further = widened(loaded, planned)
    trials = {trial.id: trial for trial in further.trials}
    records = [
        synthetic.record(trials[trial_id], weights=synthetic.weights_towards(1, final, epochs=4))
        for trial_id, final in zip(further.rows["t1/darts"], finals, strict=False)
    ]
    return of(judge(loaded, "reduced", planned, records, further=further), "grows")


def test_sides_apart_pass_at_the_first_look(loaded: LoadedSuite, planned: Plan) -> None:
    """1/924 among three claims is .0032; ten seeds are there, six are used."""
    found = better(loaded, planned, HIGH, LOW)
    assert (found.verdict, found.seeds, found.next_look, found.paired) == ("PASS", 6, None, False)
    assert found.reason == "p 0.0011, 0.0032 among 3 claims, at 6 seeds a side"
    assert found.margin == pytest.approx(sum(HIGH[:6]) / 6 - sum(LOW[:6]) / 6)
    assert found.effect is not None and found.effect.probability == 1.0
    assert len(found.trials) == 12


def test_the_opposite_shown_is_a_fail_that_says_refuted(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, LOW, HIGH)
    assert (found.verdict, found.seeds) == ("FAIL", 6)
    assert found.reason.startswith("refuted: p 0.0011")
    assert found.margin is not None and found.margin < 0
    assert found.effect is not None and found.effect.probability == 0.0


def test_what_is_left_out_counts_with_1(loaded: LoadedSuite, planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a claim without values: it makes no other one easier to pass (`tests/analysis/test_sequential.py`)."""
    further, values = widened(loaded, planned), {"t1/exchanged": HIGH, "t1/darts": LOW}
    records = synthetic.records_of(further, values)
    evidence = gather(further, {record.id: digest(record) for record in records}, {})
    families = []
    monkeypatch.setattr(claims, "take_looks", lambda family: families.append(family) or take_looks(family))
    found = claims.judge_claims(loaded.suite, evidence, None, {"grows": "overridden, epochs=1"})
    assert [sample is None for sample in families[0]] == [True, False, False]
    assert (found[0].verdict, found[0].reason) == ("NOT JUDGED", "overridden, epochs=1")
    assert found[1].verdict == "PASS"


def test_no_difference_stays_undecided_and_says_so(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, [60.0] * 10, [60.0] * 10)
    assert (found.verdict, found.seeds, found.next_look) == ("UNDECIDED", 10, None)
    assert "no number of seeds" in found.reason


def test_a_small_difference_says_how_many_seeds_it_would_take(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, [x + 4 for x in LOW], LOW)
    assert found.verdict == "UNDECIDED"
    assert "seeds: about" in found.reason


def test_between_the_looks_a_claim_waits_for_the_next(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, [x + 4 for x in LOW[:6]], LOW[:6])
    assert (found.verdict, found.next_look) == ("UNDECIDED", 10)
    assert "the next look is at 10" in found.reason


@pytest.mark.parametrize("seeds", [3, 5])
def test_before_the_first_look_nothing_is_decided(loaded: LoadedSuite, planned: Plan, seeds: int) -> None:
    """Three seeds that all hold were called PASS: by chance one time in eight."""
    found = better(loaded, planned, HIGH[:seeds], LOW[:seeds])
    assert (found.verdict, found.next_look) == ("UNDECIDED", 6)


def test_a_missing_planned_seed_is_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, HIGH[:3], LOW[:2])
    assert (found.verdict, found.reason) == ("INCOMPLETE", "3 of 3 and 2 of 3 planned seeds measured without a gap")


def test_nothing_measured_is_not_run(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, HIGH[:3], [])
    assert (found.verdict, found.next_look) == ("NOT RUN", 6)


def test_a_failed_seed_leaves_no_look_beyond_it(loaded: LoadedSuite, planned: Plan) -> None:
    """Seeds after a gap are no substitute: which ones fail may depend on how they go."""
    further = widened(loaded, planned)
    values = {"t1/exchanged": HIGH, "t1/darts": LOW}
    fourth = next(trial for trial in further.trials if trial.id == further.rows["t1/darts"][4])
    records = [r for r in synthetic.records_of(further, values) if r.id != fourth.id]
    found = of(judge(loaded, "reduced", planned, [*records, synthetic.failed(fourth)], further=further), "better")
    assert (found.verdict, found.seeds, found.next_look) == ("UNDECIDED", 4, 6)


def test_seeds_beyond_the_planned_ones_are_for_claims_alone(loaded: LoadedSuite, planned: Plan) -> None:
    further = widened(loaded, planned)
    records = synthetic.records_of(further, {"t1/exchanged": HIGH, "t1/darts": LOW})
    verdict = judge(loaded, "reduced", planned, records, further=further)
    cells = [cell for table in verdict.tables for row in table.rows for cell in row.cells if cell and cell.ours]
    assert max(cell.ours.n for cell in cells if cell.ours) == 3
    assert verdict.done <= verdict.planned == len(planned.trials)


def test_first_and_last_epoch_of_a_search_belong_together(loaded: LoadedSuite, planned: Plan) -> None:
    """From 1/5 to 0.6: by 0.1 more than the claim's margin in ten seeds, 1/1024; six cannot say it among three."""
    found = grows(loaded, planned, [0.6 + 0.01 * seed for seed in range(6)])
    assert (found.paired, found.verdict) == (True, "UNDECIDED")
    found = grows(loaded, planned, [0.6 + 0.01 * seed for seed in range(10)])
    assert (found.verdict, found.seeds) == ("PASS", 10)
    assert found.effect is not None and found.effect.low == pytest.approx(0.025**0.1)
    assert len(found.trials) == 10


def test_the_margin_must_be_exceeded(loaded: LoadedSuite, planned: Plan) -> None:
    """Growth by 0.05 is growth, but less than the claim's 0.1."""
    assert grows(loaded, planned, [0.25] * 10).verdict == "FAIL"


def test_below_a_number_with_a_margin(loaded: LoadedSuite, planned: Plan) -> None:
    """Below 60 by more than 1: signs of 59 - x."""
    assert claim("below", loaded, planned, {"t1/darts": [54.0, 58.0, 58.9, 50.0, 57.5] * 2}).verdict == "PASS"
    assert claim("below", loaded, planned, {"t1/darts": [59.1, 59.5, 70.0, 64.0, 59.2] * 2}).verdict == "FAIL"
    assert claim("below", loaded, planned, {"t1/darts": [54.0, 58.0, 58.9, 99.0, 57.5] * 2}).verdict == "UNDECIDED"


SIDE = "{{row: t1/{}, of: accuracy, dataset: cifar10, split: test, training_epochs: 200}}"
BETTER = f'">"\n    left: {SIDE.format("exchanged")}\n    right: {SIDE.format("darts")}\n    margin: 0\n'


@pytest.mark.parametrize(("relation", "sides"), [(">=", ("exchanged", "darts")), ("<=", ("darts", "exchanged"))])
def test_no_worse_may_fall_short_by_its_margin(relation: str, sides: tuple[str, str], tmp_path: Path) -> None:
    left, right = map(SIDE.format, sides)
    loaded = synthetic.load(
        tmp_path, (BETTER, f'"{relation}"\n    left: {left}\n    right: {right}\n    margin: 0.5\n')
    )
    planned = synthetic.plan(loaded, "reduced")
    steady = [60.0 + 0.01 * seed for seed in range(10)]
    assert better(loaded, planned, steady, steady).verdict == "PASS"
    assert better(loaded, planned, [x - 0.4 for x in steady], steady).verdict == "PASS"
    assert better(loaded, planned, [x - 0.6 for x in steady], steady).verdict == "FAIL"


def test_a_stop_rule_on_the_same_search_is_paired(tmp_path: Path) -> None:
    """One skip connection holds from epoch 1 on, whose architecture has 80 percent; the last one has 40."""
    loaded = synthetic.load(
        tmp_path, ("method: ex-darts\n", "method: darts-v1\n        stop: {name: skip-count, skips: 1}\n")
    )
    planned = synthetic.plan(loaded, "reduced")
    further = widened(loaded, planned)
    trials = {trial.id: trial for trial in further.trials}
    records = [synthetic.record(trials[i], 40.0, before=80.0) for i in further.rows["t1/darts"]]
    found = of(judge(loaded, "reduced", planned, records, further=further), "better")
    assert (found.left, found.right, found.paired) == ((80.0,) * 10, (40.0,) * 10, True)
    assert (found.verdict, found.seeds, len(found.trials)) == ("PASS", 10, 10)


def test_different_numbers_of_planned_seeds_are_filled_up_alike(loaded: LoadedSuite) -> None:
    """Five seeds of the one are planned, three of the other."""
    planned = synthetic.plan(loaded)
    found = claim("better", loaded, planned, {"t1/exchanged": HIGH[:6], "t1/darts": LOW[:6]}, "paper")
    assert found.verdict == "PASS"


def test_seeds_that_do_not_begin_at_0_are_no_sample(loaded: LoadedSuite) -> None:
    """Chosen seeds could be the ones that suit."""
    planned = synthetic.plan(loaded, "reduced", selection=Filters(seeds=(1, 2)))
    records = synthetic.records_of(planned, {"t1/exchanged": HIGH[:2], "t1/darts": LOW[:2]})
    found = of(judge(loaded, "reduced", planned, records), "better")
    assert (found.verdict, found.left) == ("NOT RUN", ())


def test_digits_support_no_claim(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced", data=synthetic.NO_DATA)
    records: list[Record] = [synthetic.record(trial, {"digits/test/5": 90.0}) for trial in planned.trials]
    verdict = judge(loaded, "reduced", planned, records)
    assert {(item.verdict, item.next_look) for item in verdict.claims} == {("NOT JUDGED", None)}
    assert "no claim" in verdict.claims[0].reason


def test_a_claim_on_a_row_that_cannot_run_is_not_run(tmp_path: Path) -> None:
    loaded = synthetic.load(
        tmp_path,
        ("left: {row: t1/exchanged, of: accuracy", "left: {row: t1/unrun, of: accuracy"),
    )
    planned = synthetic.plan(loaded, "reduced")
    found = claim("better", loaded, planned, {"t1/darts": LOW})
    assert (found.verdict, found.next_look) == ("NOT RUN", None)
    assert "no code computes it yet" in found.reason


def test_a_claim_on_a_row_that_was_not_selected_is_left_out(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced", selection=Filters(tables=("t2",)))
    found = {item.key for item in judge(loaded, "reduced", planned, []).claims}
    about_t2 = {key for key, item in loaded.suite.claims.items() if all(row.startswith("t2/") for row in sides(item))}
    assert found == about_t2 and "below" not in found


def test_a_selection_does_not_make_claims_easier(loaded: LoadedSuite) -> None:
    """They are corrected among all claims of the suite, whichever are shown."""
    values = {"t1/darts": LOW, "t1/exchanged": HIGH}
    whole = claim("better", loaded, synthetic.plan(loaded, "reduced"), values)
    part = claim("better", loaded, synthetic.plan(loaded, "reduced", selection=Filters(tables=("t1",))), values)
    assert f"among {len(loaded.suite.claims)} claims" in whole.reason
    assert whole.reason == part.reason and whole.verdict == part.verdict


def test_the_processor_time_is_that_of_the_trials_used(loaded: LoadedSuite, planned: Plan) -> None:
    """The wall time of a record that does not know better stands for nothing."""
    further = widened(loaded, planned)
    timed = synthetic.provenance(cpu_seconds=7.0)
    records = synthetic.records_of(further, {"t1/exchanged": HIGH})
    records += synthetic.records_of(further, {"t1/darts": LOW}, provenance=timed.model_dump())
    found = of(judge(loaded, "reduced", planned, records, further=further), "better")
    assert sorted(found.trials.values(), key=str) == [7.0] * 6 + [None] * 6
