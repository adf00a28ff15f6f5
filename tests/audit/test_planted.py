"""Every rule finds the error of its kind that is planted in a copy of the shipped suites."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.audit.finding import Finding, Severity, at_least
from harness.audit.published_rows import PublishedRow
from harness.audit.registry import RULES, TABLE_RULES, TITLES
from harness.audit.table import TableValues
from tests.audit.conftest import needs_data
from tests.audit.synthetic import SUITES, copy_suites, load_lines, plant


@dataclass(frozen=True)
class Planted:
    """A change of a row of one suite, the suites to read, and the finding that must come of it."""

    rule: str
    files: tuple[str, ...]
    table: str
    row: str
    changes: tuple[tuple[str, str], ...]
    severity: Severity
    column: str
    says: str


NB201 = ("nb201.yaml", "nb201_sp.yaml", "nb201_delve.yaml")
SPACE = ("darts_space.yaml", "darts_pt.yaml", "darts_space_delve.yaml", "darts_space_sd.yaml")
T6 = "single-darts-t6"
DELTAS = ("ablations_sp.yaml", "nb201_sp.yaml")

WITHOUT_TABLE = {
    "copy": Planted(
        "agreement", NB201, "delve-t1", "gdas", (("93.51", "93.15"),), "warning", "cifar10-test", "93.15 ± 0.13",
    ),
    "copied std": Planted(
        "agreement", NB201, "delve-t1", "gdas", (("± 0.13", "± 0.31"),), "warning", "cifar10-test", "93.51 ± 0.31",
    ),
    "error against accuracy": Planted(
        "agreement", ("darts_space_sd.yaml", *SPACE[:3]), "single-darts-t3", "darts", (("97.24", "97.42"),), "warning",
        "cifar10-accuracy", "97.42",
    ),
    "number of runs": Planted(
        "number-of-runs", NB201, "delve-t1", "rsps", (("n: 3", "n: 4"),), "warning", "cifar10-test", "of 3 runs",
    ),
    "another count": Planted(
        "fingerprint", ("imagenet.yaml",), T6, "softmax-full-0", (("714.72", "714.75"),), "info", "flops",
        "no network of 14 cells",
    ),
    "another's row": Planted(
        "other-row", SPACE, "sp-darts-t3", "sgas-pt", (('"2.56 ± 0.10", "3.9"', '"2.83 ± 0.09", "3.3"'),), "error",
        "cifar10-error", "NASP",
    ),
    "another's long row": Planted(
        "other-row", ("weight_lr.yaml",), "delve-t3", "sc-3-lr-0.009",
        (('"92.16 ± 1.20", "68.20 ± 1.31"', '"92.14 ± 1.27", "68.62 ± 1.60"'), ("41.37 ± 2.20", "41.44 ± 2.63")),
        "warning", "cifar10-test", "3 equal numbers",
    ),
    "another's number": Planted(
        "repeated-number", ("stacnas.yaml",), "stacnas-text-variants", "cells-14-17", (("2.58 ± 0.07", "2.53 ± 0.05"),),
        "info", "cifar10-average", "17 cells + 20 cells",
    ),
    "valid under test": Planted(
        "repeated-mean", NB201[:2], "delve-t1", "ex-darts", (("92.97 ± 0.82", "89.47 ± 0.82"),), "warning",
        "cifar10-test", "89.47",
    ),
    "one network": Planted(
        "same-network", ("imagenet.yaml",), T6, "softmax-full-0", (('"714.72", "6.58"', '"712.92", "6.56"'),), "info",
        "imagenet-accuracy", "76.28",
    ),
    "too good a best": Planted(
        "best-of-runs", SPACE[1:2], "darts-pt-t2", "darts-pt-best", (("2.48", "2.38"),), "error", "cifar10-error",
        "0.23 better",
    ),
    "too bad a best": Planted(
        "best-of-runs", SPACE[1:2], "darts-pt-t2", "darts-pt-best", (("2.48", "2.84"),), "error", "cifar10-error",
        "worse than the mean",
    ),
    "too large a best": Planted(
        "best-counts", SPACE[1:2], "darts-pt-t2", "sgas-pt-best", (('"3.9"', '"9.3"'),), "warning", "parameters", "9.3",
    ),
    "difference of two rows": Planted(
        "summary", SPACE[1:2], "darts-pt-text-imagenet", "darts-pt", (('"1.2"', '"2.1"'),), "warning", "gain",
        "is 1.20",
    ),
    "mean of rows": Planted(
        "summary", ("imagenet.yaml",), "single-darts-t2", "single-darts-average", (('"6.55"', '"6.65"'),), "warning",
        "parameters", "printed 6.65",
    ),
    "best of rows": Planted(
        "summary", ("imagenet.yaml",), "single-darts-t2", "single-darts-best", (('"77.0"', '"77.7"'),), "warning",
        "imagenet-accuracy", "is 77.00",
    ),
    "above the bound": Planted(
        "upper-bound", ("weight_lr.yaml",), "delve-t3", "ss-lr-0.003", (("94.01", "94.31"),), "error", "cifar10-test",
        "94.24",
    ),
    "factor of a time": Planted(
        "derived", DELTAS[1:], "sp-darts-t1-cifar10", "gdas", (('value: "19720"', 'value: "19270"'),), "warning",
        "search-seconds", "is 19720.5, printed 19270",
    ),
    "ratio of two rows": Planted(
        "summary", NB201[1:2], "sp-darts-text-cost", "gdas", (('"3"', '"2"'),), "warning", "times-darts-v1", "is 2.72",
    ),
    "another configuration": Planted(
        "setting", ("sp_config.yaml",), "sp-darts-t4", "cifar-10", (('value: "80"', 'value: "96"'),), "warning",
        "batch-size",
        "printed 96; it is 80 in the authors' repository",
    ),
    "printed difference": Planted(
        "difference", DELTAS, "sp-darts-t6", "darts-0.1-cifar10", (("-7.58", "-7.85"),), "error",
        "cifar10-test-difference", "is -7.58",
    ),
    "half of a matrix": Planted(
        "symmetry", ("stacnas.yaml",), "stacnas-t6", "sep-conv-5x5", (('"0.38"', '"0.83"'),), "error", "sep-conv-3x3",
        "0.38",
    ),
    "diagonal": Planted(
        "diagonal", ("stacnas.yaml",), "stacnas-t6", "sep-conv-5x5", (('"1.00"', '"0.10"'),), "error", "sep-conv-5x5",
        "diagonal",
    ),
    "parameters of a known cell": Planted(
        "counts", SPACE[2:3], "delve-t4", "snas", (('"2.8"', '"2.9"'),), "warning", "parameters",
        "2.85 M of parameters",
    ),
    "multiply-adds of a known cell": Planted(
        "counts", ("imagenet.yaml",), "single-darts-t2", "p-darts", (('"557"', '"575"'),), "warning", "flops",
        "557.12 M of convolutions, linear layers, batch norms and ReLUs",
    ),
    "unit": Planted(
        "unit", ("imagenet.yaml",), "single-darts-t2", "p-darts", (('"4.9"', '"4900"'),), "error",
        "parameters", "4.9",
    ),
    "unit of FLOPs": Planted(
        "unit", ("imagenet.yaml",), "single-darts-t2", "darts", (('"574"', '"0.574"'),), "error", "flops", "574",
    ),
    "error as accuracy": Planted(
        "error-as-accuracy", SPACE[3:], "single-darts-t3", "cdarts", (("97.52", "2.48"),), "error", "cifar10-accuracy",
        "2.48",
    ),
    "columns to the left": Planted(
        "shifted-columns", ("imagenet.yaml",), T6, "softmax-half-2",
        (('"709.04", "6.45", "76.51"', '"6.45", "76.51", "709.04"'),), "error", "flops", "right",
    ),
    "columns to the right": Planted(
        "shifted-columns", ("imagenet.yaml",), T6, "softmax-half-2",
        (('"709.04", "6.45", "76.51"', '"76.51", "709.04", "6.45"'),), "error", "flops", "left",
    ),
}  # fmt: skip

WITH_TABLE = {
    "optimum": Planted(
        "optimum", NB201[:1], "delve-t1", "optimal", (("94.37", "95.37"),), "error", "cifar10-test", "94.373",
    ),
    "fixed architecture": Planted(
        "fixed-architecture", NB201[:1], "delve-t1", "resnet", (("93.97", "93.07"),), "error", "cifar10-test", "93.910",
    ),
    "edges": Planted(
        "edge-counts", NB201[1:2], "sp-darts-text-drnas", "index-138", (('"138", "5"', '"138", "6"'),), "error",
        "conv3x3-edges", "has 5 edges",
    ),
    "nobody": Planted(
        "attribution", NB201[:1], "single-darts-t1", "single-darts", (("73.49", "70.49"),), "error", "cifar10-valid",
        "no architecture has",
    ),
    "columns swapped": Planted(
        "attribution", NB201[:1], "single-darts-t1", "single-darts",
        (('"91.55 ± 0", "94.36 ± 0"', '"94.36 ± 0", "91.55 ± 0"'),), "error", "cifar10-valid", "index 9930",
    ),
    "runs of a mixture": Planted(
        "mixture", NB201[2:], "delve-t2", "drnas", (("n: 5", "n: 4"),), "warning", "cifar10-valid", "these are 5",
    ),
    "mean without its columns": Planted(
        "attainability", NB201[2:], "delve-t2", "ss-darts", (("72.31 ±", "69.31 ±"),), "error", "cifar100-test",
        "without cifar100 test",
    ),
    "std that is too wide": Planted(
        "attainability", NB201[2:], "delve-t2", "ss-darts", (("94.01 ± 0.29", "94.01 ± 2.90"),), "error",
        "cifar10-test", "without cifar10 test",
    ),
}  # fmt: skip


def found(planted: Planted, lines: list[PublishedRow], table: TableValues | None) -> list[Finding]:
    """Return what the rule says of the planted cell, at its severity and above; other rows are left out of it."""
    cell = f"{planted.files[0].removesuffix('.yaml')}:{planted.table}/{planted.row}/{planted.column}"
    cell = next(n.cell for line in lines for n in line.numbers if n.cell.endswith(cell.split(":")[1]))
    if table is None:
        findings = RULES[planted.rule](lines)
    else:
        only = [line for line in lines if (line.table, line.row) == (planted.table, planted.row)]
        findings = TABLE_RULES[planted.rule](only, table)
    said = [f for f in at_least(findings, planted.severity) if cell in f.cells and planted.says in f.evidence]
    return [f for f in said if f.severity == planted.severity]


def check(planted: Planted, folder: Path, table: TableValues | None) -> None:
    before = found(planted, load_lines(SUITES, *planted.files), table)
    copied = copy_suites(folder)
    file = next(
        name for name in planted.files if f"\n  {planted.table}:" in (copied / name).read_text(encoding="utf-8")
    )
    for old, new in planted.changes:
        plant(copied, file, planted.table, planted.row, old, new)
    after = found(planted, load_lines(copied, *planted.files), table)
    assert not before and after


@pytest.mark.parametrize("name", WITHOUT_TABLE)
def test_what_is_found_without_the_table(name: str, tmp_path: Path) -> None:
    check(WITHOUT_TABLE[name], tmp_path, None)


@pytest.mark.realdata
@needs_data
@pytest.mark.parametrize("name", WITH_TABLE)
def test_what_is_found_with_the_table(name: str, tmp_path: Path, real_table: TableValues) -> None:
    check(WITH_TABLE[name], tmp_path, real_table)


def test_every_rule_has_an_error_planted() -> None:
    assert {p.rule for p in WITHOUT_TABLE.values()} == set(RULES)
    assert {p.rule for p in WITH_TABLE.values()} == set(TABLE_RULES)
    assert set(TITLES) == {*RULES, *TABLE_RULES}
