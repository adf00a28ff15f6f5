"""Which printed counts are held against a published cell, and which are left alone."""

from __future__ import annotations

from harness.audit.counts import counts
from harness.audit.finding import by_cell
from harness.audit.published_rows import PublishedRow
from harness.spaces.cells import load_cells

# Rows whose network is not known: another space, one of several cells, another cell or width than the published one.
ALONE = (
    "darts_pt:darts-pt-t2/nasnet-a/parameters",
    "darts_pt:darts-pt-t2/amoebanet-a/parameters",
    "darts_pt:darts-pt-t2/enas/parameters",
    "darts_pt:darts-pt-t2/nasp/parameters",
    "darts_pt:darts-pt-t2/sgas/parameters",
    "darts_pt:darts-pt-t2/darts-pt-best/parameters",
    "darts_pt:darts-pt-t2/bayesnas/parameters",
    "darts_space_delve:delve-t4/drnas/parameters",
    "imagenet:single-darts-t2/cdarts-scaled/flops",
    "imagenet:single-darts-t2/single-darts-best/flops",
    "darts_space_sd:single-darts-t3/dropnas/parameters",
    "stacnas:stacnas-t3-base/snas/parameters",
    "stacnas:stacnas-t4-base/pdarts/parameters",
)


def test_rows_of_unknown_networks_are_left_alone(shipped: list[PublishedRow]) -> None:
    printed = {number.cell for line in shipped for number in line.numbers}
    said = by_cell(counts(shipped))
    assert set(ALONE) <= printed
    assert not set(ALONE) & set(said)


def test_a_drawing_accuses_nothing(shipped: list[PublishedRow]) -> None:
    drawn = {row for cell in load_cells().values() if cell.drawn for row in cell.explains}
    found = [f for f in counts(shipped) if f.cells[0].partition(":")[2].rpartition("/")[0] in drawn]
    assert {f.verdict for f in found} == {"consistent", "unexplained"}
    assert all(not f.suspects for f in found)


def test_one_column_with_two_ways_to_count(shipped: list[PublishedRow]) -> None:
    (mixed,) = [f for f in counts(shipped) if len(f.cells) > 1]
    rows = [cell.split("/")[1] for cell in mixed.cells]
    assert rows == ["p-darts", "pc-darts", "cdarts-average", "dropnas"] and not mixed.suspects
    assert "batch norms and ReLUs (PDARTS 557, PC-DARTS 597, CDARTS (average) 732)" in mixed.evidence
    assert "convolutions and linear layers (DropNAS 597)" in mixed.evidence
