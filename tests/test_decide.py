"""`run --until-decided`: which seeds are run, when it stops, what it prints. The searches are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import harness.api.running
from harness.cli.decide import _cpu_time
from harness.runner.execute import Options, Tally
from harness.runner.store import Store
from harness.runner.survey import Task
from harness.runner.trial import Trial
from tests.analysis import synthetic
from tests.conftest import Project

CLAIMS = """\
      exchanged:
        method: ex-darts
        n: 2
        values: ["50.00 ± 5.00"]
claims:
  clear:
    text: Uniform is better
    source: Paper A
    relation: ">"
    left: {row: t2/uniform, of: accuracy, dataset: digits, split: test, training_epochs: 1}
    right: {row: t1/darts, of: accuracy, dataset: digits, split: test, training_epochs: 1}
    margin: 0
  open:
    text: Exchanged rates are better
    source: Paper A
    relation: ">"
    left: {row: t2/exchanged, of: accuracy, dataset: digits, split: test, training_epochs: 1}
    right: {row: t1/darts, of: accuracy, dataset: digits, split: test, training_epochs: 1}
    margin: 0
"""
LEVELS = {"darts-uniform": 90.0, "darts-v1": 50.0, "ex-darts": 50.5}


class Searches:
    """Stands in for `execute`: every trial ends in its method's level, a little higher with every seed."""

    def __init__(self) -> None:
        """Nothing has run."""
        self.ran: list[list[tuple[str, int]]] = []
        self.fails: Callable[[Trial], bool] = lambda trial: False

    def __call__(self, tasks: Sequence[Task], store: Store, options: Options, progress: Any) -> Tally:
        """Write the records of what is missing."""
        todo = [task.trial for task in tasks if task.needs_work]
        self.ran.append(sorted((trial.method, trial.seed) for trial in todo))
        for trial in todo:
            store.write(synthetic.failed(trial) if self.fails(trial) else self.record(trial))
        failed = {trial.id: "diverged" for trial in todo if self.fails(trial)}
        return Tally(executed=[trial.id for trial in todo if trial.id not in failed], failed=failed)

    @staticmethod
    def record(trial: Trial) -> Any:
        """Return a record that took 1.5 seconds of processor time."""
        return synthetic.record(
            trial,
            {"digits/test/1": LEVELS[trial.method] + trial.seed},
            weights=synthetic.weights_towards(1, 0.6, epochs=2, ops=3),
            provenance=synthetic.provenance(cpu_seconds=1.5).model_dump(),
        )


@pytest.fixture
def searches(project: Project, monkeypatch: pytest.MonkeyPatch) -> Searches:
    path = project.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text(encoding="utf-8") + CLAIMS, encoding="utf-8")
    found = Searches()
    monkeypatch.setattr(harness.api.running, "execute", found)
    return found


def seeds(method: str, first: int, last: int) -> list[tuple[str, int]]:
    return [(method, seed) for seed in range(first, last + 1)]


def test_seeds_go_to_open_claims_alone(project: Project, searches: Searches) -> None:
    """The clear claim ends at six; the open one's two rows go on to ten, and no row without a claim is run."""
    answer = project.run("--until-decided")
    assert searches.ran == [
        seeds("darts-uniform", 0, 5) + seeds("darts-v1", 0, 5) + seeds("ex-darts", 0, 5),
        seeds("darts-v1", 6, 9) + seeds("ex-darts", 6, 9),
    ]
    lines = [line.split() for line in answer.out.splitlines()]
    clear, open_ = (next(line for line in lines if line[1:2] == [key]) for key in ("clear", "open"))
    assert (clear[2], clear[3]) == ("PASS", "6") and "18.0 s" in " ".join(clear)
    assert (open_[2], open_[3]) == ("UNDECIDED", "10") and "30.0 s" in " ".join(open_)
    assert "tiny: 1 of 2 claims decided, by 26 trials, 39.0 s of CPU time" in answer.out
    assert answer.code == 0


def test_the_same_command_again_runs_nothing(project: Project, searches: Searches) -> None:
    first = project.run("--until-decided")
    again = project.run("--until-decided")
    assert searches.ran[2:] == []
    assert again.out.splitlines()[-3:] == first.out.splitlines()[-3:]


def test_seeds_that_are_there_count(project: Project, searches: Searches) -> None:
    """Three planned seeds were run before, with the ids that they always have."""
    project.run()
    before = project.paths()
    project.run("--until-decided", "--max-seeds", "6")
    assert searches.ran[1] == seeds("darts-uniform", 3, 5) + seeds("darts-v1", 3, 5) + seeds("ex-darts", 3, 5)
    assert set(before) < set(project.paths())


def test_max_seeds_ends_at_the_look_before(project: Project, searches: Searches) -> None:
    project.run("--until-decided", "--max-seeds", "9")
    assert len(searches.ran) == 1


def test_a_seed_that_fails_ends_the_waiting(project: Project, searches: Searches) -> None:
    searches.fails = lambda trial: trial.method == "ex-darts" and trial.seed == 4
    answer = project.run("--until-decided")
    assert len(searches.ran) == 1
    assert answer.code == 1
    assert "PASS" in answer.out and "UNDECIDED" in answer.out


def test_the_time_of_resumed_trials_is_not_made_up() -> None:
    assert _cpu_time({"a": 1.5, "b": None, "c": 2.0}) == "3.5 s + 1 resumed"


def test_a_dry_run_shows_what_comes_before_the_next_look(project: Project, searches: Searches) -> None:
    answer = project.run("--until-decided", "--dry-run")
    assert searches.ran == []
    assert "18 of 18 trials to do" in answer.out


def test_a_selection_leaves_the_other_claims_out(project: Project, searches: Searches) -> None:
    answer = project.run("--until-decided", "-m", "darts-v1", "-m", "darts-uniform")
    assert searches.ran == [seeds("darts-uniform", 0, 5) + seeds("darts-v1", 0, 5)]
    assert "exchanged" not in answer.out


def test_check_reads_the_seeds_of_claims_and_no_cell_does(project: Project, searches: Searches) -> None:
    project.run("--until-decided")
    out = project.cli("check").out
    assert "at 6 seeds a side" in out and "(3 of 3)" in out and "(6 of" not in out
    chosen = project.cli("check", "--seeds", "0-1").out
    assert "at 6 seeds a side" not in chosen


def test_without_claims_nothing_is_run(project: Project) -> None:
    answer = project.run("--until-decided")
    assert answer.code == 3 and "0 of 0 claims decided" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--until-decided", "--seeds", "0-3"], "leave out --seeds"),
        (["--until-decided", "--force"], "leave out --force"),
        (["--until-decided", "--max-seeds", "5"], "the first look at a claim takes 6 seeds a side"),
        (["--max-seeds", "10"], "--max-seeds 10: only with --until-decided"),
    ],
)
def test_contradictions_are_one_line(project: Project, words: list[str], said: str) -> None:
    answer = project.run(*words)
    assert answer.code == 2 and said in answer.err and answer.err.count("\n") == 1
