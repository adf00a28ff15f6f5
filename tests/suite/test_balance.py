"""Canonical correlations of designs against known ones, and what `suites/why.yaml` states of its own."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from harness.methods.catalogue import load_catalogue
from harness.suite.balance import main_effects, with_two_way
from harness.suite.grid import Array
from harness.suite.load import load_suite

WHY = Path(__file__).parents[2] / "suites" / "why.yaml"


def cells(rows: list[str]) -> list[dict[str, str]]:
    return [dict(zip("abcdefgh", row, strict=False)) for row in rows]


def test_a_full_factorial_is_orthogonal() -> None:
    design = cells(["".join(row) for row in itertools.product("012", "01", "0123")])
    assert max(c.value for c in [*main_effects(design), *with_two_way(design)]) < 1e-12


def test_half_a_factorial_confounds_a_factor_with_the_interaction_of_the_others() -> None:
    """c = a x b: main effects are orthogonal, each is the interaction of the other two."""
    design = cells(["000", "011", "101", "110"])
    assert main_effects(design)[0].value < 1e-12
    assert [c.value for c in with_two_way(design)] == pytest.approx([1, 1, 1])


def test_two_factors_of_two_levels_are_as_correlated_as_their_phi() -> None:
    design = cells(["00"] * 5 + ["01"] * 2 + ["10"] + ["11"] * 4)
    phi = (5 * 4 - 2 * 1) / math.sqrt(7 * 5 * 6 * 6)
    assert main_effects(design)[0].value == pytest.approx(phi)


def test_it_does_not_matter_how_levels_are_coded_or_named() -> None:
    """Against the canonical correlation of indicator columns, found by an eigenvalue problem."""
    random = np.random.default_rng(0)
    levels = random.integers(0, 3, size=(40, 2))
    one, other = (np.eye(3)[levels[:, f]] - np.eye(3)[levels[:, f]].mean(0) for f in (0, 1))
    product = np.linalg.pinv(one.T @ one) @ one.T @ other @ np.linalg.pinv(other.T @ other) @ other.T @ one
    wanted = math.sqrt(max(np.linalg.eigvals(product).real))
    named = [cells(["".join(name[level] for level in row) for row in levels]) for name in ("012", "201", "xyz")]
    assert [main_effects(design)[0].value for design in named] == pytest.approx([wanted] * 3)


def test_why_states_how_far_its_array_is_from_orthogonal() -> None:
    """To three decimals, rounded up; of main effects only the noise, which some cells cannot have, is correlated."""
    grid = load_suite(WHY, load_catalogue()).suite.tables["around"].grid
    assert grid is not None and isinstance(grid.design, Array)
    rows = [row.levels for row in load_suite(WHY, load_catalogue()).suite.tables["around"].rows.values()]
    assert len(rows) == 72 and [list(row.values()) for row in rows] == grid.design.cells
    stated = grid.design.correlations
    for found, said in ((main_effects(rows), stated.main_effects), (with_two_way(rows), stated.with_two_way)):
        assert said - 0.001 < found[0].value <= said
    assert all("noise" in (*c.of, *c.other) for c in main_effects(rows) if c.value > 1e-9)
