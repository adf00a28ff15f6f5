"""Final trainings as trials: what a suite plans, what waits for what, and going on where they were stopped."""

import json
import re
from dataclasses import replace

import pytest

from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import find_data
from harness.runner.plan import Filters, make_plan
from harness.runner.store import Store
from harness.runner.trainings import row_training
from harness.suite.load import load_suite
from tests.engine.training_specs import CELL
from tests.records import science

NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
BEST = "{name: best-search, searches: 3}\n  short: {epochs: 2, data: {split: valid, images: 32}}"


def plan(project, *overrides, profile="reduced", selection=None):
    loaded = load_suite(project.folder / "suites" / "tiny.yaml", load_catalogue())
    data = find_data(["digits"], None)
    return make_plan(loaded, profile, selection or Filters(methods=("darts-v1",)), overrides, data=data)


def kinds(made):
    searches = [trial for trial in made.trials if trial.searches]
    trainings = [trial for trial in made.trials if trial.trains]
    assert len(searches) + len(trainings) == len(made.trials)
    return searches, trainings


def run(project, *words):
    return project.run("-m", "darts-v1", *words)


def records(project):
    found = project.records_list()
    return {r.seed: r for r in found if r.trajectory}, {r.seed: r for r in found if r.training}


# plans ------------------------------------------------------------------------------------------------------------


def test_without_a_word_of_training_nothing_is_trained_and_with_it_searches_are_the_same(project):
    before = plan(project)
    project.train()
    after = plan(project)
    searches, trainings = kinds(after)
    assert before.trials == tuple(searches) and not before.trained
    assert [trial.after for trial in trainings] == [(trial.id,) for trial in searches]
    assert [trial.seed for trial in trainings] == [0, 1, 2] == [trial.seed for trial in searches]
    assert after.rows == before.rows
    assert after.trained["t1/darts"].trials == tuple(trial.id for trial in trainings)
    assert after.trained["t1/darts"].columns == ("digits-test",) and after.trained["t1/darts"].reports == "last"


def test_a_column_of_other_guesses_is_answered_where_the_training_counts_them(project):
    project.train()
    path = project.folder / "suites" / "tiny.yaml"
    text = path.read_text()
    path.write_text(text.replace("goal: max}", "goal: max, top: 3}", 1))
    with pytest.raises(HarnessError, match=r"does not count 3 guesses: state tops: \[3\] beside it"):
        plan(project)
    path.write_text(path.read_text().replace("  reports: last", "  reports: last\n  tops: [3]", 1))
    assert plan(project).trained["t1/darts"].columns == ("digits-test",)
    path.write_text(text.replace("goal: max}", "goal: max, top: 11}", 1))
    with pytest.raises(HarnessError, match=r"columns\.digits-test\.top: 11 guesses, and digits has 10 classes"):
        plan(project)


def test_a_training_whose_test_images_are_not_there_is_blocked_before_it_begins(project):
    project.train()
    loaded = load_suite(project.folder / "suites" / "tiny.yaml", load_catalogue())
    data = find_data(["digits"], None)
    made = make_plan(loaded, "reduced", Filters(methods=("darts-v1",)), (), data=data)
    without = replace(data, tests={}, no_tests={"digits": "dataset digits: no test file"})
    lacking = make_plan(loaded, "reduced", Filters(methods=("darts-v1",)), (), data=without)
    (searches, trainings), (same, blocked) = kinds(made), kinds(lacking)
    assert searches == same and [trial.id for trial in trainings] == [trial.id for trial in blocked]
    assert {trial.blocked for trial in blocked} == {"dataset digits: no test file"}
    assert {trial.test_checksum for trial in trainings} == {data.tests["digits"]}
    assert {trial.test_checksum for trial in searches} == {None}
    assert "blocked: trials on digits: dataset digits: no test file" in lacking.blocked


def test_the_record_of_a_training_names_the_checksum_of_the_test_images(project):
    project.train()
    assert run(project).code == 0
    searches, trainings = records(project)
    expected = find_data(["digits"], None).tests["digits"]
    assert {record.test_checksum for record in trainings.values()} == {expected}
    assert {record.test_checksum for record in searches.values()} == {None}


