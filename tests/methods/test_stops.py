"""Stop rules on hand-made trajectories whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

from harness.methods.history import History
from harness.methods.stops import Stop
from harness.spaces.space import Edge, Group

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV1, CONV3, POOL = range(5)


def stop(**settings: object) -> Any:
    return TypeAdapter(Stop).validate_python(settings)


def seen(ops: tuple[str, ...], weights: Any, accuracy: Any, eigenvalues: list[float] | None = None) -> History:
    """A history of one group, by default without eigenvalues; architectures are those of the largest weights."""
    unknown, edges = [np.nan] * len(weights), weights.shape[1]
    group = Group(
        name="cell", cell="cell", places=tuple(range(edges)), sources=(0,) * edges, nodes=(1,) * edges,
        options=(ops,) * edges,
    )  # fmt: skip
    cells = [tuple(Edge(0, 1, ops[option]) for option in epoch.argmax(axis=1)) for epoch in weights]
    return History((group,), {"cell": weights}, cells, accuracy, np.array(eigenvalues if eigenvalues else unknown))


def history(winners: list[list[int]], lead: float = 0.4, accuracy: list[float] | None = None) -> History:
    """A trajectory whose edges have the given operations on top, epoch by epoch; the rest shares what is left."""
    shape = np.array(winners).shape
    weights = np.full((*shape, 5), (1 - lead) / 4)
    np.put_along_axis(weights, np.array(winners)[..., None], lead, axis=2)
    return seen(OPS, weights, np.array(accuracy if accuracy else [np.nan] * shape[0]))


def column(magnitudes: list[float], op: int) -> History:
    """One edge; the operation has these weights, the others share the rest equally."""
    weights = np.array([[[m if o == op else (1 - m) / 4 for o in range(5)]] for m in magnitudes])
    return seen(OPS, weights, np.full(len(magnitudes), np.nan))


@pytest.mark.parametrize("equation", [12, 13])
def test_the_peak_of_the_magnitude_not_counting_the_start(equation: int) -> None:
    rule = stop(name="magnitude-peak", equation=equation, operation="nor_conv_3x3")
    assert rule.epoch(column([0.9, 0.2, 0.5, 0.7, 0.6], CONV3)) == 3
    assert rule.epoch(column([0.1, 0.7, 0.7, 0.2], CONV3)) == 1  # the first of equal peaks
    assert rule.epoch(column([0.1, 0.2, 0.3], CONV3)) == 2


def test_the_two_equations_differ_where_weights_do_not_sum_to_one() -> None:
    weights = np.array([[[0.0] * 5], [[0, 0, 0, 0.6, 0]], [[0.7, 0.7, 0.7, 0.8, 0.7]]], dtype=float)
    sigmoid = seen(OPS, weights, np.full(3, np.nan))
    assert stop(name="magnitude-peak", equation=12, operation="nor_conv_3x3").epoch(sigmoid) == 2
    assert stop(name="magnitude-peak", equation=13, operation="nor_conv_3x3").epoch(sigmoid) == 1


def test_an_operation_that_the_space_lacks_leaves_the_last_epoch() -> None:
    small = seen(OPS[2:], np.full((4, 6, 3), 1 / 3), np.full(4, np.nan))
    assert stop(name="magnitude-peak", equation=12, operation="skip_connect").epoch(small) == 3
    assert stop(name="skip-count", skips=2).epoch(small) == 3


def test_skip_count_stops_at_the_first_epoch_with_as_many_skips() -> None:
    path = history([[SKIP] * 6, [CONV3] * 6, [SKIP] + [CONV3] * 5, [SKIP] * 3 + [POOL] * 3, [CONV3] * 6])
    assert [stop(name="skip-count", skips=k).epoch(path) for k in (1, 2, 3, 4)] == [2, 3, 3, 4]


def test_rank_stability_counts_unchanged_epochs_of_the_convolutions_alone() -> None:
    def epoch(conv1: float, conv3: float, skip: float) -> list[list[float]]:
        return [[0.0, skip, conv1, conv3, 0.0]] * 6

    changes = [epoch(0.1, 0.2, 0), epoch(0.2, 0.1, 0), epoch(0.1, 0.2, 0.9), epoch(0.1, 0.3, 0.1), epoch(0.1, 0.2, 0.9),
               epoch(0.1, 0.4, 0.2)]  # fmt: skip
    path = seen(OPS, np.array(changes), np.full(6, np.nan))
    # ranked the other way at epoch 1; from epoch 2 on the same, whatever the skip does
    assert [stop(name="rank-stability", epochs=k).epoch(path) for k in (1, 2, 3, 4)] == [3, 4, 5, 5]
    one_edge = np.array(changes)
    one_edge[4, 5] = [0, 0.9, 0.3, 0.2, 0]  # one edge changes at epoch 4 and back at 5
    path = seen(OPS, one_edge, np.full(6, np.nan))
    assert [stop(name="rank-stability", epochs=k).epoch(path) for k in (1, 2)] == [3, 5]


def test_best_accuracy_is_the_best_known_after_training_began() -> None:
    rule = stop(name="best-accuracy")
    assert rule.epoch(history([[0]] * 5, accuracy=[99.0, 10.0, np.nan, 30.0, 20.0])) == 3
    assert rule.epoch(history([[0]] * 5)) == 4


def test_settings_are_strict() -> None:
    for wrong in ({"name": "skip-count"}, {"name": "skip-count", "skips": 0}, {"name": "skip"}):
        with pytest.raises(ValidationError):
            stop(**wrong)
    with pytest.raises(ValidationError, match="unknown operation 'conv'"):
        stop(name="magnitude-peak", equation=12, operation="conv")


ES = {"name": "dominant-eigenvalue", "window": 5, "back": 8, "ratio": 1.3, "earliest": 10}


def curvature(eigenvalues: list[float]) -> History:
    """A trajectory of which only the eigenvalues matter."""
    return seen(OPS, np.full((len(eigenvalues), 6, 5), 0.2), np.full(len(eigenvalues), np.nan), eigenvalues)


def measured(values: list[float], last: int | None = None) -> History:
    """A search of which eigenvalues are known after epochs 1, 3, 5, ..., and after its last, the one that follows."""
    by_epoch = [np.nan, *(v for value in values for v in (value, np.nan))]
    return curvature([*by_epoch[:-1], by_epoch[-1] if last is None else last])


def rolling(values: list[float], window: int, earliest: int) -> int | None:
    """The rule by pandas' rolling means: the epoch gone back to, None without a stop. ``values``: after 1, 3, 5, ..."""
    means = pd.Series(values).rolling(window, min_periods=-(-window // 2)).mean().shift(-(window // 2))
    means.index = pd.RangeIndex(1, 2 * len(values), 2)
    grown = means > 1.3 * means.shift(4)
    grown &= means.index - 8 >= earliest
    return int(grown.idxmax()) - 8 if grown.any() else None


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("window", "earliest"), [(5, 10), (5, 0), (3, 4), (1, 10)])
def test_the_eigenvalue_rule_equals_rolling_means(seed: int, window: int, earliest: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.exp(np.cumsum(generator.normal(0.02, 0.15, 25))).tolist()
    wanted = rolling(values, window, earliest)
    found = stop(**{**ES, "window": window, "earliest": earliest}).epoch(measured(values, 1e9))
    assert found == (50 if wanted is None else wanted)


def test_the_eigenvalue_rule_goes_back_to_before_the_growth() -> None:
    flat, rule = [1.0] * 12, stop(**ES)  # epochs 1 to 23
    # the average of 19 to 27 describes epoch 23: (3 + 2 * 1.8) / 5 = 1.32, against that of epoch 15
    assert rule.epoch(measured([*flat, 1.8, 1.8])) == 15
    assert rule.epoch(measured([*flat, 1.74, 1.74])) == 28  # 1.296
    assert rule.epoch(measured([*flat, 9.0])) == 13


def test_nothing_stops_at_the_last_epoch() -> None:
    """What is measured there would stop it, and is not asked; measured one epoch earlier it is."""
    assert stop(**ES).epoch(measured([1.0] * 20, 1e9)) == 40
    assert stop(**ES).epoch(curvature([*[1.0] * 41, 1e9])) == 41
    assert stop(**ES).epoch(curvature([*[1.0] * 41, 1e9, 1.0])) == 31


def test_the_eigenvalue_rule_waits_for_its_earliest_epoch() -> None:
    grows = measured([1.0] * 8 + [5.0] * 8)  # from epoch 17
    assert stop(**ES).epoch(grows) == 11
    assert stop(**{**ES, "earliest": 0}).epoch(grows) == 5
    assert stop(**{**ES, "earliest": 19}).epoch(grows) == 32
    assert stop(**ES).epoch(curvature([np.nan] * 7)) == 6
