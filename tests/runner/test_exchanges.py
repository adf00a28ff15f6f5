"""Trainings of what was found with each operation on the first edge: StacNAS' Figure 5, end to end on digits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from harness.analysis.evidence import OTHER, gather
from harness.analysis.measures import exchange_correlation
from harness.analysis.outcomes import digest
from harness.analysis.trajectories import first_edge
from harness.analysis.verdicts import judge
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.report.declared import declared_figures
from harness.runner.availability import find_data
from harness.runner.plan import Filters, make_plan
from harness.spaces.exchange import exchanged, first_options
from harness.spaces.registry import published
from harness.suite.load import load_suite

STACNAS = Path(__file__).parents[2] / "suites" / "stacnas.yaml"
OPERATIONS = ["skip_connect", "nor_conv_3x3"]  # of the tiny suite, without none
DARTS = (
    "normal |{}~0|sep_conv_5x5~1|+|skip_connect~0|max_pool_3x3~2|+|skip_connect~1|dil_conv_3x3~3|+|sep_conv_3x3~0|"
    "avg_pool_3x3~4| reduce |max_pool_3x3~0|max_pool_3x3~1|+|max_pool_3x3~0|skip_connect~2|+|max_pool_3x3~0|"
    "skip_connect~2|+|max_pool_3x3~1|skip_connect~2|"
)
MEASURED = '        n: 2\n        measures: {correlation: {of: exchanged}}\n        values: ["0.5"]'
CHANGES = (
    ("images: 64, evaluated", "images: 512, evaluated"),
    ("{name: each-search}", "{name: each-exchange}"),
    ("columns:\n", 'columns:\n  correlation: {label: r, metric: statistic, unit: "1", goal: max}\n'),
    ("columns: [digits-test]", "columns: [correlation]"),
    ('        n: 2\n        values: ["50.00 ± 5.00"]', MEASURED),
)  # fmt: skip
FIGURE = """
figures:
  f5:
    paper: paper-a
    number: F5
    title: Weights and accuracies
    panels: [{kind: exchanges, title: darts, rows: [t1/darts]}]
"""
CLAIM = """
claims:
  agrees:
    text: the weights agree with the accuracies
    source: Figure 5
    relation: ">"
    left: {row: t1/darts, of: exchanged}
    right: -2
    margin: 0
