"""How well reduced trainings rank architectures: Kendall's tau with NAS-Bench-201's table.

``python scripts/tau.py --architectures`` prints the architectures of ``suites/tau.yaml``: at 32 even quantiles of the
table's test accuracy on CIFAR-10, those of odd numbers to choose a training by, those of even numbers to state its tau.
``python scripts/tau.py`` reads the records of that suite and prints a line for every training and half: tau with an
interval by 10,000 draws of architectures with replacement (percentiles), and the seconds of a training. ``--record``
writes what the other half says of the training that the first half chose, for all who show reduced trainings.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from harness.benchmarks.ranking import FILE, Ranking
from harness.data.sources import data_root
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import find_data
from harness.runner.evaluate import load_table
from harness.runner.plan import Filters, make_plan
from harness.runner.store import Store, read_record, write_atomically
from harness.suite.load import load_suite

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


def taus(results: Path, table: dict[str, float]) -> dict[str, tuple[int, float, float, float, float]]:
    """Return by table of the suite, where three are done: how many, tau with its interval, seconds of a training."""
    found = {}
    for name, done in measured(results).items():
        ours = np.array([accuracy for _, accuracy, _ in done])
        if len(done) > 2:
            seconds = float(np.median([seconds for *_, seconds in done]))
            found[name] = len(done), *tau(ours, np.array([table[one] for one, *_ in done])), seconds
    return found


def show(found: dict[str, tuple[int, float, float, float, float]]) -> None:
    """Print a line for every table of the suite."""
    for name, (count, middle, low, high, seconds) in found.items():
        print(f"{name}: tau {middle:.2f} [{low:.2f}, {high:.2f}] of {count} architectures, {seconds:.0f} s each")


def ranking(found: dict[str, tuple[int, float, float, float, float]]) -> Ranking:
    """Return what the other half says of the training that the first half chose: that of the highest tau."""
    chosen = max((name for name in found if name.startswith("choose-")), key=lambda name: found[name][1])
    training = chosen.removeprefix("choose-")
    count, middle, low, high, _ = found[f"state-{training}"]
    rounded = {"tau": round(middle, 4), "low": round(low, 4), "high": round(high, 4)}
    plan = make_plan(load_suite(SUITE, load_catalogue()), "reduced", Filters(), (), data=find_data([], None))
    spec = next(trial.spec for trial in plan.trials if trial.rows[0].startswith(f"state-{training}/"))
    size = {"epochs": spec.epochs, "images": spec.data.images, "image_size": spec.data.image_size}
    return Ranking(training=training, architectures=count, **size, **rounded)


def main() -> None:
    """Print the architectures, or what is known of tau."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    asked = parser.parse_args()
    known = load_table(data_root())
    accuracies = np.asarray(known.accuracy(known.strings, dataset="cifar10", split="test", epochs=200))
    if asked.architectures:
        rows = at_quantiles(accuracies, COUNT)
        print(json.dumps({f"q{n:02}": known.strings[row] for n, row in enumerate(rows, start=1)}, indent=1))
    else:
        found = taus(asked.results, dict(zip(known.strings, accuracies.tolist(), strict=True)))
        show(found)
        if asked.record:
            write_atomically(asked.results / FILE, ranking(found).model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
