from __future__ import annotations

import pytest
import torch

from harness.theory.recovery import Example, epochs_to_recover, readings, recovery_figure


def with_torch(example: Example) -> int:
    """Run the example with PyTorch's own SGD and softmax; count the epochs until the first logit is back."""
    x = torch.full((2,), 0.001, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([x], lr=example.lr, momentum=example.momentum, nesterov=example.nesterov)
    epoch = 0
    while True:
        sign = 1.0 if epoch < example.reversed_after else -1.0
        if epoch == example.reversed_after and example.reset_buffer:
            optimiser.state.clear()
        optimiser.zero_grad()
        torch.softmax(x, -1).backward(sign * torch.tensor([1.0, -1.0], dtype=torch.float64))
        optimiser.step()
        epoch += 1
        if epoch > example.reversed_after and float(x[0].detach()) >= 0.001 - 1e-13:
            return epoch - example.reversed_after


@pytest.mark.parametrize("lr", [0.001, 0.01, 0.025])
@pytest.mark.parametrize(
    "change", [{}, {"momentum": 0.5}, {"nesterov": True}, {"reset_buffer": True}, {"reversed_after": 26}]
)
def test_against_torch(lr: float, change: dict[str, bool]) -> None:
    example = Example(lr=lr, **change)  # type: ignore[arg-type]
    assert epochs_to_recover(example) == with_torch(example)


def test_what_the_paper_prints() -> None:
    assert (with_torch(Example(lr=0.001)), with_torch(Example(lr=0.01))) == (34, 44)


def test_dampening_is_a_tenth_of_the_rate() -> None:
    """With a buffer that starts at 0, v <- 0.9 v + 0.1 g takes the same path as v <- 0.9 v + g at a tenth."""
    assert epochs_to_recover(Example(lr=0.1, dampened=True)) == epochs_to_recover(Example(lr=0.01)) == 44


def test_counting_the_last_epoch_before() -> None:
    assert epochs_to_recover(Example(lr=0.01, count_last_before=True)) == 43


def test_a_straight_line_back_without_momentum() -> None:
    assert epochs_to_recover(Example(lr=0.01, momentum=0.0, constant_jacobian=True)) == 25


def test_too_far_to_come_back() -> None:
    assert epochs_to_recover(Example(lr=1.0), limit=50) is None


def test_readings_are_all_different() -> None:
    assert len(set(readings())) == 48


def test_figure_passes_through_the_printed_points() -> None:
    lines = {line.label: line for line in recovery_figure().lines}
    assert lines["printed"].y == (34.0, 44.0)
    assert set(lines["momentum 0.9, constant Jacobian"].y) == {34.0}
