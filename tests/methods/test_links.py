"""Rows of which an architecture has several options: numbers of choices, weights of decisions, what selections take."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from harness.methods.history import magnitudes
from harness.methods.mixing import hot, largest
from harness.methods.relaxations import Controller, GumbelHard
from harness.methods.selections import Selection
from harness.methods.step import Step
from harness.methods.walk import weight_count
from harness.spaces.registry import published
from harness.spaces.space import Group
from tests.methods.test_selections import PT, SGAS

SPACE = published("oneshot-2")
LINKS = [group for group in SPACE.groups if group.links]
OUTPUT = LINKS[-1]


def test_choices_are_all_sets_of_options() -> None:
    assert OUTPUT.take == 3 and OUTPUT.shape == (1, 5)
    assert set(OUTPUT.choices) == set(combinations(range(5), 3)) and len(OUTPUT.choices) == 10
    assert SPACE.groups[0].choices == ((0,), (1,), (2,))


@pytest.mark.parametrize("group", SPACE.groups, ids=lambda group: group.name)
def test_a_decision_weighs_its_options_alike(group: Group) -> None:
    rows = hot(torch.arange(len(group.choices)), group, group.shape[1] + 1)
    for number, options in enumerate(group.choices):
        assert rows[number].nonzero().flatten().tolist() == list(options)
        assert rows[number].sum() == group.take


@pytest.mark.parametrize("group", SPACE.groups, ids=lambda group: group.name)
def test_the_largest_weights_are_the_heaviest_choice(group: Group) -> None:
    weights = torch.rand(group.shape, generator=torch.Generator().manual_seed(3))
    found = largest({group.name: weights}, [group])[group.name]
    for row in range(group.shape[0]):
        heaviest = max(group.choices, key=lambda options: sum(weights[row, option] for option in options))
        assert found[row].nonzero().flatten().tolist() == list(heaviest)


def test_what_is_left_out_stays_so() -> None:
    assert largest({OUTPUT.name: torch.zeros(OUTPUT.shape)}, [OUTPUT])[OUTPUT.name].sum() == 0


def decided(settings: dict[str, Any], group: Group, weights: torch.Tensor, **search: Any) -> tuple[int, ...]:
    """Let a selection decide the one row of a group; return the options."""
    part: Any = TypeAdapter(Selection).validate_python(settings)
    stand = SimpleNamespace(strengths=lambda: {group.name: weights}, **search)
    return group.choices[part._operation(stand, group, 0)]


def test_magnitude_takes_the_largest() -> None:
    weights = torch.tensor([[0.1, 0.3, 0.15, 0.25, 0.2]])
    assert decided(SGAS, OUTPUT, weights) == (1, 3, 4)


def test_perturbation_takes_those_without_which_it_is_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    """DARTS-PT, Algorithm 1: the less accuracy is left without an option, the more it is worth."""
    left = {0: 40.0, 1: 70.0, 2: 35.0, 3: 90.0, 4: 39.0}

    def without(search: Any, choices: Any, images: Any) -> list[float]:
        return [left[option] for _, _, option in choices]

    monkeypatch.setattr("harness.methods.selections.accuracies_without", without)
    assert decided(PT, OUTPUT, torch.ones(1, 5)) == (0, 2, 4)


def test_equal_ones_go_to_the_first() -> None:
    assert decided(SGAS, OUTPUT, torch.ones(1, 5)) == (0, 1, 2)


def test_links_are_mixed_softly_where_operations_are_drawn() -> None:
    """NAS-Bench-1Shot1's GDAS: what nodes read from keeps the soft weights, Gumbel noise over a temperature."""
    part, step = GumbelHard(name="gumbel-hard", start=10.0, end=0.1), Step(3, 50, 0.0, torch.Generator().manual_seed(5))
    alpha = torch.randn(OUTPUT.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = part.mixing(alpha, OUTPUT, step)
    uniform = torch.rand(OUTPUT.shape, generator=torch.Generator().manual_seed(5))
    noisy = (alpha.log_softmax(-1) - (-uniform.log()).log()) / part.temperature(3, 50)
    torch.testing.assert_close(found, noisy.softmax(-1), rtol=1e-4, atol=1e-6)
    assert ((found > 0) & (found < 1)).all()
    drawn = part.mixing(torch.zeros(SPACE.groups[0].shape), SPACE.groups[0], step)
    assert set(drawn.round(decimals=5).flatten().tolist()) == {0.0, 1.0}  # a sum of floats around it


def test_links_have_no_magnitude() -> None:
    weights = {group.name: torch.full((2, *group.shape), 1 / group.shape[1]).numpy() for group in SPACE.groups}
    assert set(magnitudes(SPACE.groups, weights)) == {"maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu"}


def test_a_controller_says_of_an_option_what_share_of_the_choices_has_it() -> None:
    part = Controller(name="controller", temperature=5.0, tanh_constant=2.5)
    alpha = torch.randn(weight_count(len(OUTPUT.choices)), generator=torch.Generator().manual_seed(2))
    [of_choices] = part.walk(alpha, OUTPUT, None).probabilities
    shares = [
        sum(p.item() for p, chosen in zip(of_choices, OUTPUT.choices, strict=True) if option in chosen) / OUTPUT.take
        for option in range(OUTPUT.shape[1])
    ]
    assert part.strengths(alpha, OUTPUT)[0].tolist() == pytest.approx(shares, rel=1e-5)
    assert sum(shares) == pytest.approx(1)
