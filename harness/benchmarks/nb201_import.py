"""Build the NAS-Bench-201 table from the official files.

Two formats hold the same nested dicts, one entry per architecture and training protocol:

- NAS-Bench-201: one torch file (``NAS-Bench-201-v1_1-096897.pth``) ``{meta_archs, arch2infos: {index: {less, full}},
  evaluated_indexes}``. The whole file takes tens of GB of memory and some twenty minutes (extrapolated from small
  files); prefer the other format.
- NATS-Bench: a folder (``NATS-tss-v1_0-3ffb9-simple``) with ``meta.pickle.pbz2`` and one
  ``{index:06d}.pickle.pbz2`` ``{"12", "200"}`` per architecture, read one at a time.

An entry is ``{arch_index, arch_str, dataset_seed: {run: seeds}, all_results: {(run, seed): result}, ...}``; a
result holds ``epochs``, ``params`` (in millions), ``train_times`` (seconds by epoch), ``eval_acc1es``
(percent, by "set@epoch"). Facts: the packages ``nas_201_api`` 2.1 and ``nats_bench`` 1.8. Both formats are
pickles and read as data only, weights left out: one that asks for code is refused.
"""

from __future__ import annotations

import bz2
import io
import math
import os
import statistics
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.benchmarks.nb201_file import ACCURACIES, PARAMS, SCHEMA, SECONDS, STD, read_columns
from harness.data.atomic import replacing
from harness.data.unpickle import load_plain
from harness.errors import HarnessError
from harness.files import read_regular
from harness.spaces.nb201 import encoding as nb201
from harness.text import brief

# Our data set and split to the official training run and the set it is evaluated on. CIFAR-10 has two runs:
# trained on half of the training images (validated on the rest) and on all of them (tested).
EVALUATIONS: Final = {
    "cifar10_valid": ("cifar10-valid", "x-valid"),
    "cifar10_test": ("cifar10", "ori-test"),
    "cifar100_valid": ("cifar100", "x-valid"),
    "cifar100_test": ("cifar100", "x-test"),
    "imagenet16_120_valid": ("ImageNet16-120", "x-valid"),
    "imagenet16_120_test": ("ImageNet16-120", "x-test"),
}
# The run whose time and size stand for a data set, in the order of spec.DATASETS.
COST_RUNS: Final = ("cifar10-valid", "cifar100", "ImageNet16-120")
RUNS: Final = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")
LEGACY_SEED: Final = 888  # whose size holds where trials disagree, as in nats_bench's get_compute_costs
LARGEST: Final = 1e9  # of any number: percent, seconds of an epoch, millions of parameters
LARGEST_ENTRY: Final = 2**28  # bytes of one architecture's results, unpacked
TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER: begins the files of torch 1.5 and older

PICKLE_SUFFIX: Final = ".pickle.pbz2"
META: Final = f"meta{PICKLE_SUFFIX}"

Entry = dict[str, Any]
Row = dict[str, Any]


def import_official(source: Path, target: Path, *, partial: bool = False) -> int:
    """Write the table of an official file (``.pth``) or folder (NATS-Bench "simple") to ``target``.

    The table appears whole or not at all and has passed the checks of `Nb201Table.load`. ``partial`` admits
    sources with some of the architectures only. Returns the number of architectures. Raises `HarnessError`
    for a source that is absent, in another format, incomplete, contradictory, or that asks for code to be
    run.
    """
    strings, entries = _open(source)
    rows = [_row(index, strings, less, full, f"{source}: architecture {index}") for index, less, full in entries]
    if len(rows) != nb201.SIZE and not (partial and rows):
        raise HarnessError(f"{source}: results of {len(rows):,} architectures, expected {nb201.SIZE:,}")
    rows.sort(key=lambda row: row["index"])
    try:
        _write(rows, source, target, partial)
    except OSError as error:
        raise HarnessError(f"{target}: {error.strerror}") from error
    return len(rows)


