"""A small made-up table, and suites written and changed for tests."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.audit.published_rows import PublishedRow, collect
from harness.audit.table import COLUMNS, TableValues
from harness.methods.catalogue import load_catalogue
from harness.spaces.nb201 import encoding as nb201
from harness.suite.load import load_suite
from tests.spaces.nb201.codes import ALL

SUITES = Path(__file__).parents[2] / "suites"


def small_table(size: int = 400, seed: int = 0) -> TableValues:
    """Make up a table of architectures all over the space: better with convolutions, valid below test on CIFAR-10."""
    generator = np.random.default_rng(seed)
    codes = np.sort(generator.choice(nb201.SIZE, size, replace=False))
    architectures = [ALL[int(code)] for code in codes]
    quality = np.array([sum((op == nb201.CONV3) + 0.5 * (op == nb201.CONV1) for op in a) for a in architectures])
    base = 1 - np.exp(-0.5 * quality) + generator.normal(0, 0.02, size)
    ceilings = np.array([91.0, 94.0, 73.0, 73.2, 46.0, 46.5])
    floors = np.array([40.0, 54.0, 15.0, 15.5, 16.0, 16.3])
    accuracy = floors + np.clip(base, 0, 1)[:, None] * (ceilings - floors)
    accuracy += generator.normal(0, 0.3, (size, len(COLUMNS)))
    return TableValues(np.arange(size), tuple(map(nb201.to_string, architectures)), np.round(accuracy, 3))


def load_lines(folder: Path, *names: str) -> list[PublishedRow]:
    """Collect the rows of suites by file name, all where none is named."""
    paths = [folder / name for name in names] or sorted(folder.glob("*.yaml"))
    return collect([load_suite(path, load_catalogue()) for path in paths])


def copy_suites(folder: Path) -> Path:
    """Copy the shipped suites into a folder."""
    target = folder / "suites"
    shutil.copytree(SUITES, target, ignore=shutil.ignore_patterns("baselines"))
    return target


def plant(folder: Path, file: str, table: str, row: str, old: str, new: str) -> None:
    """Change a text in one row of a copied suite; it must occur there exactly once."""
    path = folder / file
    lines = path.read_text(encoding="utf-8").split("\n")
    start = lines.index(f"  {table}:")
    first = next(i for i in range(start, len(lines)) if lines[i].startswith(f"      {row}:"))
    last = next(
        (i for i in range(first + 1, len(lines)) if lines[i] and not lines[i].startswith("       ")), len(lines)
    )
    text = "\n".join(lines[first:last])
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {table}/{row}"
    path.write_text("\n".join([*lines[:first], text.replace(old, new), *lines[last:]]), encoding="utf-8")


def printed(mean: float, std: float | None, decimals: int = 2) -> str:
    """Write a value as papers do."""
    return f"{mean:.{decimals}f}" + ("" if std is None else f" ± {std:.{decimals}f}")


def sample_row(name: str, n: int, values: Sequence[str], extra: str = "") -> str:
    """Write a row of a suite."""
    listed = ", ".join(f'"{value}"' for value in values)
    return f"      {name}: {{method: null, label: {name}, n: {n}, {extra}values: [{listed}]}}\n"


def suite_text(tables: str, columns: str = "") -> str:
    """Write a suite of published numbers alone around its tables."""
    return (
        "suite: made-up\ntitle: Made up\ninclude: [_base/papers.yaml, _base/columns_nb201.yaml]\n"
        f"columns:\n  index: {{label: Index, metric: statistic, unit: index, goal: max}}\n{columns}tables:\n{tables}"
    )


TABLE = """  {name}:
    paper: {paper}
    number: T1
    title: Made up
    protocol: made up
    searched_on: cifar10
    columns: [{columns}]
    rows:
"""
SIX = "cifar10-valid, cifar10-test, cifar100-valid, cifar100-test, imagenet16-valid, imagenet16-test"


def table_text(name: str, rows: str, columns: str = SIX, paper: str = "delve") -> str:
    """Write a table of a suite."""
    return TABLE.format(name=name, paper=paper, columns=columns) + rows


def made_up(folder: Path, text: str) -> list[PublishedRow]:
    """Write a suite beside the shared blocks and collect its rows."""
    target = folder / "made"
    if not target.exists():
        shutil.copytree(SUITES / "_base", target / "_base")
    (target / "made-up.yaml").write_text(text, encoding="utf-8")
    return load_lines(target, "made-up.yaml")
