"""What each stage offers on every edge, by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from harness.methods.stages import Narrowing, Stage, check_stages
from harness.spaces.registry import published

DARTS = published("darts")
FAMILIES = [
    ["max_pool_3x3", "avg_pool_3x3"], ["skip_connect", "skip_connect"], ["sep_conv_3x3", "sep_conv_5x5"],
    ["dil_conv_3x3", "dil_conv_5x5"],
]  # fmt: skip


def part(name: str, **settings: Any) -> Any:
    return TypeAdapter(Narrowing).validate_python({"name": name, **settings})


def weights_of(space: Any, best: dict[tuple[str, int], str]) -> dict[str, list[list[float]]]:
    """Weights that fall in the order of options, but for the best of some edges."""
    found: dict[str, list[list[float]]] = {group.name: [] for group in space.groups}
    for group in space.groups:
        for place, row in zip(group.places, group.options, strict=True):
            wanted = best.get((group.cell, place))
            found[group.name].append([9.0 if name == wanted else -float(i) for i, name in enumerate(row)])
    return found


def test_one_member_stands_for_each_family() -> None:
    options = part("representatives", families=FAMILIES, take="first").options(DARTS, None, 0)
    assert options == {
        cell: [["none", "max_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3"]] * 14
        for cell in ("normal", "reduce")
    }


def test_random_representatives_are_the_same_on_all_edges_and_others_with_another_seed() -> None:
    rule = part("representatives", families=FAMILIES, take="random")
    drawn = [rule.options(DARTS, None, seed) for seed in range(12)]
    for options in drawn:
        assert len({tuple(row) for rows in options.values() for row in rows}) == 1
        for family in FAMILIES:
            assert len(set(options["normal"][0]) & set(family)) == 1
    assert len({tuple(options["normal"][0]) for options in drawn}) > 1
    assert drawn[3] == rule.options(DARTS, None, 3)


def test_an_edge_goes_on_with_the_family_that_it_chose() -> None:
    first = DARTS.narrowed(part("representatives", families=FAMILIES, take="first").options(DARTS, None, 0), 5)
    best = {("normal", 0): "dil_conv_3x3", ("normal", 1): "none", ("reduce", 13): "skip_connect"}
    options = part("members", families=FAMILIES).options(DARTS, (first.groups, weights_of(first, best)), 0)
    assert options["normal"][0] == ["dil_conv_3x3", "dil_conv_5x5", "none"]
    assert options["normal"][1] == ["max_pool_3x3", "avg_pool_3x3", "none"]  # `none` aside, the first weighs most
    assert options["reduce"][13] == ["skip_connect", "skip_connect", "none"]
    assert DARTS.narrowed(options, 7).cells == 7


def test_the_strongest_stay_in_their_order_also_over_groups_of_unequal_width() -> None:
    torch.manual_seed(0)
    names = DARTS.names()
    ragged = DARTS.narrowed({cell: [names[: 8 - place % 2] for place in range(14)] for cell in DARTS.cell_types})
    assert len(ragged.groups) == 4
    weights = {group.name: torch.rand(group.shape).tolist() for group in ragged.groups}
    options = part("strongest", count=5).options(DARTS, (ragged.groups, weights), 0)
    for cell in ragged.cell_types:
        for group, row in ragged.rows(cell):
            by_weight = torch.tensor(weights[group.name][row]).topk(5).indices.sort().values
            assert options[cell][group.places[row]] == [group.options[row][index] for index in by_weight]


def stages(*options: dict[str, Any]) -> tuple[Stage, ...]:
    return tuple(Stage.model_validate({"cells": 5, "options": one}) for one in options)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match="the first stage has none before it, which 'strongest' needs"):
        check_stages(stages({"name": "strongest", "count": 5}, {"name": "strongest", "count": 3}), DARTS)
    families = [["max_pool_3x3"], ["sep_conv_9x9"]]
    with pytest.raises(ValueError, match=r"unknown member 'sep_conv_9x9' of a family.*sep_conv"):
        check_stages(stages({"name": "all"}, {"name": "members", "families": families}), DARTS)
    with pytest.raises(ValueError, match="list two or none"):
        check_stages(stages({"name": "all"}), DARTS)