def test_one_cell_is_trained_as_often_as_the_row_has_runs(project):
    project.train(("{name: each-search}", "{name: one-search}"))
    searches, trainings = kinds(plan(project))
    assert [trial.seed for trial in searches] == [0] and [trial.seed for trial in trainings] == [0, 1, 2]
    assert {trial.after for trial in trainings} == {(searches[0].id,)}
    assert len({trial.id for trial in trainings}) == 3


def test_the_best_of_several_searches_is_chosen_by_short_trainings(project):
    project.train(("{name: each-search}", BEST))
    made = plan(project, profile="paper")  # of two runs
    searches, trainings = kinds(made)
    short, final = trainings[:3], trainings[3:]
    assert [trial.after for trial in short] == [(trial.id,) for trial in searches]
    assert {(trial.spec.epochs, trial.spec.data.split, trial.spec.batch_size) for trial in short} == {(2, "valid", 32)}
    assert [trial.seed for trial in final] == [0, 1] and {trial.spec.epochs for trial in final} == {1}
    assert {trial.after for trial in final} == {tuple(trial.id for trial in short)}
    assert made.trained["t1/darts"].trials == tuple(trial.id for trial in final)


def test_a_published_cell_needs_no_search_and_no_method(project):
    project.train(
        ("{name: each-search}", "{name: cell, cell: darts-v2}"), ("reports: last", "reports: last\n  dataset: digits"),
        ("space: nb201\n  net", "space: darts\n  net"), ("cells: 1, channels: 4, stem", "cells: 3, channels: 4, stem"),
        ("method: darts-v1", "method: null\n        label: A cell"),
        ("method: darts-uniform", "method: null\n        label: The cell"),
        ("again:\n        method: null\n        label: A cell", "again:\n        method: null"),
    )  # fmt: skip
    made = plan(project, profile="paper", selection=Filters())
    assert [(t.method, t.seed, t.after, t.spec.subject.name) for t in made.trials] == [
        ("published", seed, (), "given") for seed in (0, 1)
    ]
    assert made.rows["t1/darts"] == made.trained["t1/darts"].trials == made.rows["t2/uniform"]


def test_a_training_is_another_one_where_its_settings_search_or_seed_are(project):
    project.train()
    first, *_ = kinds(plan(project))[1]
    same, other, further, *_ = (
        kinds(plan(project, *words))[1][0] for words in ((), ("training.epochs=2",), ("batch_size=16",), ("epochs=1",))
    )
    assert same.id == first.id and len({first.id, other.id, further.id}) == 3
    assert other.after == first.after != further.after
    assert other.overrides == ("training.epochs=2",) and further.overrides == ("batch_size=16",)
    assert plan(project, "training.epochs=2").overrides == {
        row: ("training.epochs=2",) for row in ("t1/darts", "t2/again")
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("epochs: 1\n", "epochs: 0\n"), "training.epochs: input should be greater than 0"),
        (("  ramp: 0\n", ""), "missing key 'ramp' (row t1/darts)"),
        (("  ramp: 0\n", "  rampe: 0\n"), "unknown key 'rampe'; did you mean 'ramp'?"),
        (("{name: each-search}", "{name: each}"), "training.of.name: unknown value 'each'"),
        (("reports: last", "reports: worst"), "unknown value 'worst'; valid: best, last"),
        (("space: nb201\n  net", "space: nb210\n  net"), "unknown space 'nb210'; did you mean 'nb201'?"),
        (("reports: last", "reports: last\n  block: some"), "training.block: unknown training 'some'"),
        (("{name: each-search}", BEST.partition("\n")[0]), "training.of: missing key 'short'"),
        (("{name: each-search}", "{name: cell, cell: darts-v3}"), "unknown cell 'darts-v3'; did you mean"),
        (("reports: last", "reports: last\n  dataset: digit"), "unknown dataset of training 'digit'"),
        (("epochs: 1\n", "epochs: 2\n"), "its training answers none of the table's columns (digits, test, 2 epochs)"),
        (("{name: each-search}", BEST.replace("epochs: 2", "epochs: x")), "training.short.epochs: input should be"),
        (("space: nb201\n  net", "space: darts\n  net"), "found in space 'nb201' cannot be trained as of 'darts'"),
        (
            ("method: darts-v1\n", "method: darts-v1\n        stop: {name: skip-count, skips: 1}\n"),
            "a training follows the last epoch of its search",
        ),
        (("drop_path: 0\n", "drop_path: 0.1\n"), "have no drop-path, auxiliary head or squeeze-and-excitation"),
    ],
)
def test_mistakes_are_said_in_one_line_with_their_place(project, change, says):
    project.train(change)
    with pytest.raises(HarnessError) as caught:
        plan(project)
    assert says in str(caught.value) and "tiny.yaml:" in str(caught.value)


