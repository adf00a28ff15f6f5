"""Look-ups in the NAS-Bench-101 table: accuracy, time and size of its cells, three trainings each.

`harness.benchmarks.nb101_file` says what the numbers are; `harness.benchmarks.nb101_import` builds the file. A cell is
known by NAS-Bench-101's hash, so that isomorphic cells, and one with loose ends, are one. Importing this module needs
neither torch nor pandas.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.benchmarks import nb101_genuine
from harness.benchmarks.nb101_file import ACCURACIES, HASH, REPEATS, SIZE, Contents, column, read_columns
from harness.benchmarks.nb101_spaces import NEEDED, SIZES, member
from harness.benchmarks.spec import SPLITS
from harness.data.sources import (
    NB101_EXTRACTS,
    NB101_ONESHOT,
    NB101_TABLE,
    DataMissing,
    DataStatus,
    first_existing,
    missing,
)
from harness.errors import HarnessError, nearest
from harness.spaces.oneshot.encoding import module_hash, parse
from harness.text import brief

Many = list[str] | tuple[str, ...] | NDArray[Any]
DATASET = "cifar10"


def locate_table(root: Path | None) -> Path:
    """Return the file to look up in: what NAS-Bench-1Shot1 needs, else the whole table; raise `DataMissing`.

    An import writes both; whoever has both asks the same one, of one checksum.
    """
    places = (*NB101_ONESHOT, *NB101_TABLE)
    path = first_existing(root, places)
    if path is None:
        remedy = "import it from the official nasbench_only108.tfrecord (499 MB) or nasbench_full.tfrecord (1.95 GB)"
        raise missing("the NAS-Bench-101 table", root, places, remedy)
    return path


def status(root: Path | None) -> list[DataStatus]:
    """Say which tables are at hand, read and checked, and what other files of the benchmark's are."""
    named = {"nb101": NB101_TABLE, "nb101 1Shot1": NB101_ONESHOT}
    paths = {name: path for name, places in named.items() if (path := first_existing(root, places)) is not None}
    try:
        locate_table(root)
    except DataMissing as error:
        return [DataStatus("nb101", False, None, None, None, str(error)), *_extracts(root)]
    return [*(_status(name, path) for name, path in paths.items()), *_extracts(root)]


def _status(name: str, path: Path) -> DataStatus:
    try:
        table = Nb101Table.load(path)
    except HarnessError as error:
        return DataStatus(name, False, path, None, None, str(error))
    note = f"NAS-Bench-101 table, {table.extent}, {table.source}"
    return DataStatus(name, True, path, len(table), table.checksum, note)


def _extracts(root: Path | None) -> list[DataStatus]:
    found = []
    for place, note in NB101_EXTRACTS.items():
        path = first_existing(root, (place,))
        try:
            count = pq.read_metadata(path).num_rows if path is not None and path.is_file() else None
        except (pa.ArrowException, OSError):
            count = None
        if path is not None:
            found.append(DataStatus(path.stem, count is not None, path, count, None, note))
    return found


