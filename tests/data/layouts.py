"""Writers of small CIFAR-like data sets in the official and in Hugging Face's layout."""

from __future__ import annotations

import dataclasses
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from harness.data.sources import CIFAR10, CIFAR100

SMALL10 = dataclasses.replace(CIFAR10, counts={"train": 25, "test": 8})
SMALL100 = dataclasses.replace(CIFAR100, counts={"train": 25, "test": 8})
SMALL = {"cifar10": SMALL10, "cifar100": SMALL100}

Images = NDArray[np.uint8]


def make_images(name: str, part: str, *, seed: int = 0) -> tuple[Images, list[int]]:
    """Return random images [n, 3, 32, 32] and labels of the small data set's part."""
    source = SMALL[name]
    count = source.counts["train"] if part == "train" else source.counts["test"]
    rng = np.random.default_rng([seed, part == "train", source.classes])
    images = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return images, rng.integers(0, source.classes, count).tolist()


def python2_batch(data: Images, label_key: bytes, labels: list[int]) -> bytes:
    """Write ``{'data': data, label_key: labels}`` opcode by opcode as Python 2 and its numpy did (protocol 2)."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    rows, columns = data.shape
    raw = data.tobytes()
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    state = b"(K\x01" + struct.pack("<cHcH", b"M", rows, b"M", columns) + b"\x86" + dtype
    state += b"\x89T" + struct.pack("<I", len(raw)) + raw + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + state + text(label_key) + listed + b"u."


def python3_batch(data: Images, label_key: bytes, labels: list[int], *, protocol: int) -> bytes:
    """Write the same batch as a Python 3 program would."""
    return pickle.dumps({b"data": data, label_key: labels}, protocol=protocol)


def write_folder(name: str, root: Path, *, protocol: int | None = None, **batch: bytes) -> Path:
    """Write the official folder; ``protocol`` None: as Python 2 did; ``batch``: contents to put in a file's place."""
    source = SMALL[name]
    folder = root / source.folder
    folder.mkdir(parents=True)
    for part, members in source.members.items():
        images, labels = make_images(name, part)
        for member, rows in zip(members, np.array_split(np.arange(len(images)), len(members)), strict=True):
            data, some = images[rows].reshape(len(rows), -1), [labels[i] for i in rows]
            if protocol is None:
                content = python2_batch(data, source.label_key, some)
            else:
                content = python3_batch(data, source.label_key, some, protocol=protocol)
            (folder / member).write_bytes(batch.get(member, content))
    return folder


def write_archive(name: str, root: Path, *, scratch: Path, **batch: bytes) -> Path:
    """Write the official archive, members in reverse order, as order must not matter."""
    source = SMALL[name]
    folder = write_folder(name, scratch, **batch)
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(root / source.archive.file, "w:gz") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.add(file, f"{source.folder}/{file.name}")
    return root / source.archive.file


def encode(image: Images, form: str) -> bytes:
    """Encode one image [3, h, w] as PNG or JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(buffer, form)
    return buffer.getvalue()


def write_parquet(name: str, root: Path, *, form: str = "PNG", shards: int = 2, **change: Any) -> Path:
    """Write Hugging Face's layout with small row groups; ``change``: whole columns of train to put in place."""
    source = SMALL[name]
    folder = root / name
    folder.mkdir(parents=True)
    for part in source.counts:
        images, labels = make_images(name, part)
        encoded = [{"bytes": encode(image, form), "path": f"{i}.{form}"} for i, image in enumerate(images)]
        columns: dict[str, Any] = {"img": encoded, source.label_column: labels}
        columns |= change if part == "train" else {}
        table = pa.table({key: value for key, value in columns.items() if value is not None})
        for shard, rows in enumerate(np.array_split(np.arange(len(images)), shards)):
            file = folder / f"{part}-{shard:05d}-of-{shards:05d}.parquet"
            pq.write_table(table.take(pa.array(rows)), file, row_group_size=5)
    return folder
