"""Verdicts on hypotheses: two looks, one family, and what is said where trials are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from harness.analysis.hypotheses import ALPHA, judge_hypotheses
from harness.methods.catalogue import load_catalogue
from harness.suite.load import load_suite
from tests.analysis import recovery

SUITE = load_suite(Path(__file__).parents[2] / "suites" / "why.yaml", load_catalogue()).suite


def trials(seeds: int = 5, seed: int = 0) -> pd.DataFrame:
    return recovery.draw(SUITE, np.random.default_rng(seed), seeds)


def test_without_trials_nothing_was_run() -> None:
    found = {v.key: (v.verdict, v.reason) for v in judge_hypotheses(SUITE, pd.DataFrame())}
    assert set(found) == set(SUITE.hypotheses)
    assert found["bi-level"] == ("NOT RUN", "0 of 135 trials of its cells, seeds 0 to 4")
    assert found["sharpness-noise"] == ("NOT RUN", "0 of 160 trials of its cells, seeds 0 to 4")  # quiet and noisy


def test_trials_that_are_missing_are_counted_and_nothing_is_said() -> None:
    some = trials().iloc[1:]  # the core lacks one of them
    found = {v.key: v for v in judge_hypotheses(SUITE, some)}
    assert (found["bi-level"].verdict, found["bi-level"].reason) == (
        "INCOMPLETE", "134 of 135 trials of its cells, seeds 0 to 4")  # fmt: skip
    assert found["bi-level"].found is None and found["depth-gap"].verdict == "PASS"


def test_a_trial_whose_response_is_unknown_is_missing() -> None:
    some = trials()
    some.loc[(some["table"] == "core") & (some["seed"] == 2) & (some["update"] == "joint"), "accuracy"] = np.nan
    assert {v.key: v.reason for v in judge_hypotheses(SUITE, some)}["bi-level"].startswith("126 of 135 trials")


def test_all_hypotheses_are_one_family() -> None:
    """Corrected p-values are Holm's of all ten; one without trials counts with 1."""
    core, random = trials()[lambda t: t["table"] == "core"].copy(), np.random.default_rng(0)
    joint, exchanged = core["update"] == "joint", (core["weights"] == "w-exchanged") & (core["alpha"] == "a-exchanged")
    core["accuracy"] = 90 + 0.5 * joint + 1.2 * exchanged - 1.2 * (joint & exchanged) + random.normal(0, 1, len(core))
    found = {v.key: v for v in judge_hypotheses(SUITE, core)}
    looked = [v for v in found.values() if v.found is not None]
    assert [v.key for v in looked] == ["bi-level", "exchanged-rates", "bi-level-at-exchanged-rates"]
    raw = [v.found.p_above() if v.hypothesis.relation == ">" else v.found.p_below() for v in looked if v.found]
    wanted = multipletests([*raw, *[1.0] * (len(found) - 3)], method="holm")[1][:3]
    assert [v.p[0] for v in looked] == pytest.approx(list(wanted)) and sum(p < 1 for p in wanted) >= 2
    assert all((v.verdict == "PASS") == (v.p[0] <= ALPHA) for v in looked)


def test_what_is_left_out_counts_with_1() -> None:
    """As if it had no trials: it makes no other hypothesis easier to pass."""
    some = trials()
    left_out = {v.key: v for v in judge_hypotheses(SUITE, some, {"depth-gap": "overridden"})}
    without = {v.key: v for v in judge_hypotheses(SUITE, some.assign(skip=np.nan))}
    assert (left_out["depth-gap"].verdict, left_out["depth-gap"].p) == ("NOT JUDGED", (1.0, 1.0))
    others = [key for key in SUITE.hypotheses if SUITE.hypotheses[key].response != "skip"]
    assert len(others) == 9 and all(left_out[key].p == without[key].p for key in others)


def test_what_is_decided_at_the_first_look_keeps_its_word() -> None:
    """Five more seeds that say the opposite change nothing for it, and are looked at for what is open."""
    both = trials(10)
    both.loc[both["seed"] >= 5, "skip"] = 1 - both["skip"]
    found = {v.key: v for v in judge_hypotheses(SUITE, both)}
    assert (found["depth-gap"].verdict, found["depth-gap"].seeds) == ("PASS", 5)
    assert {v.seeds for v in found.values() if v.verdict == "UNDECIDED"} == {10}


@pytest.mark.parametrize(("gain", "verdict", "size"), [
    (0.0, "PASS", "no"), (1.0, "PASS", "no"), (2.0, "UNDECIDED", "open"), (4.0, "FAIL", "yes"),
])  # fmt: skip
def test_no_such_gain_is_shown_and_refuted_by_the_smallest_size_that_matters(
    gain: float, verdict: str, size: str
) -> None:
    some, random = trials(), np.random.default_rng(0)
    some["accuracy"] = 90 + gain * (some["warmup"] == "half") + random.normal(0, 0.5, len(some))
    found = {v.key: v for v in judge_hypotheses(SUITE, some)}["late-alpha"]
    assert (found.verdict, found.size) == (verdict, size)


def test_an_opposite_effect_is_refuted() -> None:
    some, random = trials(), np.random.default_rng(0)
    some["accuracy"] = 90 - 4 * (some["update"] == "joint") + random.normal(0, 1, len(some))
    found = {v.key: v for v in judge_hypotheses(SUITE, some)}["bi-level"]
    assert (found.verdict, found.size) == ("FAIL", "no") and found.interval is not None and found.interval[1] < -2


@pytest.mark.long
def test_planted_effects_come_back_and_nothing_else() -> None:
    """A few simulated designs, extension included; `python -m tests.analysis.recovery` does 200."""
    found = recovery.simulate(6, seed=5)
    effects = {key: recovery.truth(SUITE, SUITE.hypotheses[key]) for key in found}
    covered = [recovery.covers(v, effects[v.key]) for of in found.values() for v in of]
    assert np.mean(covered) >= 0.9
    assert not any(recovery.is_wrong(v, effects[v.key]) for of in found.values() for v in of)
    assert all(v.verdict == "PASS" for v in found["depth-gap"])
