"""The suite of reduced trainings of written architectures, and the script that reads tau of its records."""

from __future__ import annotations

import importlib.util
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.methods.catalogue import load_catalogue
from harness.runner.availability import find_data
from harness.runner.evaluate import load_table
from harness.runner.plan import Filters, make_plan
from harness.suite.load import load_suite

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tau", ROOT / "scripts" / "tau.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def architectures() -> dict[str, list[str]]:
    """Return what every table of the suite trains."""
    plan = make_plan(
        load_suite(ROOT / "suites" / "tau.yaml", load_catalogue()), "reduced", Filters(), (), data=find_data([], None)
    )
    found: dict[str, list[str]] = {}
    for trial in plan.trials:
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