def _write(rows: list[Row], source: Path, target: Path, partial: bool) -> None:
    with replacing(target) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary, compression="zstd")
        try:
            read_columns(temporary, partial=partial)
        except HarnessError as error:
            raise HarnessError(f"{source}: {str(error).removeprefix(f'{temporary}: ')}") from error


def _open(source: Path) -> tuple[list[str], Iterator[tuple[int, Entry, Entry]]]:
    """Return all architecture strings by index, and (index, 12-epoch entry, 200-epoch entry) one by one."""
    if os.path.isdir(source):
        meta = _load_pbz2(source / META)
        return _strings(meta, source), _nats_entries(source)
    if not os.path.isfile(source):
        raise HarnessError(f"{source}: no such file or folder")
    if source.suffix != ".pth":
        raise HarnessError(f"{source}: neither a NAS-Bench-201 .pth file nor a NATS-Bench folder")
    content = _load_pth(source)
    return _strings(content, source), _nb201_entries(content, source)


def _strings(content: Any, source: Path) -> list[str]:
    strings = _get(content, "meta_archs", str(source))
    if not isinstance(strings, list) or not all(isinstance(text, str) for text in strings):
        raise HarnessError(f"{source}: 'meta_archs' is not a list of strings")
    return strings


def _nats_entries(folder: Path) -> Iterator[tuple[int, Entry, Entry]]:
    for path in sorted(folder.glob(f"*{PICKLE_SUFFIX}")):
        stem = path.name.removesuffix(PICKLE_SUFFIX)
        if path.name == META:
            continue
        if not stem.isdecimal():
            raise HarnessError(f"{path}: file name is not an architecture's index")
        content = _load_pbz2(path)
        yield int(stem), _get(content, "12", str(path)), _get(content, "200", str(path))


def _nb201_entries(content: Any, source: Path) -> Iterator[tuple[int, Entry, Entry]]:
    infos = _get(content, "arch2infos", str(source))
    if not isinstance(infos, dict) or not all(map(_is_count, infos)):
        raise HarnessError(f"{source}: 'arch2infos' is not a dict by index")
    for index, info in infos.items():
        where = f"{source}: architecture {index}"
        yield index, _get(info, "less", where), _get(info, "full", where)


def _load_pbz2(path: Path) -> Any:
    unpacked = bz2.BZ2Decompressor()
    try:
        content = unpacked.decompress(read_regular(path), max_length=LARGEST_ENTRY)
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path}: not a readable bz2 file: {error}") from error
    if not unpacked.eof:
        raise HarnessError(f"{path}: not a readable bz2 file: cut short, or larger than {LARGEST_ENTRY:,} bytes")
    return load_plain(io.BytesIO(content), str(path), strings="ASCII")


def _load_pth(path: Path) -> Any:
    """Read a torch file as data: containers and numpy numbers, no weights; either of torch's two formats."""
    try:
        with _Within(io.FileIO(path)) as file:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                return _load_old_pth(file, str(path))
            with zipfile.ZipFile(file) as archive:
                return _load_zipped_pth(archive, str(path))
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise HarnessError(f"{path}: not a readable torch file: {error}") from error


class _Within(io.BufferedReader):
    """A file that sets no memory aside for more than it holds, whatever length it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > 2**20:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


def _load_old_pth(file: IO[bytes], where: str) -> Any:
    """Read the content, which follows three pickles: the magic number, the format's version, facts of the system."""
    magic, _, _ = (load_plain(file, where, strings="ASCII") for _ in range(3))
    if magic != TORCH_MAGIC:
        raise HarnessError(f"{where}: not a torch file")
    return load_plain(file, where, strings="ASCII", weights=True)


def _load_zipped_pth(archive: zipfile.ZipFile, where: str) -> Any:
    members = [member for member in archive.infolist() if member.filename.endswith("/data.pkl")]
    if len(members) != 1 or members[0].compress_type != zipfile.ZIP_STORED:
        raise HarnessError(f"{where}: not a torch file")
    with archive.open(members[0]) as file:
        return load_plain(file, where, strings="ASCII", weights=True)


