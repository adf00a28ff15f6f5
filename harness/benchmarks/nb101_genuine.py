"""What tells a NAS-Bench-101 table from one that only looks like it.

The checksums that the authors publish of their files: a table that was made of one of them says so. Of any table: that
every accuracy is a share of 9,984 images; that cells are those of their hashes, in the spaces that need them, and of
the recorded sizes (of a sample); that a space that is complete has the right hashes; validation accuracies of single
trainings, from an extract, of which most must be among the three repeats. What none of that sees: other accuracies of
some cells that keep to the grid, and seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.benchmarks.nb101_spaces import DIGESTS, SIZES, member, spaces_of
from harness.errors import HarnessError
from harness.spaces.oneshot import encoding, skeleton
from harness.spaces.oneshot.encoding import Cell
from harness.spaces.oneshot.space import OneshotSpace

# sha256 as github.com/google-research/nasbench publishes them.
OFFICIAL: Final = {
    "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c": "nasbench_full.tfrecord",
    "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1": "nasbench_only108.tfrecord",
}
# The validation accuracy of one training of 108 epochs, in images, which tiga1231/nasbench-vis drew; cells that
# NAS-Bench-1Shot1 needs.
ANCHORS: Final = {
    "0300b0ad40fcd0a4e6d2bdb7ed4a72c8": 7899,
    "00829eb43156d4b65c722a656affff74": 8843,
    "0b7691c7597270978aaabe6029949866": 9011,
    "09a578c0cd6f5db946035d22809a7596": 9148,
    "0922ee996ecffb2c0c5f16d1261f6dfa": 9218,
    "04478fbcafe985706205c53a7ac5affe": 9262,
    "07a1e3cff79d192fb7a9742d1896a16e": 9286,
    "024db8e9280a85c382ed1439d645b000": 9466,
}
IMAGES: Final = 9_984  # 39 batches of 256 of the 10,000
ROUNDING: Final = 0.01  # of an image
ON_GRID: Final = ("valid", "test")
SAMPLED: Final = 500  # cells
WRONG_SIZES: Final = (3, 0.1)  # so many at least, and so large a share, of records; in truth 38 of 4,035

Columns = dict[str, NDArray[Any]]


def describe(source: str | None) -> str:
    """Say which file a table was made of, by that file's sha256."""
    if source in OFFICIAL:
        return f"made of the official {OFFICIAL[source]}"
    return "not made of one of the official files, as far as it says"


def check(hashes: NDArray[np.bytes_], numbers: Columns, epochs: Sequence[int]) -> None:
    """Raise `HarnessError` that names what cannot be the benchmark's."""
    _check_grids(numbers)
    _check_spaces(hashes, numbers)
    if 108 in epochs:
        _check_anchors(hashes, numbers)


def check_cell(cell: Cell, module_hash: str, spaces: AbstractSet[str]) -> None:
    """Raise `HarnessError` where a cell has another hash, or is of other spaces."""
    if encoding.module_hash(cell) != module_hash:
        raise HarnessError(f"matrix and ops of cell {module_hash} are those of cell {encoding.module_hash(cell)}")
    if spaces_of(cell) != spaces:
        raise HarnessError(f"cell {module_hash} is in the spaces {sorted(spaces_of(cell))}, not {sorted(spaces)}")


def check_sizes(right: Sequence[bool]) -> None:
    """Raise `HarnessError` where too few cells have as many parameters as they should.

    Some are recorded with those of another order of the same graph's vertices.
    """
    wrong, (least, share) = len(right) - sum(right), WRONG_SIZES
    if wrong > max(least, share * len(right)):
        raise HarnessError(f"column 'parameters': wrong for {wrong:,} of {len(right):,} cells: shuffled?")


def parameters(cell: Cell) -> int:
    """Count the parameters of a cell's network with CIFAR-10's classes."""
    return skeleton.count(encoding.pruned(cell), OneshotSpace.standard, 10, 32).parameters


def _check_grids(numbers: Columns) -> None:
    for name, values in numbers.items():
        if name.startswith(ON_GRID):
            images = values * IMAGES
            off = np.abs(images - np.rint(images)) > ROUNDING
            if off.any():
                row = int(np.flatnonzero(off)[0])
                raise HarnessError(f"column {name!r}, row {row}: {values[row]!r} is no share of {IMAGES:,} images")


def _check_spaces(hashes: NDArray[np.bytes_], numbers: Columns) -> None:
    """A space that is complete has its hashes; none has more."""
    for space, size in SIZES.items():
        members = hashes[numbers[member(space)]]
        known = len(members) != size or hashlib.sha256(b"\n".join(members.tolist())).hexdigest() == DIGESTS[space]
        if len(members) > size or not known:
            raise HarnessError(f"the {len(members):,} cells of space {space!r} are not those that it needs")


def _check_anchors(hashes: NDArray[np.bytes_], numbers: Columns) -> None:
    rows = {name: int(np.searchsorted(hashes, name.encode())) for name in ANCHORS}
    there = {name: row for name, row in rows.items() if row < len(hashes) and hashes[row] == name.encode()}
    valid = [numbers[f"valid_108_{repeat}"] for repeat in range(3)]
    drawn = {name: {round(float(values[row]) * IMAGES) for values in valid} for name, row in there.items()}
    missed = [name for name in there if ANCHORS[name] not in drawn[name]]
    if 2 * len(missed) > len(ANCHORS):
        raise HarnessError(
            f"valid accuracies of cell {missed[0]} are {sorted(drawn[missed[0]])} of {IMAGES:,} images, but one "
            f"training is known to have {ANCHORS[missed[0]]}; so for {len(missed)} of {len(there)} known cells"
        )
