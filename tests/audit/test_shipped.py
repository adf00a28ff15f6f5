"""What the audit says of the shipped suites: the known oddities, each by its rule, and nothing else above info."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.audit.consistency import marks
from harness.audit.finding import Finding, at_least, by_cell
from harness.audit.published_rows import PublishedRow
from harness.audit.registry import Audit, audit
from harness.audit.table import TableValues
from tests.audit.conftest import needs_data

# What is known of the five papers' tables, as (rule, severity, a cell, a part of the evidence).
KNOWN = [
    ("agreement", "warning", "nb201_delve:delve-t2/ss-darts/cifar100-test", "72.31 ± 1.10 against 72.31 ± 1.20"),
    ("agreement", "warning", "nb201_delve:delve-t2/gaea-bilevel/cifar10-test", "54.30 ± 0.00 against 84.64 ± 1.00"),
    ("agreement", "warning", "nb201_delve:delve-t2/gaea-erm/cifar10-valid", "84.33 ± 0.06 against 84.59 ± 0.00"),
    ("agreement", "info", "nb201_delve:delve-t2/gaea-erm-original/cifar10-test", "94.10 ± 0.29 against 94.34"),
    ("agreement", "warning", "darts_space:sp-darts-t3/gdas/cifar10-error", "2.93 against 2.85 ± 0.02"),
    ("agreement", "warning", "stacnas:stacnas-t3-base/snas/parameters", "2.8 against 2.9"),
    ("agreement", "warning", "stacnas:stacnas-text-results/introduction/cifar10-best-aa", "1.77 against 1.78"),
    ("agreement", "warning", "stacnas:stacnas-text-results/introduction/parameters", "3.9 against 3.6"),
    ("agreement", "info", "nb201_delve:delve-t2/darts-plus-sc-2/cifar100-test", "70.55 ± 1.51 against 70.56 ± 1.51"),
    ("agreement", "info", "nb201_delve:delve-t2/darts-es/imagenet16-test", "38.32 ± 9.41 against 38.32 ± 9.40"),
    ("number-of-runs", "warning", "nb201_sp:sp-darts-t1-cifar10/drnas/cifar10-test", "of 5 runs"),
    ("other-row", "error", "darts_space:sp-darts-t3/gdas/parameters", "SNAS"),
    ("repeated-number", "info", "stacnas:stacnas-text-variants/cells-8-8/cifar10-average", "baseline"),
    ("repeated-mean", "warning", "nb201_delve:delve-t2/gaea-erm-25/cifar10-test", "84.52 ± 0.00 on test"),
    ("same-network", "info", "imagenet:single-darts-t6/sigmoid-full-0/imagenet-accuracy", "0.46 apart"),
    ("best-of-runs", "error", "stacnas:stacnas-t3-aa/stacnas/cifar10-best-aa", "0.25 better"),
    ("best-of-runs", "error", "stacnas:stacnas-t4-aa/stacnas/cifar100-best-aa", "0.70 better"),
    ("best-of-runs", "info", "darts_space:sp-darts-text-best/sp-darts/cifar10-accuracy", "only rounding"),
    ("best-counts", "warning", "darts_space:sp-darts-t3/sp-darts/parameters", "3.4 for the best"),
    ("summary", "warning", "imagenet:single-darts-t2/single-darts-best/flops", "is 721.35"),
    ("summary", "warning", "imagenet:single-darts-t2/single-darts-average/imagenet-accuracy", "is 76.97"),
    ("summary", "info", "nb201:delve-text-cost/ex-darts/times-cheaper", "is 2.66"),
    ("derived", "info", "nb201_sp:sp-darts-t1-cifar10/darts-v2/search-seconds", "is 22323.3, printed 22323"),
    ("derived", "info", "nb201_sp:sp-darts-t1-cifar10/gdas/search-seconds", "is 19720.5, printed 19720"),
    ("setting", "warning", "sp_config:sp-darts-t2/cifar-10-100/t-sm", "printed 10; it is 11 in the authors'"),
    ("setting", "info", "ablations:single-darts-text-nb201/single-darts/weight-lr", "the paper's sections 5.2 and 5.3"),
    ("counts", "info", "imagenet:single-darts-t2/dropnas/flops", "the print counts convolutions and linear layers"),
    ("counts", "info", "imagenet:single-darts-t2/p-darts/flops", "the print counts convolutions, linear layers, batch"),
    ("counts", "info", "imagenet:single-darts-t2/pc-darts/flops", "two ways to count multiply-adds"),
    ("counts", "info", "imagenet:single-darts-t2/cdarts-average/flops", "731.90 M of convolutions"),
    ("counts", "warning", "imagenet:single-darts-t2/cdarts-average/parameters", "6.36 M"),
    ("counts", "warning", "imagenet:single-darts-t2/cdarts-best/flops", "731.90 M"),
    ("counts", "info", "imagenet:single-darts-t2/cdarts-best/parameters", "6.36 M of parameters: cut off, not rounded"),
    ("counts", "warning", "imagenet:single-darts-t2/darts/flops", "543.99 M"),
    ("counts", "warning", "darts_pt:darts-pt-t2/darts/parameters", "3.17 M"),
    ("counts", "warning", "darts_pt:darts-pt-t2/sdarts-rs/parameters", "3.61 M"),
    ("counts", "warning", "darts_space:sp-darts-t3/gdas/parameters", "3.37 M"),
    ("counts", "info", "imagenet:delve-t5/gdas/parameters", "14 cells of 50 channels"),
    ("counts", "info", "stacnas:stacnas-t3-base/stacnas/parameters", "3.71 M of parameters, read off a drawing"),
    ("fingerprint", "info", "imagenet:single-darts-t6/softmax-half-2/parameters", "13 of 15 rows"),
    ("fingerprint", "info", "imagenet:single-darts-t6/sigmoid-full-1/flops", "has 0.0053 M more or less"),
    ("fingerprint", "info", "darts_space_sd:single-darts-t3/single-darts/parameters", "14 or 15 cells"),
    ("fingerprint", "warning", "imagenet:single-darts-t2/single-darts-best/flops", "no network at all"),
    ("fingerprint", "warning", "imagenet:single-darts-t2/single-darts-scaled/parameters", "whatever its channels"),
    ("diagonal", "info", "stacnas:stacnas-t6/avg-pool-3x3/avg-pool-3x3", "has 1"),
    ("difference", "info", "ablations_sp:sp-darts-t6/darts-0.1-cifar100/cifar100-valid-difference", "6 differences"),
    ("symmetry", "info", "stacnas:stacnas-t6/avg-pool-3x3/max-pool-3x3", "symmetric"),
]
KNOWN_BY_TABLE = [
    ("attribution", "info", "nb201:single-darts-t1/darts/cifar10-test", "index 1835 (skip skip skip skip skip skip)"),
    ("attribution", "info", "nb201:single-darts-t1/single-darts/cifar10-test", "index 9930"),
    ("attribution", "info", "nb201_delve:delve-t2/drnas-original/cifar10-test", "index 9930"),
    ("attribution", "info", "nb201_sp:sp-darts-t1-cifar10/gaea-erm/cifar10-test", "index 6730"),
    ("attribution", "info", "ablations:single-darts-t5/darts-sigmoid/cifar10-test", "index 13176"),
    ("attribution", "info", "ablations:single-darts-t5/darts-adam/cifar10-test", "index 13176"),
    ("attribution", "info", "ablations:single-darts-t5/single-darts-lr-0.025/cifar10-test", "3 have 93.10 ± 0"),
    (
        "attribution",
        "error",
        "ablations:single-darts-t5/darts-lr-0.025/cifar100-test",
        "as cifar10 valid, cifar10 test",
    ),
    ("attribution", "warning", "ablations:single-darts-t5/single-darts-sigmoid-star/cifar100-test", "cifar100 valid"),
    ("mixture", "info", "nb201_delve:delve-t2/drnas/cifar10-test", "4 x index 1462"),
    ("mixture", "warning", "nb201_sp:sp-darts-t1-cifar10/drnas/cifar10-test", "population std, n = 5"),
    ("mixture", "warning", "nb201_sp:sp-darts-t1-cifar100/drnas/cifar10-test", "3 x index 138"),
    ("mixture", "warning", "ablations:single-darts-t4/other-subset/cifar10-test", "2 x index 1835"),
    ("attainability", "error", "nb201_delve:delve-t2/gaea-erm-25/cifar10-test", "could be without cifar10 test"),
    ("attainability", "info", "nb201_sp:sp-darts-t1-cifar100/gdas/cifar100-test", "24.05 ± 8.12 / 24.20 ± 8.08"),
    ("attainability", "info", "nb201_sp:sp-darts-t1-cifar100/pc-darts/cifar10-test", "89.96 ± 0.15 / 93.41 ± 0.30"),
    ("attainability", "error", "weight_lr:delve-t3/rt-10-lr-0.009/cifar10-test", "10 runs could"),
    ("optimum", "info", "nb201:delve-t1/optimal/imagenet16-valid", "46.733"),
    ("fixed-architecture", "info", "nb201:delve-t1/resnet/imagenet16-test", "44.233"),
    ("edge-counts", "info", "nb201_sp:sp-darts-text-drnas/index-1462/conv3x3-edges", "has 6 edges"),
]
WITHOUT_TABLE = {
    ("agreement", "warning"): 8,
    ("number-of-runs", "warning"): 1,
    ("other-row", "error"): 1,
    ("repeated-mean", "warning"): 1,
    ("best-of-runs", "error"): 3,
    ("best-counts", "warning"): 1,
    ("summary", "warning"): 4,
    ("setting", "warning"): 9,
    ("counts", "warning"): 6,
    ("fingerprint", "warning"): 2,
}
BY_TABLE = {
    ("attribution", "error"): 1,
    ("attribution", "warning"): 1,
    ("mixture", "warning"): 6,
    ("attainability", "error"): 6,
}


def check(findings: tuple[Finding, ...], known: list[tuple[str, str, str, str]]) -> None:
    cells = by_cell(findings)
    for rule, severity, cell, evidence in known:
        said = [f for f in cells.get(cell, []) if (f.rule, f.severity) == (rule, severity) and evidence in f.evidence]
        assert said, (rule, severity, cell, evidence, [f.evidence for f in cells.get(cell, [])])


def counts(findings: tuple[Finding, ...]) -> dict[tuple[str, str], int]:
    return dict(Counter((f.rule, f.severity) for f in at_least(findings, "warning")))


def test_what_is_known_without_the_table(shipped: list[PublishedRow]) -> None:
    result = audit(shipped, None)
    check(result.findings, KNOWN)
    assert counts(result.findings) == WITHOUT_TABLE
    assert len(result.skipped) == 6


@pytest.fixture(scope="module")
def with_table(shipped: list[PublishedRow], real_table: TableValues) -> Audit:
    return audit(shipped, real_table)


@pytest.mark.realdata
@needs_data
def test_what_is_known_with_the_table(with_table: Audit) -> None:
    check(with_table.findings, KNOWN + KNOWN_BY_TABLE)
    assert counts(with_table.findings) == {**WITHOUT_TABLE, **BY_TABLE}
    assert with_table.skipped == ()


def test_cells_are_those_of_the_suites(shipped: list[PublishedRow]) -> None:
    names = [number.cell for line in shipped for number in line.numbers]
    assert len(set(names)) == len(names) > 1200
    assert {cell for finding in audit(shipped, None).findings for cell in finding.cells} <= set(names)


INNOCENT = {  # of what another printing says
    "darts_pt:darts-pt-t2/gdas": {"UNCHECKED", "COHERENT"},  # its cell has the printed parameters
    "nb201_delve:delve-t2/drnas": {"COHERENT"},
    "nb201_sp:sp-darts-t1-cifar100/gdas": {"UNCHECKED", "COHERENT"},  # std 0 on ImageNet-16-120: one architecture
    "nb201_sp:sp-darts-t1-cifar100/pc-darts": {"UNCHECKED"},
    "darts_pt:darts-pt-t2/snas": {"COPIED", "COHERENT"},  # likewise
}
GUILTY = {
    "darts_space:sp-darts-t3/gdas/parameters",
    "nb201_sp:sp-darts-t1-cifar10/drnas/cifar10-test",
    "stacnas:stacnas-t3-base/snas/parameters",
    "nb201_delve:delve-t2/gaea-erm-25/cifar10-test",
    "ablations:single-darts-t5/single-darts-sigmoid-star/cifar100-test",
}


@pytest.mark.realdata
@needs_data
def test_the_guilty_side_alone_is_blamed(shipped: list[PublishedRow], with_table: Audit) -> None:
    known = marks(with_table.findings)
    words = {n.cell: known[n.cell].word if n.cell in known else "UNCHECKED" for line in shipped for n in line.numbers}
    for line in shipped:
        if line.name in INNOCENT:
            costs = ("search_seconds", "gpu_days")
            found = {words[n.cell] for n in line.numbers if n.quantity.kind not in costs}
            assert found == INNOCENT[line.name], line.name
    assert {words[cell] for cell in GUILTY} == {"CONTRADICTED"}
    assert words["nb201_delve:delve-t2/gaea-erm-25/cifar10-valid"] == "UNCHECKED"
    assert Counter(words[n.cell] for line in shipped if line.table == "stacnas-t6" for n in line.numbers) == {
        "COHERENT": 6,
        "COPIED": 30,
    }


def test_rows_that_are_the_same_runs(shipped: list[PublishedRow]) -> None:
    lines = {line.name: line for line in shipped}
    for a, b, same in (
        ("nb201_delve:delve-t2/ss-darts", "weight_lr:delve-t3/ss-lr-0.003", True),
        ("nb201_delve:delve-t2/ss-darts", "weight_lr:delve-t3/ss-lr-0.009", False),
        ("nb201_delve:delve-t2/ss-darts", "nb201_delve:delve-t2/darts-plus-sc-2", False),
        ("nb201:single-darts-t1/gdas", "nb201_sp:sp-darts-t1-cifar10/gdas", True),
        ("nb201:single-darts-t1/gdas", "nb201_sp:sp-darts-t1-cifar100/gdas", False),
        ("nb201:single-darts-t1/darts", "ablations:single-darts-t5/darts-lr-0.025", False),
        ("ablations:single-darts-t4/other-subset", "ablations:single-darts-t5/darts-sgd", True),
        ("darts_pt:darts-pt-t2/darts", "darts_space_sd:single-darts-t3/darts", False),
        ("darts_pt:darts-pt-t2/p-darts", "stacnas:stacnas-t3-base/pdarts", True),
    ):
        assert lines[a].same_as(lines[b]) is same, (a, b)
