from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.theory.selective_stop import epochs_that_differ, magnitudes, residuals
from harness.theory.softmax import softmax
from harness.theory.softmax_slopes import exchange_slopes, measured_slopes, printed_slopes, slopes_along_logit

RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize("size", [2, 3, 6])
def test_slopes_along_a_logit_against_second_derivatives(size: int) -> None:
    for row in RANDOM.normal(size=(5, size)):
        x = torch.tensor(row, requires_grad=True)
        y = torch.softmax(x, -1)
        entries = torch.cat([(y[0] * (1 - y[0]))[None], y[0] * y[1:]])
        rate = torch.autograd.grad(y[0], x, retain_graph=True)[0][0]
        expected = [float(torch.autograd.grad(e, x, retain_graph=True)[0][0] / rate) for e in entries]
        np.testing.assert_allclose(slopes_along_logit(y.detach().numpy()), expected, atol=1e-10)
        np.testing.assert_allclose(measured_slopes(row), expected, atol=1e-6)


def test_printed_slopes_hold_for_two_operations_only() -> None:
    two, three = softmax(RANDOM.normal(size=(50, 2))), softmax(RANDOM.normal(size=(50, 3)))
    np.testing.assert_allclose(printed_slopes(two), slopes_along_logit(two), atol=1e-12)
    assert np.abs(printed_slopes(three) - slopes_along_logit(three))[:, 1:].max() > 0.1


def test_printed_slopes_do_not_add_up_beyond_two_operations() -> None:
    y = softmax(RANDOM.normal(size=(50, 5)))
    np.testing.assert_allclose(slopes_along_logit(y)[:, 1:].sum(-1), 1 - 2 * y[:, 0])
    np.testing.assert_allclose(printed_slopes(y)[:, 1:].sum(-1), 1 - 5 * y[:, 0])


def test_exchange_is_what_is_printed() -> None:
    y = softmax(RANDOM.normal(size=(50, 5)))
    np.testing.assert_allclose(exchange_slopes(y), printed_slopes(y)[:, 1:], atol=1e-9)


def test_eq_11_to_13_against_loops() -> None:
    mixing = softmax(RANDOM.normal(size=(4, 6, 5)))  # [epochs, edges, operations]
    for epoch, edges in enumerate(mixing):
        mean = [sum(edge[o] for edge in edges) / 6 for o in range(5)]
        np.testing.assert_allclose(magnitudes(mixing)[epoch], mean)
        expected = [sum(mean[i] - mean[j] for j in range(5) if j != i) for i in range(5)]
        np.testing.assert_allclose(residuals(magnitudes(mixing))[epoch], expected, atol=1e-12)
        np.testing.assert_allclose(expected, 5 * np.array(mean) - 1)  # why Eq. 13 is Eq. 12


def test_the_criteria_can_differ_where_weights_do_not_compete() -> None:
    mixing = np.array([[[0.9, 0.9]], [[0.8, 0.1]]])[None]  # the first operation peaks first, its lead peaks second
    assert epochs_that_differ(mixing) == 1