def test_too_few_images_are_a_mistake_of_the_plan(project):
    project.train(("images: 64, evaluated", "images: 2000, evaluated"))
    with pytest.raises(HarnessError, match="t1/darts on digits: the training needs 2000 images"):
        plan(project)


# runs -------------------------------------------------------------------------------------------------------------


def test_trainings_follow_their_searches_and_leave_records(project):
    project.train()
    assert "6 of 6 trials to do" in run(project, "--dry-run").out
    answer = run(project)
    assert answer.code == 0 and "6 trials: 6 executed" in answer.out
    searches, trainings = records(project)
    for seed, record in trainings.items():
        found = searches[seed].trajectory.architectures[-1]
        assert record.training.architecture == found and record.spec["subject"]["search"] == searches[seed].id
        assert record.evaluations == {found: {"digits/test/1": record.training.accuracy[-1]}}
        assert f"seed {seed} training: done, {record.training.accuracy[-1]:.2f}% test" in answer.err
        assert record.trajectory is None and record.provenance.search_seconds > 0
    again = run(project)
    assert "6 trials: 0 executed, 6 done before" in again.out
    shown = project.cli("show", trainings[0].id)
    assert "  last: " in shown.out and "after epoch 1" in shown.out and "parameters" in shown.out
    listed = project.cli("list", "trials")
    assert listed.out.count(" training ") == 3 and listed.out.count(" search ") == 3


def test_a_failed_search_blocks_its_training_and_no_other(project, searches):
    project.train(("{name: each-search}", BEST))
    searches.failing[1] = ZeroDivisionError("cheese")
    answer = run(project)
    assert answer.code == 1
    assert "9 trials: 4 executed, 1 failed, 4 blocked" in answer.out
    assert "which failed" in answer.err and "which is blocked" in answer.err
    searches.failing.clear()
    assert "9 trials: 5 executed, 4 done before" in run(project).out


def test_the_best_search_is_the_one_whose_short_training_ended_best(project):
    project.train(("{name: each-search}", BEST))
    assert run(project, "--set", "alpha_init.scale=1").code == 0
    found = project.records_list()
    searches = {r.id: r for r in found if r.trajectory}
    short = {r.spec["subject"]["search"]: r for r in found if r.training and r.spec["subject"]["name"] == "found"}
    assert short.keys() == searches.keys() and len(short) == 3
    best = max(sorted(short.values(), key=lambda r: r.seed), key=lambda r: r.training.accuracy[-1])
    final = [r for r in found if r.training and r.spec["subject"]["name"] == "best"]
    assert len(final) == 3 and {r.training.architecture for r in final} == {best.training.architecture}
    assert len({r.training.loss[0] for r in final}) == 3


def test_seeds_select_trainings_and_first_takes_the_searches_along(project):
    project.train(("{name: each-search}", "{name: one-search}"))
    made = plan(project, selection=Filters(seeds=(2,), methods=("darts-v1",)))
    assert [(trial.searches, trial.seed) for trial in made.trials] == [(True, 0), (False, 2)]
    suite = project.folder / "suites" / "tiny.yaml"
    suite.write_text(
        suite.read_text().replace("    search: {epochs: 2", "    first: [t1/darts 1]\n    search: {epochs: 2")
    )
    out = project.run("--first", "--dry-run").out
    assert "2 of 2 trials to do" in out


def test_every_search_and_training_is_counted_once(project):
    """Two rows share the searches; the best of three is trained for each of the row's three seeds."""
    project.train(("{name: each-search}", BEST))
    assert "9 of 9 trials to do" in run(project, "--dry-run").out
    answer = run(project, "--seeds", "0")
    assert [line[:5] for line in answer.err.splitlines() if line.startswith("[")] == [f"[{n}/7]" for n in range(1, 8)]
    assert "7 trials: 7 executed" in answer.out
    assert "2 of 9 trials to do" in run(project, "--dry-run").out
    answer = run(project)
    assert [line[:5] for line in answer.err.splitlines() if line.startswith("[")] == ["[1/2]", "[2/2]"]
    assert "9 trials: 2 executed, 7 done before" in answer.out


