"""A writer of NAS-Bench-101's official format that shares nothing with the importer.

Framing, checksum and Protocol Buffers' wire format are written by hand, from their specifications; so is the hash of a
cell. Numbers are made up, from the hash, on the benchmark's grid.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from harness.benchmarks.nb101_file import cell_of
from harness.benchmarks.nb101_genuine import parameters
from harness.benchmarks.nb101_spaces import graphs
from harness.spaces.oneshot import encoding

LABELS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
IMAGES = 9984


class Cell(NamedTuple):
    """What a file says of a cell, whatever its training."""

    hash: str
    matrix: str
    ops: str
    parameters: int


class Numbers(NamedTuple):
    """What was measured at the end of a training."""

    train: float
    valid: float
    test: float
    seconds: float


def _table() -> list[int]:
    """CRC-32C of every byte, bit by bit: the reflected polynomial 0x1EDC6F41."""
    found = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return found


_CRC = _table()


def crc32c(content: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in content:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def checksum(content: bytes) -> bytes:
    """Return the masked checksum: rotated right by 15 bits, plus a constant."""
    crc = crc32c(content)
    rotated = (crc >> 15) | ((crc & 0x7FFF) << 17)
    return struct.pack("<I", (rotated + 0xA282EAD8) % 2**32)


def frame(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + checksum(length) + content + checksum(content)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def text(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def evaluation(epoch: float, numbers: Numbers, path: bytes = b"") -> bytes:
    fields = (epoch, numbers.seconds, numbers.train, numbers.valid, numbers.test)
    return b"".join(double(n, value) for n, value in enumerate(fields, start=1)) + (text(6, path) if path else b"")


def metrics(size: int, evaluations: Iterable[bytes]) -> bytes:
    parts = b"".join(text(1, one) for one in evaluations)
    return parts + varint(2 << 3) + varint(size) + double(3, 4321.5)


def numbers_of(cell: Cell, epochs: int, repeat: int) -> Numbers:
    """Make numbers up, as the benchmark's single-precision values are."""
    start = int(cell.hash[:6], 16) + 31 * epochs + 97 * repeat
    shares = [_single((start * factor % 9000 + 900) / IMAGES) for factor in (1, 3, 7)]
    return Numbers(shares[0], shares[1], shares[2], _single(epochs * 17.25 + start % 1000 / 7))


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def content(cell: Cell, epochs: int, repeat: int) -> bytes:
    """Return one training's record, without its frame."""
    final = numbers_of(cell, epochs, repeat)
    half = Numbers(final.train / 2, final.valid / 2, final.test / 2, final.seconds / 2)
    steps = ((0.0, Numbers(0.1, 0.1, 0.1, 0.5)), (epochs / 2, half), (float(epochs), final))
    return listed(cell, epochs, metrics(cell.parameters, (evaluation(*step) for step in steps)))


def listed(cell: Cell, epochs: object, message: bytes) -> bytes:
    return json.dumps([cell.hash, epochs, cell.matrix, cell.ops, base64.b64encode(message).decode()]).encode()


def contents(cells: Iterable[Cell], epochs: Sequence[int] = (108,)) -> list[bytes]:
    return [content(cell, e, repeat) for cell in cells for e in epochs for repeat in range(3)]


def write(path: Path, records: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(map(frame, records)))
    return path


def module_hash(matrix: str, ops: str) -> str:
    """Hash a pruned cell as ``graph_util.hash_module`` describes it: in- and out-degrees, then neighbours, as often as
    there are vertices."""
    labels = ops.split(",")
    size = len(labels)
    edges = [(a, b) for a in range(size) for b in range(size) if matrix[size * a + b] == "1"]
    into = [[a for a, b in edges if b == vertex] for vertex in range(size)]
    out = [[b for a, b in edges if a == vertex] for vertex in range(size)]
    numbers = [-1, *(LABELS.index(label) for label in labels[1:-1]), -2]
    found = [_md5(f"({len(out[v])}, {len(into[v])}, {numbers[v]})") for v in range(size)]
    for _ in range(size):
        found = [
            _md5(
                "".join(sorted(found[a] for a in into[v])) + "|" + "".join(sorted(found[b] for b in out[v])) + "|" + own
            )
            for v, own in enumerate(found)
        ]
    return _md5("[" + ", ".join(f"'{one}'" for one in sorted(found)) + "]")


def _md5(value: str) -> str:
    return hashlib.md5(value.encode()).hexdigest()


def cell(matrix: str, ops: str) -> Cell:
    return Cell(module_hash(matrix, ops), matrix, ops, parameters(cell_of(matrix, ops)))


def of_cell(encoded: encoding.Cell) -> Cell:
    """Write one of our own cells, which has no loose ends."""
    return cell("".join(str(entry) for row in encoded.matrix for entry in row), ",".join(encoded.labels))


def cells_of(space: str) -> list[Cell]:
    """Write every cell that a space needs: all operations on each of its graphs."""
    labelled = (encoding.Cell(ops, g) for g in graphs(space) for ops in product(encoding.OPS, repeat=len(g) - 1))
    return list({one.hash: one for one in map(of_cell, labelled)}.values())


def some_cells(count: int, seed: int = 0) -> list[Cell]:
    """Draw different cells that have no loose ends."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        size = draw.randint(3, 7)
        pairs = [(a, b) for a in range(size) for b in range(a + 1, size)]
        edges = draw.sample(pairs, draw.randint(size - 1, min(9, len(pairs))))
        if all(any(a == v for a, _ in edges) for v in range(size - 1)) and all(
            any(b == v for _, b in edges) for v in range(1, size)
        ):
            matrix = "".join(str(int((a, b) in edges)) for a in range(size) for b in range(size))
            one = cell(matrix, ",".join(["input", *draw.choices(LABELS, k=size - 2), "output"]))
            found.setdefault(one.hash, one)
    return list(found.values())
