"""Groups, rows that take several options, the parse by brute force, counts of architectures, and what is refused."""

import itertools
import random
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.spaces.oneshot.encoding import module_hash, parse, pruned
from harness.spaces.registry import published
from harness.spaces.space import UNDECIDED
from harness.suite.load import load_suite

SUITE = Path(__file__).parents[3] / "suites" / "oneshot.yaml"

NAMES = ("oneshot-1", "oneshot-2", "oneshot-3")
PARENTS = {1: (1, 2, 2, 2, 2), 2: (1, 1, 2, 2, 3), 3: (1, 1, 1, 2, 2, 2)}  # NAS-Bench-1Shot1, Table 1


def undecided(space):
    return {g.name: [UNDECIDED] * g.shape[0] for g in space.groups}


def draw(space, seed):
    rng = random.Random(seed)
    return {g.name: [[rng.random() for _ in row] for row in g.options] for g in space.groups}


def brute_force(space, weights):
    """Of all sets of sources of the right size take the heaviest."""
    by_name = {g.name: g for g in space.groups}
    text = []
    for node, parents in enumerate(PARENTS[space.wiring], start=1):
        output = node == len(PARENTS[space.wiring])
        name = "output" if output else f"sources-{node}"
        shares = weights[name][0] if name in by_name else [1] * node
        sets = itertools.combinations(range(node), parents)
        best = max(sets, key=lambda chosen: sum(shares[source] for source in chosen))
        row = weights["operations"][node - 1] if not output else None
        label = "output" if row is None else space.ops[node - 1][row.index(max(row))]
        text.append(f"{label}({','.join(map(str, best))})")
    return "+".join(text)


@pytest.mark.parametrize("name", NAMES)
def test_the_parse_takes_the_heaviest_sources(name):
    space = published(name)
    for seed in range(50):
        weights = draw(space, seed)
        assert space.discretise(weights, undecided(space)) == brute_force(space, weights)


@pytest.mark.parametrize("name", NAMES)
def test_a_decided_number_is_a_place_among_the_choices(name):
    space, weights = published(name), draw(published(name), 0)
    for group in space.groups:
        for row in range(group.shape[0]):
            seen = set()
            for number, chosen in enumerate(group.choices):
                decided = undecided(space)
                decided[group.name][row] = number
                edges = space.operations(space.discretise(weights, decided))["cell"]
                found = [e.operation for e in edges if e.node == group.nodes[row]]
                assert sorted(found) == sorted(group.options[row][option] for option in chosen)
                seen.add(tuple(found))
            assert len(seen) == len(group.choices)


@pytest.mark.parametrize(("name", "count"), list(zip(NAMES, (14_580, 29_160, 1_312_200), strict=True)))
def test_how_many_architectures_there_are(name, count):
    """Loose ends told apart by what their operations are; the printed 6,240 and 363,648 leave these out."""
    assert published(name).architectures == count


@pytest.mark.parametrize(("name", "used"), list(zip(NAMES[:2], (6_240, 16_632), strict=True)))
def test_how_many_there_are_where_operations_of_loose_ends_do_not_count(name, used):
    """NAS-Bench-1Shot1 prints 6,240 and 363,648, and for the second space 29,160, with operations of loose ends."""
    space, total = published(name), 0
    links = [g.choices for g in space.groups if g.links]
    names = [g.name for g in space.groups if g.links]
    for chosen in itertools.product(*links):
        decided = undecided(space) | {n: [c.index(sources)] for n, c, sources in zip(names, links, chosen, strict=True)}
        cell = parse(space.discretise(draw(space, 0), decided))
        read = {source for parents in cell.parents for source in parents}
        total += 3 ** len(read - {0})
    assert total == used


def test_loose_ends_stay_in_the_text_and_are_no_part_of_the_hash():
    one = "maxpool3x3(0)+conv3x3-bn-relu(0,1)+conv1x1-bn-relu(0,1)+maxpool3x3(0,1)+output(0,1)"
    other = one.replace("conv1x1-bn-relu(0,1)", "conv3x3-bn-relu(1,2)")
    space = published("oneshot-1")
    assert space.canonical(one) == space.canonical(other) == module_hash(pruned(parse(one)))
    assert space.operations(one) != space.operations(other)


