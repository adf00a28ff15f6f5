"""What a search is described by: from records to a table of trials."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.evidence import gather
from harness.analysis.manipulations import CHECKS, check_manipulations, moved
from harness.analysis.outcomes import digest
from harness.analysis.responses import COLLAPSED, RANDOM, best_of, collapse_epoch, responses, trials_of
from harness.data.sources import data_root
from harness.methods.catalogue import load_catalogue
from harness.runner.evaluate import load_table
from harness.suite.load import load_suite
from tests.analysis.synthetic import plan, record, weights_towards

LOADED = load_suite(Path(__file__).parents[2] / "suites" / "why.yaml", load_catalogue())


@pytest.mark.parametrize(("curve", "share"), [
    ([90, 91, 92, 93], 1.0),
    ([90, 93, 60, 60], 0.5),
    ([90, 60, 93, 60], 0.75),  # it came back
    ([93, 60, 60, 60], 0.25),
    ([60, 70, 80, 90], 1.0),
])  # fmt: skip
def test_the_epoch_of_collapse_is_the_last_that_was_near_the_best(curve: list[float], share: float) -> None:
    assert collapse_epoch(np.array(curve, dtype=float)) == share


def evidence_of_core(seeds: int = 2):  # type: ignore[no-untyped-def]
    """Records of the core: joint ends at 92, halves at 70 and shared at 85, each after a beginning at 91."""
    planned = plan(LOADED, "reduced")
    ends, chosen = {"halves": 70.0, "shared": 85.0, "joint": 92.0}, []
    for row, settings in LOADED.suite.tables["core"].rows.items():
        for trial_id in planned.rows[f"core/{row}"][:seeds]:
            trial = next(t for t in planned.trials if t.id == trial_id)
            weights = weights_towards(1, 0.2 + 0.1 * (settings.levels["alpha"] == "a-exchanged"), 4)
            accuracy = ends[settings.levels["update"]] + 0.1 * trial.seed
            chosen.append(digest(record(trial, accuracy, before=91.0, weights=weights)))
    return gather(planned, {outcome.id: outcome for outcome in chosen})


def test_trials_have_levels_and_responses() -> None:
    evidence = evidence_of_core()
    trials = trials_of(LOADED.suite, evidence, best=lambda operations: 94.0 + len(operations))
    assert len(trials) == 54 and set(trials["table"]) == {"core"} and set(trials["selection"]) == {"magnitude"}
    joint = trials[(trials["update"] == "joint") & (trials["seed"] == 1)]
    assert set(joint["accuracy"]) == {92.1} and set(joint["collapsed"]) == {0.0} and set(joint["best"]) == {92.1}
    assert joint["regret"].to_numpy() == pytest.approx(99.0 - 92.1)
    halves = trials[(trials["update"] == "halves") & (trials["alpha"] == "a-exchanged")]
    assert set(halves["collapsed"]) == {1.0} and set(halves["best"]) == {91.0}
    assert halves["skip"].to_numpy() == pytest.approx(0.3) and halves["convolution"].to_numpy() == pytest.approx(0.175)
    assert set(halves["collapse-epoch"]) == {0.75} and trials["eigenvalue"].isna().all()


def test_skips_are_those_of_the_last_architecture() -> None:
    made = record(plan(LOADED, "reduced").trials[0], 90.0)
    assert made.trajectory is not None and responses(digest(made))["skips"] == 0  # it begins with skips alone
    mixed = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|avg_pool_3x3~1|skip_connect~2|"
    made.trajectory.architectures[-1] = mixed
    assert responses(digest(made))["skips"] == 3


def test_a_collapse_is_known_where_its_bound_is() -> None:
    """The bound is of CIFAR-10, 200 epochs."""
    trial = plan(LOADED, "reduced").trials[0]
    assert responses(digest(record(trial, {"cifar10/test/200": 70.0})))["collapsed"] == 1.0
    other = responses(digest(record(trial, {"cifar10/test/12": 70.0})))
    assert other["accuracy"] == 70.0 and math.isnan(other["collapsed"])


def test_what_is_no_search_has_no_responses() -> None:
    """A training, or what was only computed, ends in no architecture of its own."""
    planned = plan(LOADED, "reduced")
    trial = planned.trials[0]
    outcome = dataclasses.replace(digest(record(trial, 90.0)), architectures=())
    assert trials_of(LOADED.suite, gather(planned, {trial.id: outcome})).empty


def test_trials_of_a_cell_that_two_tables_share_count_in_both() -> None:
    rows = {table: entry.rows for table, entry in LOADED.suite.tables.items()}
    assert len(rows["core"]) == 27 and len(rows["around"]) == 72
    assert trials_of(LOADED.suite, gather(plan(LOADED, "reduced"), {})).empty


@pytest.mark.realdata
def test_nine_tenths_of_the_table_are_above_the_bound_of_a_collapse() -> None:
    table = load_table(data_root())
    accuracies = table.accuracies(table.strings)["cifar10/test/200"]
    assert float(np.quantile(accuracies, 0.1)) == pytest.approx(COLLAPSED, abs=0.01)
    assert float(np.mean(accuracies)) == pytest.approx(RANDOM, abs=0.005)
    best = best_of(table)
    assert best(("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")) == pytest.approx(
        94.37, abs=0.01
    )
    assert best(("skip_connect",)) == pytest.approx(54.30, abs=0.01)


# manipulations ----------------------------------------------------------------------------------------------


def test_every_factor_of_the_design_has_a_check() -> None:
    factors = {f for entry in LOADED.suite.tables.values() if entry.grid for f in entry.grid.factors} - {"selection"}
    assert factors == {check.factor for check in CHECKS}
    for check in CHECKS:
        levels = {row.levels[check.factor] for row in LOADED.suite.tables[check.table].rows.values()}
        assert set(check.rising) <= levels


def test_a_check_holds_where_the_means_rise() -> None:
    found = {(c.check.factor, c.check.table): c for c in check_manipulations(LOADED.suite, evidence_of_core())}
    alpha = found["alpha", "core"]
    assert alpha.means[0] == pytest.approx(0.0, abs=1e-7) and alpha.means[2] > 0.005 and alpha.trials == 54
    assert alpha.holds is False  # the two lower rates move as much: nothing was measured to differ
    assert found["weights", "core"].holds is None and math.isnan(found["weights", "core"].means[0])


def test_how_far_weights_moved_is_a_mean_over_edges_and_options() -> None:
    trial = plan(LOADED, "reduced").trials[0]
    outcome = digest(record(trial, 90.0, weights=weights_towards(1, 0.6, 4)))
    assert moved(outcome, 0.0) == pytest.approx((0.1 + 4 * 0.025) / 5, rel=1e-5)
    assert moved(outcome, 1.0) == pytest.approx((0.4 + 4 * 0.1) / 5, rel=1e-5)
