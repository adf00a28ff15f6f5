"""DARTS-ES on its authors' own logs: 67 searches with eigenvalues every second epoch and cells after each."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.analysis.replay import replay
from harness.data.robustdarts import FILES, load_logged_searches
from harness.data.sources import DataMissing
from harness.errors import HarnessError
from harness.methods.stops import DominantEigenvalue
from harness.report.replayed import replayed_panel
from harness.suite.figures import ReplayedPanel

ROOT = Path(os.environ.get("HARNESS_DATA", "nowhere"))
RULE = DominantEigenvalue(name="dominant-eigenvalue", window=5, back=8, ratio=1.3, earliest=10)
needs_logs = pytest.mark.skipif(not (ROOT / "robustdarts").is_dir(), reason="RobustDARTS' logs are not at hand")

# Of each search, by space, drop-path and decay: the epoch that the rule gives (50: it never stops), and the skip
# connections among the eight operations of the normal cell that the authors logged there, and after the last epoch.
# Worked out from their files with pandas' rolling means, see `by_pandas`.
FOUND = {
    ("s1", 0.0, 0.0003): [(11, 2, 7), (11, 3, 7), (19, 7, 7)],
    ("s1", 0.0, 0.0009): [(11, 2, 8), (21, 5, 8), (21, 6, 7)],
    ("s1", 0.0, 0.0027): [(31, 3, 5), (29, 3, 8), (23, 2, 6)],
    ("s1", 0.0, 0.0081): [(50, 2, 2), (50, 2, 2), (37, 2, 2)],
    ("s1", 0.0, 0.0243): [(50, 1, 1), (50, 2, 2), (50, 0, 0)],
    ("s1", 0.0, 0.0729): [(31, 2, 2), (15, 1, 3), (50, 2, 2)],
    ("s1", 0.0, 0.2187): [(11, 0, 3), (15, 0, 3), (21, 0, 4)],
    ("s1", 0.2, 0.0003): [(25, 3, 3), (50, 4, 4), (27, 2, 4)],
    ("s1", 0.4, 0.0003): [(50, 4, 4), (50, 3, 3), (15, 1, 4)],
    ("s1", 0.6, 0.0003): [(11, 3, 3), (13, 2, 3), (50, 3, 3)],
    ("s1", 0.8, 0.0003): [(35, 2, 4), (25, 1, 3), (27, 2, 4)],
    ("s3", 0.0, 0.0003): [(23, 7, 8), (19, 7, 8), (13, 5, 8)],
    ("s3", 0.0, 0.0009): [(37, 8, 8), (21, 6, 8), (25, 3, 7)],
    ("s3", 0.0, 0.0027): [(35, 2, 5), (35, 0, 4), (23, 2, 3), (11, 2, 4)],
    ("s3", 0.0, 0.0081): [(50, 0, 0), (50, 2, 2), (50, 0, 0)],
    ("s3", 0.0, 0.0243): [(50, 2, 2), (50, 2, 2), (50, 2, 2)],
    ("s3", 0.0, 0.0729): [(50, 8, 8), (50, 8, 8), (50, 8, 8)],
    ("s3", 0.0, 0.2187): [(50, 8, 8), (50, 8, 8), (50, 8, 8)],
    ("s3", 0.2, 0.0003): [(50, 4, 4), (50, 4, 4), (31, 0, 2)],
    ("s3", 0.4, 0.0003): [(50, 0, 0), (31, 0, 0), (50, 0, 0)],
    ("s3", 0.6, 0.0003): [(23, 0, 0), (25, 0, 0), (50, 1, 1)],
    ("s3", 0.8, 0.0003): [(23, 0, 4), (37, 1, 3), (27, 1, 3)],
}


@needs_logs
def test_what_the_rule_makes_of_the_authors_own_measurements() -> None:
    found: dict[tuple[str, float, float], list[tuple[int, int, int]]] = {}
    for one in replay(load_logged_searches(ROOT), RULE):
        key = (one.search.space, one.search.drop_path, one.search.decay)
        found.setdefault(key, []).append((one.epoch, one.skips, one.last_skips))
    assert found == FOUND and sum(map(len, found.values())) == 67
    stopped = [cell for cells in found.values() for cell in cells if cell[0] < 50]
    assert len(stopped) == 40 and all(skips <= last for _, skips, last in stopped)
    assert sum(skips < last for _, skips, last in stopped) == 31


@needs_logs
def test_the_table_is_that_of_rolling_means() -> None:
    runs, epochs = (pd.read_parquet(ROOT / "robustdarts" / name) for name in FILES)
    found: dict[tuple[str, float, float], list[tuple[int, int, int]]] = {}
    for run in runs[runs.hessians > 0].sort_values("run").itertuples():
        logged = epochs[epochs.run == run.run].sort_values("epoch")
        found.setdefault((run.space, run.drop_path, run.l2), []).append(by_pandas(logged))
    assert found == FOUND


def by_pandas(logged: pd.DataFrame) -> tuple[int, int, int]:
    """The authors' epochs count from 0: theirs is ours less 1. Nothing is tested in the last, 49."""
    values = logged.set_index("epoch").hessian_max_eigenvalue.dropna()
    means = values[values.index < 49].rolling(5, min_periods=3).mean()  # with two measurements to come
    grown = (means > 1.3 * means.shift(4)) & (means.index - 4 - 8 >= 10)
    skips = [json.dumps(json.loads(cell)).count("skip_connect") for cell in logged.normal]
    epoch = int(grown.idxmax()) - 4 - 8 if grown.any() else 49
    return epoch + 1, skips[epoch], skips[-1]


