"""The file of a NAS-Bench-101 table: its columns, and the checks that a file must pass.

One parquet file, one row per cell in the order of their hashes: the hash; the adjacency matrix as a row of digits, the
labels of its vertices and the number of parameters, all as recorded; which spaces of NAS-Bench-1Shot1 need it; and for
each of three repeats of the training over 108 epochs, or over 108, 36, 12 and 4, accuracies on training, validation and
test images at its end (fractions, of 9,984 images each) and its seconds. The whole table has 423,624 cells; another
file has only those that NAS-Bench-1Shot1 needs. Either may lack cells: whatever is looked up must be there.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.benchmarks import nb101_genuine
from harness.benchmarks.nb101_spaces import SIZES, member
from harness.benchmarks.spec import NB101, TABLES
from harness.errors import HarnessError, nearest
from harness.files import read_regular
from harness.spaces.oneshot import encoding
from harness.spaces.oneshot.encoding import Cell

SIZE: Final = 423_624
REPEATS: Final = 3
EPOCHS: Final = TABLES[NB101].epochs
ACCURACIES: Final = ("train", "valid", "test")
MEASURED: Final = (*ACCURACIES, "seconds")
HASH: Final = re.compile("[0-9a-f]{32}")
SOURCE: Final = b"source"  # of the file's metadata: sha256 of the official file that it was made of

TEXTS: Final = {"hash": 32, "matrix": encoding.VERTICES**2, "ops": 120}  # columns, and characters of each at most
LARGEST_FILE: Final = 2**28  # bytes; the whole table has some hundred MB
LARGEST: Final = 2**29  # bytes of all columns as they are stored
LONGEST: Final = 1e9  # seconds; and parameters

Columns = dict[str, NDArray[Any]]


class Contents(NamedTuple):
    """A file's rows. ``hashes``: rising, as bytes [n]; ``numbers``: all columns but text, each [n].

    ``checksum``: sha256 of the file; ``source``: of the official one that it was made of, as far as it says.
    """

    hashes: NDArray[np.bytes_]
    numbers: Columns
    epochs: tuple[int, ...]
    checksum: str
    source: str | None


def column(what: str, epochs: int, repeat: int) -> str:
    """Return the name of a column of numbers."""
    return f"{what}_{epochs}_{repeat}"


def schema(epochs: Iterable[int]) -> pa.Schema:
    """Return names and types of the columns of a file with these numbers of epochs."""
    measured = [column(what, e, repeat) for e in epochs for what in MEASURED for repeat in range(REPEATS)]
    return pa.schema(
        [(name, pa.string()) for name in TEXTS]
        + [("parameters", pa.int64())]
        + [(member(space), pa.bool_()) for space in SIZES]
        + [(name, pa.float64()) for name in measured]
    )


def cell_of(matrix: str, ops: str) -> Cell:
    """Return the cell of a recorded matrix and labels; raise `HarnessError`."""
    labels, vertices = ops.split(","), math.isqrt(len(matrix))
    if vertices**2 != len(matrix) or vertices > encoding.VERTICES or not set(matrix) <= {"0", "1"}:
        raise HarnessError(f"{matrix[:60]!r} is no square matrix of digits 0 and 1, 7 x 7 at most")
    rows = [[int(digit) for digit in matrix[vertices * row : vertices * (row + 1)]] for row in range(vertices)]
    return encoding.of_matrix(rows, labels)


def read_columns(path: Path) -> Contents:
    """Read and check a table's file.

    Raises `HarnessError` for a file that is not such a table: columns, types, order of rows, ranges; cells and sizes
    that do not go together; what `nb101_genuine` knows of the benchmark.
    """
    try:
        content = read_regular(path, LARGEST_FILE)
        file, epochs = _opened(content)
        texts = _texts(file)
        numbers = {f.name: _column(file, f) for f in schema(epochs) if f.name not in TEXTS}
        found = Contents(_hashes(texts), numbers, epochs, hashlib.sha256(content).hexdigest(), _source(file))
        _check_values(numbers)
        nb101_genuine.check(found.hashes, numbers, epochs)
        _check_cells(texts, numbers)
    except (pa.ArrowException, OSError) as error:
        raise HarnessError(f"{path}: not a readable parquet file: {error}") from error
    except HarnessError as error:
        raise HarnessError(f"{path}: {error}") from error
    return found


def _opened(content: bytes) -> tuple[pq.ParquetFile, tuple[int, ...]]:
    """Open a file whose columns, rows and size are right; a small file can ask for a lot of memory."""
    file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=list(TEXTS))
    facts, names = file.metadata, file.schema_arrow.names
    epochs = tuple(e for e in EPOCHS if any(re.search(rf"_{e}_\d$", name) for name in names)) or EPOCHS
    wanted = schema(epochs).names
    for name in wanted:
        if names.count(name) != 1:
            raise HarnessError(f"{'no column' if name not in names else 'more than one column'} {name!r}")
    for name in names:
        if name not in wanted:
            raise HarnessError(f"unknown column {name!r}{nearest(name, wanted)}")
    if not 0 < facts.num_rows <= SIZE:
        raise HarnessError(f"{facts.num_rows:,} cells, expected 1 to {SIZE:,}")
    if sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups)) > LARGEST:
        raise HarnessError(f"more than {LARGEST:,} bytes of numbers")
    return file, epochs


def _texts(file: pq.ParquetFile) -> pa.Table:
    """Return the columns of text, still by their dictionaries: long text costs nothing before it is refused."""
    table = file.read(columns=list(TEXTS), use_threads=False)
    for name, longest in TEXTS.items():
        if table[name].null_count:
            raise HarnessError(f"column {name!r} has nulls")
        for chunk in table[name].chunks:
            if not isinstance(chunk, pa.DictionaryArray):
                raise HarnessError(f"column {name!r} is not text")
            if max(map(len, chunk.dictionary.to_pylist()), default=0) > longest:
                raise HarnessError(f"column {name!r} has text of more than {longest} characters")
    return table


def _column(file: pq.ParquetFile, field: pa.Field) -> NDArray[Any]:
    """Return a column of numbers, through DLPack, as Arrow's own to_numpy would import pandas.

    One at a time: whoever imports has the same numbers in memory beside.
    """
    read = file.read(columns=[field.name], use_threads=False)[field.name]
    if read.null_count:
        raise HarnessError(f"column {field.name!r} has nulls")
    flags = pa.types.is_boolean(field.type)
    try:
        values = np.from_dlpack(read.cast(field.type).cast(pa.uint8() if flags else field.type).combine_chunks())
    except (pa.ArrowException, ValueError) as error:
        raise HarnessError(f"wrong type of column {field.name!r}: {error}") from error
    return values.astype(bool) if flags else values


def _hashes(table: pa.Table) -> NDArray[np.bytes_]:
    texts = table["hash"].to_pylist()
    if not re.fullmatch("(?:[0-9a-f]{32}\n)+", "\n".join([*texts, ""])):
        raise HarnessError("column 'hash' has what is no hash of 32 hexadecimal digits")
    found = np.array(texts, dtype="S32")
    if (found[1:] <= found[:-1]).any():
        raise HarnessError("column 'hash' must rise strictly")
    return found


def _source(file: pq.ParquetFile) -> str | None:
    value = (file.schema_arrow.metadata or {}).get(SOURCE, b"")
    return value.decode() if re.fullmatch(rb"[0-9a-f]{64}", value) else None


def _check_values(numbers: Columns) -> None:
    for name, values in numbers.items():
        if name.startswith(ACCURACIES):
            fine = (values >= 0) & (values <= 1)
        else:
            fine = (values.dtype == bool) | ((values > 0) & (values < LONGEST))
        if not fine.all():
            row = int(np.flatnonzero(~fine)[0])
            raise HarnessError(f"column {name!r}, row {row}: {values[row]} is out of range")


def _check_cells(table: pa.Table, numbers: Columns) -> None:
    """Check a sample: what is recorded of a cell belongs to its hash. Of all of them it would take a minute."""
    rows = list(range(0, table.num_rows, max(1, table.num_rows // nb101_genuine.SAMPLED)))
    right = []
    for row, texts in zip(rows, table.take(rows).to_pylist(), strict=True):
        cell = cell_of(texts["matrix"], texts["ops"])
        nb101_genuine.check_cell(cell, texts["hash"], {space for space in SIZES if numbers[member(space)][row]})
        right.append(int(numbers["parameters"][row]) == nb101_genuine.parameters(cell))
    nb101_genuine.check_sizes(right)
