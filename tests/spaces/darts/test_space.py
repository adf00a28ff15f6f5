"""Groups, the parse by brute force, narrowing, and what a space refuses."""

import itertools
import random

import pytest

from harness.errors import HarnessError
from harness.spaces.darts import encoding
from harness.spaces.registry import published
from harness.spaces.space import LEFT_OUT, UNDECIDED

EDGES = [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4)] + [(s, 5) for s in range(5)]
DARTS = ["none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"] + [
    f"{kind}_conv_{k}x{k}" for kind in ("sep", "dil") for k in (3, 5)
]
UNDECIDED_ALL = {"normal": [UNDECIDED] * 14, "reduce": [UNDECIDED] * 14}


def draw(space, seed, levels=None):
    """Random weights; with ``levels`` few different ones, so that many are equal."""
    rng = random.Random(seed)
    number = rng.random if levels is None else lambda: rng.randrange(levels)
    return {g.name: [[number() for _ in row] for row in g.options] for g in space.groups}


def brute_force(space, weights, decided, kind):
    """Score every pair of edges and every pair of options into each node; the first best pair wins."""
    rows = {g.places[r]: (g.options[r], weights[g.name][r], decided[g.name][r]) for g in space.groups
            if g.cell == kind for r in range(len(g.places))}  # fmt: skip
    nodes = []
    for node in range(2, 6):
        edges = [e for e, (_, target) in enumerate(EDGES) if target == node and rows[e][2] != LEFT_OUT]
        best = None
        for pair in itertools.combinations(edges, 2):
            score = sorted(((rows[e][2] >= 0, strength(*rows[e][:2])) for e in pair), reverse=True)
            if best is None or score > best[0]:
                best = score, pair
        nodes.append([(chosen(*rows[e]), EDGES[e][0]) for e in best[1]])
    return nodes


def strength(options, weights):
    real = [w for o, w in zip(options, weights, strict=True) if o != "none"]
    return max(real, default=-1e9)


def chosen(options, weights, decided):
    if decided >= 0:
        return options[decided]
    top = strength(options, weights)
    real = [o for o, w in zip(options, weights, strict=True) if o != "none" and w == top]
    return real[0] if real else "none"


@pytest.mark.parametrize("name", ["darts", "s1", "s3", "s4"])
@pytest.mark.parametrize("levels", [None, 3])
def test_the_parse_equals_brute_force_over_pairs_of_edges(name, levels):
    space = published(name)
    for seed in range(60):
        weights = draw(space, seed, levels)
        found = space.operations(space.discretise(weights, UNDECIDED_ALL))
        for kind in ("normal", "reduce"):
            expected = brute_force(space, weights, UNDECIDED_ALL, kind)
            assert [(e.operation, e.source) for e in found[kind]] == list(itertools.chain(*expected))
            assert [e.node for e in found[kind]] == [2, 2, 3, 3, 4, 4, 5, 5]


def test_none_never_wins_but_weighs():
    """An edge whose `none` weighs .9 and skip .06 loses to one whose skip weighs .2."""
    space = published("s3")
    weights = {kind: [[0.9, 0.06, 0.04]] * 14 for kind in ("normal", "reduce")}
    weights["normal"] = [
        *weights["normal"][:2],
        [0.7, 0.2, 0.1],
        [0.9, 0.06, 0.04],
        [0.5, 0.2, 0.3],
        *[[0.9, 0.06, 0.04]] * 9,
    ]
    cell = space.operations(space.discretise(weights, UNDECIDED_ALL))["normal"]
    assert [(e.operation, e.source) for e in cell[2:4]] == [("skip_connect", 0), ("sep_conv_3x3", 2)]


@pytest.mark.parametrize("seed", range(40))
def test_decided_edges_come_first_and_left_out_ones_never(seed):
    space, rng = published("darts"), random.Random(seed)
    weights, decided = draw(space, seed), {}
    for kind in ("normal", "reduce"):
        decided[kind] = []
        for node in range(2, 6):
            sources = list(range(node))
            out = rng.sample(sources, rng.randrange(node - 1))
            decided[kind] += [
                LEFT_OUT if s in out else rng.randrange(8) if rng.random() < 0.4 else UNDECIDED for s in sources
            ]
    found = space.operations(space.discretise(weights, decided))
    for kind in ("normal", "reduce"):
        expected = brute_force(space, weights, decided, kind)
        assert [(e.operation, e.source) for e in found[kind]] == list(itertools.chain(*expected))


def test_a_topology_step_leaves_exactly_what_is_not_left_out():
    space = published("s5")
    decided = {
        kind: [0, 1, 2, LEFT_OUT, 3, LEFT_OUT, LEFT_OUT, 4, 5, 6, LEFT_OUT, LEFT_OUT, LEFT_OUT, 0]
        for kind in UNDECIDED_ALL
    }
    weights = draw(space, 0)
    cell = space.operations(space.discretise(weights, decided))["reduce"]
    names = space.groups[0].options[0]
    kept = [place for place, option in enumerate(decided["reduce"]) if option != LEFT_OUT]
    assert [(e.source, e.node, e.operation) for e in cell] == [(*EDGES[p], names[decided["reduce"][p]]) for p in kept]


