"""Edges whose strength is measured: trials of their own that share one supernet, with ids, costs and ends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability
from harness.runner.cost import estimate_seconds
from harness.runner.plan import Filters, Plan, ProfileName, make_plan
from harness.runner.record import Record
from harness.runner.store import Store
from harness.runner.supernets import states
from harness.runner.survey import survey
from harness.runner.timings import Timings
from harness.suite.load import load_suite

SUITES = Path(__file__).parents[2] / "suites"
DATA = DataAvailability({"cifar10": "44b5b8f30f78b268", "digits": "a2b94ca175e5b3a0"}, {})
ROWS = """
      base:
        method: halves-201
        values: [null]
      strong:
        method: halves-201
        label: Strong
        search:
          select: {name: strength, edges: [cell/1<-0, cell/2<-1], start: end, tuning_lr: 0.1, gain: 100, patience: 1,
                   cap: 5, images: 32}
        values: [null]
"""


def plan(name: str, profile: ProfileName = "reduced") -> Plan:
    return make_plan(load_suite(SUITES / f"{name}.yaml", load_catalogue()), profile, Filters(), (), data=DATA)


def edges_of(made: Plan, row: str) -> list[tuple[int, str]]:
    trials: dict[str, Any] = {trial.id: trial for trial in made.trials}
    return [(trials[i].seed, trials[i].spec.select.part) for i in made.rows[row]]


def test_every_edge_of_every_seed_is_a_trial_and_rows_share_them() -> None:
    made = plan("strength")
    assert edges_of(made, "nb201/end")[:7] == [
        *((0, f"cell/{edge}") for edge in ("1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2")), (1, "cell/1<-0"),
    ]  # fmt: skip
    assert len(made.rows["nb201/end"]) == 4 * 6 and len(made.rows["s2/normal"]) == 14
    for row, count in (("nb201/three", 12), ("nb201/one", 4)):
        assert len(made.rows[row]) == count and set(made.rows[row]) < set(made.rows["nb201/end"])
    assert edges_of(made, "nb201/early") == edges_of(made, "nb201/three")
    assert not set(made.rows["nb201/early"]) & set(made.rows["nb201/three"])
    assert len({trial.id for trial in made.trials}) == len(made.trials)
    names = {trial.subject for trial in made.trials if trial.seed == 0 and "s2/normal" in trial.rows}
    assert "halves-201 normal/2<-0" in names and len(names) == 14


def test_drawn_edges_do_not_follow_the_profile() -> None:
    for row in ("nb201/one", "s2/some"):
        reduced, paper = edges_of(plan("strength"), row), edges_of(plan("strength", "paper"), row)
        assert reduced == [entry for entry in paper if entry[0] < 4]


@pytest.mark.parametrize(
    ("row", "profile", "suite", "other"), [("nb201/supernet", "reduced", "darts_pt", "darts-pt-snapshots/darts")]
)
def test_supernets_are_those_of_other_suites(row: str, profile: ProfileName, suite: str, other: str) -> None:
    """The same ids: what is trained there need not be trained again."""
    made, theirs = plan("strength", profile), plan(suite, profile)
    assert made.rows[row][:3] == theirs.rows[other][:3]
    measured = {trial.supernet_id for trial in made.trials if trial.rows[0].startswith(row.partition("/")[0] + "/")}
    assert measured == set(made.rows[row])


def test_the_cost_is_that_of_all_epochs_that_it_may_take_less_those_that_another_trains() -> None:
    made: dict[str, Any] = {trial.id: trial for trial in plan("strength").trials}
    spec = next(trial.spec for trial in made.values() if "nb201/end" in trial.rows)
    assert spec.all_epochs - spec.search_epochs == 5 * 10
    whole, rest = (estimate_seconds(spec, 50_000, "cpu", done=done) for done in (0, spec.search_epochs))
    assert whole - rest == pytest.approx(estimate_seconds(spec.supernet, 50_000, "cpu"))
    # A tuning epoch trains weights alone, half of a bi-level one, and evaluates 2,000 images: a third of a pass.
    an_epoch = estimate_seconds(spec.supernet, 50_000, "cpu") / spec.epochs
    assert rest == pytest.approx(50 * an_epoch / 2 + 55 * an_epoch / 2 / 3, rel=0.02)


def test_who_starts_from_another_trials_supernet_pays_for_the_tuning_alone(tmp_path: Path) -> None:
    tasks = survey(plan("strength").trials, Store(tmp_path), None, timings=Timings("cpu", {}), force=False)
    leaders = [task for task in tasks if task.leaves]
    assert {task.trial.rows[0] for task in leaders} == {"nb201/supernet", "s2/supernet"} and len(leaders) == 8
    for task in tasks:
        assert task.follows == (task not in leaders)
        spec: Any = task.trial.spec
        done = spec.search_epochs if task.follows else 0
        assert task.seconds == pytest.approx(estimate_seconds(spec, 50_000, "cpu", done=done))


def test_who_finds_a_supernet_on_the_disk_pays_for_the_tuning_alone(tmp_path: Path) -> None:
    store, trials = Store(tmp_path), plan("strength").trials
    one = next(trial for trial in trials if "nb201/end" in trial.rows)
    [(_, state)] = states([one], store).items()
    state.parent.mkdir(parents=True)
    state.touch()
    tasks = survey([one], store, None, timings=Timings("cpu", {}), force=False)
    spec: Any = one.spec
    assert not tasks[0].follows
    assert tasks[0].seconds == pytest.approx(estimate_seconds(spec, 50_000, "cpu", done=spec.search_epochs))


# in a run ---------------------------------------------------------------------------------------------------


@pytest.fixture
def measuring(project: Any) -> Any:
    path = project.folder / "suites" / "tiny.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    rows:\n", "    rows:" + ROWS, 1), encoding="utf-8")
    return project


def by_edge(project: Any) -> dict[str, Record]:
    return {", ".join(r.spec["select"].get("edges", ["search"])): r for r in project.records_list()}


WORDS = ("-m", "halves-201", "--seeds", "0")


def test_edges_start_from_the_supernet_of_the_search_and_end_where_accuracies_settle(measuring: Any) -> None:
    shown = measuring.run(*WORDS, "--dry-run").out
    assert re.findall(r"halves-201 cell/\S+", shown) == ["halves-201 cell/1<-0", "halves-201 cell/2<-1"]
    answer = measuring.run(*WORDS)
    assert answer.code == 0, answer.err
    assert "halves-201 cell/1<-0 digits seed 0: done" in answer.err
    found = by_edge(measuring)
    base, one, other = (found[name] for name in ("search", "cell/1<-0", "cell/2<-1"))
    assert one.provenance.supernet == other.provenance.supernet == base.id
    # 2 epochs of search, and 2 for each of 3 operations: with such a gain each settles in the second; and the end
    assert len(one.trajectory.architectures) - 1 == 2 + 3 * 2 + 1  # type: ignore[union-attr]
    assert one.trajectory.architectures[:3] == base.trajectory.architectures  # type: ignore[union-attr]
    assert not list((measuring.folder / "results" / ".checkpoints").iterdir())
    assert measuring.run(*WORDS).out.startswith("3 trials: 0 executed, 3 done before")


def test_an_end_in_time_is_one_though_more_epochs_might_have_been(measuring: Any, monkeypatch: Any) -> None:
    """The last epoch leaves no time for another, and none is needed."""
    from harness.runner import worker

    real = worker.Pulse.__call__

    def late(self: Any, epoch: int, epochs: int) -> None:
        self.deadline = 0.0 if epoch == 8 else float("inf")
        real(self, epoch, epochs)

    monkeypatch.setattr(worker.Pulse, "__call__", late)
    assert measuring.run(*WORDS).code == 0
    assert len(by_edge(measuring)) == 3


def test_who_was_stopped_within_an_operation_ends_as_if_it_had_not_been(measuring: Any, stop_after: Any) -> None:
    assert measuring.run(*WORDS).code == 0
    whole = {record.id: record.trajectory for record in measuring.records_list()}
    for path in measuring.paths():
        path.unlink()
    with stop_after(5):
        assert measuring.run(*WORDS).code == 130
    assert measuring.run(*WORDS).code == 0
    resumed = {record.id: record for record in measuring.records_list()}
    assert {trial_id: record.trajectory for trial_id, record in resumed.items()} == whole
    assert 5 in {record.provenance.resumed_from_epoch for record in resumed.values()}
