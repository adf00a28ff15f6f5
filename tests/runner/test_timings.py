"""What trials took on this machine, and the estimates that it makes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import deep_merge
from harness.methods.catalogue import Layer, load_catalogue, resolve
from harness.runner import timings
from harness.runner.cost import estimate
from harness.runner.environment import machine
from harness.runner.timings import LATEST, SHORTEST, Timings, note
from tests.engine.training_specs import make
from tests.runner.test_survey import DATA, SPACE, FakeTrial

HERE = machine("cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / timings.FILE


def search(method="darts-v1", **changes):
    def error(path, message):
        raise AssertionError(message)

    settings = deep_merge({"space": SPACE, "data": DATA}, changes)
    return replace(Trial(), spec=resolve(load_catalogue(), method, [Layer(settings, error)]))


class Trial(FakeTrial):
    """A search of 50,000 images."""

    dataset, embedded = "cifar10", False


def done(make_record, times, trial, **changes):
    """Make the record of a trial that took ``times`` its estimate."""
    made = make_record().provenance.model_dump()
    seconds = times * estimate(trial, "cpu", follows=changes.get("supernet") is not None)
    return make_record(provenance={**made, "platform": HERE, "cpu_seconds": seconds, **changes})


LONG = {"epochs": 3000}  # of which an estimate is above what is too short


def test_an_estimate_is_that_of_trials_like_it_on_this_machine(cache, make_record):
    trial = search(**LONG)
    assert Timings.read("cpu").estimate(trial) == estimate(trial, "cpu") > SHORTEST
    for times in (2.0, 3.0, 10.0):
        note(trial, done(make_record, times, trial))
    assert Timings.read("cpu").estimate(trial) == pytest.approx(3 * estimate(trial, "cpu"), rel=1e-3)
    assert len(cache.read_text().splitlines()) == 3
    assert Timings.read("cuda").estimate(trial) == estimate(trial, "cuda")


def test_of_trials_the_most_alike_count(cache, make_record):
    small, large = search(**LONG), search(**LONG, space={"channels": 16})
    other = search(**LONG, data={"image_size": 16})
    training = replace(Trial(), spec=make())
    note(small, done(make_record, 2.0, small))
    note(large, done(make_record, 4.0, large))
    known = Timings.read("cpu")
    assert known.estimate(small) == pytest.approx(2 * estimate(small, "cpu"), rel=1e-3)
    assert known.estimate(large) == pytest.approx(4 * estimate(large, "cpu"), rel=1e-3)
    assert known.estimate(other) == pytest.approx(3 * estimate(other, "cpu"), rel=1e-3)  # of both
    assert known.estimate(training) == pytest.approx(3 * estimate(training, "cpu"), rel=1e-3)


def test_only_the_latest_count(cache, make_record):
    trial = search(**LONG)
    for times in [9.0] * 20 + [2.0] * LATEST:
        note(trial, done(make_record, times, trial))
    assert Timings.read("cpu").estimate(trial) == pytest.approx(2 * estimate(trial, "cpu"), rel=1e-3)


def test_who_follows_a_supernet_is_compared_with_what_comes_after_it(cache, make_record):
    space = {"ops": ["none", "skip_connect", "nor_conv_3x3"]}
    trial = search("darts-pt", **LONG, space=space, select={"interval": 2000})  # epochs of tuning come after
    assert estimate(trial, "cpu") > estimate(trial, "cpu", follows=True) > SHORTEST
    note(trial, done(make_record, 2.0, trial, supernet="0" * 16))
    found = Timings.read("cpu").estimate(trial, follows=True)
    assert found == pytest.approx(2 * estimate(trial, "cpu", follows=True), rel=1e-3)
    note(trial, done(make_record, 8.0, trial))  # a whole one is another thing
    assert Timings.read("cpu").estimate(trial, follows=True) == pytest.approx(found, rel=1e-3)
    assert Timings.read("cpu").estimate(trial) == pytest.approx(8 * estimate(trial, "cpu"), rel=1e-3)


@pytest.mark.parametrize(
    "changes", [{"cpu_seconds": None}, {"cpu_seconds": 0.9 * SHORTEST}, {"device": "cuda"}], ids=str
)
def test_what_says_little_is_not_kept(cache, make_record, changes):
    note(trial := search(**LONG), done(make_record, 2.0, trial, **changes))
    assert not cache.exists()


def test_other_machines_and_broken_lines_are_passed_over(cache, make_record):
    trial = search(**LONG)
    note(trial, done(make_record, 7.0, trial, platform="another"))
    note(trial, done(make_record, 2.0, trial))
    with cache.open("a") as file:
        file.write(
            '{"machine": "x"\n[1]\nnull\n' + json.dumps({"machine": HERE, "kinds": ["any"], "ratio": "much"}) + "\n"
        )
    assert Timings.read("cpu").estimate(trial) == pytest.approx(2 * estimate(trial, "cpu"), rel=1e-3)


def test_of_a_long_file_the_end_is_read(cache, make_record, monkeypatch):
    trial = search(**LONG)
    for times in (9.0, 9.0, 9.0, 2.0):
        note(trial, done(make_record, times, trial))
    monkeypatch.setattr(timings, "TAIL", len(cache.read_text().splitlines()[-1]) + 20)
    assert Timings.read("cpu").estimate(trial) == pytest.approx(2 * estimate(trial, "cpu"), rel=1e-3)


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path, monkeypatch, make_record):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file" / "cache"))
    note(trial := search(**LONG), done(make_record, 2.0, trial))
    assert Timings.read("cpu").estimate(trial) == estimate(trial, "cpu")


def test_what_estimates_rest_on_is_said(cache, make_record):
    assert Timings.read("cpu").basis == "by another machine's speed: nothing was timed on this one yet"
    note(trial := search(**LONG), done(make_record, 2.0, trial))
    assert Timings.read("cpu").basis == "by the times of trials on this machine"
    assert Timings.read("cuda").basis == "nothing is timed on a GPU"


def test_a_run_notes_what_it_took_and_the_next_plan_costs_as_much(project, monkeypatch):
    monkeypatch.setattr(timings, "SHORTEST", 0.0)
    kept = Path(os.environ["HARNESS_CACHE"]) / timings.FILE

    def cost_of_seed_1():
        answer = project.run("-m", "darts-v1", "--seeds", "0,1", "--dry-run", "--format", "json")
        return next(trial["cost"] for trial in json.loads(answer.out)["trials"] if trial["seed"] == 1)

    before = cost_of_seed_1()
    for _ in range(2):  # the second time there is nothing to do
        assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    (line,) = map(json.loads, kept.read_text().splitlines())
    assert line["machine"] == HERE and line["kinds"][0].startswith("search, darts-v1, nb201, ")
    assert cost_of_seed_1() == pytest.approx(line["ratio"] * before, rel=1e-3) != before
