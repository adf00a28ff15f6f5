"""What the benchmarks time does what it says: one step of each kind, at the smallest size."""

from __future__ import annotations

import pytest

from speed.searches import ROWS, SIZES, ordinary_step, search_of, step_of


@pytest.mark.parametrize("method", ROWS)
def test_a_timed_step_moves_the_search(method: str) -> None:
    search = search_of(method, SIZES["tiny"])
    before = [weight.detach().clone() for weight in search.weights]
    step_of(search)()
    assert any((weight != old).any() for weight, old in zip(search.weights, before, strict=True))
    ordinary_step(SIZES["tiny"])()
