"""Choose the array of `suites/why.yaml`, and print its cells and correlations as the suite lists them.

Twice the orthogonal array of 36 runs (11 factors of two levels, 12 of three; Taguchi's, by pyDOE3), the levels of the
second copy renamed column by column: each copy is balanced by itself, so that together they are. Which copy, with one
column of two levels, makes the factor of four. Cells that are not defined get the other level of the factor of two.
Out of many choices of columns and names, drawn from a seed, that one is kept whose main effects are least correlated
with two-way interactions.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyDOE3 import get_orthogonal_array

from harness.methods.catalogue import load_catalogue
from harness.suite.balance import main_effects, with_two_way
from harness.suite.grid import Cell, Exclusion
from harness.suite.load import load_suite

SUITE, TABLE = Path(__file__).parents[1] / "suites" / "why.yaml", "around"
RUNS = "L36(3^23)"
Levels = NDArray[np.int64]


def draw(columns: Levels, sizes: list[int], random: np.random.Generator) -> Levels:
    """Return levels by number [72, factors] for factors of two, three and four levels."""
    of_two = list(random.permutation([c for c in range(columns.shape[1]) if columns[:, c].max() == 1]))
    of_three = list(random.permutation([c for c in range(columns.shape[1]) if columns[:, c].max() == 2]))
    halves = []
    for half in range(2):
        twos, threes = list(of_two), list(of_three)
        found = []
        for size in sizes:
            column = columns[:, (threes if size == 3 else twos).pop()]
            named = random.permutation(3 if size == 3 else 2)[column]
            found.append(2 * half + named if size == 4 else named)
        halves.append(np.stack(found, axis=1))
    return np.concatenate(halves)


def defined(cell: Cell, levels: dict[str, list[str]], without: list[Exclusion]) -> Cell:
    """Return a cell that is not excluded: the first factor of two levels that an exclusion names takes its first."""
    for exclusion in without:
        if exclusion.excludes(cell):
            factor = next(name for name in exclusion.levels if len(levels[name]) == 2)
            cell = {**cell, factor: levels[factor][0]}
    return cell


def choose(levels: dict[str, list[str]], without: list[Exclusion], tries: int, seed: int) -> list[Cell]:
    """Return the best array that is drawn."""
    columns, random = np.array(get_orthogonal_array(RUNS), dtype=np.int64), np.random.default_rng(seed)
    sizes, best, kept = [len(names) for names in levels.values()], (2.0, 0.0), list[Cell]()
    for _ in range(tries):
        rows = draw(columns, sizes, random)
        cells = [
            dict(zip(levels, (levels[f][n] for f, n in zip(levels, row, strict=True)), strict=True)) for row in rows
        ]
        cells = [defined(cell, levels, without) for cell in cells]
        if len({tuple(cell.values()) for cell in cells}) < len(cells):
            continue
        found = [correlation.value for correlation in with_two_way(cells)]
        score = (max(found), float(np.mean(np.square(found))))
        if score < best:
            best, kept = score, cells
    return kept


def up(value: float) -> float:
    """Round up to three decimals."""
    return math.ceil(value * 1000 - 1e-9) / 1000


def main() -> None:
    """Print the cells, then the correlations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    tables = load_suite(SUITE, load_catalogue()).suite.tables
    grids = [tables[name].grid for name in ("core", TABLE)]
    levels = {factor: list(parts) for grid in grids if grid for factor, parts in grid.factors.items()}
    without = [exclusion for grid in grids if grid for exclusion in grid.without]
    cells = choose(levels, without, asked.tries, asked.seed)
    order = {factor: {name: number for number, name in enumerate(names)} for factor, names in levels.items()}
    for cell in sorted(cells, key=lambda c: [order[factor][level] for factor, level in c.items()]):
        print(f"          - [{', '.join(cell.values())}]")
    for what, found in (("main effects", main_effects(cells)), ("with two-way", with_two_way(cells))):
        print(f"# {what}: {up(found[0].value)}", *(f"{c.of[0]}~{'*'.join(c.other)} {c.value:.3f}" for c in found[:6]))


if __name__ == "__main__":
    main()
