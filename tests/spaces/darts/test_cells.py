"""Published cells: data as it should be, counts against printed and independently found ones, and against networks."""

import re

import pytest
import torch

from harness.errors import HarnessError
from harness.spaces import cells
from harness.spaces.cells import load_cells
from harness.spaces.darts import encoding
from harness.spaces.registry import published
from harness.spaces.space import Size

CIFAR, IMAGENET = Size(20, 36), Size(14, 48, "imagenet")
# Found by another program that shares nothing with this one: parameters on CIFAR-10 and ImageNet, multiply-adds there.
FOUND = {
    "darts-v1": (3_169_414, 4_510_432, 505_864_704),
    "darts-v2": (3_349_342, 4_718_752, 529_911_552),
    "nasnet-a": (3_830_950, 5_564_320, 604_031_616),
    "pnasnet": (4_481_110, 6_394_912, 696_738_048),
    "enas": (4_020_166, 5_908_768, 630_336_384),
    "pc-darts-cifar": (3_634_678, 5_270_560, 571_137_408),
    "pc-darts-imagenet": (3_721_510, 5_342_464, 581_627_328),
    "p-darts": (3_433_798, 4_944_352, 542_819_328),
    "gdas-v1": (3_368_782, 4_969_216, 537_597_888),
    "snas-moderate": (2_847_358, 4_312_576, 465_607_872),
    "snas-mild": (2_661_382, 3_939_328, 438_042_432),
    "nasp": (7_363_486, 9_542_944, 1_060_071_168),
    "drnas-cifar10": (4_099_294, 5_738_464, 633_832_320),
    "drnas-imagenet": (4_048_750, 5_726_368, 624_405_504),
    "sdarts-rs": (3_606_166, 5_120_320, 566_762_688),
    "sdarts-adv": (3_344_806, 4_768_864, 531_567_360),
    "sgas-cri1-1": (3_750_238, 5_247_040, 586_839_360),
    "sgas-cri1-5": (3_449_782, 4_910_368, 547_730_304),
    "sgas-cri1-10": (3_606_814, 5_143_456, 565_963_008),
    "darts-pt-0": (2_851_246, 4_228_576, 465_805_440),
    "darts-pt-1": (3_053_206, 4_510_816, 490_962_432),
    "darts-pt-2": (2_658_142, 4_035_712, 438_098_880),
    "darts-pt-3": (3_328_174, 4_779_712, 527_456_064),
    "darts-pt-fixed-0": (3_039_598, 4_448_128, 490_953_024),
    "sdarts-rs-cifar10-s1": (3_405_502, 4_895_104, 538_952_640),
    "pc-darts-cifar10-s1": (2_406_502, 3_664_192, 406_111_680),
    "darts-pt-cifar10-s1-1": (1_870_822, 3_066_976, 333_623_040),
    "darts-pt-cifar10-s2-1": (3_092_518, 4_586_272, 496_437_888),
    "cdarts-cifar": (3_859_318, 5_493_856, 598_947_456),
    "cdarts-imagenet": (4_669_534, 6_360_256, 712_944_192),
    "dropnas-cifar10": (3_839_230, 5_433_280, 597_037_632),
    "stacnas-cifar10": (3_714_382, 5_243_008, 579_162_432),
    "stacnas-cifar100": (3_981_142, 5_601_664, 615_063_360),
    "stacnas-imagenet": (3_982_006, 5_715_040, 615_825_408),
    "gaea-pc-darts-imagenet": (4_002_958, 5_620_864, 624_038_592),
    "darts-pt-fixed-svhn-s4-2": (4_701_718, 6_548_320, 712_012_800),
}
# Printed in papers, in millions: the sizes at which they print them.
PRINTED = {
    ("darts-v2", CIFAR, 10): (3.3, None), ("p-darts", CIFAR, 10): (3.4, None), ("p-darts", IMAGENET, 1000): (4.9, 557),
    ("pc-darts-cifar", CIFAR, 10): (3.6, None), ("pc-darts-cifar", IMAGENET, 1000): (5.3, 586),
    ("pc-darts-imagenet", IMAGENET, 1000): (5.3, 597), ("cdarts-imagenet", IMAGENET, 1000): (6.4, 732),
    ("gdas-v1", CIFAR, 10): (3.4, None), ("snas-moderate", CIFAR, 10): (2.8, None),
    ("stacnas-imagenet", IMAGENET, 1000): (5.7, None),
}  # fmt: skip