def _row(index: int, strings: list[str], less: Entry, full: Entry, where: str) -> Row:
    """Return the table's row of one architecture."""
    if not 0 <= index < len(strings):
        raise HarnessError(f"{where}: 'meta_archs' has {len(strings)} architectures")
    for entry in (less, full):
        if _get(entry, "arch_str", where) != strings[index]:
            raise HarnessError(
                f"{where}: its results are of {brief(entry['arch_str'])}, expected {brief(strings[index])}"
            )
    runs = {(run, 200): _results(full, run, 200, where) for run in RUNS}
    runs |= {(run, 12): _results(less, run, 12, where) for run in RUNS}
    row: Row = {"index": index, "arch_str": strings[index]}
    row["trials"] = min(len(runs[run, 200]) for run in RUNS)
    for name in ACCURACIES:
        run, evaluated = EVALUATIONS[name.rpartition("_")[0]]
        epochs = int(name.rpartition("_")[2])
        row[name] = _mean(_accuracies(runs[run, epochs], evaluated, epochs, where))
    valid = _accuracies(runs["cifar10-valid", 200], "x-valid", 200, where)
    row[STD] = statistics.stdev(valid) if len(valid) > 1 else math.nan
    for run, seconds, params in zip(COST_RUNS, SECONDS, PARAMS, strict=True):
        row[seconds] = _mean([_train_seconds(result, 200, where) for result in runs[run, 200].values()])
        row[params] = _parameters(runs[run, 200], where)
    return row


def _results(entry: Entry, run: str, epochs: int, where: str) -> dict[int, Entry]:
    """Return the results of a run by seed; empty where a 12-epoch run is absent (most are in version 1.0)."""
    runs = _get(entry, "dataset_seed", where)
    if epochs == 12 and isinstance(runs, dict) and run not in runs:
        return {}
    seeds = _get(runs, run, where)
    if not isinstance(seeds, list | tuple) or not all(map(_is_count, seeds)):
        raise HarnessError(f"{where}: the seeds of run {run!r} are {brief(seeds)}, not a list of integers")
    results = {seed: _get(_get(entry, "all_results", where), (run, seed), where) for seed in seeds}
    if not results:
        raise HarnessError(f"{where}: no trial of the {epochs}-epoch run {run!r}")
    for seed, result in results.items():
        if _number(result, "epochs", where) != epochs:
            raise HarnessError(f"{where}: run {run!r}, seed {seed}: not a run of {epochs} epochs")
    return results


def _accuracies(results: dict[int, Entry], evaluated: str, epochs: int, where: str) -> list[float]:
    """Return each trial's accuracy in percent on a set after the last epoch."""
    key = f"{evaluated}@{epochs - 1}"
    return [_number(_get(result, "eval_acc1es", where), key, where) for result in results.values()]


def _train_seconds(result: Entry, epochs: int, where: str) -> float:
    times = _get(result, "train_times", where)
    return math.fsum(_number(times, epoch, where) for epoch in range(epochs))


def _parameters(results: dict[int, Entry], where: str) -> int:
    """Return the network's number of parameters, which a few trials record wrongly (see `LEGACY_SEED`)."""
    counts = {seed: round(_number(result, "params", where) * 1e6) for seed, result in results.items()}
    distinct = set(counts.values())
    if len(distinct) == 1:
        return distinct.pop()
    if LEGACY_SEED not in counts:
        raise HarnessError(f"{where}: trials disagree on 'params': {sorted(distinct)}")
    return counts[LEGACY_SEED]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _get(mapping: Any, key: Any, where: str) -> Any:
    """Read a key of what should be a dict of the official layout."""
    if not isinstance(mapping, dict) or key not in mapping:
        raise HarnessError(f"{where}: no {key!r} where the official layout has it")
    return mapping[key]


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _number(mapping: Any, key: Any, where: str) -> float:
    value = _get(mapping, key, where)
    plain = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not plain or not -LARGEST <= value <= LARGEST:  # also where it is not a number
        raise HarnessError(f"{where}: {key!r} is {brief(value)}, not a finite number below {LARGEST:g}")
    return float(value)
