"""Delve's Figure 6(a): its data and its drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest

from harness.audit.majority import figure6a
from harness.audit.table import COLUMNS, TableValues
from harness.report.figures_audit import figure6a_about, figure6a_csv, figure6a_svgs
from harness.spaces.nb201 import encoding as nb201
from tests.audit.conftest import needs_data
from tests.spaces.nb201.codes import ALL


@pytest.fixture(scope="module")
def whole() -> TableValues:
    """Every architecture once; the accuracy tells which: its code in base 5."""
    architectures = list(ALL)
    codes = np.arange(nb201.SIZE, dtype=float)
    return TableValues(
        np.arange(nb201.SIZE),
        tuple(map(nb201.to_string, architectures)),
        np.repeat(codes[:, None], len(COLUMNS), axis=1),
    )


def test_who_is_in_the_figure(whole: TableValues) -> None:
    majorities = figure6a(whole)
    assert [item.operation for item in majorities] == list(nb201.OPS)
    for op, item in enumerate(majorities):
        held = {a: a.count(op) for a in ALL if a.count(op) >= 4}
        assert Counter(item.edges.tolist()) == Counter(held.values()) == {4: 240, 5: 24, 6: 1}
        assert list(item.accuracy) == ["cifar10", "cifar100", "imagenet16_120"]
        for values in item.accuracy.values():
            found = {ALL[int(code)]: edges for code, edges in zip(values, item.edges, strict=True)}
            assert found == held


def test_drawings(table: TableValues) -> None:
    majorities = figure6a(table)
    drawn = figure6a_svgs(majorities, "name")
    assert drawn == figure6a_svgs(majorities, "name") and [title for title, _ in drawn] == list(majorities[0].accuracy)
    dots = sum(element.tag.endswith("}use") for _, svg in drawn for element in ET.fromstring(svg).iter())
    architectures = 3 * sum(len(item.edges) for item in majorities)
    assert dots >= architectures > 100
    assert all("currentColor" in svg for _, svg in drawn)
    assert f"{(majorities[0].edges == 4).sum()} with 4" in figure6a_about(majorities)
    lines = figure6a_csv(majorities).splitlines()
    assert lines[0] == "operation,edges,dataset,test_accuracy" and len(lines) == architectures + 1


@pytest.mark.realdata
@needs_data
def test_the_papers_statement(real_table: TableValues) -> None:
    """Delve, section 2.4: where the 3x3 convolution prevails, architectures are the best; where skips do, they fail."""
    medians = {item.operation: np.median(item.accuracy["cifar10"]) for item in figure6a(real_table)}
    assert max(medians, key=medians.__getitem__) == "nor_conv_3x3"
    assert medians["nor_conv_3x3"] == pytest.approx(93.25, abs=0.01)
    assert medians["skip_connect"] == pytest.approx(86.70, abs=0.01)
    assert medians["none"] == pytest.approx(10.0)
