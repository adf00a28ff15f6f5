"""Searches of several sittings: budgets, pauses, what a record says of its parts, what earlier commits left."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

import harness.engine.search
from harness.analysis.baselines import Machine
from harness.analysis.outcomes import digest
from harness.api.request import Request
from harness.api.running import RunRequest
from harness.report.provenance import environment_lines
from harness.runner import environment, worker
from harness.runner import execute as module
from harness.runner.pool import Here
from harness.runner.store import read_record
from tests.records import science


def test_the_record_names_every_part_of_a_search(project, monkeypatch, stop_after):
    """Each part with its threads, on which the order of sums depends, and the commit that it was done by."""
    command = ("-m", "darts-v1", "--seeds", "0", "--set", "epochs=4")
    monkeypatch.setattr(environment, "revision", lambda: "first")
    with stop_after(1):
        assert project.run(*command, "--threads", "2").code == 130
    monkeypatch.setattr(environment, "revision", lambda: "second")
    with stop_after(3):
        assert project.run(*command, "--threads", "1").code == 130
    assert project.run(*command).code == 0
    provenance = project.records()["darts-v1", 0].provenance
    parts = [(part.after_epoch, part.threads, part.git) for part in provenance.sittings]
    assert parts == [(0, 2, "first"), (1, 1, "second"), (3, 1, "second")]
    assert (provenance.threads, provenance.git, provenance.resumed_from_epoch) == (1, "second", 3)
    found = digest(project.records()["darts-v1", 0]).environment
    two = f"torch {provenance.torch}, {provenance.platform}, 2 threads"
    assert found.earlier == (two, two.replace("2 threads", "1 thread")) and Machine.of(found) is None
    assert Machine.of(replace(found, earlier=())) is not None
    verdict: Any = SimpleNamespace(evidence=SimpleNamespace(outcomes={"id": digest(project.records()["darts-v1", 0])}))
    assert f"begun with {two}" in environment_lines([verdict])[1]


def test_a_checkpoint_of_an_earlier_commit_is_taken_up(project, stopped):
    state = torch.load(stopped.file, weights_only=True)
    del state["sittings"]  # was not kept before
    torch.save(state, stopped.file)
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    record = project.records()["darts-v1", 0]
    assert record.provenance.resumed_from_epoch == 1 and science(record) == science(stopped.whole)
    assert [part.after_epoch for part in record.provenance.sittings] == [1]


def test_a_record_of_an_earlier_commit_is_taken_up(project, searches, monkeypatch):
    monkeypatch.setattr(environment, "revision", lambda: "earlier")
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    record = json.loads(path.read_text())
    del record["provenance"]["sittings"]  # was not kept before
    path.write_text(json.dumps(record))
    monkeypatch.setattr(environment, "revision", lambda: "later")
    assert "1 done before" in project.run("-m", "darts-v1", "--seeds", "0").out
    assert searches.seeds == [0] and project.records()["darts-v1", 0].provenance.git == "earlier"


class Clockwork:
    """A clock by which every epoch takes the seconds that are listed."""

    def __init__(self, *seconds):
        self.seconds, self.now = list(seconds), 0.0

    def epoch(self):
        self.now += self.seconds.pop(0)


def ticking(monkeypatch, *seconds):
    """Let searches in this process take the seconds that are listed, an epoch each; return their clock."""
    clock, real = Clockwork(*seconds), harness.engine.search.Search.run_epoch

    def run_epoch(self):
        real(self)
        clock.epoch()

    monkeypatch.setattr(harness.engine.search.Search, "run_epoch", run_epoch)
    monkeypatch.setattr(Here, "clock", lambda self: clock.now)
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock.now)
    return clock


def test_a_budget_ends_at_an_epochs_end_while_there_is_time_for_another(project, monkeypatch):
    """Of two hours, 10 minutes leave time for another epoch, and 60 more leave 50, too little for its like."""
    clock, real = Clockwork(600, 3600), harness.engine.search.Search.run_epoch
    command = ("-m", "darts-v1", "--seeds", "0", "--set", "epochs=4")
    project.run(*command)
    whole = project.records()["darts-v1", 0]
    project.paths()[0].unlink()

    def run_epoch(self):
        real(self)
        clock.epoch()

    with monkeypatch.context() as patched:
        patched.setattr(harness.engine.search.Search, "run_epoch", run_epoch)
        patched.setattr(Here, "clock", lambda self: clock.now)
        patched.setattr(worker.time, "monotonic", lambda: clock.now)
        answer = project.run(*command, "--budget", "2h")
    assert answer.code == 3 and "1 unfinished" in answer.out and clock.seconds == [] and not project.paths()
    assert answer.err.splitlines()[-1].startswith("time is up; go on with: python -m harness run suites/tiny.yaml")
    assert answer.err.splitlines()[-1].endswith("--budget 2h")
    assert project.run(*command).code == 0
    record = project.records()["darts-v1", 0]
    assert record.provenance.resumed_from_epoch == 2 and science(record) == science(whole)
    assert record.provenance.epoch_seconds[:2] == [600, 3600]


def test_what_was_forced_is_not_said_to_go_on(project, monkeypatch):
    """The same command again begins all of it once more."""
    project.run("-m", "darts-v1", "--seeds", "0")
    ticking(monkeypatch, 3600, 3600, 3600)
    answer = project.run("-m", "darts-v1", "--seeds", "0", "--set", "epochs=3", "--force", "--budget", "2h")
    assert answer.code == 3 and "time is up; begin all of it once more with: python -m harness" in answer.err


def test_a_long_first_epoch_does_not_say_how_long_the_next_ones_are(project, monkeypatch):
    """Of two hours 50 minutes are left before the last one: less than the first epoch took, which began the work."""
    clock = ticking(monkeypatch, 3060, 600, 600, 600)
    answer = project.run("-m", "darts-v1", "--seeds", "0", "--set", "epochs=4", "--budget", "2h")
    assert answer.code == 0 and clock.seconds == []


def test_a_budget_counts_from_when_it_was_asked_for(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    asked = RunRequest(Request.read([], None, (), (), (), None, (), Path("results")), 1, "cpu", False, budget="1h")
    assert asked.options(None).budget == 3600
    now[0] += 600  # a look at the claims later
    assert asked.options(None).budget == 3000


def test_no_trial_begins_that_would_have_no_time_for_an_epoch(project, monkeypatch, searches):
    """The first search's epochs took longer than what is left."""
    ticking(monkeypatch, 100, 5000)
    answer = project.run("-m", "darts-v1", "--budget", "2h")
    assert answer.code == 3 and "1 executed, 2 unfinished" in answer.out and searches.seeds == [0]


