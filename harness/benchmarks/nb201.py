"""Look-ups in the NAS-Bench-201 table: accuracy, cost and size of all 15,625 architectures.

`harness.benchmarks.nb201_file` says what the numbers are; `harness.benchmarks.nb201_import` builds the file.
Unlike in the official API, every look-up names data set, split and epochs: nothing defaults to the 12-epoch
protocol. Importing this module needs neither torch nor pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from harness.benchmarks import nb201_genuine
from harness.benchmarks.nb201_file import (
    ACCURACIES,
    STD,
    Columns,
    read_columns,
)
from harness.benchmarks.spec import DATASETS, EPOCHS, SPLITS
from harness.data.sources import NB201_TABLE, DataMissing, DataStatus, first_existing, missing
from harness.errors import HarnessError, nearest
from harness.spaces.nb201 import encoding as nb201

One = int | str
Many = list[int] | list[str] | tuple[int, ...] | tuple[str, ...] | NDArray[Any]

_POWERS = len(nb201.OPS) ** np.arange(len(nb201.EDGES) - 1, -1, -1)  # of `nb201.to_code`


def locate_table(root: Path | None) -> Path:
    """Return the table's file under a data root; raise `DataMissing` where there is none."""
    path = first_existing(root, NB201_TABLE)
    if path is None:
        remedy = "import it from the official NAS-Bench-201 (.pth) or NATS-Bench (-simple folder) files"
        raise missing("the NAS-Bench-201 table", root, NB201_TABLE, remedy)
    return path


def status(root: Path | None) -> DataStatus:
    """Say which table is at hand, read and checked."""
    try:
        path = locate_table(root)
    except DataMissing as error:
        return DataStatus("nb201", False, None, None, None, str(error))
    try:
        columns, strings, checksum = read_columns(path, partial=False)
    except HarnessError as error:
        return DataStatus("nb201", False, path, None, None, str(error))
    note = f"NAS-Bench-201 table, {nb201_genuine.describe(columns)}"
    return DataStatus("nb201", True, path, len(strings), checksum, note)


