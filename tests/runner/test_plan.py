"""Plans: which trials, with which ids, and why others are not run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness import engine
from harness.errors import HarnessError
from harness.methods.relaxations import Softmax
from harness.runner.availability import DataAvailability
from harness.runner.plan import Filters, Plan, data_needed, make_plan, make_plans, parse_seeds
from harness.runner.trial import ProfileName, trial_id
from tests.suite.sample import load, without_figures, without_searches

DATA = DataAvailability(checksums={"cifar10": "c1", "digits": "d1"}, missing={})
NO_DATA = DataAvailability(checksums={"digits": "d1"}, missing={"cifar10": "cifar10 is not here"})
Change = tuple[str, str]


def plan(
    folder: Path,
    *changes: Change,
    profile: ProfileName = "paper",
    selection: Filters | None = None,
    overrides: tuple[str, ...] = (),
    data: DataAvailability = DATA,
) -> Plan:
    """Plan the changed sample suite."""
    return make_plan(load(folder, *changes), profile, selection or Filters(), overrides, data=data)


def ids(plan: Plan) -> dict[tuple[str, int], str]:
    """Return the id of every (method, seed)."""
    return {(trial.method, trial.seed): trial.id for trial in plan.trials}


def test_the_paper_profile_follows_the_published_n(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert [(t.method, t.seed) for t in made.trials] == [("darts-v1", s) for s in range(3)] + [
        ("ex-darts", s) for s in range(5)
    ]
    assert {row: len(found) for row, found in made.rows.items()} == {"t1/darts": 3, "t1/exchanged": 5, "t2/again": 2}
    assert made.not_run == {"t1/cdarts": "method 'cdarts' (CDARTS) has no implementation yet"}
    assert made.notes == ()
    assert all(t.blocked is None and not t.embedded and t.data_checksum == "c1" for t in made.trials)
    assert {t.suite for t in made.trials} == {"sample"} and {t.profile for t in made.trials} == {"paper"}


def test_rows_that_ask_for_the_same_search_share_its_trials(tmp_path: Path) -> None:
    made = plan(tmp_path)
    shared = {t.seed: t.rows for t in made.trials if t.method == "darts-v1"}
    assert shared == {0: ("t1/darts", "t2/again"), 1: ("t1/darts", "t2/again"), 2: ("t1/darts",)}
    assert made.rows["t2/again"] == made.rows["t1/darts"][:2]
    assert len({t.id for t in made.trials}) == len(made.trials) == 8


def test_the_reduced_profile_has_its_own_number_of_seeds(tmp_path: Path) -> None:
    made = plan(tmp_path, profile="reduced")
    assert {row: len(found) for row, found in made.rows.items()} == {"t1/darts": 3, "t1/exchanged": 3, "t2/again": 3}
    assert {t.spec.epochs for t in made.trials} == {7}


def test_without_images_the_embedded_data_stands_in_loudly(tmp_path: Path) -> None:
    made = plan(tmp_path, profile="reduced", data=NO_DATA)
    assert [(t.method, t.dataset, t.seed, t.embedded, t.blocked) for t in made.trials] == [
        ("darts-v1", "digits", 0, True, None),
        ("ex-darts", "digits", 0, True, None),
    ]
    assert {t.benchmark.name for t in made.trials} == {"none"} and {t.data_checksum for t in made.trials} == {"d1"}
    (note,) = made.notes
    assert "digits instead of cifar10" in note and "no claim" in note and "cifar10 is not here" in note


def test_without_images_and_stand_in_trials_are_blocked(tmp_path: Path) -> None:
    made = plan(tmp_path, data=NO_DATA)
    assert len(made.trials) == 8 and {t.blocked for t in made.trials} == {"cifar10 is not here"}
    assert made.blocked == ["blocked: trials on cifar10: cifar10 is not here"]


def test_recorded_trials_are_recognised_without_their_images(tmp_path: Path) -> None:
    known = DataAvailability({"cifar10": "c1", "digits": "d1"}, NO_DATA.missing)
    for profile in ("paper", "reduced"):
        here, elsewhere = plan(tmp_path, profile=profile), plan(tmp_path, profile=profile, data=known)  # type: ignore[arg-type]
        assert ids(here) == ids(elsewhere)
        assert all(t.blocked and not t.embedded for t in elsewhere.trials)


def test_data_needed(tmp_path: Path) -> None:
    loaded = load(tmp_path, ("        searched_on: cifar10\n", "        searched_on: cifar100\n"))
    assert data_needed(loaded, "paper") == ["cifar10", "cifar100"]
    assert data_needed(loaded, "reduced") == ["cifar10", "digits", "cifar100"]


# Ids ---------------------------------------------------------------------------------------------------------------

NEW_ROW = (
    "      cdarts:\n",
    "      new:\n        method: single-darts\n        n: 2\n        values: [1, 2]\n      cdarts:\n",
)
NEW_TABLE = (
    "  t1:\n",
    "  t0: {paper: paper-a, number: own, title: New, protocol: p, searched_on: cifar10, columns: [], "
    "rows: {uniform: {method: darts-uniform}}}\n  t1:\n",
)


@pytest.mark.parametrize(
    "change",
    [
        NEW_ROW,
        NEW_TABLE,
        ("suite: sample", "suite: renamed"),
        ("    title: First", "    title: Other"),
        ("      exchanged:\n", "      renamed:\n"),
        ("        n: 5\n", "        n: 7\n"),
        ('"54.30 ± 0.00"', '"55.30 ± 0.00"'),
        ("benchmark: {name: nb201-table}\n    search: {}", "benchmark: {name: none}\n    search: {}"),
    ],
)  # fmt: skip
def test_what_changes_no_other_trial(change: Change, tmp_path: Path) -> None:
    before = ids(plan(tmp_path))
    changes = [change]
    if change[0] == "      exchanged:\n":
        changes += [("row: t1/exchanged", "row: t1/renamed"), without_figures()]
    after = ids(plan(tmp_path, *changes))
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("change", "methods"),
    [
        (("    image_size: 32", "    image_size: 16"), {"darts-v1", "ex-darts"}),
        (("{scale: 0.01}", "{scale: 0.02}"), {"ex-darts"}),
        (("search: {}\n", "search: {epochs: 51}\n"), {"darts-v1", "ex-darts"}),
        (("conv_bias: no", "conv_bias: yes"), {"darts-v1", "ex-darts"}),
    ],
)
def test_settings_change_the_ids_of_their_trials_alone(change: Change, methods: set[str], tmp_path: Path) -> None:
    before, after = ids(plan(tmp_path)), ids(plan(tmp_path, change))
    assert before.keys() == after.keys()
    assert {method for method, seed in before if before[method, seed] != after[method, seed]} == methods
    assert {m for m, seed in before if before[m, seed] == after[m, seed]} == {"darts-v1", "ex-darts"} - methods


@pytest.mark.parametrize("written", ["1e-2", "1.0e-2", ".01", "0.0100", "'0.01'", "+0.01"])
def test_ids_do_not_depend_on_how_a_number_is_written(written: str, tmp_path: Path) -> None:
    assert ids(plan(tmp_path, ("{scale: 0.01}", f"{{scale: {written}}}"))) == ids(plan(tmp_path))


def test_whole_and_broken_numbers_are_one(tmp_path: Path) -> None:
    whole, broken = (plan(tmp_path, ("{scale: 0.01}", f"{{scale: {text}}}")) for text in ("2", "2.0"))
    assert ids(whole) == ids(broken)


def test_writing_what_holds_anyway_changes_no_id(tmp_path: Path) -> None:
    assert ids(plan(tmp_path, ("{alpha_init:", "{batch_size: 256, alpha_init:"))) == ids(plan(tmp_path))
    assert ids(plan(tmp_path, overrides=("space.channels=16",))) == ids(plan(tmp_path))


def test_data_and_versions_are_in_the_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids(plan(tmp_path))
    other = ids(plan(tmp_path, data=DataAvailability({"cifar10": "c2"}, {})))
    assert not set(before.values()) & set(other.values())
    with monkeypatch.context() as patch:
        patch.setattr(Softmax, "version", 2)
        assert not set(before.values()) & set(ids(plan(tmp_path)).values())
    monkeypatch.setattr(engine, "VERSION", engine.VERSION + 1)
    made = plan(tmp_path)
    assert not set(before.values()) & set(ids(made).values())
    assert made.trials[0].part_versions["engine"] == engine.VERSION
    assert made.trials[0].part_versions["relaxation/softmax"] == 1


def test_ids_are_the_same_in_another_process(tmp_path: Path) -> None:
    trial = plan(tmp_path).trials[0]
    assert len(trial.id) == 16 and int(trial.id, 16) >= 0
    again = trial_id(trial.spec, trial.dataset, trial.seed, trial.part_versions, trial.data_checksum)
    assert again == trial.id
    code = (
        "from pathlib import Path; from tests.runner.test_plan import plan;"
        f"print(plan(Path({str(tmp_path)!r})).trials[0].id, 'torch' in __import__('sys').modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.split() == [trial.id, "False"]


# Filters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        (Filters(methods=("ex-darts",)), {"t1/exchanged": 5}),
        (Filters(methods=("ex-darts", "darts-v1"), tables=("t1",)), {"t1/darts": 3, "t1/exchanged": 5}),
        (Filters(tables=("t2",)), {"t2/again": 2}),
        (Filters(datasets=("cifar10",), tables=("t2",)), {"t2/again": 2}),
        (Filters(seeds=(1, 0)), {"t1/darts": 2, "t1/exchanged": 2, "t2/again": 2}),
        (Filters(seeds=(2,), methods=("darts-v1",)), {"t1/darts": 1}),
        (Filters(seeds=(4, 2)), {"t1/darts": 1, "t1/exchanged": 2}),
    ],
)
def test_filters_compose(selection: Filters, rows: dict[str, int], tmp_path: Path) -> None:
    everything = set(ids(plan(tmp_path)).items())
    made = plan(tmp_path, selection=selection)
    assert {row: len(found) for row, found in made.rows.items()} == rows
    assert set(ids(made).items()) <= everything
    assert {trial.id for trial in made.trials} == {trial for found in made.rows.values() for trial in found}
    if 2 in selection.seeds:
        assert made.not_run["t2/again"] == "none of the selected seeds: it has seeds 0-1"


def test_a_selection_of_rows_that_cannot_be_run(tmp_path: Path) -> None:
    made = plan(tmp_path, selection=Filters(methods=("cdarts",)))
    assert made.trials == () and list(made.not_run) == ["t1/cdarts"]


def test_the_stand_in_can_be_selected_by_both_names(tmp_path: Path) -> None:
    for name in ("cifar10", "digits"):
        made = plan(tmp_path, profile="reduced", data=NO_DATA, selection=Filters(datasets=(name,)))
        assert len(made.trials) == 2
    with pytest.raises(HarnessError, match="no row has the dataset 'digits'"):
        plan(tmp_path, profile="reduced", selection=Filters(datasets=("digits",)))


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Filters(methods=("ex-dart",)), "no row has the method 'ex-dart'; did you mean 'ex-darts' or 'cdarts'?"),
        (Filters(methods=("darts-v1", "x"),), "no row has the method 'x'; valid: cdarts, darts-v1, ex-darts"),
        (Filters(tables=("t3",)), "no row has the table 't3'; valid: t1, t2"),
        (Filters(datasets=("cifar100",)), "no row has the dataset 'cifar100'; did you mean 'cifar10'?"),
        (Filters(methods=("ex-darts",), tables=("t2",)), "no row matches all of: method ex-darts, table t2"),
    ],
)  # fmt: skip
def test_filters_that_match_nothing(selection: Filters, said: str, tmp_path: Path) -> None:
    with pytest.raises(HarnessError) as caught:
        plan(tmp_path, selection=selection)
    assert str(caught.value) == f"{tmp_path}/sample.yaml: {said}"


def test_seeds_that_are_not_planned(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"^seed 5 is not planned; valid: seeds 0-4; --until-decided adds"):
        plan(tmp_path, selection=Filters(seeds=(0, 5)))
    with pytest.raises(HarnessError, match=r"^seed 1 is not planned; valid: seed 0; "):
        plan(tmp_path, profile="reduced", data=NO_DATA, selection=Filters(seeds=(1,)))


def test_seeds_as_text() -> None:
    assert parse_seeds("0-2") == (0, 1, 2)
    assert parse_seeds("4, 0-1,1") == (4, 0, 1)
    for text in ("", "a", "2-1", "-1", "1-", "1.5", "0-2-3", "0,,1"):
        with pytest.raises(HarnessError, match=r"^--seeds "):
            parse_seeds(text)


def test_filters_look_at_all_suites_together(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    renamed = [("  t2:\n", "  t3:\n"), ("suite: sample", "suite: other"), without_figures()]
    first, second = load(tmp_path), load(tmp_path / "second", *renamed)

    def plans(selection: Filters) -> list[list[str]]:
        return [list(p.rows) for p in make_plans([first, second], "paper", selection, (), data=DATA)]

    assert plans(Filters(tables=("t2",))) == [["t2/again"], []]
    assert plans(Filters(tables=("t2", "t3"))) == [["t2/again"], ["t3/again"]]
    assert plans(Filters(methods=("ex-darts",), seeds=(4,))) == [["t1/exchanged"], ["t1/exchanged"]]
    assert plans(Filters(tables=("t2", "t1"), seeds=(4,))) == [["t1/exchanged"], ["t1/exchanged"]]
    with pytest.raises(HarnessError, match=r"^2 suites: no row has the table 't4'; valid: t1, t2, t3$"):
        plans(Filters(tables=("t4",)))
    with pytest.raises(HarnessError, match=r"^2 suites: no row matches all of: method ex-darts, table t2$"):
        plans(Filters(tables=("t2",), methods=("ex-darts",)))


def test_a_suite_without_searches_needs_no_profile(tmp_path: Path) -> None:
    cited = load(tmp_path, *without_searches())
    assert data_needed(cited, "paper") == []
    made = make_plan(cited, "paper", Filters(), (), data=DATA)
    assert made.trials == () and set(made.not_run) == {"t1/darts", "t1/exchanged", "t1/cdarts", "t2/again"}


# Overrides ---------------------------------------------------------------------------------------------------------


def test_overrides_win_and_change_ids(tmp_path: Path) -> None:
    for profile, data in (("paper", DATA), ("reduced", DATA), ("reduced", NO_DATA)):
        made = plan(tmp_path, profile=profile, data=data, overrides=("epochs=2", "space.channels=8"))  # type: ignore[arg-type]
        assert {(t.spec.epochs, t.spec.space.channels) for t in made.trials} == {(2, 8)}
        assert not {t.id for t in made.trials} & {t.id for t in plan(tmp_path, profile=profile, data=data).trials}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("epoch=2", "--set epoch=2: epoch: unknown key 'epoch'; did you mean 'epochs'? (method 'darts-v1')"),
        ("epochs=0", "--set epochs=0: epochs: input should be greater than 0, got 0 (method 'darts-v1')"),
        ("epochs", "--set 'epochs': expected key.path=value"),
        ("space.ops=[skip_conect]",
         "--set space.ops=[skip_conect]: space.ops: unknown operation 'skip_conect'; did you mean 'skip_connect'? "
         "(method 'darts-v1')"),
        ("data.weight_images=50000",
         "t1/darts on cifar10: the search needs 50001 training images, the dataset has 50000"),
        ("data={weight_images: 100, architecture_images: 49901}",
         "t1/darts on cifar10: the search needs 50001 training images, the dataset has 50000"),
    ],
)  # fmt: skip
def test_wrong_overrides(override: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(HarnessError) as caught:
        plan(tmp_path, overrides=("batch_size=8", override))
    assert str(caught.value) == said


def test_an_unknown_profile(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"sample.yaml: no profile 'papr'; did you mean 'paper'\?$"):
        plan(tmp_path, profile="papr")  # type: ignore[arg-type]


def test_ten_thousand_trials_are_planned(tmp_path: Path) -> None:
    rows = "".join(
        f"      r{i}: {{method: ex-darts, label: R{i}, n: 10, values: [1, 2], "
        f"search: {{alpha_init: {{scale: {i + 1}}}}}}}\n"
        for i in range(1000)
    )
    loaded = load(tmp_path, ("      cdarts:\n", rows + "      cdarts:\n"))
    assert len(make_plan(loaded, "paper", Filters(), (), data=DATA).trials) == 10_008
