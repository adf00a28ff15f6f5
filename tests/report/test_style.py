"""Colours: the operations of one space are told apart, whichever figure they are in."""

from __future__ import annotations

import re
from importlib import resources

import numpy as np
import pytest

from harness.report.figure_view import NAMES, view
from harness.report.panels import FigureData, Line, Panel
from harness.report.style import BEHIND, COLOURS, FAINT, INK, NAMED, OPERATIONS, operation_style
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


def test_pages_and_prints_know_every_colour_by_its_name() -> None:
    sheet = (resources.files("harness.report") / "static" / "site.css").read_text(encoding="utf-8")
    light, _, printed = (
        dict(re.findall(r"--(\w+): (#\w{6});", block)) for block in re.findall(r":root \{[^}]*\}", sheet)
    )
    for name, value in NAMED.items():
        assert light[name] == value, name
        assert name == "ink" or printed[name] == value, name
    assert {*OPERATIONS.values(), *COLOURS, INK} <= NAMES.keys()


@pytest.mark.parametrize("name", sorted(set(OPERATIONS.values()) | {INK}))
def test_a_line_of_any_colour_is_drawn_in_the_pages_own(name: str) -> None:
    x = np.arange(3.0)
    panel = Panel("a", "epoch", "b", (Line("one", name, (), 1, x, x, np.zeros((0, 3))),))
    [shown] = view(FigureData("f", "t", "c", (panel,)))["panels"]
    wanted = "currentColor" if name == INK else f"var(--{NAMES[name]})"
    assert wanted in shown["svg"] and (name == INK or name not in shown["svg"])
