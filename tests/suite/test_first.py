"""Which trials a profile says come first."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.suite.first import first_trials

ROWS = ["core/joint-fast", "core/joint-slow", "core/halves-fast", "around/joint-fast"]


def test_one_trial() -> None:
    assert first_trials("core/halves-fast 3", ROWS) == [("core/halves-fast", 3)]


def test_rows_by_pattern_seed_by_seed() -> None:
    found = first_trials("core/*-fast 4-5", ROWS)
    assert found == [(f"core/{row}-fast", seed) for seed in (4, 5) for row in ("joint", "halves")]


@pytest.mark.parametrize(("text", "said"), [
    ("core/joint-fats 0", r"unknown row 'core/joint-fats'; did you mean 'core/joint-fast'"),
    ("core/* x", r"expected a row and a seed such as 'table/row 0', or 'table/\* 0-4'"),
    ("core/*", r"expected a row and a seed"),
    ("corr/* 0", r"unknown row 'corr/\*'"),
])  # fmt: skip
def test_a_mistake_is_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        first_trials(text, ROWS)
