"""Printed statistics that a diagnostic of a search measures: StacNAS' correlations and its gradient confusion."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.cells import CellVerdict
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.methods.spec import SearchSpec
from harness.report.declared import declared_figures
from harness.runner.plan import Filters, Plan, Trial, make_plan
from harness.runner.record import Record
from harness.spaces.registry import published
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite
from tests.analysis import synthetic

SUITE = Path(__file__).parents[2] / "suites" / "stacnas.yaml"
OPTIONS = [
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]
PRINTED = {("max_pool_3x3", "avg_pool_3x3"): 0.52, ("sep_conv_3x3", "sep_conv_5x5"): 0.38}


@pytest.fixture(scope="module")
def stacnas() -> LoadedSuite:
    """Return the shipped suite."""
    return load_suite(SUITE, load_catalogue())


def plan(loaded: LoadedSuite) -> Plan:
    return make_plan(loaded, "paper", Filters(), (), data=synthetic.DATA)


def record(trial: Trial, diagnostics: dict[str, float]) -> Record:
    """Return a record that ends with these measurements."""
    assert isinstance(trial.spec, SearchSpec)
    space, nothing = trial.spec.space, [None] * 5
    even = {g.name: [[1 / g.shape[1]] * g.shape[1]] * g.shape[0] for g in space.groups}
    architecture = space.discretise(even, {g.name: [-1] * g.shape[0] for g in space.groups})
    trajectory = Trajectory(
        groups=list(space.groups), mixing={name: [rows] * 5 for name, rows in even.items()},
        architectures=[architecture] * 5, weight_loss=nothing, weight_accuracy=nothing, architecture_loss=nothing,
        architecture_accuracy=nothing, weight_lr=nothing,
        diagnostics={name: [None, None, 7.0, None, value] for name, value in diagnostics.items()},
    )  # fmt: skip
    spec = trial.spec.model_dump(mode="json")
    on_nb201 = replace(trial, spec=trial.spec.model_copy(update={"space": published("nb201")}))
    return synthetic.record(on_nb201, trajectory=trajectory.model_dump(), spec=spec, evaluations={})


def correlations(seed: int) -> dict[str, float]:
    found = {pair: 0.01 * seed for pair in combinations(OPTIONS, 2)} | PRINTED
    return {f"operation-correlation/{one}/{other}": value for (one, other), value in found.items()}


@pytest.fixture(scope="module")
def judged(stacnas: LoadedSuite) -> SuiteVerdict:
    """Three supernets whose correlations are known; of confusion, one depth."""
    planned = plan(stacnas)
    trials = {trial.id: trial for trial in planned.trials}
    of_row = {row: [trials[one] for one in planned.rows[row]] for row in planned.rows}
    records = [record(trial, correlations(trial.seed)) for trial in of_row["stacnas-t6/avg-pool-3x3"]]
    records += [record(trial, {"gradient-confusion": 0.56}) for trial in of_row["stacnas-t1/stage-1-14"]]
    return judge(stacnas, "paper", planned, records)


def cell(verdict: SuiteVerdict, table: str, row: str, column: str) -> CellVerdict:
    [found] = [r for t in verdict.tables for r in t.rows if r.key == f"{table}/{row}"]
    place = verdict.loaded.suite.tables[table].columns.index(column)
    shown = found.cells[place]
    assert shown is not None
    return shown


def test_all_rows_of_the_matrix_are_one_search(stacnas: LoadedSuite) -> None:
    rows = plan(stacnas).rows
    one = rows["stacnas-t6/avg-pool-3x3"]
    assert len(one) == 3
    assert all(rows[f"stacnas-t6/{row}"] == one for row in stacnas.suite.tables["stacnas-t6"].rows)
    assert all(rows[f"stacnas-text-groups/{row}"] == one for row in ("poolings", "separable", "dilated"))


@pytest.mark.parametrize(
    ("row", "column", "mean"),
    [
        ("avg-pool-3x3", "max-pool-3x3", 0.52),
        ("max-pool-3x3", "avg-pool-3x3", 0.52),
        ("sep-conv-5x5", "sep-conv-3x3", 0.38),
        ("dil-conv-5x5", "avg-pool-3x3", 0.01),  # of 0, 0.01 and 0.02; printed -0.04
        ("dil-conv-5x5", "dil-conv-3x3", 0.01),  # printed 0.27
    ],
)
def test_a_number_is_what_was_measured_last(judged: SuiteVerdict, row: str, column: str, mean: float) -> None:
    found = cell(judged, "stacnas-t6", row, column)
    assert found.ours is not None and found.ours.n == 3
    assert found.ours.mean == pytest.approx(mean) and len(found.evidence) == 3
    assert found.verdict == "UNDECIDED"  # one network is printed, without a deviation


def test_every_pair_is_bound_both_ways(judged: SuiteVerdict) -> None:
    table = judged.loaded.suite.tables["stacnas-t6"]
    for one, other in combinations(table.rows, 2):
        assert table.rows[one].measures[other] == table.rows[other].measures[one]
        named = {table.rows[one].label, table.rows[other].label}
        assert set(str(table.rows[one].measures[other].diagnostic).split("/")[1:]) == named
    assert cell(judged, "stacnas-t6", "avg-pool-3x3", "avg-pool-3x3").ours is None  # 1 by definition


def test_confusion_is_measured_and_not_judged_in_a_unit_that_is_not_said(judged: SuiteVerdict) -> None:
    found = cell(judged, "stacnas-t1", "stage-1-14", "gradient-confusion")
    assert found.ours is not None and found.ours.mean == 0.56 and found.verdict == "NOT JUDGED"
    assert found.reason == "in which unit it counts parameters is not said: rows are compared, and not their size"
    assert cell(judged, "stacnas-t1", "stage-1-20", "gradient-confusion").verdict == "NOT RUN"


def test_pairs_are_drawn(judged: SuiteVerdict) -> None:
    [figure] = [one for one in declared_figures(judged) if one.key == "stacnas-f1"]
    assert figure.data is not None
    [panel] = figure.data.panels
    assert len(panel.lines) == len(panel.x_names) == len({line.colour for line in panel.lines}) == 7
    max_pool, avg_pool = panel.lines[:2]
    assert max_pool.mean[1] == avg_pool.mean[0] == 0.52 and np.isnan(max_pool.mean[0])
    assert max_pool.mean[2] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{gradient-confusion: gradient-confusion}", "{gradient: gradient-confusion}", "unknown column of the table"),
        (
            "{gradient-confusion: gradient-confusion}",
            "{gradient-confusion: confusion}",
            "unknown diagnostic of the row's",
        ),
        (
            "{skip-connections: {of: chosen, operation: skip_connect, cell: normal}}",
            "{skip-connections: {of: rank, operation: skip_connect, by: alpha}}",
            "only in claims",
        ),
        (
            "{of: magnitude, operation: none}",
            "{of: magnitude, operation: noise}",
            "unknown operation of the row's search",
        ),
        ("columns: [gradient-confusion]", "columns: [correlation]", "unknown column of the table 'gradient-confusion'"),
    ],
)
def test_what_is_bound_wrongly_is_refused(old: str, new: str, words: str, tmp_path: Path) -> None:
    text = SUITE.read_text(encoding="utf-8").replace("include: [_base", f"include: [{SUITE.parent}/_base")
    text = text.replace(", _base/", f", {SUITE.parent}/_base/")
    (tmp_path / "stacnas.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(HarnessError) as refusal:
        load_suite(tmp_path / "stacnas.yaml", load_catalogue())
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_what_a_search_chooses_and_weighs_can_be_printed_too(stacnas: LoadedSuite) -> None:
    """DARTS' chosen skip connections by depth, and the weight of `none` (StacNAS, section 2.4.1)."""
    planned = plan(stacnas)
    trials = {trial.id: trial for trial in planned.trials}
    rows = planned.rows["stacnas-text-failures/deep"]
    verdict = judge(stacnas, "paper", planned, [record(trials[one], {}) for one in rows])
    found = cell(verdict, "stacnas-text-failures", "deep", "skip-connections")
    outcome = verdict.evidence.outcomes[rows[0]]
    chosen = sum(edge.operation == "skip_connect" for edge in outcome.cells[-1]["normal"])
    assert found.ours is not None and found.ours.mean == chosen and found.ours.n == 3
    assert cell(verdict, "stacnas-text-failures", "deep", "stage-1-cells").ours is None
    zero = cell(verdict, "stacnas-text-failures", "zero", "zero-weight")
    assert zero.verdict == "NOT RUN" and "0 of 3 seeds" in zero.reason