@needs_logs
@pytest.mark.parametrize(("show", "space", "lines"), [("eigenvalue", "s1", 7), ("skips", "s3", 7), ("stops", None, 2)])
def test_the_logs_are_drawn(monkeypatch: pytest.MonkeyPatch, show: str, space: str | None, lines: int) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(ROOT))
    rule = RULE if show == "stops" else None
    panel = replayed_panel(ReplayedPanel(kind="replayed", title="", show=show, space=space, rule=rule))  # type: ignore[arg-type]
    assert len(panel.lines) == lines and not panel.note
    if show == "eigenvalue":  # epochs 1, 3, ..., 49 and 50; three seeds, of which the third ends at 1.064
        assert panel.lines[0].x.tolist() == [*range(1, 50, 2), 50]
        assert panel.lines[0].seeds[:, -1] == pytest.approx([0.5212, 0.3938, 1.0643], abs=1e-4)
    if show == "stops":
        assert panel.title == " (40 of 67 searches stop)" and panel.lines[0].x[0] == 11
        assert [line.mean[0] for line in panel.lines] == pytest.approx([12 / 6, 32 / 6])


def test_without_the_logs_there_is_a_note_and_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    with pytest.raises(DataMissing, match=r"^RobustDARTS' logs not found under .*robustdarts/runs.parquet"):
        load_logged_searches(tmp_path)
    panel = replayed_panel(ReplayedPanel(kind="replayed", title="", show="skips"))
    assert panel.lines == () and panel.note.startswith("RobustDARTS' logs not found (HARNESS_DATA is not set)")


def write_logs(folder: Path, **changes: object) -> None:
    (folder / "robustdarts").mkdir()
    cell = json.dumps([["skip_connect", 0], ["sep_conv_3x3", 1]])
    run = {"run": "a", "space": "s1", "dataset": "cifar10", "l2": 3e-4, "drop_path": 0.0, "seed": 1, "hessians": 2}
    epochs = {"run": ["a"] * 3, "epoch": [2, 0, 1], "hessian_max_eigenvalue": [3.0, 1.0, np.nan], "normal": [cell] * 3}
    pd.DataFrame([run, run | {"run": "b", "hessians": 0}]).to_parquet(folder / "robustdarts" / FILES[0])
    pd.DataFrame(epochs | changes).to_parquet(folder / "robustdarts" / FILES[1])


def test_epochs_are_in_their_order_and_begin_before_training(tmp_path: Path) -> None:
    write_logs(tmp_path)
    (search,) = load_logged_searches(tmp_path)
    np.testing.assert_equal(search.eigenvalues, [np.nan, 1.0, np.nan, 3.0])
    np.testing.assert_equal(search.skips, [np.nan, 1, 1, 1])
    assert (search.name, search.space, search.decay, search.seed) == ("a", "s1", 3e-4, 1)
    (one,) = replay([search], RULE)
    assert (one.epoch, one.stopped, one.skips, one.last_skips) == (3, False, 1, 1)


def test_logs_of_another_form_are_one_clear_error(tmp_path: Path) -> None:
    write_logs(tmp_path, normal=["[["] * 3)
    with pytest.raises(HarnessError, match=r"robustdarts: no logs of RobustDARTS in the expected form") as error:
        load_logged_searches(tmp_path)
    assert "\n" not in str(error.value)
