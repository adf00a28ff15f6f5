"""Trials that differ only in what follows the search share one supernet run."""

import shutil

import pytest

import harness.engine.search
from harness.engine.search import Search

ROWS = """
      base:
        method: halves-201
        search: {architecture_optimiser: {lr: 0.05}}
        values: [null]
      tuned:
        method: darts-pt
        search: {epochs: 50, architecture_optimiser: {lr: 0.05}, select: {interval: 1, images: 32}}
        values: [null]
      early:
        label: Early
        method: darts-pt
        search: {epochs: 50, architecture_optimiser: {lr: 0.05}, select: {interval: 1, images: 32, start: 1}}
        values: [null]
"""
WORDS = ("-m", "halves-201", "-m", "darts-pt", "--seeds", "0")


@pytest.fixture
def trained(project, monkeypatch):
    """A project with rows that share a supernet; the list receives the epochs that are trained, in their order."""
    path = project.folder / "suites" / "tiny.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    rows:\n", "    rows:" + ROWS, 1), encoding="utf-8")
    epochs, plain = [], Search.run_epoch

    def run_epoch(search):
        epochs.append(search.epoch)
        plain(search)

    monkeypatch.setattr(harness.engine.search.Search, "run_epoch", run_epoch)
    return project, epochs


def by_length(project):
    """Return the records by the number of their epochs: base 2, early 1 + 5, tuned 2 + 5."""
    return {len(record.trajectory.architectures) - 1: record for record in project.records_list()}


def test_one_run_trains_the_supernet_of_all(trained):
    project, epochs = trained
    answer = project.run(*WORDS)
    assert answer.code == 0, answer.err
    assert epochs == [0, 1, *range(2, 7), *range(1, 6)]  # six edges: five epochs of tuning
    base, early, tuned = (by_length(project)[n] for n in (2, 6, 7))
    assert base.provenance.supernet is None
    assert early.provenance.supernet == tuned.provenance.supernet == base.id
    assert tuned.trajectory.architectures[:3] == base.trajectory.architectures
    assert not list((project.folder / "results" / ".checkpoints").iterdir())


def test_a_trial_alone_trains_its_own_supernet_to_the_same_end(trained):
    project, epochs = trained
    assert project.run(*WORDS).code == 0
    together = {record.id: record.trajectory for record in project.records_list()}
    shutil.rmtree(project.folder / "results")
    epochs.clear()
    assert project.run("-m", "darts-pt", "--seeds", "0").code == 0
    assert epochs[:2] == [0, 1]
    alone = {record.id: record.trajectory for record in project.records_list()}
    assert len(alone) == 2 and alone.items() <= together.items()
