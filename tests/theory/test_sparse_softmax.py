from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.theory.sparse_softmax import entropy_sum, largest_entry, saturation_figure, sparse_probability


@pytest.mark.parametrize(
    ("epoch", "expected"), [(1, 0.0), (4, 0.0), (5, 0.2), (6, 0.2 + 0.7 / 15), (12, 0.2 + 0.7 * 7 / 15), (20, 0.9)]
)
def test_schedule_by_hand(epoch: int, expected: float) -> None:
    assert sparse_probability(epoch, low=0.2, up=0.9, epochs=20, warmup=5) == pytest.approx(expected)


def test_schedule_against_interpolation() -> None:
    epochs = np.arange(3, 51)
    found = [sparse_probability(int(e), low=0.1, up=0.8, epochs=50, warmup=3) for e in epochs]
    np.testing.assert_allclose(found, np.interp(epochs, [3, 50], [0.1, 0.8]))


def test_entropy_sum_against_torch() -> None:
    logits = torch.tensor(np.random.default_rng(11).normal(size=(3, 6, 5)))
    expected = torch.distributions.Categorical(logits=logits).entropy().sum(-1)
    np.testing.assert_allclose(entropy_sum(torch.softmax(logits, -1).numpy()), expected)


@pytest.mark.parametrize(("gap", "temperature"), [(0.001, 0.0011), (0.5, 0.1), (2.0, 1.0), (0.0, 0.3)])
def test_largest_entry_against_autograd(gap: float, temperature: float) -> None:
    x = torch.tensor([gap, 0.0], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: torch.softmax(z / temperature, -1), x)
    assert largest_entry(gap, temperature) == pytest.approx(float(jacobian.abs().max()))


def test_saturation_keeps_its_order_far_out() -> None:
    """A lead of 40 temperatures, where 1 - y is lost to rounding."""
    assert largest_entry(40.0, 1.0) == pytest.approx(np.exp(-40), rel=1e-6)


def test_a_lead_saturates_below_its_temperature_only() -> None:
    for line in saturation_figure().lines:
        peak = line.x[int(np.nanargmax(line.y))]
        lead = float(line.label.removeprefix("lead "))
        assert 0.3 * lead < peak < lead