def counts(name, size, classes=None):
    cell = load_cells()[name]
    classes, side = classes or (10 if size.stem == "cifar" else 1000), 32 if size.stem == "cifar" else 224
    return published(cell.space).counts(cell.architecture, size, classes, side)


@pytest.mark.parametrize("name", FOUND)
def test_counts_that_were_found_independently(name):
    large = counts(name, IMAGENET)
    assert (counts(name, CIFAR).parameters, large.parameters, large.multiplications) == FOUND[name]


def test_counts_that_papers_and_their_code_name():
    assert counts("darts-v2", CIFAR, 100).parameters == 3_401_272
    assert counts("stacnas-imagenet", IMAGENET).parameters == 5_715_040
    assert counts("dropnas-cifar10", IMAGENET).parameters == 5_433_280
    assert counts("dropnas-cifar10", IMAGENET).multiplications == pytest.approx(597.0e6, abs=0.05e6)
    with_elements = counts("cdarts-imagenet", IMAGENET)
    assert with_elements.multiplications + with_elements.elementwise == pytest.approx(731.9e6, abs=0.05e6)


@pytest.mark.parametrize(("name", "size", "classes"), PRINTED)
def test_printed_counts(name, size, classes):
    """Multiply-adds in print there are those with batch norms and ReLUs."""
    found, (parameters, multiply_adds) = counts(name, size, classes), PRINTED[name, size, classes]
    assert round(found.parameters / 1e6, 1) == parameters
    if multiply_adds is not None:
        assert round((found.multiplications + found.elementwise) / 1e6) == multiply_adds


@pytest.mark.parametrize(
    ("size", "every"), [(Size(4, 36), 1), (Size(4, 48, "imagenet"), 1), (CIFAR, 24), (IMAGENET, 24)]
)
def test_counts_equal_the_parameters_of_the_built_network(size, every):
    """Of every cell in a network of four (two normal ones, two reductions); of some at the published sizes."""
    for name, cell in list(load_cells().items())[::every]:
        space = published(cell.space)
        with torch.device("meta"):
            net = space.network(cell.architecture, size, 10)
        parameters = sum(p.numel() for n, p in net.named_parameters() if not n.startswith("auxiliary"))
        assert space.counts(cell.architecture, size, 10, 224).parameters == parameters, name


def test_every_cell_says_where_it_was_read():
    found = load_cells()
    assert len(found) == 193
    for name, cell in found.items():
        assert re.fullmatch(r"[0-9a-f]{12}", cell.source.commit) and cell.source.repo.count("/") == 1, name
        assert encoding.to_string(encoding.parse(cell.architecture)) == cell.architecture, name
        published(cell.space).operations(cell.architecture)
    assert str(found["darts-v2"].source) == "quark0/darts at f276dd346a09: cnn/genotypes.py, line 75"


def test_cells_of_s1_to_s4_hold_what_their_spaces_offer():
    """Edge by edge, for the cells that are said to be of a space; those that are not are listed in their notes."""
    for name, cell in load_cells().items():
        if cell.space == "darts":
            continue
        space = published(cell.space)
        offered = {k: {(g.sources[r], g.nodes[r]): g.options[r] for g, r in space.rows(k)} for k in space.cell_types}
        for kind, edges in space.operations(cell.architecture).items():
            assert all(e.operation in offered[kind][e.source, e.node] for e in edges), name


def test_a_wrong_file(tmp_path):
    file = tmp_path / "cells.yaml"
    file.write_text(
        "cells:\n  a:\n    space: darts\n    architecture: x\n    source: {repo: a/b, path: c}\n    explains: []\n"
    )
    with pytest.raises(
        HarnessError, match=r"cells.yaml:5: cells.a.source: missing key 'commit'|cells.yaml:5: .*missing key 'commit'"
    ):
        cells.load_cells(file)