def test_a_training_that_was_killed_goes_on_and_ends_equal(project, stop_after):
    project.train(("  epochs: 1\n", "  epochs: 3\n"), ("training_epochs: 1", "training_epochs: 3"))
    run(project, "--seeds", "0")
    whole = records(project)[1][0]
    next(path for path in project.paths() if whole.id in path.name).unlink()
    with stop_after(2):
        assert run(project, "--seeds", "0").code == 130
    assert Store(project.folder / "results").checkpoint(whole.id).exists()
    answer = run(project, "--seeds", "0")
    assert answer.code == 0 and "1 executed, 1 done before" in answer.out
    resumed = records(project)[1][0]
    assert resumed.provenance.resumed_from_epoch == 2 and len(resumed.provenance.sittings) == 2
    assert science(resumed) == science(whole)
    assert not list((project.folder / "results" / ".checkpoints").iterdir())


def test_what_follows_a_trial_that_is_not_there_is_blocked(project):
    project.train(("{name: each-search}", "{name: one-search}"))
    run(project, "--seeds", "0")
    search = next(iter(records(project)[0].values()))
    loaded = plan(project)
    from harness.runner.survey import survey
    from harness.runner.timings import Timings

    trainings = [trial for trial in loaded.trials if trial.trains]
    store = Store(project.folder / "results")
    tasks = survey(trainings, store, None, timings=Timings("cpu", {}), force=False)
    assert [task.state for task in tasks] == ["done", "to run", "to run"]
    next(path for path in project.paths() if search.id in path.name).unlink()
    tasks = survey(trainings, store, None, timings=Timings("cpu", {}), force=True)
    assert {(task.state, task.reason) for task in tasks} == {
        ("blocked", f"it follows trial {search.id}, which is not part of this run and has no record")
    }


# verdicts ---------------------------------------------------------------------------------------------------------


def test_numbers_are_judged_by_trainings(project):
    project.train()
    words = ("suites/tiny.yaml", "--profile", "paper")
    assert "0 of 8 trials done" in project.cli("check", *words).out
    assert project.cli("run", *words, "--jobs", "0", "--device", "cpu").code == 0
    answer = project.cli("check", *words)
    assert answer.code == 0
    _, trainings = records(project)
    mean = sum(trainings[seed].training.accuracy[-1] for seed in (0, 1)) / 2
    assert f"{mean:.2f}" in answer.out


def test_the_best_of_several_is_printed_and_not_judged_by_their_mean(project):
    project.train()
    words = ("suites/tiny.yaml", "--profile", "paper", "-m", "darts-v1")
    assert project.run("-m", "darts-v1", "--profile", "paper").code == 0
    assert "the best of several is printed" not in project.cli("check", *words).out
    suite = project.folder / "suites" / "tiny.yaml"
    plain, best = "        n: 2\n        values", "        n: 2\n        statistic: best\n        values"
    suite.write_text(suite.read_text().replace(plain, best, 1))
    said = " ".join(project.cli("check", *words).out.split())
    assert "the best of several is printed, which no rule judges by a mean" in said


def test_the_best_epoch_is_reported_where_the_suite_says_so(project):
    from harness.analysis.measures import trained_value
    from harness.analysis.outcomes import digest
    from harness.suite.schema import Column
    from tests.records import a_record

    curve = {
        "architecture": CELL, "parameters": 1, "loss": [1.0, 1.0, 1.0], "train_accuracy": [1.0, 1.0, 1.0],
        "lr": [1.0, 1.0, 1.0], "accuracy": [60.0, 80.0, 70.0], "top5": [90.0, 91.0, 92.0],
        "tops": {"3": [70.0, 85.0, 80.0]},
    }  # fmt: skip
    outcome = digest(a_record(trajectory=None, evaluations={}, training=curve))
    facts = {"label": "a", "dataset": "digits", "split": "test", "training_epochs": 3, "unit": "%", "goal": "max"}
    accuracy, error = (Column(metric=metric, **facts) for metric in ("accuracy", "error"))
    top5 = Column(metric="error", top=5, **facts)
    assert [trained_value(outcome, accuracy, reports) for reports in ("last", "best")] == [70.0, 80.0]
    assert trained_value(outcome, error, "best") == pytest.approx(20.0)
    assert trained_value(outcome, top5, "last") == pytest.approx(8.0)
    assert trained_value(outcome, Column(metric="accuracy", top=3, **facts), "best") == 85.0


