"""The suite of reduced trainings of written architectures, and the script that reads tau of its records."""

from __future__ import annotations

import importlib.util
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.analysis.verdicts import judge
from harness.benchmarks.ranking import Ranking, recorded
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import find_data
from harness.runner.evaluate import load_table
from harness.runner.plan import Filters, Plan, make_plan
from harness.suite.load import load_suite

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tau", ROOT / "scripts" / "tau.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reduced(suite: str, root: Path | None = None) -> Plan:
    loaded = load_suite(ROOT / "suites" / f"{suite}.yaml", load_catalogue())
    return make_plan(loaded, "reduced", Filters(), (), data=find_data(["cifar10"] if root else [], root))


def architectures() -> dict[str, list[str]]:
    """Return what every table of the suite trains."""
    found: dict[str, list[str]] = {}
    for trial in reduced("tau").trials:
        [row] = trial.rows
        found.setdefault(row.partition("/")[0], []).append(trial.spec.subject.architecture)  # type: ignore[union-attr]
    return found


def test_what_chooses_a_training_does_not_state_its_tau() -> None:
    found = architectures()
    choosing, stating = ({tuple(v) for k, v in found.items() if k.startswith(half)} for half in ("choose", "state"))
    assert len(found) == 6 and len(choosing) == len(stating) == 1
    [chosen], [stated] = choosing, stating
    assert len(set(chosen)) == len(set(stated)) == 16 and not set(chosen) & set(stated)


def test_architectures_are_those_at_even_quantiles_of_the_table(script: ModuleType, real_root: Path) -> None:
    table = load_table(real_root)
    accuracies = np.asarray(table.accuracy(table.strings, dataset="cifar10", split="test", epochs=200))
    rows = script.at_quantiles(accuracies, 32)
    ranks = [(accuracies < accuracies[row]).mean() for row in rows]
    assert np.allclose(ranks, (np.arange(32) + 0.5) / 32, atol=0.03)  # many are at chance
    found, strings = architectures(), [table.strings[row] for row in rows]
    assert found["choose-wide"] == strings[::2] and found["state-more"] == strings[1::2]


def test_tau_is_the_share_of_agreeing_pairs_less_that_of_others(script: ModuleType) -> None:
    random = np.random.default_rng(0)
    table = random.permutation(16).astype(float)
    ours = table + random.normal(size=16) * 4
    signs = [np.sign((ours[a] - ours[b]) * (table[a] - table[b])) for a, b in combinations(range(16), 2)]
    middle, low, high = script.tau(ours, table, draws=400)
    assert middle == pytest.approx(np.mean(signs)) and low < middle < high <= 1
    assert script.tau(table, table, draws=50)[0] == 1


def test_what_is_recorded_is_what_the_records_say(script: ModuleType, real_root: Path) -> None:
    table = load_table(real_root)
    accuracies = table.accuracy(table.strings, dataset="cifar10", split="test", epochs=200)
    found = script.taus(ROOT / "results", dict(zip(table.strings, accuracies, strict=True)))
    assert {count for count, *_ in found.values()} == {16} and len(found) == 6
    assert script.ranking(found) == recorded()


def test_the_half_that_chooses_is_not_the_half_that_states(script: ModuleType) -> None:
    found = {
        "choose-a": (16, 0.5, 0.1, 0.9, 1.0), "choose-more": (16, 0.6, 0.1, 0.9, 1.0),
        "state-a": (15, 0.9, 0.8, 1.0, 1.0), "state-more": (14, 0.4, 0.2, 0.60004, 1.0),
    }  # fmt: skip
    said = script.ranking(found)
    assert said == Ranking(
        training="more", epochs=12, images=8000, image_size=16, architectures=14, tau=0.4, low=0.2, high=0.6
    )
    assert "trainings of 12 epochs on 8,000 images of 16x16 rank 14 architectures" in said.note
    assert "Kendall's tau 0.40 [0.20, 0.60]" in said.note


def test_reduced_trainings_are_those_that_were_chosen(real_root: Path) -> None:
    [data] = {
        (trial.spec.data.images, trial.spec.epochs, trial.spec.network.channels, trial.spec.data.image_size)
        for trial in reduced("darts_space", real_root).trials
        if trial.trains and trial.spec.epochs == 12
    }
    said = recorded()
    assert said is not None
    [chosen] = {
        (trial.spec.data.images, trial.spec.epochs, trial.spec.network.channels, trial.spec.data.image_size)
        for trial in reduced("tau").trials
        if trial.rows[0].startswith(f"state-{said.training}/")
    }
    assert data == chosen


def test_whoever_shows_reduced_trainings_says_how_they_rank(real_root: Path) -> None:
    said = recorded()
    assert said is not None
    for suite, profile, says in (
        ("darts_space", "reduced", True),
        ("darts_space", "paper", False),
        ("nb201", "reduced", False),
    ):
        loaded = load_suite(ROOT / "suites" / f"{suite}.yaml", load_catalogue())
        plan = make_plan(loaded, profile, Filters(), (), data=find_data(["cifar10"], real_root))
        assert (said.note in judge(loaded, profile, plan, [], ranking=said).notes) == says
