"""Encoding, isomorphism, counts: against published constants and, where at hand, the benchmark itself."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.spaces.nb201 import encoding as nb201
from tests.spaces.nb201.codes import ALL

ALL_SKIP, SIX_CONV3 = (1,) * 6, (3,) * 6


def test_every_architecture_survives_both_encodings():
    seen = set()
    for architecture in ALL:
        text = nb201.to_string(architecture)
        assert nb201.parse(text) == architecture
        assert ALL[nb201.to_code(architecture)] == architecture
        seen.add(text)
    assert len(seen) == nb201.SIZE == 15_625


def test_notation_is_the_benchmarks():
    text = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    assert nb201.parse(text) == (3, 0, 4, 1, 2, 3)


def test_isomorphism_classes_number_6466():
    assert len({nb201.canonical(a) for a in ALL}) == 6_466


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("|nor_conv_3x3~0|+|none~0|none~1|", "2 groups"),
        ("|nor_conv_3x3~0|+|none~0|+|none~0|none~1|none~2|", "2 terms"),
        ("|nor_conv_3x4~0|+|none~0|none~1|+|none~0|none~1|none~2|", "did you mean 'nor_conv_3x3'"),
        ("|nor_conv_3x3~1|+|none~0|none~1|+|none~0|none~1|none~2|", "must end in '~0'"),
    ],
)
def test_a_wrong_string_names_its_wrong_part(text, part):
    with pytest.raises(HarnessError, match=part.replace("|", r"\|")):
        nb201.parse(text)


@pytest.mark.parametrize(
    ("architecture", "parameters", "flops"),
    [
        (ALL_SKIP, 73_306, 7_783_050),
        (SIX_CONV3, 1_531_546, 220_119_690),
        ((2,) + (1,) * 5, 101_306, 11_715_210),
    ],
)
def test_counts_equal_the_stored_extremes(architecture, parameters, flops):
    assert nb201.parameters(architecture, classes=10) == parameters
    assert nb201.flops(architecture, classes=10, image_size=32) == flops
    assert nb201.parameters(architecture, classes=100) == parameters + 5_850
    assert nb201.parameters(architecture, classes=120) == parameters + 7_150


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("HARNESS_DATA"), reason="HARNESS_DATA is not set")
def test_parameters_of_all_architectures_equal_the_tables():
    """150 rows hold the count of an isomorphic partner: the benchmark's own quirk (NATS-Bench, issue 36)."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(Path(os.environ["HARNESS_DATA"]) / "nb201" / "nb201.parquet").to_pydict()
    architectures = [nb201.parse(text) for text in table["arch_str"]]
    assert len(set(architectures)) == nb201.SIZE
    for dataset, classes in (("cifar10", 10), ("cifar100", 100), ("imagenet16_120", 120)):
        partners = defaultdict(set)
        ours = [nb201.parameters(a, classes=classes) for a in architectures]
        for architecture, count in zip(architectures, ours, strict=True):
            partners[nb201.canonical(architecture)].add(count)
        stored = table[f"{dataset}_params"]
        different = [i for i in range(nb201.SIZE) if ours[i] != stored[i]]
        assert len(different) == 150
        assert all(stored[i] in partners[nb201.canonical(architectures[i])] for i in different)