def test_nodes_are_edges_from_what_they_read_to_what_they_give():
    edges = published("oneshot-2").operations("maxpool3x3(0)+conv3x3-bn-relu(1)+output(0,2)")["cell"]
    assert [tuple(edge) for edge in edges] == [
        (0, 1, "from-0"), (1, 2, "maxpool3x3"), (2, 3, "from-1"), (3, 4, "conv3x3-bn-relu"), (0, 5, "from-0"),
        (4, 5, "from-2"),
    ]  # fmt: skip


def test_operations_can_be_narrowed_and_links_cannot():
    space = published("oneshot-3")
    options = {"cell": [tuple(g.options[row]) for g, row in space.rows("cell")]}
    options["cell"][:2] = [("maxpool3x3",), ("conv3x3-bn-relu", "conv1x1-bn-relu")]
    narrow = space.narrowed(options, cells=3)
    assert [g.name for g in narrow.groups][:3] == ["operations-3", "operations-2", "operations-1"]
    assert narrow.ops[:2] == (("maxpool3x3",), ("conv3x3-bn-relu", "conv1x1-bn-relu")) and narrow.cells == 3
    options["cell"][-1] = ("from-0", "from-1")
    with pytest.raises(HarnessError, match="what nodes read from cannot be narrowed"):
        space.narrowed(options)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wiring": 4}, "1, 2 or 3"),
        ({"ops": ["maxpool3x3", "conv3x3"]}, "unknown operation 'conv3x3'; did you mean 'conv3x3-bn-relu'"),
        ({"ops": [["maxpool3x3"]] * 3}, "for each of 4 nodes"),
        ({"ops": [["maxpool3x3"] * 2] * 4}, "only once"),
        ({"cells": 2}, "at least 3"),
        ({"bn_momentum": 0}, "greater than 0"),
        ({"pool_padding": 2}, "0 or 1"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_refused(changes, words):
    space = published("oneshot-1")
    with pytest.raises(ValueError, match=words):
        type(space).model_validate(space.model_dump() | changes)


def test_work_counts_the_supernet():
    """Against hooks on the built network: multiply-adds of all its convolutions but the last ones."""
    import torch

    space = published("oneshot-3").model_copy(update={"channels": 4})
    net, found = space.supernet(10), 0

    def count(module, inputs, output):
        nonlocal found
        found += module.weight.numel() * output[0, 0].numel()

    for name, module in net.named_modules():
        if isinstance(module, torch.nn.Conv2d) and not name.startswith("last"):
            module.register_forward_hook(count)
    mixing = {g.name: torch.full(g.shape, 0.5) for g in space.groups}
    net(torch.zeros(1, 3, 32, 32), mixing)
    assert space.work(32).multiplications == found


def test_every_architecture_is_among_the_cells_that_the_benchmark_has_for_the_space(real):
    """Random ones of each space, among the 66,111 entries of all three."""
    rows = real("nb1shot1_cells.parquet")
    for number, name in enumerate(NAMES, start=1):
        space = published(name)
        entries = {row["hash"] for row in rows if row[f"in_space_{number}"]}
        assert len(entries) == (2_685, 7_773, 55_854)[number - 1]
        drawn = (space.discretise(draw(space, seed), undecided(space)) for seed in range(500))
        assert {space.canonical(text) for text in drawn} <= entries


MEASURED = "{diagnostics: [{name: gradient-correlation, every: 1, images: 16}]}"


def suite(*changes):
    text = SUITE.read_text(encoding="utf-8").replace("[_base/", f"[{SUITE.parent}/_base/")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("operation: conv3x3-bn-relu, epoch: 1", "operation: from-1, epoch: 1",
         "operation of the row's search 'from-1'"),
        ("equation: 13, operation: conv3x3-bn-relu", "equation: 13, operation: nor_conv_3x3", "unknown operation"),
        ("label: DARTS on space 1", f"label: DARTS on space 1, search: {MEASURED}", "nodes choose their sources"),
    ],
)  # fmt: skip
def test_what_links_cannot_be_asked_is_refused(old, new, words, tmp_path):
    (tmp_path / "oneshot.yaml").write_text(suite((old, new)), encoding="utf-8")
    with pytest.raises(HarnessError) as refusal:
        load_suite(tmp_path / "oneshot.yaml", load_catalogue())
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_claims_are_of_the_epochs_that_they_name():
    claims = load_suite(SUITE, load_catalogue()).suite.claims
    assert len(claims) == 6
    for claim in claims.values():
        assert claim.left.epoch == claim.right.epoch == (1 if "after the first epoch" in claim.text else "last")
