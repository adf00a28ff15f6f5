"""What tells the NAS-Bench-201 table from one that only looks like it.

Published accuracies of nine architectures; that every accuracy is a mean of whole images; that columns go together;
that sizes are those of the architectures. A digest of all values names the tables that are known. What only the digest
sees: other accuracies of a few architectures that keep to the grid, and changes of deviations and trials.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.benchmarks.spec import DATASETS
from harness.errors import HarnessError
from harness.spaces.nb201 import encoding as nb201

Columns = dict[str, NDArray[Any]]

# Accuracies in percent after 200 epochs: index: (valid, test) of cifar10, cifar100, imagenet16_120. The tests are
# from an extract of NATS-Bench 1.0 (v-tao/nats-bench-landscape); valid, of all skips and the ResNet cell, from
# Dong & Yang, "NAS-Bench-201", Table 5 (rows DARTS and ResNet).
ANCHORS: Final = {
    1835: ((39.77, 54.297), (15.03, 15.607), (16.43, 16.322)),
    11472: ((90.83, 93.910), (70.42, 70.890), (44.53, 44.233)),
    9930: ((None, 94.363), (None, 73.513), (None, 46.344)),
    6111: ((None, 94.373), (None, 73.220), (None, 46.711)),
    857: ((None, 93.987), (None, 72.880), (None, 47.311)),
    13176: ((None, 80.570), (None, 47.933), (None, 26.289)),
    6730: ((None, 86.590), (None, 58.433), (None, 28.189)),
    1462: ((None, 93.760), (None, 71.107), (None, 41.444)),
    138: ((None, 93.673), (None, 70.907), (None, 41.022)),
}
# Points. Versions hold other numbers of trials: the ResNet cell's ImageNet16-120 is 43.63 in one and 44.23 in another.
BETWEEN_VERSIONS: Final = 1.5
# Images that a split is evaluated on (Dong & Yang, section 2), times six: means are over one, two or three trials.
ANSWERS: Final = {
    "cifar10_valid": 150_000,
    "cifar10_test": 60_000,
    "cifar100_valid": 30_000,
    "cifar100_test": 30_000,
    "imagenet16_120_valid": 18_000,
    "imagenet16_120_test": 18_000,
}
ROUNDING: Final = 0.05  # of an answer
TOGETHER: Final = 0.5  # correlation; the table's own are above 0.75, those of shuffled columns below 0.05
CLASSES: Final = dict(zip(DATASETS, (10, 100, 120), strict=True))
OF_THEIR_SIZE: Final = 0.95  # some 150 of the 15,625 are recorded with another size
KNOWN: Final = {"fd2e93603b2d1318": "NATS-Bench 1.0 (200 epochs), NAS-Bench-201 1.1 (12 epochs)"}


def digest(columns: Columns) -> str:
    """Identify the values, however they are stored: 16 hex digits over all columns in the order of their names.

    Accuracies, deviations and seconds count to four decimals, so that means summed in another order are the same.
    """
    total = hashlib.sha256()
    for name in sorted(columns):
        values = columns[name]
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), -1.0, np.rint(values * 1e4))
        total.update(f"{name};".encode() + values.astype("<i8").tobytes())
    return total.hexdigest()[:16]


def describe(columns: Columns) -> str:
    """Say whose the values of a table are that has passed `check`."""
    found = digest(columns)
    return f"values {found}: {KNOWN.get(found, 'not those of a table known here; published accuracies agree')}"


def check_percent(columns: Columns) -> None:
    """Raise `HarnessError` for fractions: no network is worse than a guess, 10% of CIFAR-10."""
    best = float(columns["cifar10_test_200"].max())
    if best < 5:
        raise HarnessError(f"accuracies look like fractions, not percent: the best cifar10_test_200 is {best:g}")


def check(columns: Columns, strings: Sequence[str]) -> None:
    """Raise `HarnessError` that names the first column of a whole table that cannot be the benchmark's."""
    if digest(columns) in KNOWN:
        return
    _check_anchors(columns)
    _check_sizes(columns, strings)
    _check_together(columns)
    _check_grids(columns)


def _check_anchors(columns: Columns) -> None:
    for index, accuracies in ANCHORS.items():
        for dataset, pair in zip(DATASETS, accuracies, strict=True):
            for split, published in zip(("valid", "test"), pair, strict=True):
                found = float(columns[f"{dataset}_{split}_200"][index])
                if published is not None and abs(found - published) > BETWEEN_VERSIONS:
                    where = f"column '{dataset}_{split}_200', architecture {index}"
                    raise HarnessError(f"{where}: {found:.2f}, but published is {published:.2f}")


def _check_together(columns: Columns) -> None:
    """What is good on one split, or after 12 epochs, is good on the other, and larger networks take longer."""
    for dataset in DATASETS:
        test = f"{dataset}_test_200"
        for name in (f"{dataset}_valid_200", f"{dataset}_valid_12", f"{dataset}_test_12"):
            _check_pair(columns, name, test)
        _check_pair(columns, f"{dataset}_train_seconds_200", f"{dataset}_params")


def _check_pair(columns: Columns, name: str, other: str) -> None:
    known = np.isfinite(columns[name])
    if known.sum() < nb201.SIZE / 10:  # version 1.0 has few 12-epoch results
        return
    with np.errstate(invalid="ignore", divide="ignore"):  # a column of equal numbers has no correlation
        together = np.corrcoef(columns[name][known], columns[other][known])[0, 1]
    if not together > TOGETHER:
        raise HarnessError(f"column {name!r} has nothing to do with {other!r} (correlation {together:.2f}): shuffled?")


def _check_sizes(columns: Columns, strings: Sequence[str]) -> None:
    counts = {op: np.array([text.count(f"|{nb201.OPS[op]}~") for text in strings]) for op in (nb201.CONV1, nb201.CONV3)}
    for dataset, classes in CLASSES.items():
        empty = nb201.parameters((0,) * 6, classes=classes)
        sizes = empty + sum(
            (nb201.parameters((op, 0, 0, 0, 0, 0), classes=classes) - empty) * count for op, count in counts.items()
        )
        right = float((columns[f"{dataset}_params"] == sizes).mean())
        if right < OF_THEIR_SIZE:
            raise HarnessError(f"column '{dataset}_params': right for {right:.0%} of the architectures: shuffled?")


def _check_grids(columns: Columns) -> None:
    for name, answers in ANSWERS.items():
        for epochs in (200, 12):
            right = columns[f"{name}_{epochs}"] / 100 * answers
            off = np.abs(right - np.rint(right)) > ROUNDING  # false where it is not a number
            if off.any():
                row = int(np.flatnonzero(off)[0])
                value = columns[f"{name}_{epochs}"][row]
                where = f"column '{name}_{epochs}', row {row}"
                raise HarnessError(f"{where}: {value!r} is no mean over {answers // 6:,} images of up to three trials")
