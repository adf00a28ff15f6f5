"""What the shipped suites ask for: rows that must share a search do, rows that must not do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.analysis.evidence import gather
from harness.analysis.series import find_series
from harness.methods.catalogue import load_catalogue
from harness.methods.spec import SearchSpec
from harness.runner.availability import DataAvailability
from harness.runner.cost import estimate
from harness.runner.plan import Filters, Plan, make_plan
from harness.runner.trial import ProfileName
from harness.spaces.registry import published
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite

SUITES = Path(__file__).parents[2] / "suites"
DATA = DataAvailability({"cifar10": "c1", "cifar100": "c2", "digits": "d1", "nb201-table": "t1"}, {})
MISSING = {name: f"{name} is not here" for name in ("cifar10", "cifar100", "imagenet", "imagenet16-120", "nb201-table")}
RATES = ("0.003", "0.009", "0.015")
RULES = ("sc-2", "sc-3", "sc-4", "rt-10", "rt-2", "rt-3", "rt-4", "ss", "optimal")

# Weights' and architecture's rates of the reduced profile, as they were measured; those that made its baseline.
REDUCED_RATES = {
    "single-darts-t1/darts": (0.025, 0.02),
    "single-darts-t1/gdas": (0.025, 0.02),
    "single-darts-t1/setn": (0.025, 0.02),
    "single-darts-t1/darts-minus": (0.025, 0.02),
    "single-darts-t1/cdarts": (0.05, 0.02),
    "single-darts-t1/single-darts": (0.025, 0.02),
    "delve-t1/darts-v2": (0.025, 0.02),
    "delve-t1/ex-darts": (0.002, 0.1),
    "controls/single-darts-softmax": (0.025, 0.02),
    "controls/darts-uniform": (0.025, 3e-4),
}


def suite(name: str) -> LoadedSuite:
    return load_suite(SUITES / f"{name}.yaml", load_catalogue())


def planned(name: str, profile: ProfileName) -> Plan:
    return make_plan(suite(name), profile, Filters(), (), data=DATA)


@pytest.mark.parametrize("row", REDUCED_RATES)
def test_factors_give_back_the_rates_of_the_reduced_profile(row: str) -> None:
    table, _, name = row.partition("/")
    spec = suite("nb201").resolve(table, name, "reduced")
    assert (spec.weight_optimiser.lr, spec.architecture_optimiser.lr) == REDUCED_RATES[row]
    assert (spec.epochs, spec.batch_size) == (22, 64)


@pytest.mark.parametrize(("name", "row", "alpha"), [
    ("nb201_sp", "sp-darts-t1-cifar10/sp-darts", 0.02),
    ("nb201_sp", "sp-darts-t1-cifar100/sp-darts", 0.02),
    ("nb201_sp", "sp-darts-t1-cifar10/drnas", 0.02),
    ("nb201_sp", "sp-darts-t1-cifar10/gaea-bilevel", 1.0),
    ("nb201_delve", "delve-t2/gaea-erm", 1.0),
])  # fmt: skip
def test_those_of_other_suites(name: str, row: str, alpha: float) -> None:
    table, _, key = row.partition("/")
    assert suite(name).resolve(table, key, "reduced").architecture_optimiser.lr == alpha


@pytest.mark.parametrize(("profile", "seeds"), [("paper", 5), ("reduced", 2)])
def test_stop_rules_share_the_runs_of_a_learning_rate(profile: ProfileName, seeds: int) -> None:
    rows = planned("weight_lr", profile).rows
    for rate in RATES:
        shared = {rows[f"delve-t3/{rule}-lr-{rate}"] for rule in RULES} | {rows[f"last-epoch/lr-{rate}"]}
        assert [len(trials) for trials in shared] == [seeds]
    assert len({trial for trials in rows.values() for trial in trials}) == (len(RATES) + len(RATES)) * seeds  # and ES
    assert all(len(rows[f"delve-t3/es-lr-{rate}"]) == seeds for rate in RATES)


@pytest.mark.parametrize("profile", ["paper", "reduced"])
def test_arms_stay_apart(profile: ProfileName) -> None:
    """Every arm of Delve is a search of its own; Table 5 of Single-DARTS repeats searches, and those alone."""
    rows = planned("ablations", profile).rows
    arms = [rows[row] for row in rows if row.startswith("delve-arms/")]
    assert len(arms) == len(set(arms)) == 14
    tables = {row.partition("/")[2]: trials for row, trials in rows.items() if row.startswith("single-darts-t")}
    repeated = groups(tables)
    assert repeated == [
        {"other-subset", "darts-lr-0.005", "darts-softmax", "darts-sgd"},
        {"same-batch", "single-darts-softmax"},
        {"single-darts-lr-0.005", "single-darts-sigmoid", "single-darts-sgd"},
    ]


def groups(rows: Mapping[str, tuple[str, ...]]) -> list[set[str]]:
    """Return the names of rows that have the same trials, in order, without those that are alone."""
    of_trials: dict[tuple[str, ...], set[str]] = {}
    for name, trials in rows.items():
        of_trials.setdefault(trials, set()).add(name)
    return [names for names in of_trials.values() if len(names) > 1]


def test_reduced_warm_up_keeps_its_proportions() -> None:
    loaded = suite("ablations")
    for row, warmup in (("exp-1-10", 4), ("exp-1-20", 9), ("exp-1-30", 13), ("exp-3", 44)):
        spec = loaded.resolve("delve-arms", row, "reduced")
        assert (spec.architecture_warmup, spec.epochs) == (warmup, warmup + 22)
        schedule = spec.weight_schedule
        assert schedule.name == "warmup-cosine" and (schedule.warmup, schedule.period) == (warmup, 22)


@pytest.mark.parametrize("profile", ["paper", "reduced"])
def test_snapshots_come_from_one_supernet(profile: ProfileName) -> None:
    plan = planned("darts_pt", profile)
    trials = {trial.id: trial for trial in plan.trials}

    def supernets(table: str) -> set[str]:
        rows = [found for row, found in plan.rows.items() if row.startswith(f"{table}/")]
        return {trials[found[0]].supernet_id for found in rows}

    assert len(supernets("darts-pt-snapshots")) == len(supernets("darts-pt-fixed-snapshots")) == 1
    assert plan.rows["darts-pt-snapshots/pt-100"] == plan.rows["darts-pt-t4-nb201/darts-pt"]
    assert plan.rows["darts-pt-fixed-snapshots/fixed-100"] == plan.rows["darts-pt-t4-nb201/darts-pt-fixed"]
    starts = [trials[plan.rows[f"darts-pt-snapshots/pt-{e}"][0]].spec.search_epochs for e in (20, 40, 60, 80, 100)]
    assert starts == ([20, 40, 60, 80, 100] if profile == "paper" else [4, 9, 13, 18, 22])


PROFILES = [(path.stem, p) for path in sorted(SUITES.glob("*.yaml")) for p in suite(path.stem).suite.profiles]


@pytest.mark.parametrize("data", [DATA, DataAvailability({"digits": "d1"}, MISSING)], ids=["data", "no-data"])
@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_every_suite_says_what_it_costs(name: str, profile: ProfileName, data: DataAvailability) -> None:
    """Whatever is at hand: an image too small for its network is a row left out, and not an error of the command."""
    plan = make_plan(suite(name), profile, Filters(seeds=(0,)), (), data=data)
    assert all(estimate(trial, "cpu") >= 0 for trial in plan.trials)


@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_series_of_a_suite_have_names_of_their_own(name: str, profile: ProfileName) -> None:
    names = [one.name for one in find_series(suite(name).suite, gather(planned(name, profile), {}))]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("profile", ["paper", "reduced"])
def test_selection_on_s2_and_s4_comes_from_the_supernet_of_the_search_by_magnitude(profile: ProfileName) -> None:
    plan = planned("s1_s4", profile)
    trials = {trial.id: trial for trial in plan.trials}
    for space in ("s2", "s4"):
        chosen, removed = (plan.rows[name] for name in (f"levels/{space}-bilevel", f"selection/{space}-pt"))
        assert [trials[trial].supernet_id for trial in removed] == list(chosen)
        spec = trials[removed[0]].spec
        assert isinstance(spec, SearchSpec)
        assert spec.all_epochs - spec.search_epochs == {"paper": 81, "reduced": 17}[profile]
    assert trials[plan.rows["selection/s2-fixed"][0]].supernet_id not in plan.rows["levels/s2-bilevel"]


@pytest.mark.parametrize("space", ["s1", "s2", "s3", "s4"])
def test_searches_on_s1_to_s4_are_on_the_published_spaces_at_one_reduced_size(space: str) -> None:
    loaded = suite("s1_s4")
    for level in ("bilevel", "single"):
        assert loaded.resolve("levels", f"{space}-{level}", "paper").space == published(space)
        spec = loaded.resolve("levels", f"{space}-{level}", "reduced")
        assert (spec.epochs, spec.weight_optimiser.lr, spec.architecture_optimiser.lr) == (24, 0.05, 0.05)
