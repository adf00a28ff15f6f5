"""Writers of a small ImageNet, three classes of it, in each of its layouts."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from harness.data import large

WNIDS = ("n01440764", "n01443537", "n01484850")
COUNTS = {"train": (5, 4, 6), "test": (2, 1, 2)}  # images of each class
SMALL = replace(large.IMAGENET, classes=3, counts={part: sum(n) for part, n in COUNTS.items()}, side=16)
SAMPLE = replace(SMALL, name="imagenet_sample", sample=(6, 3))

Picture = tuple[int, bytes]  # label, file


def pictures(part: str) -> list[Picture]:
    """Return JPEG files of odd sizes with their labels, class by class; one is grey, one a PNG, one in CMYK."""
    rng = np.random.default_rng([part == "train"])
    labels = np.repeat(np.arange(3), COUNTS[part]).tolist()
    found = []
    for number, label in enumerate(labels):
        height, width = rng.integers(17, 40, 2)
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        image = {1: image.convert("L"), 2: image.convert("CMYK")}.get(number, image)
        file = io.BytesIO()
        image.save(file, "PNG" if number == 3 else "JPEG")
        found.append((label, file.getvalue()))
    return found


def write_folders(root: Path, **change: bytes) -> Path:
    """Write folders of classes; ``change``: content by the name of a training file, as ``n01440764_00``."""
    for part, folder in (("train", "train"), ("test", "val")):
        for number, (label, content) in enumerate(pictures(part)):
            name = f"{WNIDS[label]}_{number:02}"
            file = root / "imagenet" / folder / WNIDS[label] / f"{name}.JPEG"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(change.get(name, content) if part == "train" else content)
    return root / "imagenet"


def write_parquet(root: Path, *, shuffled: bool = False, **change: Any) -> Path:
    """Write Hugging Face's files in two shards with groups of 4 rows; ``change``: whole columns of train."""
    folder = root / "imagenet" / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for part, name in (("train", "train"), ("test", "validation")):
        found = in_order(part, shuffled=shuffled)
        image = [{"bytes": content, "path": f"{number}.JPEG"} for number, (_, content) in enumerate(found)]
        columns = {"image": image, "label": [label for label, _ in found]} | (change if part == "train" else {})
        table = pa.table(columns)
        for shard, rows in enumerate(np.array_split(np.arange(len(table)), 2)):
            file = folder / f"{name}-{shard:05d}-of-00002.parquet"
            pq.write_table(table.take(pa.array(rows)), file, row_group_size=4)
    return folder


def write_tars(root: Path, *, members: dict[str, bytes] | None = None, json_labels: bool = False) -> Path:
    """Write shards of webdataset; ``members``: put into the first training shard in place of its own."""
    folder = root / "imagenet"
    folder.mkdir(parents=True, exist_ok=True)
    for part, name in (("train", "train"), ("test", "validation")):
        found = pictures(part)
        for shard, rows in enumerate(np.array_split(np.arange(len(found)), 2)):
            content = {}
            for row in rows.tolist():
                label, picture = found[row]
                key = f"{WNIDS[label]}_{row}"
                content[f"{key}.jpg"] = picture
                content[f"{key}.cls"] = str(label).encode()
                if json_labels:
                    del content[f"{key}.cls"]
                    content[f"{key}.json"] = json.dumps({"label": label, "filename": key}).encode()
            if members is not None and part == "train" and shard == 0:
                content |= members
            write_tar(folder / f"imagenet1k-{name}-{shard:04d}.tar", content)
    return folder


def write_tar(file: Path, members: dict[str, bytes]) -> None:
    """Write an archive with these files."""
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def in_order(part: str, *, shuffled: bool) -> list[Picture]:
    """Return the pictures, shuffled as Hugging Face's training files are."""
    found = pictures(part)
    return [found[row] for row in np.random.default_rng(5).permutation(len(found))] if shuffled else found


def squared(content: bytes, side: int) -> NDArray[np.uint8]:
    """Resize and cut one file, as torchvision's `Resize` and `CenterCrop` do: [3, side, side]."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    width, height = image.size
    if width <= height:
        width, height = side, int(side * height / width)
    else:
        width, height = int(side * width / height), side
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    top, left = round((height - side) / 2.0), round((width - side) / 2.0)
    return np.asarray(image).transpose(2, 0, 1)[:, top : top + side, left : left + side]
