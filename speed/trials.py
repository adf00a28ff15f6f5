"""A made-up suite of many trials, and their records: every search ends where it is told to."""

from __future__ import annotations

from pathlib import Path

from harness.engine.trajectory import Trajectory
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability
from harness.runner.plan import Filters, Plan, make_plan
from harness.runner.record import Provenance, Record
from harness.runner.trial import Trial
from harness.spaces.nb201 import encoding as nb201
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite

DATA = DataAvailability(checksums={"cifar10": "0123456789abcdef"}, missing={})
HEAD = """
suite: many
title: Many trials
papers: {paper: {title: A paper, authors: Somebody}}
band: {kind: normal, k: 2, floor: 0.5, drift: 3}
columns:
  c10: {label: C10, metric: accuracy, dataset: cifar10, split: test, training_epochs: 200, unit: "%", goal: max}
search:
  space:
    {name: nb201, channels: 16, cells: 5, ops: [none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3],
     conv_bias: no, bn_statistics: batch, partial_channels: 1}
  data:
    {split: halves, weight_images: all, architecture_images: all, architecture_draw: pass, image_size: 32,
     crop_padding: 4, flip: yes}
profiles:
  paper: {comparable: true, seeds: published, unstated_seeds: 2, benchmark: {name: nb201-table}, search: {}}
tables:
  t1:
    paper: paper
    number: T1
    title: A table
    protocol: none
    status: measured
    searched_on: cifar10
    columns: [c10]
    rows:
"""
ROW = """
      row-{0}: {{method: darts-v1, label: row {0}, search: {{batch_size: 1{0:02}}}, n: {1}, values: [50 ± 5]}}
"""


def suite_of(folder: Path, rows: int, seeds: int) -> LoadedSuite:
    """Write and load a suite of rows x seeds trials."""
    path = folder / "many.yaml"
    path.write_text(HEAD + "".join(ROW.format(row, seeds) for row in range(rows)), encoding="utf-8")
    return load_suite(path, load_catalogue())


def plan_of(loaded: LoadedSuite) -> Plan:
    """Plan all its trials."""
    return make_plan(loaded, "paper", Filters(), (), data=DATA)


def record_of(trial: Trial) -> Record:
    """Return a record of 50 epochs in which alpha goes from uniform towards one operation."""
    ops = list(nb201.OPS)
    last = 1 + trial.seed % 4
    course = [0.2 + 0.5 * epoch / 50 for epoch in range(51)]
    row = [[(1 - top) / 4 if op != last else top for op in range(len(ops))] for top in course]
    ends = [nb201.to_string((1, 1, 1, 1, 1, 1)), nb201.to_string((last,) * 6)]
    losses = [None, *(2.3 - 0.03 * epoch for epoch in range(50))]
    trajectory = Trajectory(
        ops=ops, mixing={"cell": [[weights] * 6 for weights in row]}, architectures=[ends[0], *[ends[1]] * 50],
        weight_loss=losses, weight_accuracy=losses, architecture_loss=losses, architecture_accuracy=losses,
        weight_lr=losses,
    )  # fmt: skip
    accuracies = {end: {"cifar10/test/200": 50.0 + trial.seed % 7} for end in ends}
    provenance = Provenance(
        harness="0", git=None, python="3", torch="2", platform="none", device="cpu", threads=1,
        started="2020-01-01T00:00:00+00:00", search_seconds=1.0, evaluation_seconds=1.0, epoch_seconds=[0.02] * 50,
        peak_memory_mb=100.0, resumed_from_epoch=None,
    )  # fmt: skip
    return Record(
        id=trial.id, status="done", suite=trial.suite, profile=trial.profile, method=trial.method,
        dataset=trial.dataset, seed=trial.seed, embedded=False, spec=trial.spec.model_dump(mode="json"),
        benchmark=trial.benchmark.model_dump(mode="json"), part_versions=trial.part_versions, data_fingerprint="f",
        data_checksum=trial.data_checksum, benchmark_checksum=None, trajectory=trajectory, evaluations=accuracies,
        error=None, provenance=provenance,
    )  # fmt: skip