# nothing is judged that is not what the suite states ------------------------------------------------------------------


@pytest.mark.parametrize("change", ["reports=best", "short.epochs=3", "short.data.images=16", "label_smoothing=0.1"])
def test_whatever_is_set_of_a_training_is_an_override(project, change):
    project.train(("{name: each-search}", BEST))
    made = plan(project, f"training.{change}")
    assert f"training.{change}" in made.overrides["t1/darts"]
    assert all(f"training.{change}" in trial.overrides for trial in kinds(made)[1])


@pytest.mark.parametrize("change", ["of={name: one-search}", "of.searches=1", "dataset=cifar10"])
def test_what_is_trained_cannot_be_set(project, change):
    project.train()
    with pytest.raises(HarnessError, match=r"--set training\.(of|dataset): what is trained is the suite's to say"):
        plan(project, f"training.{change}")


def edit(project, which, change):
    """Change the records of searches or trainings; the ids stay."""
    for path in project.paths():
        data = json.loads(path.read_text())
        if data.get(which):
            change(data)
            path.write_text(json.dumps(data))


def other_cell(data):
    cells = data["trajectory"]["architectures"]
    data["trajectory"]["architectures"] = [*cells[:-1], CELL if cells[-1] != CELL else NONE]


def test_a_training_of_what_was_not_found_is_not_judged_and_done_again(project):
    project.train()
    assert run(project).code == 0
    edit(project, "trajectory", other_cell)
    said = project.cli("check", "suites/tiny.yaml", "-m", "darts-v1")
    assert "it trained another architecture than the trials before it have found" in said.out
    assert "0 of 3 seeds done" in said.out or "0 of 3" in said.out
    searches, before = records(project)
    again = run(project)
    assert again.code == 0 and "3 executed, 3 done before" in again.out
    _, after = records(project)
    assert {r.training.architecture for r in after.values()} == {
        r.trajectory.architectures[-1] for r in searches.values()
    }
    assert {r.training.architecture for r in before.values()} != {r.training.architecture for r in after.values()}


@pytest.mark.parametrize(
    ("change", "why"),
    [(lambda t: t["accuracy"].__setitem__(-1, 149.0), "does not end with the accuracy that it says"),
     (lambda t: [t[k].append(t[k][-1]) for k in ("loss", "train_accuracy", "lr", "accuracy", "top5")], "2 epochs of 1"),
     (lambda t: t["top5"].__setitem__(-1, 149.0), "is 149, no percentage"),
     (lambda t: t.update(tops={"3": [149.0]}), "top3 of epoch 1 of .* is 149, no percentage")],
)  # fmt: skip
def test_an_edited_training_is_named_and_not_judged(project, change, why):
    project.train()
    assert run(project).code == 0
    edit(project, "training", lambda data: change(data["training"]))
    said = project.cli("check", "suites/tiny.yaml", "-m", "darts-v1")
    assert re.search(why, said.out) and "PASS" not in said.out.replace("PASS ", "")


def test_a_training_on_real_images_of_what_digits_found_is_embedded(project):
    project.train()
    made = plan(project)
    assert {trial.embedded for trial in made.trials} == {False}
    [row] = {trial.rows for trial in kinds(made)[1]}
    loaded = load_suite(project.folder / "suites" / "tiny.yaml", load_catalogue())
    follows = row_training(loaded, "reduced", row[0], (), find_data(["digits"], None))
    stand_in = [replace(search, embedded=True) for search in kinds(made)[0]]
    assert {trial.embedded for trial in follows.expand(stand_in, (0, 1, 2))[1]} == {True}


def test_versions_of_the_space_are_part_of_a_trainings_id(project):
    project.train()
    assert {trial.part_versions["space/nb201"] for trial in kinds(plan(project))[1]} == {1}
