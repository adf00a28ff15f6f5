"""The figures that suites declare, against hand-made searches with known answers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report import write_report
from harness.report.declared import DeclaredFigure, declared_figures
from harness.report.figure_view import view
from harness.report.figures import to_svg
from harness.report.operations import correlation_lines, gradients_panel
from harness.report.panels import FigureData, Line, Panel, to_csv
from harness.report.style import COLOURS
from harness.runner.plan import Filters, Plan
from harness.runner.record import Record
from harness.runner.trial import Trial
from harness.suite.figures import TheoryPanel
from harness.theory.checks import FIGURES
from tests.analysis import synthetic
from tests.report import drawn
from tests.report.conftest import read
from tests.report.page_reader import Page

RISE = [10.0, 20.0, 30.0, 40.0, 50.0]  # accuracy of the baseline's seed 0 after epochs 0 to 4; seed k has k more
SEEDS = {"arms/baseline": 3, "arms/warm": 3, "arms/exchanged": 2, "snapshots/pt-2": 2, "snapshots/pt-4": 2}
UNIFORM = [[[0.2] * 5] * 6] * 5


def made(planned: Plan, seeds: dict[str, int]) -> list[Record]:
    """Return records of the first seeds of rows."""
    trials = {trial.id: trial for trial in planned.trials}
    return [_record(row, trials[trial_id]) for row, count in seeds.items() for trial_id in planned.rows[row][:count]]


def _record(row: str, trial: Trial) -> Record:
    shift = float(trial.seed)
    if row == "arms/baseline":
        measured = {
            "eigenvalue": [0.5 + shift, None, 1.5 + shift, None, 2.5 + shift],
            "supernet-accuracy": [60.0] * 5,
            "discretised-accuracy": [10.0 + shift, None, None, None, 40.0],
        }
        return drawn.search(trial, [value + shift for value in RISE], UNIFORM, measured)
    if row.startswith("snapshots"):  # two or four epochs of search, five of tuning
        epochs = 8 if row.endswith("2") else 10
        accuracy = [50.0] * (epochs - 1) + [80.0 + shift if row.endswith("2") else 90.0]
        return drawn.search(trial, accuracy, None, {"supernet-accuracy": [float(e) for e in range(epochs)]})
    return drawn.search(trial, [5.0, 6.0, 7.0 + shift, 8.0, 9.0, 9.5, 9.75])


def verdict_of(seeds: dict[str, int], profile: str = "paper", **options: object) -> SuiteVerdict:
    loaded = drawn.load()
    planned = synthetic.plan(loaded, profile, **options)  # type: ignore[arg-type]
    return judge(loaded, profile, planned, made(planned, seeds))  # type: ignore[arg-type]


def shown(verdict: SuiteVerdict) -> dict[str, DeclaredFigure]:
    return {figure.key: figure for figure in declared_figures(verdict)}


def data(verdict: SuiteVerdict, key: str) -> FigureData:
    found = shown(verdict)[key].data
    assert found is not None
    return found


@pytest.fixture(scope="module")
def full() -> SuiteVerdict:
    """Every seed of every row."""
    return verdict_of(SEEDS)


def points(panel: Panel, line: int = 0) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(panel.lines[line].x, panel.lines[line].mean, strict=True)]


def test_how_far_below_the_best_of_the_space(full: SuiteVerdict) -> None:
    [panel] = data(full, "regret").panels
    assert points(panel) == [(0, 83.5), (1, 73.5), (2, 63.5), (3, 53.5), (4, 43.5)]
    np.testing.assert_array_equal(panel.lines[0].seeds[:, 0], [84.5, 83.5, 82.5])
    assert panel.y_label == "points below 94.5, C10 test, %"


def test_every_search_is_a_point_above_its_row(full: SuiteVerdict) -> None:
    [panel] = data(full, "spread").panels
    assert panel.x_names == ("Baseline", "Warm-up")
    assert points(panel, 0) == [(0, 50.0), (0, 49.0), (0, 48.0)]
    assert {x for x, _ in points(panel, 1)} == {1.0} and len(panel.lines[1].x) == 3


def test_accuracy_is_the_mean_over_seeds_by_epoch(full: SuiteVerdict) -> None:
    [baseline, _, _] = data(full, "arms-f2").panels
    assert points(baseline) == [(0, 11), (1, 21), (2, 31), (3, 41), (4, 51)]
    np.testing.assert_array_equal(baseline.lines[0].seeds[:, 0], [10, 11, 12])
    assert (baseline.lines[0].label, baseline.lines[0].n) == ("Baseline", 3)
    assert baseline.y_label == "C10 test, %"


def test_epochs_are_counted_from_the_end_of_the_warm_up(full: SuiteVerdict) -> None:
    aligned = data(full, "arms-f2").panels[2]
    assert aligned.x_label == "epoch after the warm-up"
    assert points(aligned, 0)[0] == (0, 100 - 11)  # an error, and no warm-up: from the start
    assert points(aligned, 1) == [(0, 92), (1, 92), (2, 91), (3, 90.5), (4, 90.25)]


def test_a_row_looks_alike_in_all_panels(full: SuiteVerdict) -> None:
    (first,), (second,), (again, other) = (panel.lines for panel in data(full, "arms-f2").panels)
    looks = [(line.label, line.colour, line.dashes) for line in (first, second, again, other)]
    assert looks[0] == looks[2] and looks[1] == looks[3]
    assert first.colour != second.colour  # one method, yet two rows


def test_axes_of_one_name_have_one_scale(full: SuiteVerdict) -> None:
    test, other, error = (panel.y_range for panel in data(full, "arms-f2").panels)
    assert test == other != error
    assert test == pytest.approx((6.0 - 0.05 * 46, 52.0 + 0.05 * 46))  # 5.0 is before training, and sets no limits


def test_entropy_of_uniform_weights_is_six_times_log_five(full: SuiteVerdict) -> None:
    entropy = data(full, "entropy-f5").panels[0]
    assert [value for _, value in points(entropy)] == pytest.approx([6 * math.log(5)] * 5)
    assert points(entropy, 1)[-1][1] == pytest.approx(6 * -(0.6 * math.log(0.6) + 4 * 0.1 * math.log(0.1)), rel=1e-6)


def test_diagnostics_show_the_epochs_at_which_they_were_measured(full: SuiteVerdict) -> None:
    discretised, selection = data(full, "entropy-f5").panels[1:]
    assert points(discretised) == [(0, 11), (4, 40)]
    assert selection.x_label == "epoch of the selection"
    assert points(selection) == [(epoch, epoch + 2) for epoch in range(6)]  # the search proper had two epochs
    [panel] = data(full, "eigenvalue-f7").panels
    [right] = panel.right
    np.testing.assert_array_equal(right.x, [0, 2, 4])
    np.testing.assert_array_equal(right.mean, [1.5, 2.5, 3.5])
    assert points(panel)[4] == (4, 51)


def test_magnitudes_and_edges_have_a_line_per_operation(full: SuiteVerdict) -> None:
    mixed = data(full, "mixed-f3")
    assert mixed.legend == "own"  # colours stand for rows in one panel and for operations in the other
    assert [line.label for line in mixed.panels[1].lines] == ["none", "skip", "conv 1x1", "conv 3x3", "avg pool"]
    edges = data(full, "edges-f4")
    assert len({panel.y_range for panel in edges.panels}) == 1
    assert [panel.title for panel in edges.panels][:2] == ["DARTS: node 0 → node 1", "DARTS: node 0 → node 2"]
    assert (len(edges.panels), edges.legend) == (6, "shared")
    assert [value for _, value in points(edges.panels[5], 4)] == pytest.approx([0.2] * 5)


def test_a_sweep_is_sorted_and_a_line_per_method(full: SuiteVerdict) -> None:
    panel, error = data(full, "snapshots-f8").panels
    assert (panel.title, error.title) == ("Snapshots: C10 test", "Snapshots: C10 error")
    assert points(error) == [(2, 19.5), (4, 10)]
    assert points(panel) == [(2, 80.5), (4, 90)]
    assert (panel.x_label, panel.lines[0].label) == ("epoch of the snapshot", "DARTS, first order")
    np.testing.assert_array_equal(panel.lines[0].seeds, [[80, 90], [81, 90]])
    assert panel.lines[1].label == "EX-DARTS"
    assert points(panel, 1)[2] == (2, 7.5)


def test_a_point_of_a_sweep_is_the_mean_over_the_seeds_that_are_there() -> None:
    verdict = verdict_of({"snapshots/pt-2": 2, "snapshots/pt-4": 1})
    [line] = data(verdict, "snapshots-f8").panels[0].lines
    assert (line.label, line.n) == ("DARTS, first order (3 of 4 searches)", 1)
    np.testing.assert_array_equal(line.mean, [80.5, 90])
    np.testing.assert_array_equal(line.seeds, [[80, 90], [81, np.nan]])


def test_a_figure_of_the_theory_needs_no_records() -> None:
    figure = data(verdict_of({}), "formula")
    [panel] = figure.panels
    theory = FIGURES["theorem-4.3-steps"]()
    assert panel.scales == ("log", "log")
    assert [tuple(line.mean) for line in panel.lines] == [line.y for line in theory.lines]
    assert "no search is behind it" in figure.caption


def test_the_theory_has_these_figures_and_no_others() -> None:
    assert set(TheoryPanel.model_fields["figure"].annotation.__args__) == set(FIGURES)  # type: ignore[union-attr]


def test_partial_data_say_how_many_of_how_many() -> None:
    verdict = verdict_of({"arms/baseline": 2, "arms/exchanged": 2, "snapshots/pt-2": 1})
    figure = data(verdict, "arms-f2")
    assert figure.panels[0].lines[0].label == "Baseline (2 of 3 seeds)"
    assert figure.panels[1].note == "no records yet: Warm-up"
    assert figure.caption.endswith("No records yet: Warm-up.")
    assert data(verdict, "mixed-f3").panels[1].title == "(b) Magnitudes (2 of 3 seeds)"
    assert data(verdict, "snapshots-f8").panels[0].lines[0].label == "DARTS, first order (1 of 4 searches)"
    for key in shown(verdict):
        found = shown(verdict)[key].data
        assert all(to_svg(panel, key) for panel in (found.drawn if found else ()))


def test_without_records_a_figure_waits_for_its_rows() -> None:
    figure = shown(verdict_of({"arms/exchanged": 1}))["arms-f2"]
    assert figure.data is None
    assert figure.heading == "Figure 2 of “Paper A”: Accuracy of the arms"
    assert figure.waiting == ("arms/baseline: 0 of 3 seeds done", "arms/warm: 0 of 3 seeds done")


def test_figures_of_rows_that_were_not_selected_are_left_out() -> None:
    verdict = verdict_of({}, selection=Filters(tables=("snapshots",)))
    assert list(shown(verdict)) == ["entropy-f5", "snapshots-f8", "formula"]
    waiting = shown(verdict)["snapshots-f8"].waiting
    assert waiting == (
        "snapshots/pt-4: 0 of 2 seeds done",
        "snapshots/pt-2: 0 of 2 seeds done",
        "arms/exchanged: not selected",
    )


def test_every_figure_names_its_profile() -> None:
    verdict = verdict_of({row: 1 for row in SEEDS}, "reduced")
    for figure in declared_figures(verdict):
        made = figure.data or figure.drawing
        assert made is not None and "reduced profile, not comparable with the paper" in made.caption


def test_records_without_a_measurement_say_so() -> None:
    loaded = drawn.load()
    planned = synthetic.plan(loaded)
    trial = next(trial for trial in planned.trials if trial.id == planned.rows["arms/baseline"][0])
    verdict = judge(loaded, "paper", planned, [drawn.search(trial, RISE)])
    assert shown(verdict)["eigenvalue-f7"].data is None
    assert data(verdict, "entropy-f5").panels[1].note == "the records do not hold this"


def test_the_embedded_digits_have_an_accuracy_of_their_own() -> None:
    loaded = drawn.load()
    planned = synthetic.plan(loaded, "reduced", data=synthetic.NO_DATA)
    records = [synthetic.record(trial, {"digits/test/5": 90.0}) for trial in planned.trials]
    panel = data(judge(loaded, "reduced", planned, records), "arms-f2").panels[0]
    assert panel.y_label == "accuracy on digits, %"
    assert points(panel)[-1][1] == 90.0


def test_report_draws_and_exports_every_figure(full: SuiteVerdict, tmp_path: Path) -> None:
    write_report([full], tmp_path)
    page = read(tmp_path, "paper-paper-a.html")
    for key in full.loaded.suite.figures:
        figure = page[page.index(f'<figure id="{key}-drawn-paper">') :].partition("</figure>")[0]
        assert 'role="img"' in figure and f'href="figures/{key}-drawn-paper.csv"' in figure
        assert list(csv.DictReader(io.StringIO(read(tmp_path, f"figures/{key}-drawn-paper.csv")))), key


def test_data_of_both_axes_are_exported(full: SuiteVerdict) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(data(full, "eigenvalue-f7")))))
    found = [(row["epoch"], row["mean"], row["curve 1"]) for row in rows if "eigenvalue" in row["line"]]
    assert found == [("0", "1.5", "0.5"), ("2", "2.5", "1.5"), ("4", "3.5", "2.5")]
    assert len(rows) == 3 + 5


def test_what_waits_is_listed_as_not_run(tmp_path: Path) -> None:
    verdict = verdict_of({})
    write_report([verdict], tmp_path)
    text = " ".join(Page(read(tmp_path, "paper-paper-a.html")).text.split())
    seeds = len(verdict.evidence.plan.rows["arms/warm"])
    assert "NOT RUN Figure 2 of “Paper A”: Accuracy of the arms. Waits for" in text
    assert f"arms/warm: 0 of {seeds} seeds done" in text


def test_no_lines_overlap_in_the_legend(full: SuiteVerdict) -> None:
    """Every line of a panel differs from the others in its look."""
    for key, figure in shown(full).items():
        for panel in figure.data.panels if figure.data else ():
            assert _all_different([(line.colour, line.dashes) for line in panel.every_line]), key


def _all_different(looks: Sequence[object]) -> bool:
    return len(set(looks)) == len(looks)


def test_gradients_are_a_line_per_operation_where_they_were_measured() -> None:
    nan = math.nan
    seeds = [
        SimpleNamespace(groups=[SimpleNamespace(options=[("none", "skip_connect")] * 2)], diagnostics={
            "operation-gradients/last/3<-1/skip_connect": np.array([-0.1 - seed, nan, 0.3 + seed]),
            "operation-gradients/last/3<-1/none": np.array([0.0, nan, 0.0]),
        })
        for seed in (0, 1)
    ]  # fmt: skip
    panel = gradients_panel("DARTS", seeds, "operation-gradients/last/3<-1")  # type: ignore[arg-type]
    none, skip = panel.lines
    assert (none.label, skip.label, panel.y_label) == ("none", "skip", "dL/dp")
    assert skip.x.tolist() == [0, 2] and skip.n == 2 and skip.mean == pytest.approx([-0.6, 0.8])
    assert skip.seeds.tolist() == [pytest.approx([-0.1, 0.3]), pytest.approx([-1.1, 1.3])] and not none.mean.any()


def test_correlations_are_a_line_per_node_and_dashes_per_row() -> None:
    nan = math.nan
    seeds = [
        SimpleNamespace(diagnostics={
            "gradient-correlation/last/1": np.array([seed, nan, 2.0]),
            "gradient-correlation/last/2": np.array([0.0, nan, 3.0]),
            "gradient-correlation/first/1": np.array([9.0, 9.0, 9.0]),
        })
        for seed in (0, 1)
    ]  # fmt: skip
    one, two = correlation_lines("DARTS", (4.0, 1.5), seeds, "gradient-correlation/last")  # type: ignore[arg-type]
    assert (one.label, two.label, one.dashes, two.dashes) == ("DARTS, node 1", "DARTS, node 2", (4.0, 1.5), (4.0, 1.5))
    assert one.x.tolist() == [0, 2] and one.mean.tolist() == [0.5, 2.0] and one.n == 2
    assert two.mean.tolist() == [0.0, 3.0] and one.colour != two.colour
    assert correlation_lines("DARTS", (), [], "gradient-correlation/last") == ()


def test_the_legend_has_what_no_name_below_the_axis_tells() -> None:
    """A bar above its own name needs no entry; a correlation with an operation stands above all others' names."""
    empty, names = np.zeros((0, 2)), ("skip", "pool")
    places = np.arange(2.0)

    def legend(*lines: Line) -> list[str]:
        data = FigureData("name", "title", "caption", [Panel("", "", "y", lines, x_names=names)])
        return [entry["label"] for entry in view(data)["legend"]]

    def line(label: str, x: Sequence[float], y: Sequence[float]) -> Line:
        return Line(label, COLOURS[0], (), 0, np.array(x), np.array(y), empty, joined=False)

    assert legend(line("skip", [0.1], [1.0]), line("pool", [1.0, 0.9], [2.0, 3.0])) == []
    assert legend(line("skip", places, [math.nan, 0.8]), line("pool", places, [0.8, math.nan])) == list(names)
