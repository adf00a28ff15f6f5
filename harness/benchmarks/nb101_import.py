"""Build the NAS-Bench-101 table from an official file, and a small one with what NAS-Bench-1Shot1 needs of it.

An official file (``nasbench_full.tfrecord``, 1.95 GB, or ``nasbench_only108.tfrecord``, 0.5 GB) is read once, a record
at a time; what is kept of a cell are the numbers of its twelve trainings, 384 bytes. An object of the official package
``nasbench.api``, which has read such a file itself, is read instead where there is one.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.benchmarks.nb101_file import EPOCHS, MEASURED, REPEATS, SIZE, SOURCE, cell_of, read_columns, schema
from harness.benchmarks.nb101_record import NUMBERS, Run, checked, read_runs
from harness.benchmarks.nb101_spaces import SIZES, spaces_of
from harness.data.atomic import replacing
from harness.errors import HarnessError
from harness.spaces.oneshot.encoding import module_hash
from harness.text import brief

FIRST: Final = 1024  # cells to have room for at first
ROWS: Final = 2**15  # written at once


class OfficialApi(Protocol):
    """What is asked of the official package's ``nasbench.api.NASBench``."""

    def hash_iterator(self) -> Iterable[str]:
        """Return the hashes of all cells."""
        ...

    def get_metrics_from_hash(self, module_hash: str) -> tuple[Mapping[str, Any], Mapping[int, Sequence[Any]]]:
        """Return what is fixed of a cell, and by epochs what was measured in every repeat."""
        ...


def import_official(source: Path, target: Path, oneshot: Path) -> tuple[int, int]:
    """Write the table of an official file to ``target``, and what NAS-Bench-1Shot1 needs of it to ``oneshot``.

    Both appear whole or not at all and have passed the checks of `read_columns`; the second only where there is such a
    cell. Any number of cells may be there, each with three repeats. Returns how many cells each file has. Raises
    `HarnessError` that names file and record for what is broken, contradictory or incomplete.
    """
    if not os.path.isfile(source):
        raise HarnessError(f"{source}: no such file")
    try:
        with open(source, "rb", buffering=0) as raw:
            hashed = _Hashed(raw)
            cells = _read(io.BufferedReader(hashed, 2**20), str(source))
    except OSError as error:
        raise HarnessError(f"{source}: {error.strerror}") from error
    return _write(cells, target, oneshot, str(source), hashed.digest.hexdigest())


def import_api(api: OfficialApi, target: Path, oneshot: Path) -> tuple[int, int]:
    """Write the same from an object of the official package; errors name the cell."""
    cells, where = _Cells(), "nasbench.api"
    for name in api.hash_iterator():
        try:
            for run in _runs(api, name):
                cells.add(run, len(cells.hashes))
        except (KeyError, TypeError, ValueError) as error:
            raise HarnessError(f"{where}: cell {brief(name)}: not of the official layout: {error!r}") from error
        except HarnessError as error:
            raise HarnessError(f"{where}: cell {brief(name)}: {error}") from error
    try:
        cells.check_complete()
    except HarnessError as error:
        raise HarnessError(f"{where}: {error}") from error
    return _write(cells, target, oneshot, where, None)


class _Hashed(io.RawIOBase):
    """A file whose sha256 is taken as it is read."""

    def __init__(self, raw: io.FileIO) -> None:
        self.raw, self.digest = raw, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self.raw.readinto(buffer)
        self.digest.update(memoryview(buffer)[:count])
        return count


def _read(file: BinaryIO, where: str) -> _Cells:
    cells = _Cells()
    runs = read_runs(file)
    number = 0
    try:
        for number, run in runs:
            try:
                cells.add(run, number)
            except HarnessError as error:
                raise HarnessError(f"record {number}: {error}") from error
        cells.check_complete()
    except HarnessError as error:
        raise HarnessError(f"{where}: {error}") from error
    if not number:
        raise HarnessError(f"{where}: no record")
    return cells


