"""Searches that are watched, stopped and made to fail."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import harness.engine.search
from harness.runner import worker
from harness.runner.store import Store


@pytest.fixture
def searches(monkeypatch):
    """List the seeds whose searches really run; ``failing`` holds seeds whose searches fail."""
    real = harness.engine.search.run_search
    log = SimpleNamespace(seeds=[], failing={})

    def run(spec, dataset, seed, device, checkpoint, on_epoch, **shared):
        log.seeds.append(seed)
        if seed in log.failing:
            raise log.failing[seed]
        return real(spec, dataset, seed, device, checkpoint, on_epoch, **shared)

    monkeypatch.setattr(harness.engine.search, "run_search", run)
    return log


@pytest.fixture
def stop_after(monkeypatch):
    """Return a context in which searches are interrupted after an epoch."""

    @contextmanager
    def stopping(epoch):
        real = worker.Pulse.__call__

        def stop(self, done, epochs):
            real(self, done, epochs)
            if done == epoch:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(worker.Pulse, "__call__", stop)
            yield

    return stopping


@pytest.fixture
def stopped(project, stop_after):
    """The checkpoint of a search that was stopped in the middle, and the record of an equal one that was not."""
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    whole = project.records()["darts-v1", 0]
    path.unlink()
    with stop_after(1):
        assert project.run("-m", "darts-v1", "--seeds", "0").code == 130
    return SimpleNamespace(whole=whole, file=Store(project.folder / "results").checkpoint(whole.id))