def test_the_raw_parse_compares_edges_by_alpha():
    """StacNAS: an edge with both alphas large wins by alpha and loses by softmax."""
    space = published("stacnas-families")
    assert space.reads_alpha and not published("darts").reads_alpha
    flat, sharp = [2.0, 1.9, 1.8, 1.9, 1.9], [1.0, -5.0, -5.0, -5.0, -5.0]
    alpha = {kind: [sharp, sharp, flat, sharp, sharp] + [sharp] * 9 for kind in UNDECIDED_ALL}
    cell = space.operations(space.discretise(alpha, UNDECIDED_ALL))["normal"]
    assert [e.source for e in cell[2:4]] == [0, 1]
    alpha["normal"][4] = flat
    cell = space.operations(space.discretise(alpha, UNDECIDED_ALL))["normal"]
    assert [e.source for e in cell[2:4]] == [0, 2]


def test_groups_of_the_published_spaces():
    shapes = {name: [g.shape for g in published(name).groups] for name in ("darts", "s5", "s1", "s2", "s3", "s4")}
    assert shapes == {"darts": [(14, 8)] * 2, "s5": [(14, 7)] * 2, "s1": [(14, 2)] * 2, "s2": [(14, 2)] * 2,
                      "s3": [(14, 3)] * 2, "s4": [(14, 2)] * 2}  # fmt: skip
    group = published("darts").groups[0]
    assert list(zip(group.sources, group.nodes, strict=True)) == EDGES
    assert list(group.options[0]) == DARTS
    assert (group.name, group.cell, group.keep) == ("normal", "normal", 2)


def test_s1_as_its_authors_list_it():
    """Two options on each edge, typed from the table in RobustDARTS' code by their letters."""
    letters = {"m": DARTS[1], "a": DARTS[2], "s": DARTS[3], "3": DARTS[4], "d": DARTS[6], "D": DARTS[7]}
    wanted = {
        "normal": "sd sD sD s3 sd ms s3 s3 sd s3 ms sd dD dD",
        "reduce": "ma md ma ma sD ma m3 sd sD ma ma sD sD sD",
    }
    for group in published("s1").groups:
        assert list(group.options) == [tuple(letters[x] for x in edge) for edge in wanted[group.cell].split()]


def test_edges_with_unequal_numbers_of_options_lie_in_several_groups():
    space = published("darts").narrowed(
        {"normal": [["skip_connect", "none"]] * 5 + [["sep_conv_3x3"] * 3] * 9, "reduce": [["noise"]] * 14}, cells=5
    )
    assert [(g.name, g.places, g.shape) for g in space.groups] == [
        ("normal-3", tuple(range(5, 14)), (9, 3)), ("normal-2", tuple(range(5)), (5, 2)),
        ("reduce", tuple(range(14)), (14, 1)),
    ]  # fmt: skip
    assert [g.options[row] for g, row in space.rows("normal")][4:6] == [("skip_connect", "none"), ("sep_conv_3x3",) * 3]
    assert (space.cells, space.channels, space.parse) == (5, 16, "weights")
    weights = draw(space, 1)
    text = space.discretise(weights, {g.name: [UNDECIDED] * g.shape[0] for g in space.groups})
    assert {e.operation for e in space.operations(text)["reduce"]} == {"noise"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normal": [["sep_conv_3x4"]] * 14, "reduce": [["noise"]] * 14}, "normal: unknown .*x4'.*'sep_conv_3x3"),
        ({"normal": [["noise"]] * 13, "reduce": [["noise"]] * 14}, "normal: must list options for each of 14 edges"),
        ({"normal": [["noise"]] * 14, "reduce": [[]] * 14}, "reduce: must list options"),
        ({"normal": [["nor_conv_3x3"]] * 14, "reduce": [["noise"]] * 14}, "unknown operation 'nor_conv_3x3'"),
    ],
)  # fmt: skip
def test_what_cannot_be_narrowed_to(options, message):
    with pytest.raises(HarnessError, match=message):
        published("darts").narrowed(options)


def test_too_shallow_a_supernet_has_no_normal_cell():
    settings = published("darts").model_dump() | {"cells": 2}
    with pytest.raises(ValueError, match="at least 3"):
        type(published("darts")).model_validate(settings)


def test_architectures_of_the_space_are_read_back():
    space = published("darts")
    for seed in range(20):
        text = space.discretise(draw(space, seed), UNDECIDED_ALL)
        assert encoding.to_string(encoding.parse(text)) == text
        assert encoding.parse(encoding.to_genotype(encoding.parse(text))) == encoding.parse(text)