class _Cells:
    """What has been read: of each cell its texts by number, and its runs' numbers."""

    def __init__(self) -> None:
        self.hashes: dict[str, int] = {}  # row of each cell
        self.matrices: dict[str, int] = {}
        self.ops: dict[str, int] = {}
        self.facts = np.zeros((FIRST, 4), dtype=np.int64)  # matrix, ops, parameters, first record
        self.counts = np.zeros((FIRST, len(EPOCHS)), dtype=np.int8)
        self.numbers = np.zeros((FIRST, len(EPOCHS), len(MEASURED), REPEATS))
        self.spaces: dict[str, list[int]] = {space: [] for space in SIZES}  # rows

    def add(self, run: Run, number: int) -> None:
        """Keep a run; raise `HarnessError` where it contradicts itself or an earlier one."""
        row = self.hashes.get(run.hash)
        if row is None:
            row = self._new(run, number)
        self._compare(run, row)
        epochs = EPOCHS.index(run.epochs)
        repeat = self.counts[row, epochs]
        if repeat == REPEATS:
            said = f"more than {REPEATS} runs of {run.epochs} epochs: twice in the file?"
            raise HarnessError(f"cell {run.hash} has {said}")
        self.numbers[row, epochs, :, repeat] = run.numbers
        self.counts[row, epochs] += 1

    def check_complete(self) -> None:
        """Raise `HarnessError` for the first cell that lacks runs."""
        counts = self.counts[: len(self.hashes)]
        lacking = np.argwhere((counts != REPEATS) & counts.any(axis=0))
        if len(lacking):
            row, epochs = lacking[0]
            name, first = list(self.hashes)[row], self.facts[row, 3]
            said = f"{counts[row, epochs]} runs of {EPOCHS[epochs]} epochs, not {REPEATS}"
            raise HarnessError(f"record {first}: cell {name}, which begins here, has {said}")

    @property
    def epochs(self) -> tuple[int, ...]:
        """Return the numbers of epochs that there are runs of."""
        return tuple(EPOCHS[place] for place in np.flatnonzero(self.counts.any(axis=0)))

    def tables(self, rows: Sequence[int]) -> Iterator[pa.Table]:
        """Yield the rows' table in pieces."""
        names = np.array(list(self.hashes), dtype="S32")
        places = [EPOCHS.index(epochs) for epochs in self.epochs]
        members = {space: np.isin(rows, found) for space, found in self.spaces.items()}
        for start in range(0, len(rows), ROWS):
            piece = rows[start : start + ROWS]
            matrices, ops, parameters, _ = self.facts[piece].T
            arrays = [pa.array(names[piece].astype(str).tolist())]
            arrays += [_texts(matrices, self.matrices), _texts(ops, self.ops), pa.array(parameters.tolist())]
            arrays += [pa.array(found[start : start + ROWS].tolist()) for found in members.values()]
            numbers = self.numbers[piece][:, places].reshape(len(piece), -1)
            arrays += [pa.array(values.tolist()) for values in numbers.T]
            yield pa.table(arrays, schema=schema(self.epochs))

    def _new(self, run: Run, number: int) -> int:
        cell = cell_of(run.matrix, run.ops)
        if (found := module_hash(cell)) != run.hash:
            raise HarnessError(f"the hash of its matrix and labels is {found}, not {run.hash}")
        row = self.hashes[run.hash] = len(self.hashes)
        if row == SIZE:
            raise HarnessError(f"more than {SIZE:,} cells")
        if row == len(self.facts):
            self.facts, self.counts, self.numbers = _doubled(self.facts), _doubled(self.counts), _doubled(self.numbers)
        for space in spaces_of(cell):
            self.spaces[space].append(row)
        matrix = self.matrices.setdefault(run.matrix, len(self.matrices))
        ops = self.ops.setdefault(run.ops, len(self.ops))
        self.facts[row] = matrix, ops, run.parameters, number
        return row

    def _compare(self, run: Run, row: int) -> None:
        matrix, ops, parameters, first = self.facts[row].tolist()
        if self.matrices.get(run.matrix) != matrix or self.ops.get(run.ops) != ops:
            raise HarnessError(f"matrix or labels of cell {run.hash} are not those of record {first}")
        if run.parameters != parameters:
            said = f"{run.parameters:,} parameters, and {parameters:,} in record {first}"
            raise HarnessError(f"cell {run.hash} has {said}")


def _write(cells: _Cells, target: Path, oneshot: Path, where: str, source: str | None) -> tuple[int, int]:
    """Write both files beside their places, check them, then move them there."""
    order = [row for _, row in sorted(cells.hashes.items())]
    needed = set().union(*cells.spaces.values())
    asked = {target: order, oneshot: [row for row in order if row in needed]}
    try:
        with ExitStack() as stack:
            for path, rows in asked.items():
                if rows:
                    temporary = stack.enter_context(replacing(path))
                    _write_one(cells, rows, temporary, source)
                    _check(temporary, where)
        if not needed:  # an extract of another table would be looked up in first
            oneshot.unlink(missing_ok=True)
    except OSError as error:
        raise HarnessError(f"{error.filename or target}: {error.strerror}") from error
    return len(order), len(asked[oneshot])


def _check(temporary: Path, where: str) -> None:
    try:
        read_columns(temporary)
    except HarnessError as error:
        raise HarnessError(f"{where}: {str(error).removeprefix(f'{temporary}: ')}") from error


def _write_one(cells: _Cells, rows: Sequence[int], path: Path, source: str | None) -> None:
    said = schema(cells.epochs).with_metadata({SOURCE: source.encode()} if source else None)
    with pq.ParquetWriter(path, said, compression="zstd") as writer:
        for table in cells.tables(rows):
            writer.write_table(table.replace_schema_metadata(said.metadata))


def _runs(api: OfficialApi, name: str) -> Iterator[Run]:
    fixed, computed = api.get_metrics_from_hash(name)
    matrix = "".join(str(int(entry)) for row in fixed["module_adjacency"] for entry in row)
    ops, parameters = ",".join(fixed["module_operations"]), int(fixed["trainable_parameters"])
    for epochs, repeats in computed.items():
        for repeat in repeats:
            train, valid, test, seconds = (float(repeat[f"final_{number}"]) for number in NUMBERS)
            yield checked(Run(name, int(epochs), matrix, ops, parameters, (train, valid, test, seconds)))


def _texts(numbers: NDArray[np.int64], texts: Mapping[str, int]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(numbers.tolist(), pa.int32()), pa.array(list(texts))).cast(
        pa.string()
    )


def _doubled(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array with room for as many more; what is not written to takes no memory."""
    found = np.zeros((2 * len(array), *array.shape[1:]), dtype=array.dtype)
    found[: len(array)] = array
    return found
