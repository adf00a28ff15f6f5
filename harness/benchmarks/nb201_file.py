"""The file of the NAS-Bench-201 table: its columns, and the checks that a file must pass.

One parquet file, one row per architecture. Accuracies are means in percent over the training seeds present,
after the last of 12 or 200 epochs: cifar10 valid is trained on half of the training images and evaluated on
the other half, cifar10 test is trained on all of them; cifar100 and imagenet16_120 are trained on all
training images and evaluated on halves of the original test or validation set (Dong & Yang, "NAS-Bench-201",
section 2; NAS-Bench-201's and NATS-Bench's ``get_more_info`` with ``is_random=False``).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.benchmarks import nb201_genuine
from harness.benchmarks.spec import DATASETS, EPOCHS, SPLITS
from harness.errors import HarnessError, nearest
from harness.files import read_regular
from harness.spaces.nb201 import encoding as nb201

ACCURACIES: Final = tuple(f"{d}_{s}_{e}" for d in DATASETS for e in EPOCHS for s in SPLITS)
STD: Final = "cifar10_valid_std_200"  # over trials, ddof 1
SECONDS: Final = tuple(f"{d}_train_seconds_200" for d in DATASETS)  # of all 200 epochs
# Of the stand-alone network (C = 16, N = 5) as the benchmark recorded it: off by one convolution for some 150
# architectures (release note of nats_bench 1.6). `harness.spaces.nb201.encoding.parameters` counts exactly.
PARAMS: Final = tuple(f"{d}_params" for d in DATASETS)
SCHEMA: Final = pa.schema(
    [("index", pa.int16()), ("arch_str", pa.string()), ("trials", pa.int8())]
    + [(name, pa.float64()) for name in (*ACCURACIES, STD, *SECONDS)]
    + [(name, pa.int64()) for name in PARAMS]
)

# The official numbering follows no rule. sha256 of its 15,625 strings, joined by newlines, in order.
OFFICIAL_ORDER: Final = "83abc799e45cf34e9d2163654668ab998b9a54d01c39e72ca1f71f2cdf356d84"

LARGEST: Final = 2**25  # bytes of all columns; the table has 3 MB
LONGEST: Final = 200  # characters of an architecture's string; the benchmark's have 95 at most

Columns = dict[str, NDArray[Any]]


def read_columns(path: Path, *, partial: bool) -> tuple[Columns, list[str], str]:
    """Read and check a table file.

    Returns the numeric columns of `SCHEMA`, each [n], the architectures' strings [n] and the file's sha256.
    ``partial`` admits a file with some of the architectures only. Raises `HarnessError` for a file that is
    not such a table: columns, types, rows, strings, ranges, gaps; a whole one must be the benchmark's, see
    `nb201_genuine`.
    """
    try:
        content = read_regular(path)
        table = _read(content, path, partial)
    except (pa.ArrowException, OSError) as error:
        raise HarnessError(f"{path}: not a readable parquet file: {error}") from error
    table = _check_columns(table, path)
    strings: list[str] = table["arch_str"].to_pylist()
    # Through DLPack, as Arrow's own to_numpy would import pandas, half of a fresh process's time.
    numeric = (name for name in SCHEMA.names if name != "arch_str")
    columns = {name: np.from_dlpack(table[name].chunk(0)) for name in numeric}
    _check_architectures(columns["index"], strings, path)
    _check_values(columns, path)
    try:
        nb201_genuine.check_percent(columns)
        if len(strings) == nb201.SIZE:
            nb201_genuine.check(columns, strings)
    except HarnessError as error:
        raise HarnessError(f"{path}: {error}") from error
    return columns, strings, hashlib.sha256(content).hexdigest()


def _read(content: bytes, path: Path, partial: bool) -> pa.Table:
    """Read a table whose columns, rows and size are right; a small file can ask for a lot of memory."""
    file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=["arch_str"])
    facts, names = file.metadata, file.schema_arrow.names
    for name in SCHEMA.names:
        if names.count(name) != 1:
            raise HarnessError(f"{path}: {'no column' if name not in names else 'more than one column'} {name!r}")
    for name in names:
        if name not in SCHEMA.names:
            raise HarnessError(f"{path}: unknown column {name!r}{nearest(name, SCHEMA.names)}")
    if facts.num_rows != nb201.SIZE and not (partial and 0 < facts.num_rows < nb201.SIZE):
        raise HarnessError(f"{path}: {facts.num_rows:,} architectures, expected {nb201.SIZE:,}")
    if sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups)) > LARGEST:
        raise HarnessError(f"{path}: more than {LARGEST:,} bytes of numbers")
    return file.read(use_threads=False)


def _check_columns(table: pa.Table, path: Path) -> pa.Table:
    """Return the columns of `SCHEMA` in its types, each in one chunk and without nulls."""
    for name in SCHEMA.names:
        if table[name].null_count:
            raise HarnessError(f"{path}: column {name!r} has nulls")
    for chunk in table["arch_str"].chunks:
        if isinstance(chunk, pa.DictionaryArray) and max(map(len, chunk.dictionary.to_pylist()), default=0) > LONGEST:
            raise HarnessError(f"{path}: column 'arch_str' has text of more than {LONGEST} characters")
    try:
        return table.select(SCHEMA.names).cast(SCHEMA).combine_chunks()
    except (pa.ArrowException, ValueError) as error:
        raise HarnessError(f"{path}: wrong type of column: {error}") from error


def _check_architectures(indices: NDArray[Any], strings: list[str], path: Path) -> None:
    """Check that indices and strings belong to the space and, in a whole table, to each other."""
    if indices[0] < 0 or indices[-1] >= nb201.SIZE or (np.diff(indices) < 1).any():
        raise HarnessError(f"{path}: column 'index' must rise strictly within 0..{nb201.SIZE - 1}")
    whole = len(strings) == nb201.SIZE
    if whole and hashlib.sha256("\n".join(strings).encode()).hexdigest() == OFFICIAL_ORDER:
        return
    for text in strings:
        nb201.parse(text)
    if len(set(strings)) != len(strings):
        raise HarnessError(f"{path}: column 'arch_str' repeats an architecture")
    if whole:
        raise HarnessError(f"{path}: column 'arch_str' is not in the benchmark's official order")


def _check_values(columns: Columns, path: Path) -> None:
    """Check ranges. Gaps (NaN) may be: 12-epoch accuracies (version 1.0 lacks most), the std of one trial."""
    fine = {name: (columns[name] >= 0) & (columns[name] <= 100) for name in (*ACCURACIES, STD)}
    for name in ACCURACIES:
        if name.endswith("_12"):
            fine[name] |= np.isnan(columns[name])
    fine[STD] |= np.isnan(columns[STD]) & (columns["trials"] == 1)
    for name in ("trials", *SECONDS, *PARAMS):
        fine[name] = (columns[name] > 0) & (columns[name] < 1e12)
    for name, good in fine.items():
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            raise HarnessError(f"{path}: column {name!r}, row {row}: {columns[name][row]} is out of range")
