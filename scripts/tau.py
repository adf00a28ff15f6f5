"""How well reduced trainings rank architectures: Kendall's tau with NAS-Bench-201's table.

``python scripts/tau.py --architectures`` prints the architectures of ``suites/tau.yaml``: at 32 even quantiles of the
table's test accuracy on CIFAR-10, those of odd numbers to choose a training by, those of even numbers to state its tau.
``python scripts/tau.py`` reads the records of that suite and prints a line for every training and half: tau with an
interval by 10,000 draws of architectures with replacement (percentiles), and the seconds of a training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from harness.data.sources import data_root
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import find_data
from harness.runner.evaluate import load_table
from harness.runner.plan import Filters, make_plan
from harness.runner.store import Store, read_record
from harness.suite.load import load_suite
from harness.text import counted

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "suites" / "tau.yaml"
COUNT = 32
DRAWS = 10_000
Numbers = NDArray[np.float64]


def at_quantiles(accuracies: Numbers, count: int) -> list[int]:
    """Return the rows at the middles of ``count`` equal parts of a table, from the least accurate on."""
    order = np.argsort(accuracies, kind="stable")
    places = ((np.arange(count) + 0.5) / count * len(order)).astype(int)
    return [int(row) for row in order[places]]


def tau(ours: Numbers, table: Numbers, draws: int = DRAWS, seed: int = 0) -> tuple[float, float, float]:
    """Return tau-b and the 2.5% and 97.5% percentiles of it over draws of architectures with replacement."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(ours), (draws, len(ours)))
    found = [float(kendalltau(ours[rows], table[rows]).statistic) for rows in drawn]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(kendalltau(ours, table).statistic), float(low), float(high)


def measured(results: Path) -> dict[str, list[tuple[str, float, float]]]:
    """Return by table of the suite the architecture, accuracy (percent) and seconds of every training that is done."""
    loaded = load_suite(SUITE, load_catalogue())
    plan = make_plan(loaded, "reduced", Filters(), (), data=find_data(["cifar10"], data_root()))
    index, found = Store(results).index(), dict[str, list[tuple[str, float, float]]]()
    for trial in plan.trials:
        record = read_record(index[trial.id]) if trial.id in index else None
        for row in trial.rows:
            done = found.setdefault(row.partition("/")[0], [])
            if record is not None and record.training is not None:
                seconds = record.provenance.search_seconds
                done.append((record.training.architecture, record.training.evaluated[-1], seconds))
    return found


def show(results: Path, table: dict[str, float]) -> None:
    """Print a line for every table of the suite."""
    for name, done in measured(results).items():
        if len(done) < 3:
            print(f"{name}: {counted(len(done), 'training')} done")
            continue
        ours = np.array([accuracy for _, accuracy, _ in done])
        middle, low, high = tau(ours, np.array([table[architecture] for architecture, _, _ in done]))
        seconds = float(np.median([seconds for *_, seconds in done]))
        print(f"{name}: tau {middle:.2f} [{low:.2f}, {high:.2f}] of {len(done)} architectures, {seconds:.0f} s each")


def main() -> None:
    """Print the architectures, or what is known of tau."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    asked = parser.parse_args()
    known = load_table(data_root())
    accuracies = np.asarray(known.accuracy(known.strings, dataset="cifar10", split="test", epochs=200))
    if asked.architectures:
        rows = at_quantiles(accuracies, COUNT)
        print(json.dumps({f"q{n:02}": known.strings[row] for n, row in enumerate(rows, start=1)}, indent=1))
    else:
        show(asked.results, dict(zip(known.strings, accuracies.tolist(), strict=True)))


if __name__ == "__main__":
    main()
