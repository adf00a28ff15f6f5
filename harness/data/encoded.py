"""Parquet files of PNG or JPEG images in Hugging Face's column layout: ``img: {bytes, path}`` and a label.

Decoding takes about 0.1 ms an image, 6 s for all of CIFAR-10, so decoded pixels are kept in a cache folder:
``$HARNESS_CACHE``, else ``~/.cache/harness``. A cache file is named after the sha256 of the parquet file, the
number of rows and Pillow's version (decoders differ in the last bit of JPEG), so it never goes stale; it can
be deleted at any time.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from harness.data.atomic import replacing
from harness.errors import HarnessError
from harness.files import cache_folder

ROWS = 500  # read at once
LARGEST = 2**29  # bytes of a column, unpacked; all of CIFAR-10 as PNG is 135 MB
PNG_DEPTH = 24  # where a PNG file says how many bits a channel has; Pillow cuts 16 down to 8 without a word
Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


def read_parquet(
    files: Sequence[Path], label_column: str, expected: int, *, limit: int | None, side: int
) -> tuple[Pixels, Labels]:
    """Return images uint8 [n, 3, side, side] and labels int64 [n] of the first ``limit`` rows of ``files``.

    ``expected``: rows that all files together must have. Raises `HarnessError` for
    missing rows or columns and for images that do not decode to ``side`` x ``side``.
    """
    tables = [open_parquet(file) for file in files]
    count = sum(table.metadata.num_rows for table in tables)
    if count != expected:
        raise HarnessError(
            f"{files[0].parent}: {len(files)} files like {files[0].name} hold {count} images, not {expected}"
        )
    remaining = expected if limit is None else limit
    images: list[Pixels] = []
    labels: list[Labels] = []
    for file, table in zip(files, tables, strict=True):
        rows = min(remaining, table.metadata.num_rows)
        if rows:
            labels.append(_labels(file, table, label_column, rows))
            images.append(_decoded(file, table, rows, side))
            remaining -= rows
    return np.concatenate(images), np.concatenate(labels)


def open_parquet(file: Path) -> pq.ParquetFile:
    """Open a parquet file, `HarnessError` where it is none."""
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise HarnessError(f"{file}: not a readable parquet file: {error}") from error


def first_image(file: Path) -> bytes:
    """Return the encoded bytes of the first image of a parquet file."""
    value: bytes | None = _first_rows(file, open_parquet(file), "img.bytes", 1)[0].as_py()
    return value or b""


def _first_rows(file: Path, table: pq.ParquetFile, column: str, rows: int) -> pa.Array:
    """Read the first ``rows`` values of one column; a dotted name reads a field of a struct."""
    found = [table.schema.column(i).path for i in range(len(table.schema))].count(column)
    if found != 1:
        raise HarnessError(f"{file}: {'more than one' if found else 'no'} column {column!r}")
    batches, count, size = [], 0, 0
    try:
        for batch in table.iter_batches(batch_size=min(rows, ROWS), columns=[column], use_threads=False):
            batches.append(batch)
            count, size = count + batch.num_rows, size + batch.nbytes
            if size > LARGEST:  # a few bytes of file can stand for the same large image in every row
                raise HarnessError(f"{file}: column {column!r} has more than {LARGEST:,} bytes")
            if count >= rows:
                break
    except (pa.ArrowException, OSError) as error:
        raise HarnessError(f"{file}: column {column!r}: {error}") from error
    values = pa.Table.from_batches(batches).slice(0, rows).column(0).combine_chunks()
    return values.field(column.split(".")[1]) if "." in column else values


def _labels(file: Path, table: pq.ParquetFile, column: str, rows: int) -> Labels:
    values = _first_rows(file, table, column, rows)
    if not pa.types.is_integer(values.type) or values.null_count:
        raise HarnessError(f"{file}: column {column!r} must hold integers, no nulls")
    labels: Labels = values.to_numpy().astype(np.int64)
    return labels


def _decoded(file: Path, table: pq.ParquetFile, rows: int, side: int) -> Pixels:
    """Return the first ``rows`` images uint8 [rows, 3, side, side], from the cache where it has them."""
    folder = cache_folder()
    if folder is None:
        return _decode(_first_rows(file, table, "img.bytes", rows), side, file)
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()[:32]
    kept = folder / f"{checksum}-{rows}-rgb-pillow{PIL.__version__}.npy"
    images = _read_cache(kept, (rows, 3, side, side))
    if images is None:
        images = _decode(_first_rows(file, table, "img.bytes", rows), side, file)
        _write_cache(kept, images)
    return images


def _decode(encoded: pa.Array, side: int, file: Path) -> Pixels:
    images = np.empty((len(encoded), side, side, 3), dtype=np.uint8)
    for row, value in enumerate(encoded.to_pylist()):
        try:
            with Image.open(io.BytesIO(value or b""), formats=("PNG", "JPEG")) as image:
                # The header alone is read so far: a picture of the wrong size is never decoded.
                if image.size != (side, side):
                    raise HarnessError(f"{file}: row {row}: image of size {image.size}, expected {side}")
                if image.mode != "RGB" or (image.format == "PNG" and value[PNG_DEPTH] != 8):
                    raise HarnessError(f"{file}: row {row}: image of mode {image.mode}, expected 8-bit RGB")
                images[row] = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise HarnessError(f"{file}: row {row}: not a PNG or JPEG image: {error}") from error
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _read_cache(path: Path, shape: tuple[int, ...]) -> Pixels | None:
    try:
        images = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):  # absent or damaged: decoded again
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None


def _write_cache(path: Path, images: Pixels) -> None:
    """Keep decoded images. A cache that cannot be written costs time, not the run: a warning only."""
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, images)
    except OSError as error:
        warnings.warn(f"decoded images not cached in {path.parent}: {error}", stacklevel=2)
