"""Event files of TensorBoard beside the records: all epochs, of searches and trainings, resumed ones too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.runner import scalars
from harness.runner.record import Record
from tests.conftest import Project
from tests.records import science

events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
LOG = ("-m", "darts-v1", "--seeds", "0", "--log", "tensorboard")


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Read event files by TensorBoard's own reader."""
    found = events.EventAccumulator(str(folder))
    found.Reload()
    return {tag: [(one.step, one.value) for one in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def beside(project: Project, record: Record) -> Path:
    (path,) = [path for path in project.paths() if record.id in path.name]
    return path.with_suffix("")


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-6)  # event files hold single precision


def test_a_search_and_its_training_leave_their_epochs(project: Project) -> None:
    project.train()
    assert project.run(*LOG, "--set", "training.epochs=2").code == 0
    searched, trained = sorted(project.records_list(), key=lambda record: record.trajectory is None)
    track, curve = searched.trajectory, trained.training
    assert track is not None and curve is not None
    of_search = read(beside(project, searched))
    assert of_search["weight_loss"] == [(e, close(track.weight_loss[e])) for e in (1, 2)]  # type: ignore[arg-type]
    assert set(of_search) == {
        *("weight_loss", "weight_accuracy", "architecture_loss", "architecture_accuracy", "weight_lr"),
        *(f"weight of {name}/cell" for name in ("none", "skip_connect", "nor_conv_3x3")),
    }
    skip = [sum(edge[1] for edge in epoch) / 6 for epoch in track.mixing["cell"]]
    assert of_search["weight of skip_connect/cell"] == [(epoch, close(value)) for epoch, value in enumerate(skip)]
    of_training = read(beside(project, trained))
    assert of_training["loss"] == [(epoch, close(value)) for epoch, value in enumerate(curve.loss, start=1)]
    assert of_training["accuracy"] == [(e, close(v)) for e, v in enumerate(curve.evaluated, start=1)]
    assert len(curve.loss) == 2
    assert project.cli("list", "trials").err == ""  # event files are no records, and no strays


def test_nothing_but_files_is_added(project: Project) -> None:
    project.run(*LOG)
    logged = project.records()["darts-v1", 0]
    assert beside(project, logged).is_dir()
    project.run(*LOG[:-2], "--results", "plain")
    (plain,) = [path for path in (project.folder / "plain").rglob("s0-*")]
    from harness.runner.store import read_record

    assert science(read_record(plain)) == science(logged) and plain.suffix == ".json"


def test_a_resumed_search_has_all_epochs_once(project: Project, stop_after: Any) -> None:
    words = (*LOG, "--set", "epochs=3")
    with stop_after(1):
        assert project.run(*words).code == 130
    assert project.run(*words).code == 0
    record = project.records()["darts-v1", 0]
    assert record.provenance.resumed_from_epoch == 1
    assert [step for step, _ in read(beside(project, record))["weight_loss"]] == [1, 2, 3]


def test_without_the_package_it_is_one_line_before_anything_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scalars, "TENSORBOARD", "no_such_package")
    for more in ((), ("--dry-run",)):
        answer = project.run(*LOG, *more)
        assert answer.code == 2 and not (project.folder / "results").exists()
        assert answer.err == "error: --log tensorboard: the package tensorboard is missing; pip install tensorboard\n"


def test_stages_follow_one_another() -> None:
    track = {
        "schema_version": 2, "groups": [], "mixing": {}, "architectures": ["a", "b", "c"], "weight_loss": [None, 3, 2],
        "weight_accuracy": [None] * 3, "architecture_loss": [None] * 3, "architecture_accuracy": [None] * 3,
        "weight_lr": [None, 1, 1], "diagnostics": {"eigenvalue": [None, 7, None]},
    }  # fmt: skip
    points = scalars.series({"trajectory": {**track, "earlier": [{**track, "earlier": []}]}})
    assert points["weight_loss"] == [(0, None), (1, 3), (2, 2), (2, None), (3, 3), (4, 2)]
    assert points["diagnostics/eigenvalue"] == [(0, None), (1, 7), (2, None), (2, None), (3, 7), (4, None)]