"""


@pytest.fixture
def exchanges(project):
    project.train(*CHANGES)
    path = project.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text() + FIGURE + CLAIM)
    return project


def planned(project, profile="reduced"):
    loaded = load_suite(project.folder / "suites" / "tiny.yaml", load_catalogue())
    return loaded, make_plan(loaded, profile, Filters(methods=("darts-v1",)), (), data=find_data(["digits"], None))


def outcomes(project):
    return {record.id: digest(record) for record in project.records_list()}


# architectures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_5x5"])
def test_one_operation_of_a_darts_cell_differs(operation):
    space = published("darts")
    assert exchanged(space, DARTS.format("sep_conv_3x3"), operation) == DARTS.format(operation)


def test_every_operation_of_every_architecture_of_a_small_table_is_exchanged_as_the_text_says():
    space = published("nb201")
    for text in ("|{}~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|",
                 "|{}~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|"):  # fmt: skip
        for before in space.names():
            for after in first_options(space, "cell"):
                assert exchanged(space, text.format(before), after) == text.format(after)
    assert [*first_options(space, "cell")] == [name for name in space.names() if name != "none"]


def test_what_the_first_edge_cannot_be_is_refused():
    space = published("darts")
    found = DARTS.format("skip_connect")
    with pytest.raises(HarnessError, match=r"offers no 'sep_conv_3x4'.*sep_conv_3x3"):
        exchanged(space, found, "sep_conv_3x4")
    with pytest.raises(HarnessError, match="offers no 'none'"):
        exchanged(space, found, "none")
    with pytest.raises(HarnessError, match="nodes choose what they read from"):
        exchanged(published("oneshot-1"), "", "maxpool3x3")


# trials -----------------------------------------------------------------------------------------------------------


def test_a_training_per_operation_follows_every_search(exchanges):
    _, plan = planned(exchanges)
    searches = [trial for trial in plan.trials if trial.searches]
    trainings = [trial for trial in plan.trials if trial.trains]
    asked = [(trial.after, trial.seed, trial.spec.subject.operation) for trial in trainings]
    assert asked == [((search.id,), search.seed, name) for search in searches for name in OPERATIONS]
    assert len({trial.id for trial in trainings}) == 6
    assert plan.trained["t1/darts"].columns == ()  # their accuracies are not those of what was found


def test_of_a_search_in_stages_the_operations_of_the_first_are_exchanged():
    suite = load_suite(STACNAS, load_catalogue())
    data = find_data(["cifar10"], None)
    plan = make_plan(suite, "paper", Filters(tables=("stacnas-text-alpha",)), (), data=data)
    by_row = {
        row: [plan_trial.spec.subject.operation for plan_trial in plan.trials if plan_trial.id in trained.trials]
        for row, trained in plan.trained.items()
    }
    assert by_row["stacnas-text-alpha/stacnas"] == 3 * ["max_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3"]
    every = [name for name in published("darts").names() if name != "none"]
    assert by_row["stacnas-text-alpha/darts"] == 3 * every and len(every) == 7


def test_networks_differ_in_the_first_edge_and_the_row_measures_how_weights_agree_with_them(exchanges):
    assert exchanges.run("-m", "darts-v1").code == 0
    loaded, plan = planned(exchanges)
    found = outcomes(exchanges)
    verdict = judge(loaded, "reduced", plan, list(exchanges.records_list()))
    searches = [trial for trial in plan.trials if trial.searches]
    space = published("nb201")
    for search in searches:
        own = {t.spec.subject.operation: found[t.id].training for t in plan.trials if search.id in t.after}
        rest = space.operations(found[search.id].architecture)["cell"][1:]
        for name, training in own.items():
            edges = space.operations(training.architecture)["cell"]
            assert edges[0].operation == name and edges[1:] == rest
        weights = [found[search.id].weights["cell"][-1, 0, index] for index in (1, 2)]
        accuracies = [own[name].accuracy[-1] for name in OPERATIONS]
        joined = verdict.evidence.outcomes[search.id]
        assert joined.exchanged == dict(zip(OPERATIONS, accuracies, strict=True))
        expected = pearsonr(weights, accuracies).statistic if len(set(accuracies)) > 1 else None
        assert exchange_correlation(joined) == (expected and pytest.approx(expected))
        assert exchange_correlation(found[search.id]) is None  # without its trainings
    [claim] = verdict.claims
    assert claim.left == tuple(exchange_correlation(verdict.evidence.outcomes[one.id]) for one in searches)


def test_correlation_is_pearsons_over_what_the_first_stage_chose_from(exchanges):
    assert exchanges.run("-m", "darts-v1", "--seeds", "0").code == 0
    one = next(outcome for outcome in outcomes(exchanges).values() if outcome.architectures)
    weights = {"none": 0.5, "skip_connect": 0.3, "nor_conv_1x1": 0.1, "nor_conv_3x3": 0.1}
    accuracies = {"skip_connect": 50.0, "nor_conv_1x1": 70.0, "nor_conv_3x3": 60.0}
    asked = replace(one, first_edge=weights, exchanged=accuracies)
    assert exchange_correlation(asked) == pytest.approx(pearsonr([0.3, 0.1, 0.1], [50, 70, 60]).statistic)
    assert exchange_correlation(replace(asked, exchanged=dict.fromkeys(accuracies, 50.0))) is None
    lacking = {name: value for name, value in accuracies.items() if name != "nor_conv_1x1"}
    assert exchange_correlation(replace(asked, exchanged=lacking)) is None


def test_a_network_that_was_not_found_so_is_not_judged(exchanges):
    assert exchanges.run("-m", "darts-v1", "--seeds", "0").code == 0
    _, plan = planned(exchanges)
    found = outcomes(exchanges)
    search = next(trial for trial in plan.trials if trial.searches and trial.id in found)
    [training] = [t for t in plan.trials if search.id in t.after and t.spec.subject.operation == "skip_connect"]
    curve = found[training.id].training
    other = curve.model_copy(update={"architecture": exchanged(published("nb201"), curve.architecture, "nor_conv_3x3")})
    evidence = gather(plan, {**found, training.id: replace(found[training.id], training=other)})
    assert evidence.rejected == {training.id: OTHER}
    assert exchange_correlation(evidence.outcomes[search.id]) is None


def test_two_trainings_that_disagree_count_as_none(exchanges):
    assert exchanges.run("-m", "darts-v1", "--seeds", "0").code == 0
    _, plan = planned(exchanges)
    found = outcomes(exchanges)
    [one] = [t for t in plan.trials if t.trains and t.id in found and t.spec.subject.operation == "skip_connect"]
    curve = found[one.id].training
    longer = replace(one, id="other", spec=one.spec.model_copy(update={"epochs": 2}))
    other = replace(found[one.id], id="other", training=curve.model_copy(update={"accuracy": [1.0]}))
    both = replace(plan, trials=(*plan.trials, longer))
    search = one.spec.subject.search
    assert "skip_connect" in gather(plan, found).outcomes[search].exchanged
    assert set(gather(both, {**found, "other": other}).outcomes[search].exchanged) == {"nor_conv_3x3"}


def test_the_figure_has_a_point_per_search_and_operation(exchanges):
    assert exchanges.run("-m", "darts-v1").code == 0
    loaded, plan = planned(exchanges)
    verdict = judge(loaded, "reduced", plan, list(exchanges.records_list()))
    [figure] = declared_figures(verdict)
    [panel] = figure.data.panels
    assert [line.label for line in panel.lines] == ["skip", "conv 3x3"]
    done = [verdict.evidence.outcomes[trial.id] for trial in plan.trials if trial.searches]
    for line, name in zip(panel.lines, OPERATIONS, strict=True):
        np.testing.assert_array_equal(line.x, [one.first_edge[name] for one in done])
        np.testing.assert_array_equal(line.mean, [one.exchanged[name] for one in done])


def test_only_a_row_that_trains_exchanges_measures_them(exchanges):
    path = exchanges.folder / "suites" / "tiny.yaml"
    text = (
        path.read_text().replace("each-exchange", "each-search").replace("[correlation]", "[correlation, digits-test]")
    )
    path.write_text(text.replace('["0.5"]', '["0.5", "50.00"]').replace('["50.00 ± 5.00"]', '["0.5", "50.00"]'))
    with pytest.raises(HarnessError, match="row 't1/darts' trains no exchanged operations: its training is not of"):
        planned(exchanges)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [("{of: exchanged}}", "{of: chosen, operation: skip_connect}}", "a column has to measure 'exchanged'"),
     ("{name: each-exchange}", "{name: each-search}", "its training answers none of the table's columns")],
)  # fmt: skip
def test_mistakes_are_said(exchanges, old, new, says):
    path = exchanges.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(HarnessError, match=says):
        planned(exchanges)


def test_of_a_search_in_stages_the_weights_are_those_of_the_first(exchanges):
    assert exchanges.run("-m", "darts-v1", "--seeds", "0").code == 0
    trajectory = next(record.trajectory for record in exchanges.records_list() if record.trajectory)
    rows = [[0.5, 0.3, 0.2], *[[1.0, 0.0, 0.0]] * 5]
    before = trajectory.model_copy(update={"mixing": {"cell": [rows] * len(trajectory.architectures)}})
    staged = trajectory.model_copy(update={"earlier": [before, trajectory]})
    assert first_edge(staged) == {"none": 0.5, "skip_connect": 0.3, "nor_conv_3x3": 0.2}
    assert first_edge(trajectory) == dict(zip(first_edge(staged), trajectory.mixing["cell"][-1][0], strict=True))
