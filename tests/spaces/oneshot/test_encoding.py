"""Cells of NAS-Bench-101: notation, pruning, widths, and a hash that equal graphs share, against brute force."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.oneshot import skeleton
from harness.spaces.oneshot.encoding import OPS, Cell, module_hash, of_matrix, parse, pruned, to_string, widths
from harness.spaces.space import Size
from tests.spaces.oneshot.conftest import cell_of

FULL = Size(cells=3, channels=128)


@st.composite
def cells(draw, most=5):
    inner = draw(st.integers(0, most))
    operations = draw(st.lists(st.sampled_from(OPS), min_size=inner, max_size=inner))
    reads = [draw(st.sets(st.integers(0, node - 1), min_size=1)) for node in range(1, inner + 2)]
    return Cell(tuple(operations), tuple(tuple(sorted(sources)) for sources in reads))


def paths(cell):
    """All ways from input to output."""
    last = cell.vertices - 1

    def from_here(node):
        if node == last:
            return [(node,)]
        return [
            (node, *way) for nxt in range(node + 1, last + 1) if node in cell.parents[nxt - 1] for way in from_here(nxt)
        ]

    return from_here(0)


def same_graph(one, other):
    """Try every renumbering of the inner vertices."""
    if sorted(one.operations) != sorted(other.operations):
        return False
    inner = range(1, one.vertices - 1)
    for order in itertools.permutations(inner):
        to = {0: 0, one.vertices - 1: one.vertices - 1, **dict(zip(inner, order, strict=True))}
        labels = all(one.labels[node] == other.labels[to[node]] for node in inner)
        moved = [{to[s] for s in parents} for parents in one.parents]
        if labels and all(moved[n - 1] == set(other.parents[to[n] - 1]) for n in range(1, one.vertices)):
            return True
    return False


@given(cells())
def test_what_is_written_is_read(cell):
    assert parse(to_string(cell)) == cell
    assert of_matrix(cell.matrix, cell.labels) == cell


def test_the_notation():
    cell = Cell(("maxpool3x3", "conv3x3-bn-relu"), ((0,), (0, 1), (1, 2)))
    assert to_string(cell) == "maxpool3x3(0)+conv3x3-bn-relu(0,1)+output(1,2)"
    assert cell.matrix == [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert cell.labels == ("input", "maxpool3x3", "conv3x3-bn-relu", "output")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("maxpool3x3(0)", "must end in 'output"),
        ("maxpool(0)+output(1)", "unknown operation 'maxpool'; did you mean 'maxpool3x3'"),
        ("maxpool3x3(1)+output(1)", "earlier vertices in rising order"),
        ("maxpool3x3(0,0)+output(1)", "each once"),
        ("maxpool3x3(0)+output(1,0)", "rising order"),
        ("maxpool3x3+output(0)", "vertices in brackets"),
        ("output(0)+output(1)", "unknown operation 'output'"),
        ("", "vertices in brackets"),
        ("maxpool3x3(0)+output(1)\n", "vertices in brackets"),
    ],
)
def test_a_wrong_text_is_refused_in_one_line(text, words):
    with pytest.raises(HarnessError) as refusal:
        parse(text)
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("matrix", "labels", "words"),
    [
        ([[0, 1]], ["input", "output"], "2 x 2"),
        ([[0, 2], [0, 0]], ["input", "output"], "0 or 1"),
        ([[0, 1], [1, 0]], ["input", "output"], "below its diagonal"),
        ([[0, 1], [0, 0]], ["output", "input"], "labels must be"),
    ],
)
def test_a_wrong_matrix_is_refused(matrix, labels, words):
    with pytest.raises(HarnessError, match=words):
        of_matrix(matrix, labels)


@given(cells())
def test_pruning_keeps_what_lies_on_a_way(cell):
    ways = paths(cell)
    if not ways:
        with pytest.raises(HarnessError, match="no way leads from input to output"):
            pruned(cell)
        return
    kept = sorted(set(itertools.chain(*ways)))
    steps = {(a, b) for way in ways for a, b in itertools.pairwise(way)}
    if len(steps) > 9:
        with pytest.raises(HarnessError, match="more than 7 vertices or 9 edges"):
            pruned(cell)
        return
    small = pruned(cell)
    assert list(small.labels) == [cell.labels[node] for node in kept]
    assert {(kept[s], kept[n]) for n, p in enumerate(small.parents, start=1) for s in p} == steps
    assert pruned(small) == small


def test_more_than_seven_vertices_are_refused():
    chain = Cell(("maxpool3x3",) * 6, tuple((node,) for node in range(7)))
    with pytest.raises(HarnessError, match="more than 7 vertices"):
        module_hash(chain)


def test_equal_hashes_are_equal_graphs():
    """Of all cells with two or three inner vertices: hashes are equal where a renumbering maps one to the other."""
    rng = random.Random(0)
    by_hash = {}
    for inner in (2, 3):
        reads = [[s for r in range(1, n + 1) for s in itertools.combinations(range(n), r)] for n in range(1, inner + 2)]
        for parents in itertools.product(*reads):
            cell = Cell(tuple(rng.choice(OPS) for _ in range(inner)), parents)
            if paths(cell) and sum(map(len, parents)) <= 9:
                by_hash.setdefault(module_hash(cell), set()).add(pruned(cell))
    assert any(len(same) > 1 for same in by_hash.values())
    for same in by_hash.values():
        first, *others = same
        assert all(same_graph(first, other) for other in others)
    firsts = [next(iter(same)) for same in by_hash.values()]
    for one, other in itertools.combinations(firsts, 2):
        assert not (len(one.operations) == len(other.operations) and same_graph(one, other))


def test_a_known_hash():
    """A cell that NAS-Bench-101 knows by this name."""
    cell = parse("conv3x3-bn-relu(0)+conv1x1-bn-relu(0)+output(0,1,2)")
    assert module_hash(cell) == "675777ecb1daff61b6917d833406cb82"
    with_loose_end = parse("conv3x3-bn-relu(0)+maxpool3x3(0,1)+conv1x1-bn-relu(0)+output(0,1,3)")
    assert module_hash(with_loose_end) == module_hash(cell)


@given(cells())
def test_widths_share_the_output_and_cover_their_readers(cell):
    if not paths(cell):
        return
    try:
        small = pruned(cell)
    except HarnessError:
        return
    found, last = widths(small, 7, 32), small.vertices - 1
    read = [node for node in small.parents[-1] if node]
    assert found[0] == 7 and found[last] == 32
    assert not read or (
        sum(found[n] for n in read) == 32 and max(found[n] - min(found[m] for m in read) for n in read) <= 1
    )
    for node in range(1, last):
        readers = [found[n] for n in range(node + 1, last) if node in small.parents[n - 1]]
        assert all(found[node] >= width for width in readers)
        assert node in read or found[node] == max(readers)


@pytest.mark.parametrize("name", ["nb101_one_trial.parquet", "nb101_test_one_trial.parquet", "nb1shot1_cells.parquet"])
def test_real_cells_have_the_hash_and_the_parameters_that_the_benchmark_says(name, real):
    """Where parameters differ, the matrix is another order of the same graph, which shares channels otherwise."""
    rows = real(name)
    assert len(rows) == {"nb101_one": 4_035, "nb101_tes": 143, "nb1shot1_": 66_111}[name[:9]]
    others = 0
    for row in rows[:: 1 if len(rows) < 10_000 else 10]:
        cell = cell_of(row)
        assert module_hash(cell) == row["hash"]
        if "parameters" in row:
            others += skeleton.count(pruned(cell), FULL, 10, 32).parameters != row["parameters"]
    assert others == (38 if name.startswith("nb101_one") else 0)
