"""Large images, resized once: uint8 squares in one file that is mapped into memory, with checksums.

What is kept is the middle square of the image whose shorter side has so many pixels (bilinear, as torchvision's
``Resize`` and ``CenterCrop``): for evaluation that is the usual protocol; random crops of training are cut out of it,
and never see the margins of a long image.

A file lies in the cache folder (``$HARNESS_CACHE``, else ``~/.cache/harness``) under the checksum of what it is made
of. Beside it lies a list with the sha256 of every chunk of images. A chunk counts once it is written, on the disk and
in that list, so that a killed run goes on where it was; one that does not have its checksum is made anew. Every load
hashes every chunk that it needs: a disk that errs is noticed, and all of ImageNet, 260 GB, is read once more before a
run begins. Several processes may make the same file: its length and its list change under a lock.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from harness.data.atomic import replacing
from harness.data.encoded import Pixels
from harness.data.large import gigabytes
from harness.data.large_layouts import Encoded, Layout
from harness.data.locks import locked
from harness.errors import HarnessError
from harness.files import CACHE_VARIABLE, cache_folder, read_regular

CHUNK = 2000  # images
AHEAD = 64  # images that wait to be decoded, as files; a few MB
Digests = dict[str, str]  # place of a chunk: sha256
FORMATS = ("JPEG", "PNG")  # one "JPEG" of ImageNet is a PNG


@dataclass(frozen=True)
class Kept:
    """Resized images: ``path`` holds uint8 [n, 3, side, side]; ``digest``: identifies those that were asked for."""

    path: Path
    digest: str


def kept_images(name: str, layout: Layout, numbers: NDArray[np.int64], side: int, count: int) -> Kept:
    """Return the file with the images of these numbers, of which the first ``count`` are made where they are missing.

    ``name``: of the file; it must say of what data. Raises `HarnessError` for an image that cannot be read, and where
    there is no place for those that are made: whole chunks.
    """
    path = folder() / f"{name}-{side}-pillow{PIL.__version__}.u8"
    chunks = [numbers[first : first + CHUNK] for first in range(0, count, CHUNK)]
    try:
        _reserve(path, sum(map(len, chunks)) * 3 * side**2)
        digests = _read_digests(path)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for place, chunk in enumerate(chunks):
                size, start = len(chunk) * 3 * side**2, place * CHUNK * 3 * side**2
                if digests.get(str(place)) != _digest(path, start, size):
                    digests = _made(path, place, start, _resized(layout, chunk, side, pool), digests)
    except OSError as error:
        raise HarnessError(f"{error.filename or path}: {error.strerror}") from error
    whole = hashlib.sha256("".join(digests[str(place)] for place in range(len(chunks))).encode())
    return Kept(path, whole.hexdigest()[:16])


def folder() -> Path:
    """Return the cache folder; raise `HarnessError` where there is none."""
    found = cache_folder()
    if found is None:
        raise HarnessError(f"there is no folder for resized images: set {CACHE_VARIABLE}")
    return found


def _reserve(path: Path, size: int) -> None:
    """Make the file at least so long; raise `HarnessError` where the disk is too small for what it does not hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = path.stat() if path.exists() else None
    if facts is not None and facts.st_size >= size:
        return
    missing = size - (facts.st_blocks * 512 if facts else 0)  # what was reserved and never written takes no place
    free = shutil.disk_usage(path.parent).free
    if free < missing:
        what = f"the resized images take {gigabytes(missing):.1f} GB, and {gigabytes(free):.1f} GB are free"
        raise HarnessError(f"{path.parent}: {what}; {CACHE_VARIABLE} names another folder")
    with locked(_lock(path)), path.open("ab") as file:
        file.truncate(max(size, os.fstat(file.fileno()).st_size))  # another process may need more of it


def _lock(path: Path) -> Path:
    return path.with_suffix(".lock")


def _list(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_digests(path: Path) -> Digests:
    """Return the checksums of chunks by their places; what cannot be read counts as nothing."""
    try:
        found = json.loads(read_regular(_list(path)))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _digest(path: Path, start: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while size > 0 and (block := file.read(min(size, 2**24))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _made(path: Path, place: int, start: int, images: Pixels, known: Digests) -> Digests:
    """Write a chunk, then list its checksum beside those ``known`` and those that others listed; return them all."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(images.data)
        file.flush()
        os.fsync(file.fileno())
    mine = {str(place): hashlib.sha256(images.data).hexdigest()}
    with locked(_lock(path)):
        digests = {**known, **_read_digests(path), **mine}
        with replacing(_list(path)) as temporary:
            temporary.write_text(json.dumps(digests))
    return digests


def _resized(layout: Layout, numbers: NDArray[np.int64], side: int, pool: Executor) -> Pixels:
    """Return images uint8 [n, 3, side, side]; threads decode, one reads."""
    images = np.empty((len(numbers), 3, side, side), dtype=np.uint8)
    encoded = layout.read(numbers.tolist())
    for first in range(0, len(numbers), AHEAD):
        part = [next(encoded) for _ in range(min(AHEAD, len(numbers) - first))]
        for place, image in enumerate(pool.map(lambda one: resize(one, side), part), first):
            images[place] = image
    return images


def resize(encoded: Encoded, side: int) -> Pixels:
    """Decode one image and return its middle square uint8 [3, side, side]; raise `HarnessError` for a broken one."""
    try:
        with Image.open(io.BytesIO(encoded.content), formats=FORMATS) as image:
            plain = image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise HarnessError(f"{encoded.where}: not a JPEG or PNG image: {error}") from error
    width, height = (side * length // min(plain.size) for length in plain.size)
    small = plain.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return np.asarray(small.crop((left, top, left + side, top + side))).transpose(2, 0, 1)


def made(path_stem: str, side: int, count: int) -> float:
    """Return the share of chunks of a file that are listed as made, from 0 to 1; nothing is verified."""
    path = folder() / f"{path_stem}-{side}-pillow{PIL.__version__}.u8"
    return len(_read_digests(path)) / max(1, -(-count // CHUNK))
