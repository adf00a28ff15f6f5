"""Compute the tolerance bands of the suites: twice the median std over training seeds. Usage: see `--help`.

On NAS-Bench-201: of the best tenth of the table by validation accuracy. The table records stds of CIFAR-10's validation
accuracy. Of the other data sets, `nb201_extra/nb201-extra.parquet` under the data root, where it is at hand, holds one
single run of some architectures, whose distance from the mean of m runs has the variance s^2 (1 - 1/m). Where no table
exists: of the stds that the suites' papers print, each text counted once.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from harness.benchmarks.nb201 import Nb201Table
from harness.benchmarks.spec import DATASETS
from harness.data.sources import data_root
from harness.methods.catalogue import load_catalogue
from harness.runner.evaluate import load_table
from harness.suite.load import find_suites, load_suite
from harness.suite.published import published_cells

ROOT = Path(__file__).parents[1]
BEST, TIMES = 0.9, 2  # quantile above which an architecture counts; the tolerance in medians


def recorded(table: Nb201Table) -> float:
    """Return the median std of CIFAR-10's validation accuracy in the best tenth."""
    facts = {"dataset": "cifar10", "split": "valid", "epochs": 200}
    accuracy = table.accuracy(table.indices, **facts)
    return float(np.median(table.std(table.indices, **facts)[accuracy >= np.quantile(accuracy, BEST)]))


def from_single_runs(table: Nb201Table, extra: pd.DataFrame, dataset: str) -> tuple[float, int]:
    """Return the median std that single runs in the best tenth imply, were it normal, and the number of runs."""
    mean = table.accuracy(table.indices, dataset=dataset, split="valid", epochs=200)
    single = extra[f"{dataset}_valid_one_trial_200"].to_numpy()[table.indices]
    known = ~np.isnan(single) & (mean >= np.quantile(mean, BEST))
    distance = np.abs(single - mean)[known] / np.sqrt(1 - 1 / table.trials(table.indices)[known])
    return float(np.median(distance) / stats.norm.ppf(0.75)), int(known.sum())


def printed() -> dict[tuple[str, int, str], list[float]]:
    """Return the stds above 0 that the suites' papers print of errors and accuracies, by what they are of."""
    found: dict[tuple[str, int, str], dict[str, float]] = {}
    for path in find_suites([ROOT / "suites"]):
        for cell in published_cells(load_suite(path, load_catalogue()).suite):
            column, value = cell.column, cell.value
            if column.metric in ("accuracy", "error") and value.std:
                key = (str(column.dataset), int(column.training_epochs or 0), column.metric)
                found.setdefault(key, {})[value.text] = value.std
    return {key: list(texts.values()) for key, texts in found.items()}


def main() -> None:
    """Print every tolerance with what it rests on."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    root = data_root()
    table = load_table(root)
    median = recorded(table)
    print(f"nas-bench-201 cifar10: median std {median:.3f}, tolerance {TIMES * median:.2f}")
    extra = root / "nb201_extra" / "nb201-extra.parquet" if root else None
    if extra is not None and extra.is_file():
        for dataset in DATASETS:
            median, runs = from_single_runs(table, pd.read_parquet(extra), dataset)
            print(
                f"nas-bench-201 {dataset}: {runs} single runs, median std {median:.2f}, would be {TIMES * median:.2f}"
            )
    for (dataset, epochs, metric), stds in sorted(printed().items()):
        median = statistics.median(stds)
        print(
            f"{dataset} {metric} after {epochs}: {len(stds)} printed, median {median:.3f}, twice {TIMES * median:.2f}"
        )


if __name__ == "__main__":
    main()
