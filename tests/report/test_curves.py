"""The data of the figures, against plain loops over the records."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.outcomes import Outcome
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report import panels as drawn_panels
from harness.report.curves import (
    accuracy_figure,
    collapse_figure,
    edge_figure,
    series_figure,
    weight_figure,
)
from harness.report.figure_view import view
from harness.report.figures import describe, to_png, to_svg
from harness.report.methods import method_views
from harness.report.panels import SEEDS_DRAWN, FigureData, Line, Panel, covered, to_csv
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.operations import operation
from tests.analysis import synthetic


def present(figure: FigureData | None) -> FigureData:
    assert figure is not None
    return figure


def test_accuracy_shows_mean_and_seeds(reduced: SuiteVerdict) -> None:
    figure = present(accuracy_figure(reduced))
    [panel] = figure.panels
    assert "cifar10" in panel.title and "200 training epochs" in panel.title
    line = next(line for line in panel.lines if line.label == "EX-DARTS")
    np.testing.assert_allclose(line.mean, [60.0] * 4 + [93.0])
    np.testing.assert_allclose(line.seeds[:, -1], [92.0, 93.0, 94.0])
    assert line.n == 3


def test_rows_of_one_method_are_told_apart(reduced: SuiteVerdict) -> None:
    lines = present(accuracy_figure(reduced)).panels[0].lines
    labels = [line.label for line in lines]
    assert labels == [
        "DARTS, first order (as in the catalogue)",
        "EX-DARTS",
        "DARTS, first order (t2/faster)",
        "DARTS with fixed uniform mixing",
    ]
    plain, _, faster, _ = lines
    assert plain.colour == faster.colour
    assert plain.dashes != faster.dashes


def test_magnitudes_are_means_over_seeds_and_edges(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    rng = np.random.default_rng(0)
    weights = [rng.random((5, 6, 5)).tolist() for _ in range(3)]
    records = [synthetic.record(t, weights=w) for t, w in zip(planned.trials[:3], weights, strict=True)]
    verdict = judge(loaded, "paper", planned, records)
    _, panel = series_figure(verdict, verdict.series[0]).panels
    for index, op in enumerate(nb201.OPS):
        line = next(line for line in panel.lines if line.label == operation(op).label)
        for epoch in range(5):
            total = sum(weights[seed][epoch][edge][index] for seed in range(3) for edge in range(6))
            assert line.mean[epoch] == pytest.approx(total / 18)
    edges = edge_figure(verdict, verdict.series[0])
    assert [panel.title for panel in edges.panels][:3] == ["node 0 → node 1", "node 0 → node 2", "node 1 → node 2"]
    assert len(edges.panels) == 6
    mean = sum(weights[seed][2][4][3] for seed in range(3)) / 3
    assert edges.panels[4].lines[3].mean[2] == pytest.approx(mean, rel=1e-6)


def narrowed(outcome: Outcome) -> Outcome:
    """Leave out skip_connect, as a stage may have done for a seed."""
    [group] = outcome.groups
    place = group.options[0].index("skip_connect")
    options = tuple(tuple(op for op in row if op != "skip_connect") for row in group.options)
    magnitude = {op: curve for op, curve in outcome.magnitude["cell"].items() if op != "skip_connect"}
    return replace(
        outcome,
        groups=(group.model_copy(update={"options": options}),),
        magnitude={"cell": magnitude},
        weights={group.name: np.delete(outcome.weights[group.name], place, axis=2)},
    )


@pytest.mark.parametrize("without", [(0,), (1, 2), (0, 1, 2)])
def test_seeds_whose_options_differ_are_drawn_where_they_have_them(
    reduced: SuiteVerdict, without: tuple[int, ...]
) -> None:
    series = reduced.series[0]
    done = tuple(narrowed(outcome) if seed in without else outcome for seed, outcome in enumerate(series.done))
    verdict = replace(reduced, series=(replace(series, done=done), *reduced.series[1:]))
    shown = {line.label: line.n for line in present(weight_figure(verdict)).panels[0].lines}
    label = "DARTS, first order (as in the catalogue)"
    assert shown.pop(label, 0) == 3 - len(without) and set(shown.values()) == {3}
    lines = {line.label: line.n for line in series_figure(verdict, verdict.series[0]).panels[-1].lines}
    assert lines.pop("skip", 0) == 3 - len(without) and set(lines.values()) == {3}
    alike = sum((seed in without) == (0 in without) for seed in range(3))
    assert {line.n for line in edge_figure(verdict, verdict.series[0]).panels[0].lines} == {alike}
    assert present(collapse_figure(verdict)).panels


def test_failed_trials_are_in_no_curve(paper: SuiteVerdict) -> None:
    line = next(li for li in present(accuracy_figure(paper)).panels[0].lines if li.label == "EX-DARTS")
    assert line.n == 2


def test_few_seeds_are_drawn_of_many(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ("        label: Faster\n        n: 2", "        label: Faster\n        n: 40"))
    planned = synthetic.plan(loaded)
    records = synthetic.records_of(planned, {"t2/faster": [float(i) for i in range(40)]})
    figure = present(accuracy_figure(judge(loaded, "paper", planned, records)))
    [line] = figure.panels[0].lines
    assert (line.n, len(line.seeds)) == (40, SEEDS_DRAWN)
    assert line.mean[-1] == pytest.approx(19.5)
    assert "40 seeds" in figure.caption


def test_a_single_evaluated_epoch_is_a_number_and_no_panel(embedded: SuiteVerdict) -> None:
    figure = present(accuracy_figure(embedded))
    assert figure.drawn == ()
    [panel] = view(figure)["panels"]
    assert panel["svg"] is None and panel["numbers"][0] == "DARTS, first order (as in the catalogue): 90 at epoch 4"


def test_equal_lines_are_bands(reduced: SuiteVerdict) -> None:
    """The first of three equal ones is as wide as all of them, the last as one."""
    x = np.arange(3.0)
    lines = [
        Line(name, "#d55e00", (), 1, x, y, np.zeros((0, 3))) for name, y in (("a", x), ("b", x), ("c", -x), ("d", x))
    ]
    assert covered(lines) == [2, 1, 0, 0]
    svg = to_svg(Panel("", "epoch", "y", tuple(lines)), "bands")
    assert re.findall(r"stroke: var\(--vermilion\); stroke-width: ([\d.]+)", svg) == ["5.4", "3.6"]
    assert svg.count('class="l"') == 2


def test_collapse_shows_accuracy_and_skip(reduced: SuiteVerdict) -> None:
    accuracy, skip = present(collapse_figure(reduced)).panels
    assert [line.label for line in accuracy.lines] == [line.label for line in skip.lines]
    np.testing.assert_allclose(skip.lines[0].mean, np.linspace(0.2, 0.6, 5))


def test_without_records_there_is_no_figure(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    verdict = judge(loaded, "paper", synthetic.plan(loaded), [])
    assert (accuracy_figure(verdict), weight_figure(verdict), collapse_figure(verdict)) == (None, None, None)


def test_every_figure_names_its_profile(reduced: SuiteVerdict, paper: SuiteVerdict) -> None:
    for verdict, mark in ((reduced, "reduced profile, not comparable with the paper"), (paper, "paper profile")):
        shown = [accuracy_figure(verdict), weight_figure(verdict), collapse_figure(verdict)]
        shown += [made(verdict, verdict.series[0]) for made in (series_figure, edge_figure)]
        assert all(mark in present(figure).caption for figure in shown)


def test_figure_data_survives_csv(reduced: SuiteVerdict) -> None:
    figure = series_figure(reduced, reduced.series[1])
    rows = list(csv.DictReader(io.StringIO(to_csv(figure))))
    panel = figure.panels[1]
    skip = next(line for line in panel.lines if line.label == "skip")
    found = [row for row in rows if (row["panel"], row["line"]) == (panel.title, "skip")]
    assert [(row["epoch"], row["n"]) for row in found] == [(str(epoch), "3") for epoch in range(5)]
    assert [float(row["mean"]) for row in found] == pytest.approx(skip.mean.tolist(), rel=1e-5)
    assert [float(row["curve 3"]) for row in found] == pytest.approx(skip.seeds[2].tolist(), rel=1e-5)


def test_too_many_lines_have_a_panel_each(reduced: SuiteVerdict, monkeypatch: pytest.MonkeyPatch) -> None:
    [whole] = present(accuracy_figure(reduced)).panels
    monkeypatch.setattr(drawn_panels, "LEGIBLE", 3)
    apart = present(accuracy_figure(reduced))
    assert [panel.lines[0].label for panel in apart.panels] == [line.label for line in whole.lines]
    labels = [line.label for line in whole.lines]
    assert all(len(panel.lines) == 1 for panel in apart.panels)
    assert all([line.label for line in panel.behind] == labels for panel in apart.panels)
    assert len({panel.y_range for panel in apart.panels}) == 1 and "Grey: all of them" in apart.caption
    shown = view(apart)
    assert shown["legend"] == []  # titles say it
    assert ['-behind"/>' in panel["svg"] for panel in shown["panels"]] == [
        False,
        True,
        True,
        True,
    ]  # grey lines are there once
    first, second = (json.loads(panel["curves"]) for panel in shown["panels"][:2])
    assert len(first["behind"]) == 4 and second["behind"] == shown["panels"][0]["name"]


def test_the_axis_is_where_the_data_are_once_something_is_learnt(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    verdict = judge(
        loaded, "paper", planned, synthetic.records_of(planned, {"t1/darts": [54.0, 54.0, 54.0]}, before=10.0)
    )
    [panel] = present(accuracy_figure(verdict)).panels
    assert panel.y_range == pytest.approx((10 - 0.05 * 44, 54 + 0.05 * 44))  # 10 after epochs 1 to 3 as well
    line = replace(panel.lines[0], mean=np.array([10.0, 60, 60, 60, 54]), seeds=np.zeros((0, 5)))
    [alone] = drawn_panels.on_one_scale([replace(panel, lines=(line,), y_range=None)])
    assert alone.y_range == pytest.approx((54 - 0.05 * 6, 60 + 0.05 * 6))


def test_one_story_of_three_whose_accuracies_a_claim_compares(tmp_path: Path, reduced: SuiteVerdict) -> None:
    claimed = ("left: {row: t1/darts, of: magnitude", "left: {row: own/uniform, of: magnitude")
    loaded = synthetic.load(tmp_path, claimed)
    planned = synthetic.plan(loaded, "reduced")
    verdict = judge(loaded, "reduced", planned, [synthetic.record(trial) for trial in planned.trials])
    accuracy, skip = present(collapse_figure(verdict)).panels
    labels = ["DARTS, first order", "EX-DARTS", "DARTS with fixed uniform mixing"]  # the last: a claim on magnitudes
    assert [line.label for line in accuracy.lines] == [line.label for line in skip.lines] == labels


def test_edges_are_shown_once_a_space_and_a_series_once(reduced: SuiteVerdict) -> None:
    [darts] = [method for method in method_views([reduced, reduced]) if method["name"] == "darts-v1"]
    names = [figure["name"] for figure in darts["view"]()["figures"]]
    assert len(names) == 3 and sum(name.startswith("edges-") for name in names) == 1  # the other is a variant


def test_svg_is_xml_and_follows_the_page(reduced: SuiteVerdict) -> None:
    _, panel = series_figure(reduced, reduced.series[0]).panels
    svg = to_svg(panel, "magnitude")
    root = ElementTree.fromstring(svg)
    assert "currentColor" in svg and 'class="g"' in svg and "var(--vermilion" in svg
    title, description = (root.find(f"{{http://www.w3.org/2000/svg}}{tag}") for tag in ("title", "desc"))
    assert title is not None and description is not None and root.get("role") == "img"
    assert (root.get("aria-labelledby") or "").split() == [title.get("id"), description.get("id")]
    assert "skip: from 0.2 at 0 to 0.6 at 4" in str(description.text) and description.text == describe(panel)
    assert "DejaVu" not in svg


@pytest.mark.parametrize("text", ["$\\frac{1}{0$", "_hidden", "<b>&amp;", "a\x00b\x1b[0m", "-->", "x" * 500])
def test_any_text_can_be_a_title_or_a_label(reduced: SuiteVerdict, text: str) -> None:
    figure = present(accuracy_figure(reduced))
    [panel] = figure.panels
    lines = tuple(replace(line, label=text + line.label) for line in panel.lines)
    hostile = replace(figure, title=text, caption=text, panels=(replace(panel, title=text, y_label=text, lines=lines),))
    svg = to_svg(hostile.panels[0], text)
    root = ElementTree.fromstring(svg)
    shown = "".join(root.itertext())
    assert "EX-DARTS" in shown
    assert "b>" not in svg.replace("&lt;b&gt;", "")
    to_png(hostile, dots_per_inch=30)


def test_picture_is_a_png(reduced: SuiteVerdict) -> None:
    assert to_png(present(collapse_figure(reduced)), dots_per_inch=40).startswith(b"\x89PNG")