class Nb201Table:
    """The table in memory.

    Every look-up takes one architecture (official index or string) and returns a number, or many (a list or
    tuple [n], or an array of any shape, of indices or of strings) and returns an array of that shape. An
    architecture, data set, split or number of epochs that the table does not have raises `HarnessError`.

    ``checksum``: sha256 of the file; ``indices``: official indices [n]; ``strings``: the architectures'
    strings [n].
    """

    def __init__(self, columns: Columns, strings: Sequence[str], checksum: str, where: str) -> None:
        self.checksum = checksum
        self.indices: NDArray[np.int64] = columns["index"].astype(np.int64)
        self.strings = tuple(strings)
        self._columns = columns
        self._where = where
        self._row_of_string = {text: row for row, text in enumerate(self.strings)}
        self._row_of_index = np.full(nb201.SIZE, -1, dtype=np.int64)
        self._row_of_index[self.indices] = np.arange(len(self))
        self._with_gaps = {name for name in ACCURACIES if np.isnan(columns[name]).any()}

    @classmethod
    def load(cls, path: Path, *, partial: bool = False) -> Nb201Table:
        """Read and check a table file; arguments and errors as in `nb201_file.read_columns`."""
        columns, strings, checksum = read_columns(path, partial=partial)
        return cls(columns, strings, checksum, str(path))

    def __len__(self) -> int:
        return len(self.strings)

    @overload
    def accuracy(self, arch: One, *, dataset: str, split: str, epochs: int) -> float: ...
    @overload
    def accuracy(self, arch: Many, *, dataset: str, split: str, epochs: int) -> NDArray[np.float64]: ...
    def accuracy(self, arch: One | Many, *, dataset: str, split: str, epochs: int) -> Any:
        """Return accuracy in percent, mean over trials, on ``split`` after the protocol of ``epochs``."""
        name = accuracy_column(dataset, split, epochs)
        values = self._take(name, arch)
        if name in self._with_gaps and np.isnan(values).any():
            raise HarnessError(f"{self._where}: no {name} for some of the architectures asked for")
        return values

    def accuracies(self, archs: list[str] | tuple[str, ...]) -> dict[str, list[float]]:
        """Return ``{"cifar10/test/200": [percent per architecture], ...}``: every `accuracy` that all of them have.

        Version 1.0 of the benchmark lacks most 12-epoch results, which are then left out.
        """
        found = {}
        for dataset, split, epochs in product(DATASETS, SPLITS, EPOCHS):
            try:
                column = self.accuracy(archs, dataset=dataset, split=split, epochs=epochs)
            except HarnessError:
                if epochs == max(EPOCHS):
                    raise
                continue
            found[f"{dataset}/{split}/{epochs}"] = column.tolist()
        return found

    @overload
    def std(self, arch: One, *, dataset: str, split: str, epochs: int) -> float: ...
    @overload
    def std(self, arch: Many, *, dataset: str, split: str, epochs: int) -> NDArray[np.float64]: ...
    def std(self, arch: One | Many, *, dataset: str, split: str, epochs: int) -> Any:
        """Return the deviation over trials (ddof 1, NaN for one trial); the table has cifar10 valid 200 only."""
        if accuracy_column(dataset, split, epochs) != "cifar10_valid_200":
            raise HarnessError(f"no standard deviation of {dataset} {split} {epochs}: only of cifar10 valid 200")
        return self._take(STD, arch)

    @overload
    def train_seconds(self, arch: One, dataset: str) -> float: ...
    @overload
    def train_seconds(self, arch: Many, dataset: str) -> NDArray[np.float64]: ...
    def train_seconds(self, arch: One | Many, dataset: str) -> Any:
        """Return the benchmark's seconds for 200 training epochs (cifar10: of the run behind ``valid``)."""
        return self._take(f"{_known(dataset, DATASETS, 'dataset')}_train_seconds_200", arch)

    @overload
    def params(self, arch: One, dataset: str) -> int: ...
    @overload
    def params(self, arch: Many, dataset: str) -> NDArray[np.int64]: ...
    def params(self, arch: One | Many, dataset: str) -> Any:
        """Return the recorded parameters of the stand-alone network with a data set's classes.

        Some 150 records are off by one convolution; `harness.spaces.nb201.encoding.parameters` counts exactly.
        """
        return self._take(f"{_known(dataset, DATASETS, 'dataset')}_params", arch)

    @overload
    def trials(self, arch: One) -> int: ...
    @overload
    def trials(self, arch: Many) -> NDArray[np.int8]: ...
    def trials(self, arch: One | Many) -> Any:
        """Return how many training seeds the 200-epoch means average."""
        return self._take("trials", arch)

    @overload
    def index(self, arch: One) -> int: ...
    @overload
    def index(self, arch: Many) -> NDArray[np.int16]: ...
    def index(self, arch: One | Many) -> Any:
        """Return official indices."""
        return self._take("index", arch)

    def index_of_ops(self, ops: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the official indices [...] of architectures given as operation codes [..., 6].

        Codes and edge order as in `harness.spaces.nb201`. Raises `HarnessError` for a code out of range.
        """
        edges, count = len(nb201.EDGES), len(nb201.OPS)
        if ops.shape[-1:] != (edges,) or ops.dtype.kind not in "iu":
            raise HarnessError(f"operation codes must be integers [..., {edges}], not {ops.dtype} {ops.shape}")
        if ops.size and (ops.min() < 0 or ops.max() >= count):
            raise HarnessError(f"operation codes must be in 0..{count - 1}")
        found: NDArray[np.int64] = self._index_of_code[ops @ _POWERS]
        if (found < 0).any():
            raise HarnessError(f"{self._where}: partial table, not all architectures asked for are in it")
        return found

    def accessor(self, *, dataset: str, split: str, epochs: int) -> Callable[[One], float]:
        """Return a fast function from one architecture (index or string) to its `accuracy`."""
        values = self.accuracy(self.indices, dataset=dataset, split=split, epochs=epochs).tolist()
        known: dict[One, float] = dict(zip(self.strings, values, strict=True))
        known.update(zip(self.indices.tolist(), values, strict=True))

        def look_up(arch: One) -> float:
            try:
                return known[arch]
            except KeyError:
                raise self._unknown(arch) from None

        return look_up

    @cached_property
    def _index_of_code(self) -> NDArray[np.int64]:
        """Official index of every code of `nb201.to_code`, -1 where a partial table lacks it. [15625]"""
        found = np.full(nb201.SIZE, -1, dtype=np.int64)
        found[[nb201.to_code(nb201.parse(text)) for text in self.strings]] = self.indices
        return found

    def _take(self, name: str, arch: One | Many) -> Any:
        """Read one column at one architecture (a Python number) or at many (an array)."""
        column = self._columns[name]
        if isinstance(arch, str):
            return column[self._rows_of_strings([arch])].item()
        if isinstance(arch, np.ndarray) and arch.dtype.kind in "UOT":
            return column[self._rows_of_strings(arch.ravel().tolist())].reshape(arch.shape)
        if isinstance(arch, list | tuple) and any(isinstance(item, str) for item in arch):
            return column[self._rows_of_strings(arch)]
        indices = np.asarray(arch)
        if indices.dtype.kind not in "iu":
            raise HarnessError(f"architectures must be indices or strings, not {indices.dtype}")
        values = column[self._rows_of_indices(indices)]
        return values if indices.ndim else values.item()

    def _rows_of_strings(self, strings: Sequence[Any]) -> NDArray[np.int64]:
        try:
            rows = [self._row_of_string[text] for text in strings]
        except (KeyError, TypeError):
            unknown = (t for t in strings if not isinstance(t, str) or t not in self._row_of_string)
            raise self._unknown(next(unknown)) from None
        return np.array(rows, dtype=np.int64)

    def _rows_of_indices(self, indices: NDArray[Any]) -> NDArray[np.int64]:
        outside = (indices < 0) | (indices >= nb201.SIZE)
        if outside.any():
            raise self._unknown(int(indices[outside][0]))
        rows: NDArray[np.int64] = self._row_of_index[indices]
        absent = rows < 0
        if absent.any():
            raise self._unknown(int(indices[absent][0]))
        return rows

    def _unknown(self, arch: object) -> HarnessError:
        """Word what is wrong with an architecture that has no row."""
        if isinstance(arch, str):
            try:
                nb201.parse(arch)
            except HarnessError as error:
                return error
        elif not isinstance(arch, int | np.integer):
            return HarnessError(f"an architecture must be an index or a string, not {arch!r}")
        elif not 0 <= arch < nb201.SIZE:
            return HarnessError(f"architecture index {arch} is not in 0..{nb201.SIZE - 1}")
        return HarnessError(f"{self._where}: partial table of {len(self)}, without architecture {arch!r}")


def accuracy_column(dataset: str, split: str, epochs: int) -> str:
    """Return the name of an accuracy column; raise `HarnessError` for what the benchmark does not have."""
    _known(dataset, DATASETS, "dataset")
    _known(split, SPLITS, "split")
    if epochs not in EPOCHS:
        raise HarnessError(f"NAS-Bench-201 has no protocol of {epochs!r} epochs; valid: 12, 200")
    return f"{dataset}_{split}_{epochs}"


def _known(name: str, names: Sequence[str], kind: str) -> str:
    if name not in names:
        raise HarnessError(f"NAS-Bench-201 has no {kind} {name!r}{nearest(str(name), names)}")
    return name
