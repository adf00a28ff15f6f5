from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import yaml

from harness.config import Strict, validate
from harness.errors import HarnessError
from harness.methods.blackbox.spec import Searcher
from tests.methods.blackbox.conftest import METHODS, SETTINGS, SHARED, MakeSpec


class Holder(Strict):
    searcher: Searcher


def error_of(block: dict[str, Any]) -> str:
    with pytest.raises(HarnessError) as caught:
        validate(Holder, {"searcher": block}, lambda path, text: HarnessError(f"{'.'.join(map(str, path))}: {text}"))
    return str(caught.value)


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_must_be_written(method: str) -> None:
    block = {**SHARED, **SETTINGS[method]}
    for key in block:
        if key != "name":
            rest = {k: v for k, v in block.items() if k != key}
            assert error_of(rest) == f"searcher.{key}: missing key '{key}'"


@pytest.mark.parametrize("method", METHODS)
def test_unknown_keys_and_names_are_told(method: str) -> None:
    block = {**SHARED, **SETTINGS[method]}
    assert "unknown key 'budget_second'; did you mean 'budget_seconds'" in error_of({**block, "budget_second": 1})
    assert "did you mean 'reinforce'?" in error_of({**block, "name": "reinforced"})


@pytest.mark.parametrize(
    ("method", "change", "text"),
    [
        ("random-search", {"budget_seconds": 0}, "greater than 0"),
        ("rea", {"population": 0}, "greater than 0"),
        ("rea", {"sample": 0}, "greater than 0"),
        ("reinforce", {"lr": 0}, "greater than 0"),
        ("reinforce", {"betas": [0.9, 1.0]}, "less than 1"),
        ("reinforce", {"baseline_decay": 1.0}, "less than 1"),
        ("bohb", {"eta": 1}, "greater than or equal to 2"),
        ("bohb", {"random_fraction": 1.1}, "less than or equal to 1"),
        ("bohb", {"top_percent": 100}, "less than 100"),
        ("bohb", {"min_budget": 201}, "min_budget must not exceed max_budget"),
        ("bohb", {"budget_seconds": True}, "must be a number, not true or false"),
    ],
)
def test_impossible_settings_are_refused(method: str, change: dict[str, Any], text: str) -> None:
    assert text in error_of({**SHARED, **SETTINGS[method], **change})


def test_the_query_must_exist() -> None:
    query = SHARED["query"]
    block = {**SHARED, **SETTINGS["rea"]}
    assert "unknown value 'cifar'" in error_of({**block, "query": {**query, "dataset": "cifar"}})
    assert "searcher.query.epochs" in error_of({**block, "query": {**query, "epochs": 25}})
    assert "searcher.query.cost.scale" in error_of({**block, "query": {**query, "cost": {**query["cost"], "scale": 0}}})


def test_cost_of_a_query(make_spec: MakeSpec) -> None:
    """Twelve epochs and a validation pass of 0.35 epochs, of a network that takes 10 seconds an epoch."""
    seconds = make_spec("rea").query.seconds(np.array([2000.0, 4000.0]))
    assert seconds == pytest.approx([123.5, 247.0])
    cost = {"name": "estimated-from-200-epochs", "validation_pass": 0, "scale": 1.2}
    query = make_spec("rea", query={"dataset": "cifar10", "epochs": 200, "cost": cost}).query
    assert query.seconds(np.array([2000.0])) == pytest.approx([2400.0])


def test_settings_survive_a_round_trip(make_spec: MakeSpec) -> None:
    for method in METHODS:
        spec = make_spec(method)
        assert spec == validate(Holder, {"searcher": yaml.safe_load(spec.model_dump_json())}, lambda *_: None).searcher


def test_settings_load_without_heavy_modules() -> None:
    check = (
        "import sys, harness.methods.blackbox.spec as _; "
        "assert not {'numpy', 'torch', 'pandas', 'statsmodels'} & set(sys.modules);"
        "import harness.methods.blackbox.search;"
        "assert not {'torch', 'pandas', 'statsmodels', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
