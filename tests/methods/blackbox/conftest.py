"""A made-up problem with structure, settings of every searcher, and the real table where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from harness.benchmarks.nb201 import Nb201Table, locate_table
from harness.methods.blackbox.problem import Problem
from harness.methods.blackbox.spec import Searcher
from tests.groups import CELL

# The settings of NAS-Bench-201's paper, as blocks of a catalogue.
SETTINGS = yaml.safe_load(
    """
    random-search: {name: random-search}
    rea: {name: regularised-evolution, population: 10, sample: 3}
    reinforce: {name: reinforce, lr: 0.1, betas: [0.9, 0.999], eps: 1.0e-8, baseline_decay: 0.9, init_scale: 1.0e-3}
    bohb:
      name: bohb
      n_iters: 50
      eta: 3
      min_budget: 12
      max_budget: 200
      num_samples: 4
      random_fraction: 0.0
      top_percent: 15
      min_bandwidth: 0.3
      bandwidth_factor: 3
    """
)
SHARED = yaml.safe_load(
    """
    query: {dataset: cifar10, epochs: 12, cost: {name: estimated-from-200-epochs, validation_pass: 0.35, scale: 1.0}}
    budget_seconds: 12000
    """
)
METHODS = tuple(SETTINGS)
EVEN = Problem(np.ones(15625), np.ones(15625), CELL)  # where nothing matters
operations = EVEN.digits

MakeSpec = Callable[..., Any]


@pytest.fixture
def make_spec() -> MakeSpec:
    """Build a searcher's specification by method, some keys replaced."""

    def make(method: str, **changes: Any) -> Any:
        adapter: TypeAdapter[Searcher] = TypeAdapter(Searcher)
        return adapter.validate_python({**SHARED, **SETTINGS[method], **changes})

    return make


@pytest.fixture(scope="session")
def problem() -> Problem:
    """Edges and pairs of neighbouring edges matter; costs differ by operation; no two signals are equal."""
    rng = np.random.default_rng(0)
    ops = operations(np.arange(15625))
    single, pair = rng.normal(size=(6, 5)), rng.normal(size=(5, 5, 5))
    signal = 70 + 3 * single[np.arange(6), ops].sum(1) + pair[np.arange(5), ops[:, :-1], ops[:, 1:]].sum(1)
    cost = 40 + np.array([0.0, 1.0, 15.0, 30.0, 5.0])[ops].sum(1) + rng.random(15625)
    return Problem(signal + 1e-3 * rng.random(15625), cost, CELL)


@pytest.fixture(scope="session")
def real_table() -> Nb201Table:
    """The NAS-Bench-201 table."""
    value = os.environ.get("HARNESS_DATA")
    if not value:
        pytest.skip("HARNESS_DATA is not set")
    return Nb201Table.load(locate_table(Path(value)))
