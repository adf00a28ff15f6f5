"""Networks that nobody published, by what they count: against counts of whole networks, one by one."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from harness.audit.finding import Finding, by_cell
from harness.audit.fingerprint import fingerprint
from harness.audit.multisets import fits, multisets
from harness.audit.printed import Printed
from harness.audit.published_rows import PublishedRow
from harness.spaces.registry import published
from harness.spaces.space import Size

T6 = "single-darts-t6"
SIZES = [(Size(14, 48, "imagenet"), "imagenet", 1000, 224), (Size(20, 36), "cifar10", 10, 32)]


def printed(mean: float, half: float) -> Printed:
    return Printed(mean, half, None, 0.0)


def drawn(seed: int) -> str:
    """An architecture of the space: two edges into each node, wherever from, any operations."""
    generator, space = random.Random(seed), published("darts")
    operations = [name for name in space.names() if name != "none"]
    cells = []
    for kind in space.cell_types:
        nodes = [sorted(generator.sample(range(node), 2)) for node in range(2, 6)]
        terms = ("|" + "".join(f"{generator.choice(operations)}~{source}|" for source in two) for two in nodes)
        cells.append(f"{kind} {'+'.join(terms)}")
    return " ".join(cells)


def kinds_of(architecture: str, size: Size, dataset: str) -> tuple[int, int]:
    """The pair of multisets of an architecture, by names and where its skips reduce."""
    known, space = multisets(size, dataset), published("darts")
    pair = []
    for cell, edges in space.operations(architecture).items():
        members = []
        for edge in edges:
            fitting = [place for place, names in enumerate(known.kinds[cell]) if edge.operation in names]
            strided = cell == "reduce" and edge.source < 2
            members.append(fitting[-1 if strided else 0])
        pair.append(int(np.flatnonzero((known.members[cell] == sorted(members)).all(1))[0]))
    return pair[0], pair[1]


@pytest.mark.parametrize(("size", "dataset", "classes", "side"), SIZES, ids=["imagenet", "cifar"])
def test_a_multiset_counts_what_its_networks_count(size: Size, dataset: str, classes: int, side: int) -> None:
    known = multisets(size, dataset)
    for seed in range(30):
        architecture = drawn(seed)
        found = published("darts").counts(architecture, size, classes, side)
        pair = np.array([kinds_of(architecture, size, dataset)])
        assert known.of(pair)[0] == pytest.approx([found.parameters / 1e6, found.multiplications / 1e6], rel=1e-12)
        assert known.counts[tuple(pair[0])] == pytest.approx(known.of(pair)[0])


def test_all_of_them_are_there() -> None:
    known = multisets(*SIZES[0][:2])
    assert {cell: len(kinds) for cell, kinds in known.kinds.items()} == {"normal": 5, "reduce": 6}
    assert known.counts.shape == (495, 1287, 2)  # of 8 operations: 12 over 4, and 13 over 5
    skips = [names for names in known.kinds["reduce"] if "skip_connect" in names]
    assert skips == [{"skip_connect", "max_pool_3x3", "avg_pool_3x3"}, {"skip_connect"}]  # by stride


def test_what_fits_is_what_rounds_to_the_print() -> None:
    known = multisets(*SIZES[0][:2])
    flops, parameters = printed(560.31, 0.005), printed(5.0, 0.05)
    first, second = known.counts.shape[:2]
    slow = [
        (i, j)
        for i, j in product(range(0, first, 7), range(second))
        if abs(known.counts[i, j, 1] - 560.31) <= 0.005 and abs(known.counts[i, j, 0] - 5.0) <= 0.05
    ]
    assert slow and slow == [(i, j) for i, j in known.fitting(flops, parameters).tolist() if i % 7 == 0]
    assert fits(np.array([[5.04, 560.314], [5.06, 560.31], [5.0, 560.316]]), flops, parameters).tolist() == [1, 0, 0]


# what is printed ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(shipped: list[PublishedRow]) -> dict[str, list[Finding]]:
    return by_cell(fingerprint(shipped))


def test_the_networks_of_table_6_are_of_the_space(found: dict[str, list[Finding]]) -> None:
    summary = found[f"imagenet:{T6}/softmax-full-0/flops"][0]
    assert "13 of 15 rows" in summary.evidence and "14 cells of 48 channels; 0.2 would by chance" in summary.evidence
    assert "a normal cell 0 are avg pool or max pool or skip, 7 to 8 are separable" in summary.evidence
    assert "a reduce cell 0 are avg pool or max pool or skip, 0 to 1 are skip" in summary.evidence
    assert len(summary.cells) == 26 and summary.verdict == "consistent"


@pytest.mark.parametrize("row", ["sigmoid-full-0", "sigmoid-full-1"])
def test_two_rows_miss_by_little(found: dict[str, list[Finding]], row: str) -> None:
    [finding] = found[f"imagenet:{T6}/{row}/flops"]
    assert finding.verdict == "unexplained" and "has 0.0053 M more or less" in finding.evidence


def test_what_the_paper_prints_elsewhere_is_judged_by_them(found: dict[str, list[Finding]]) -> None:
    [best] = found["imagenet:single-darts-t2/single-darts-best/flops"]
    [scaled] = found["imagenet:single-darts-t2/single-darts-scaled/parameters"]
    [moved] = found["darts_space_sd:single-darts-t3/single-darts/parameters"]
    assert (best.severity, best.verdict) == (scaled.severity, scaled.verdict) == ("warning", "inconsistent")
    assert "no network at all has them with 14 cells of 48 channels" in best.evidence
    assert "whatever its channels" in scaled.evidence and "at all" not in scaled.evidence
    assert moved.verdict == "consistent" and "with 14 or 15 cells of 36 channels" in moved.evidence
    assert "imagenet:single-darts-t2/single-darts-average/flops" not in found  # a mean is of no network


def moved(lines: list[PublishedRow], by: float) -> list[PublishedRow]:
    """The rows of Table 6 with other multiply-adds."""
    changed = []
    for line in lines:
        numbers = tuple(
            replace(n, printed=replace(n.printed, mean=n.printed.mean + by)) if n.quantity.kind == "flops" else n
            for n in line.numbers
        )
        changed.append(replace(line, numbers=numbers) if line.table == T6 else line)
    return changed


@pytest.mark.parametrize("by", [0.03, -0.11, 1.0])
def test_numbers_that_are_no_counts_are_attributed_to_nothing(shipped: list[PublishedRow], by: float) -> None:
    assert not fingerprint(moved(shipped, by))


def test_few_rows_tell_nothing(shipped: list[PublishedRow]) -> None:
    rows = [line for line in shipped if line.table == T6]
    assert len(fingerprint(rows[:3] + rows[5:7])) == 6 and not fingerprint(rows[:3] + rows[5:6])
