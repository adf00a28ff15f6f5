"""Stop rules on hand-made trajectories whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from harness.methods.stops import History, Stop

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV1, CONV3, POOL = range(5)


def stop(**settings: object) -> Any:
    return TypeAdapter(Stop).validate_python(settings)


def seen(ops: tuple[str, ...], weights: Any, accuracy: Any, eigenvalues: list[float] | None = None) -> History:
    """A history, by default without eigenvalues."""
    unknown = [np.nan] * len(weights)
    return History(ops, weights, accuracy, np.array(eigenvalues if eigenvalues else unknown))


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


ES = {"name": "dominant-eigenvalue", "window": 2, "back": 4, "ratio": 1.3, "earliest": 2}


def curvature(eigenvalues: list[float]) -> History:
    """A trajectory of which only the eigenvalues matter."""
    return seen(OPS, np.full((len(eigenvalues), 6, 5), 0.2), np.full(len(eigenvalues), np.nan), eigenvalues)


def test_the_eigenvalue_rule_goes_back_to_before_the_growth() -> None:
    nan = np.nan
    flat = [1.0, nan, 1.0, nan, 1.0, nan, 1.0, nan, 1.0, nan]
    assert stop(**ES).epoch(curvature([*flat, 1.5, nan, 1.5])) == 8  # averages 1.25 at 10, 1.5 > 1.3 * 1 at 12
    assert stop(**ES).epoch(curvature([*flat, 1.7, nan, 9.9])) == 6  # 1.35 at 10
    assert stop(**ES).epoch(curvature([*flat, 1.6, nan, 1.0])) == 12  # 1.3 itself is not above


def test_the_eigenvalue_rule_waits_for_its_earliest_epoch() -> None:
    grows = [1.0, np.nan, 1.0, np.nan, 5.0, np.nan, 5.0]
    assert stop(**ES).epoch(curvature(grows)) == 2
    assert stop(**{**ES, "earliest": 3}).epoch(curvature(grows)) == 6
    assert stop(**ES).epoch(curvature([np.nan] * 7)) == 6