class Nb101Table:
    """The table in memory.

    Every look-up takes one architecture (a cell as `harness.spaces.oneshot.encoding` writes it, or a hash) and returns
    a number, or many (a list or tuple [n], or an array of any shape) and returns an array of that shape. Accuracies are
    means over three trainings, in percent. What the table does not have raises `HarnessError`.

    ``checksum``: sha256 of the file; ``hashes``: of its cells, rising [n]; ``epochs``: lengths of training that it has.
    """

    def __init__(self, contents: Contents, where: str) -> None:
        self.checksum = contents.checksum
        self.hashes = contents.hashes
        self.epochs = contents.epochs
        self.source = nb101_genuine.describe(contents.source)
        self._numbers = contents.numbers
        self._where = where

    @classmethod
    def load(cls, path: Path) -> Nb101Table:
        """Read and check a table file; errors as in `nb101_file.read_columns`."""
        return cls(read_columns(path), str(path))

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def extent(self) -> str:
        """Say how much of the benchmark it has."""
        inside = int(np.logical_or.reduce([self._numbers[member(space)] for space in SIZES]).sum())
        of_whole = f"{len(self):,} of {SIZE:,} cells"
        of_needed = f"{inside:,} of the {NEEDED:,} that NAS-Bench-1Shot1 needs"
        return f"{of_whole}, {of_needed}, {' '.join(map(str, self.epochs))} epochs"

    @overload
    def accuracy(self, arch: str, *, split: str, epochs: int) -> float: ...
    @overload
    def accuracy(self, arch: Many, *, split: str, epochs: int) -> NDArray[np.float64]: ...
    def accuracy(self, arch: str | Many, *, split: str, epochs: int) -> Any:
        """Return accuracy in percent, mean over the trainings; ``split``: "train", "valid" or "test"."""
        return _single(_mean(self.repeats(arch, split=split, epochs=epochs)))

    def accuracies(self, archs: list[str] | tuple[str, ...]) -> dict[str, list[float]]:
        """Return ``{"cifar10/test/108": [percent per architecture], ...}``: every `accuracy` on valid and test."""
        rows = self._rows(archs)
        return {
            f"{DATASET}/{split}/{epochs}": _mean(self._percent(rows, split, epochs)).tolist()
            for split, epochs in product(SPLITS, self.epochs)
        }

    @overload
    def std(self, arch: str, *, split: str, epochs: int) -> float: ...
    @overload
    def std(self, arch: Many, *, split: str, epochs: int) -> NDArray[np.float64]: ...
    def std(self, arch: str | Many, *, split: str, epochs: int) -> Any:
        """Return the deviation of the accuracy over the trainings (ddof 1), in percent."""
        return _single(self.repeats(arch, split=split, epochs=epochs).std(axis=-1, ddof=1))

    def repeats(self, arch: str | Many, *, split: str, epochs: int) -> NDArray[np.float64]:
        """Return the accuracies of the trainings in percent, [3] or [..., 3], in the order of the official file."""
        return self._percent(self._rows(arch), split, epochs)

    @overload
    def train_seconds(self, arch: str, *, epochs: int) -> float: ...
    @overload
    def train_seconds(self, arch: Many, *, epochs: int) -> NDArray[np.float64]: ...
    def train_seconds(self, arch: str | Many, *, epochs: int) -> Any:
        """Return the seconds of a training without its evaluations, mean over the trainings."""
        return _single(_mean(self._measured(self._rows(arch), "seconds", epochs)))

    @overload
    def parameters(self, arch: str) -> int: ...
    @overload
    def parameters(self, arch: Many) -> NDArray[np.int64]: ...
    def parameters(self, arch: str | Many) -> Any:
        """Return the recorded parameters; about 1 in 100 is of another order of the same graph's vertices."""
        return _single(self._numbers["parameters"][self._rows(arch)])

    def best(self, space: str, *, split: str, epochs: int, single: bool = False) -> float:
        """Return the best accuracy in percent of the cells that a space ("oneshot-1") needs; all must be there.

        ``single``: of single trainings and not of means; the optima in NAS-Bench-1Shot1's code are whole images of one.
        """
        values = self._percent(np.flatnonzero(self._members(space)), split, epochs)
        return float((values if single else _mean(values)).max())

    def of_space(self, space: str) -> NDArray[np.str_]:
        """Return the hashes of the cells that a space ("oneshot-1") needs, all of which must be there. [n]"""
        return self.hashes[self._members(space)].astype(str)

    def _members(self, space: str) -> NDArray[np.bool_]:
        if space not in SIZES:
            raise HarnessError(f"NAS-Bench-1Shot1 has no space {space!r}{nearest(space, SIZES)}")
        found: NDArray[np.bool_] = self._numbers[member(space)]
        if found.sum() != SIZES[space]:
            raise HarnessError(f"{self._where}: {found.sum():,} of the {SIZES[space]:,} cells of space {space!r}")
        return found

    def _percent(self, rows: NDArray[np.int64], split: str, epochs: int) -> NDArray[np.float64]:
        if split not in ACCURACIES:
            raise HarnessError(f"NAS-Bench-101 has no split {split!r}{nearest(str(split), ACCURACIES)}")
        return 100 * self._measured(rows, split, epochs)

    def _measured(self, rows: NDArray[np.int64], what: str, epochs: int) -> NDArray[np.float64]:
        """Return what was measured in the trainings. [..., 3]"""
        if epochs not in self.epochs:
            valid = ", ".join(map(str, self.epochs))
            raise HarnessError(f"{self._where}: no trainings of {epochs!r} epochs; valid: {valid}")
        return np.stack([self._numbers[column(what, epochs, repeat)][rows] for repeat in range(REPEATS)], axis=-1)

    def _rows(self, arch: str | Many) -> NDArray[np.int64]:
        """Return the rows of one architecture [] or many."""
        asked = np.asarray(arch, dtype=object) if not isinstance(arch, np.ndarray) else arch.astype(object)
        keys = [_hash(one) for one in asked.ravel().tolist()]
        names = np.array(keys, dtype="S32").reshape(asked.shape)
        rows = np.minimum(np.searchsorted(self.hashes, names), len(self) - 1)
        absent = np.asarray(self.hashes[rows] != names)
        if absent.any():
            first = asked.ravel()[int(np.flatnonzero(absent.ravel())[0])]
            raise HarnessError(f"{self._where}: {len(self):,} cells, without {brief(first)} (hash {_hash(first)})")
        return np.asarray(rows, dtype=np.int64)


def _hash(arch: object) -> str:
    if not isinstance(arch, str):
        raise HarnessError(f"an architecture must be a cell or a hash, not {brief(arch)}")
    return arch if HASH.fullmatch(arch) else _hash_of_text(str(arch))


@lru_cache(maxsize=2**16)
def _hash_of_text(text: str) -> str:
    return module_hash(parse(text))


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the trainings, [...] of [..., 3], added in one order however many are asked for at once."""
    first, second, third = np.moveaxis(values, -1, 0)
    return np.asarray((first + second + third) / REPEATS)


def _single(values: Any) -> Any:
    """Return a Python number where one was asked for."""
    return values if np.ndim(values) else np.asarray(values).item()