def test_a_file_holds_the_work_and_its_absence_lets_it_go_on(project, monkeypatch):
    pause = project.folder / "results" / "pause"
    pause.parent.mkdir()
    pause.touch()
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            pause.unlink()

    monkeypatch.setattr(module.time, "sleep", sleep)
    answer = project.run("-m", "darts-v1", "--seeds", "0")
    assert answer.code == 0 and len(slept) == 3
    assert [line for line in answer.err.splitlines() if "go" in line][:2] == [
        "held; goes on without results/pause", "goes on"
    ]  # fmt: skip


EARLIER = Path(__file__).with_name("earlier")  # made by the version before records named the parts of a search
EARLIER_ID = "8d4537191a364f61"
EARLIER_COMMAND = ("-m", "darts-v1", "--seeds", "0", "--set", "epochs=4", "--set", "space.channels=1")


def test_the_record_that_an_earlier_version_left_counts(project, searches):
    place = project.folder / "results" / "reduced" / "darts-v1" / "digits"
    place.mkdir(parents=True)
    shutil.copy(EARLIER / f"s0-{EARLIER_ID}.json", place)
    answer = project.run(*EARLIER_COMMAND)
    assert answer.code == 0 and "1 trials: 0 executed, 1 done before" in answer.out and searches.seeds == []


def test_the_checkpoint_that_an_earlier_version_left_is_gone_on_from(project):
    before = read_record(EARLIER / f"s0-{EARLIER_ID}.json").trajectory
    place = project.folder / "results" / ".checkpoints"
    place.mkdir(parents=True)
    shutil.copy(EARLIER / f"{EARLIER_ID}.pt", place)
    answer = project.run(*EARLIER_COMMAND)
    record = project.records()["darts-v1", 0]
    assert answer.code == 0 and record.id == EARLIER_ID and record.provenance.resumed_from_epoch == 2
    for group, epochs in record.trajectory.mixing.items():
        assert epochs[:3] == before.mixing[group][:3] and len(epochs) == 5
    assert record.trajectory.architectures[:3] == before.architectures[:3]
    assert record.trajectory.weight_loss[:3] == before.weight_loss[:3]
