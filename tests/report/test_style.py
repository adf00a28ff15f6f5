"""Colours: the operations of one space are told apart, whichever figure they are in."""

from __future__ import annotations

import pytest

from harness.report.style import BEHIND, FAINT, INK, OPERATIONS, operation_style
from harness.spaces.cells import load_cells
from harness.spaces.operations import names
from harness.spaces.registry import known, published

PRESETS = sorted(name for space in known().values() for name in space.presets())


@pytest.mark.parametrize("name", PRESETS)
def test_no_two_operations_of_a_cell_have_one_colour(name: str) -> None:
    space = published(name)
    for cell in space.cell_types:
        groups = [group for group in space.groups if group.cell == cell]
        offered = {op for group in groups for options in group.options for op in options}
        colours = [operation_style(op)[1] for op in sorted(offered)]
        assert len(set(colours)) == len(colours) > 1, dict(zip(sorted(offered), colours, strict=True))


def test_every_operation_has_a_colour_that_the_page_does_not_use() -> None:
    drawn = {name for preset in PRESETS for name in published(preset).names()}
    for cell in load_cells().values():
        edges = published(cell.space).operations(cell.architecture).values()
        drawn |= {edge.operation for of_type in edges for edge in of_type}
    assert drawn <= set(OPERATIONS) <= set(names())
    assert not {INK, FAINT, BEHIND} & set(OPERATIONS.values())
