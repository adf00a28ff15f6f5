"""Cells as graphs: what is drawn where, and which cells a figure shows."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ElementTree
from collections import Counter
from itertools import pairwise

import pytest

from harness.report.cells import DrawnCell, cells_csv, cells_svgs, places
from harness.spaces.cells import load_cells
from harness.spaces.operations import operation
from harness.spaces.registry import published
from harness.spaces.space import Edge
from tests.report.test_declared import shown, verdict_of

NAMES = ["darts-v2", "nasnet-a", "enas", "darts-pt-cifar10-s4-1", "stacnas-imagenet"]


def drawn(name: str) -> list[DrawnCell]:
    fact = load_cells()[name]
    found = published(fact.space).operations(fact.architecture)
    return [DrawnCell(cell, tuple(edges)) for cell, edges in found.items()]


def test_a_node_is_as_far_to_the_right_as_its_longest_path() -> None:
    cell = DrawnCell("x", (Edge(0, 2, "skip_connect"), Edge(1, 2, "skip_connect"), Edge(0, 3, "sep_conv_3x3"),
                           Edge(2, 3, "sep_conv_3x3"), Edge(1, 4, "sep_conv_3x3"), Edge(0, 4, "none")))  # fmt: skip
    assert {node: x for node, (x, _) in places(cell).items()} == {0: 0, 1: 0, 2: 1, 3: 2, 4: 1}
    assert cell.inputs == {0: "k-2", 1: "k-1"}


@pytest.mark.parametrize("name", NAMES)
def test_no_node_hides_another(name: str) -> None:
    for cell in drawn(name):
        at = places(cell)
        for x in {x for x, _ in at.values()}:
            heights = sorted(y for place, y in at.values() if place == x)
            assert all(upper - lower >= 1 for lower, upper in pairwise(heights))


@pytest.mark.parametrize("name", NAMES)
def test_every_edge_is_an_arrow_with_its_label(name: str) -> None:
    cells = drawn(name)
    for (title, svg), cell in zip(cells_svgs(cells, "cells"), cells, strict=True):
        root = ElementTree.fromstring(svg)
        texts = Counter(element.text for element in root.iter("{http://www.w3.org/2000/svg}text"))
        labels = Counter(operation(edge.operation).label for edge in cell.drawn)
        assert title == cell.title and all(texts[label] == count for label, count in labels.items())
        paths = (path.get("d", "") for path in root.iter("{http://www.w3.org/2000/svg}path"))
        assert sum("Q" in path or "C" in path for path in paths) >= len(cell.drawn)


def test_edges_that_hold_nothing_are_data_but_no_arrows() -> None:
    edges = published("nb201").operations("|none~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|")["cell"]
    cell = DrawnCell("cell", tuple(edges))
    assert [(edge.source, edge.node) for edge in cell.drawn] == [(1, 2)]
    assert len(list(csv.DictReader(io.StringIO(cells_csv([cell]))))) == 6
    assert "skip from 1 to 2" in cells_svgs([cell], "cell")[0][1]
    assert cell.inputs == {0: "input"} and set(places(cell)) == {0, 1, 2, 3}


def test_a_figure_shows_what_a_seed_found_and_waits_for_it() -> None:
    figure = shown(verdict_of({"arms/baseline": 2}))["cells-f4"]
    assert figure.drawing is not None and figure.data is None
    rows = list(csv.DictReader(io.StringIO(figure.drawing.csv())))
    assert [row["cell"] for row in rows[:6]] == ["Found, seed 1"] * 6 and len(rows) == 6 + 16
    assert {row["cell"] for row in rows[6:]} == {"Public, normal cell", "Public, reduce cell"}
    alone = shown(verdict_of({"arms/baseline": 1}))["cells-f4"]
    assert alone.drawing is not None and "Found" not in alone.drawing.csv()
