"""Gradient confusion of a trained cell as a suite asks for it: planned, measured, said."""

import pytest

from harness.analysis.verdicts import judge
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import find_data
from harness.runner.plan import Filters, make_plan
from harness.suite.load import load_suite

CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_3x3~0|none~1|skip_connect~2|"
CHANGES = (
    ("{name: each-search}", f'{{name: architecture, architecture: "{CELL}"}}\n  dataset: digits'),
    ("evaluated_every: 1", "evaluated_every: 1\n  confusion: {batches: 8, images: 2}"),
    ("columns:\n", 'columns:\n  confusion: {label: c, metric: statistic, unit: "1", goal: min}\n'),
    ("columns: [digits-test]", "columns: [confusion]"),
    ('        n: 2\n        values: ["50.00 ± 5.00"]',
     '        n: 2\n        measures: {confusion: gradient-confusion}\n        values: ["0.5"]'),
)  # fmt: skip


WITHOUT = ("\n  confusion: {batches: 8, images: 2}", "")


def planned(project):
    loaded = load_suite(project.folder / "suites" / "tiny.yaml", load_catalogue())
    return loaded, make_plan(loaded, "paper", Filters(tables=("t1",)), (), data=find_data(["digits"], None))


def test_the_row_says_what_its_trainings_measured(project):
    project.train(*CHANGES)
    loaded, plan = planned(project)
    assert [(trial.trains, trial.seed) for trial in plan.trials] == [(True, 0), (True, 1)]
    assert project.cli("run", "suites/tiny.yaml", "--profile", "paper", "-t", "t1", "--jobs", "0").code == 0
    records = project.records_list()
    [table] = judge(loaded, "paper", plan, records).tables
    [cell] = table.rows[0].cells
    expected = [record.training.diagnostics["gradient-confusion"] for record in records]
    assert cell.ours.mean == pytest.approx(sum(expected) / 2) and len(set(expected)) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [(WITHOUT, "its training answers none of the table's columns"),
     ((": gradient-confusion}", ": gradient-confusio}"), "did you mean 'gradient-confusion'")],
)  # fmt: skip
def test_what_no_training_measures_is_refused(project, change, says):
    project.train(*CHANGES, change)
    with pytest.raises(HarnessError, match=says):
        planned(project)


def test_a_row_that_is_judged_otherwise_measures_no_confusion_either(project):
    both = ("columns: [confusion]", "columns: [confusion, digits-test]"), ('["0.5"]', '["0.5", "50.00"]')
    project.train(*CHANGES, *both, ('["50.00 ± 5.00"]', '["0.5", "50.00"]'), WITHOUT)
    with pytest.raises(HarnessError, match="unknown diagnostic of the row's training 'gradient-confusion'"):
        planned(project)
