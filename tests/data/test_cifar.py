from __future__ import annotations

import io
import os
import pickle
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from harness.data import cifar, encoded, sources
from harness.data.images import Dataset
from harness.data.load import load_dataset
from harness.errors import HarnessError
from tests.data import layouts
from tests.hostile import at_most


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "realdata" not in request.keywords:
        for name, source in layouts.SMALL.items():
            monkeypatch.setitem(sources.CIFAR, name, source)


def check_content(name: str, dataset: Dataset) -> None:
    for part, loaded in (("train", dataset.train), ("test", dataset.test)):
        images, labels = layouts.make_images(name, part)
        assert torch.equal(loaded.images, torch.from_numpy(images))
        assert loaded.labels.tolist() == labels


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_every_layout_gives_the_same_images_and_fingerprint(name: str, tmp_path: Path) -> None:
    layouts.write_folder(name, tmp_path / "python2")
    layouts.write_folder(name, tmp_path / "python3" / name, protocol=2)
    layouts.write_folder(name, tmp_path / "new", protocol=5)
    layouts.write_archive(name, tmp_path / "archive" / name, scratch=tmp_path / "scratch")
    layouts.write_parquet(name, tmp_path / "parquet")
    fingerprints = set()
    for layout in ("python2", "python3", "new", "archive", "parquet"):
        dataset = load_dataset(name, tmp_path / layout)
        check_content(name, dataset)
        assert dataset.classes == layouts.SMALL[name].classes
        fingerprints.add(dataset.fingerprint)
    assert len(fingerprints) == 1


def test_the_lossless_official_layout_goes_first(tmp_path: Path) -> None:
    layouts.write_parquet("cifar10", tmp_path, form="JPEG")
    layouts.write_folder("cifar10", tmp_path)
    check_content("cifar10", load_dataset("cifar10", tmp_path))


def test_jpeg_is_decoded_as_pillow_does(tmp_path: Path) -> None:
    layouts.write_parquet("cifar10", tmp_path, form="JPEG")
    dataset = load_dataset("cifar10", tmp_path)
    images, _ = layouts.make_images("cifar10", "train")
    expected = [np.asarray(Image.open(io.BytesIO(layouts.encode(image, "JPEG")))) for image in images]
    assert np.array_equal(dataset.train.images.numpy(), np.stack(expected).transpose(0, 3, 1, 2))


@pytest.mark.parametrize("layout", ["folder", "parquet"])
def test_a_prefix_without_tests(layout: str, tmp_path: Path) -> None:
    write = layouts.write_folder if layout == "folder" else layouts.write_parquet
    write("cifar10", tmp_path)
    images, labels = layouts.make_images("cifar10", "train")
    for limit in (1, 13, 14, 25):  # within the first shard of 13, at its end, beyond it
        dataset = load_dataset("cifar10", tmp_path, limit=limit, test=False)
        assert torch.equal(dataset.train.images, torch.from_numpy(images[:limit]))
        assert dataset.train.labels.tolist() == labels[:limit]
        assert dataset.test.images.shape == (0, 3, 32, 32)
        assert dataset.fingerprint.startswith(f"{limit}+0-")


@pytest.mark.parametrize("limit", [0, -1, 26])
def test_a_limit_beyond_the_set_is_refused(limit: int, tmp_path: Path) -> None:
    layouts.write_folder("cifar10", tmp_path)
    with pytest.raises(HarnessError, match=r"limit -?\d+ is not in 1\.\.25"):
        load_dataset("cifar10", tmp_path, limit=limit)


class Payload:
    """Unpickles by making a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("layout", ["folder", "archive"])
def test_code_in_a_batch_is_refused_and_not_run(layout: str, protocol: int, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    attack = pickle.dumps({b"data": Payload(marker), b"labels": []}, protocol=protocol)
    if layout == "folder":
        layouts.write_folder("cifar10", tmp_path / "root", data_batch_3=attack)
    else:
        layouts.write_archive("cifar10", tmp_path / "root", scratch=tmp_path / "scratch", data_batch_3=attack)
    with pytest.raises(HarnessError, match=r"data_batch_3: pickle refused: it asks for (posix|nt)\.mkdir"):
        load_dataset("cifar10", tmp_path / "root")
    assert not marker.exists()


def batch(**change: object) -> bytes:
    content: dict[bytes, object] = {b"data": np.zeros((5, 3072), np.uint8), b"labels": [0] * 5}
    return pickle.dumps(content | {key.encode(): value for key, value in change.items()})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no pickle", "data_batch_2: pickle refused"),
        (batch()[:-9], "data_batch_2: pickle refused"),
        (pickle.dumps([1, 2]), "not a CIFAR batch"),
        (pickle.dumps({b"data": np.zeros((5, 3072), np.uint8)}), "not a CIFAR batch"),
        (batch(data=np.zeros((5, 3072))), r"not uint8 \[n, 3072\]"),
        (batch(data=np.zeros((5, 3071), np.uint8)), r"not uint8 \[n, 3072\]"),
        (batch(data=np.zeros((4, 3072), np.uint8)), "not a list of 4 integers"),
        (batch(labels=[0, 0, 0, 0, "1"]), "not a list of 5 integers"),
        (batch(labels=[0, 0, 0, 0, 10]), r"train labels leave 0\.\.9"),
        (batch(labels=[0, 0, 0, 0, -1]), r"train labels leave 0\.\.9"),
        (batch(data=np.zeros((4, 3072), np.uint8), labels=[0] * 4), "24 train images, expected 25"),
    ],
)
def test_a_wrong_batch_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    layouts.write_folder("cifar10", tmp_path, data_batch_2=content)
    with pytest.raises(HarnessError, match=message):
        load_dataset("cifar10", tmp_path)


def test_a_missing_batch_and_a_broken_archive_are_named(tmp_path: Path) -> None:
    folder = layouts.write_folder("cifar10", tmp_path / "a")
    (folder / "data_batch_4").unlink()
    with pytest.raises(HarnessError, match="data_batch_4: No such file"):
        load_dataset("cifar10", tmp_path / "a")
    archive = layouts.write_archive("cifar10", tmp_path / "b", scratch=tmp_path / "scratch")
    archive.write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(HarnessError, match=r"cifar-10-python.tar.gz: broken archive"):
        load_dataset("cifar10", tmp_path / "b")


def test_an_archive_larger_than_any_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "LARGEST_ARCHIVE", 10_000_000)
    endless = bytes(50_000_000)  # 49 KB when packed
    layouts.write_archive("cifar10", tmp_path, scratch=tmp_path / "scratch", data_batch_2=endless)
    with at_most(20), pytest.raises(HarnessError, match=r"broken archive: unpacks to more than 10,000,000 bytes"):
        load_dataset("cifar10", tmp_path)


def picture(mode: str, form: str) -> dict[str, object]:
    """Return an encoded picture of 32 x 32 in one of Pillow's modes."""
    buffer = io.BytesIO()
    Image.new(mode, (32, 32)).save(buffer, form)
    return {"bytes": buffer.getvalue(), "path": ""}


def sixteen_bits_a_channel() -> dict[str, object]:
    """Return a PNG of 32 x 32 with three channels of 16 bits, which Pillow cannot write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80\0" * 96) * 32)
    encoded = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return {"bytes": encoded, "path": ""}


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        *((picture(mode, "PNG"), mode) for mode in ("I;16", "L", "LA", "RGBA", "P", "1")),
        *((picture(mode, "JPEG"), mode) for mode in ("L", "CMYK")),
        (sixteen_bits_a_channel(), "RGB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_images_of_other_modes_are_not_taken_for_rgb(image: dict[str, object], mode: str, tmp_path: Path) -> None:
    layouts.write_parquet("cifar10", tmp_path, img=[image] * 25)
    with pytest.raises(HarnessError, match=f"row 0: image of mode {mode}, expected 8-bit RGB"):
        load_dataset("cifar10", tmp_path)


def test_a_column_written_twice_is_named(tmp_path: Path) -> None:
    folder = layouts.write_parquet("cifar10", tmp_path, shards=1)
    (file,) = folder.glob("train-*")
    table = pq.read_table(file)
    pq.write_table(table.append_column("label", table["label"]), file)
    with pytest.raises(HarnessError, match="more than one column 'label'"):
        load_dataset("cifar10", tmp_path)


def test_no_home_means_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts.write_parquet("cifar10", tmp_path)
    monkeypatch.delenv("HARNESS_CACHE")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    check_content("cifar10", load_dataset("cifar10", tmp_path))
    assert not (tmp_path / "~").exists()


def test_a_sparse_member_larger_than_any_is_not_read(tmp_path: Path) -> None:
    archive = layouts.write_archive("cifar10", tmp_path, scratch=tmp_path / "scratch")
    member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    member.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**12)}
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as file:
        file.addfile(member)
    with at_most(20), pytest.raises(HarnessError, match="no member cifar-10-batches-py/data_batch_1"):
        load_dataset("cifar10", tmp_path)


def test_images_of_one_large_one_many_times_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "LARGEST", 10_000_000)
    monkeypatch.setattr(encoded, "ROWS", 2)
    layouts.write_parquet("cifar10", tmp_path, img=[{"bytes": bytes(3_000_000), "path": ""}] * 25)
    with pytest.raises(HarnessError, match=r"column 'img\.bytes' has more than 10,000,000 bytes"):
        load_dataset("cifar10", tmp_path)


@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "cifar10/train-00000-of-00001.parquet"])
def test_a_pipe_named_like_data_is_not_waited_for(name: str, tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    os.mkfifo(tmp_path / name)
    with pytest.raises(sources.DataMissing, match=r"(gz|parquet): not a regular file"):
        load_dataset("cifar10", tmp_path)


JPEG16 = {"bytes": layouts.encode(np.zeros((3, 16, 16), np.uint8), "JPEG"), "path": ""}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"img": [JPEG16] * 25}, r"row 0: image of size \(16, 16\), expected 32"),
        ({"img": [{"bytes": b"GIF89a", "path": ""}] * 25}, "row 0: not a PNG or JPEG image"),
        ({"img": [{"bytes": None, "path": "a.png"}] * 25}, "column 'img.bytes'|row 0: not a PNG or JPEG image"),
        ({"img": [{"path": "a.png"}] * 25}, "no column 'img.bytes'"),
        ({"label": [None] * 25}, "must hold integers, no nulls"),
        ({"label": [0.0] * 25}, "must hold integers, no nulls"),
        ({"label": [10] * 25}, r"train labels leave 0\.\.9"),
        ({"label": None}, "no column 'label'"),
    ],
)
def test_wrong_columns_are_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    layouts.write_parquet("cifar10", tmp_path, **change)
    with pytest.raises(HarnessError, match=message):
        load_dataset("cifar10", tmp_path)


def test_missing_and_broken_shards_are_named(tmp_path: Path) -> None:
    folder = layouts.write_parquet("cifar10", tmp_path)
    shard = folder / "train-00001-of-00002.parquet"
    shard.write_bytes(shard.read_bytes()[:500])
    with pytest.raises(HarnessError, match=r"train-00001-of-00002\.parquet: not a readable parquet file"):
        load_dataset("cifar10", tmp_path)
    shard.unlink()
    with pytest.raises(HarnessError, match="hold 13 images, not 25"):
        load_dataset("cifar10", tmp_path)


def test_the_test_images_may_be_absent_only_if_not_asked_for(tmp_path: Path) -> None:
    folder = layouts.write_parquet("cifar10", tmp_path)
    for file in folder.glob("test-*"):
        file.unlink()
    assert len(load_dataset("cifar10", tmp_path, test=False).train) == 25
    with pytest.raises(sources.DataMissing, match=r"no test-\*.parquet"):
        load_dataset("cifar10", tmp_path)


def test_absent_data_is_described(tmp_path: Path) -> None:
    with pytest.raises(sources.DataMissing) as caught:
        load_dataset("cifar10", tmp_path)
    message = str(caught.value)
    for part in (str(tmp_path), "cifar-10-batches-py", "cifar10/train-*.parquet", "170,498,071 bytes"):
        assert part in message
    assert "c58f30108f718f92721af3b95e74349a" in message
    assert "\n" not in message
    with pytest.raises(sources.DataMissing, match="HARNESS_DATA is not set"):
        load_dataset("cifar100", None)


def test_an_unknown_dataset_gets_the_nearest_name() -> None:
    with pytest.raises(HarnessError, match=r"unknown dataset 'cifar'; did you mean 'cifar10'"):
        load_dataset("cifar", None)


class TestCache:
    def test_the_second_read_does_not_decode(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        layouts.write_parquet("cifar10", tmp_path)
        first = load_dataset("cifar10", tmp_path)
        monkeypatch.setattr(encoded, "_decode", lambda *_: pytest.fail("decoded again"))
        assert load_dataset("cifar10", tmp_path).fingerprint == first.fingerprint

    def test_other_content_is_not_served(self, tmp_path: Path) -> None:
        layouts.write_parquet("cifar10", tmp_path / "a")
        layouts.write_parquet("cifar10", tmp_path / "b", form="JPEG")
        first = load_dataset("cifar10", tmp_path / "a").fingerprint
        assert load_dataset("cifar10", tmp_path / "b").fingerprint != first

    @pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01\x00", b"some text"])
    def test_a_damaged_file_is_decoded_again(self, damage: bytes, tmp_path: Path, cache: Path) -> None:
        layouts.write_parquet("cifar10", tmp_path)
        first = load_dataset("cifar10", tmp_path)
        files = list(cache.iterdir())
        assert len(files) == 4  # two shards of each part, no temporary files
        for file in files:
            file.write_bytes(damage)
        assert load_dataset("cifar10", tmp_path).fingerprint == first.fingerprint

    def test_a_pickle_in_the_cache_is_not_run(self, tmp_path: Path, cache: Path) -> None:
        layouts.write_parquet("cifar10", tmp_path)
        load_dataset("cifar10", tmp_path)
        for file in cache.iterdir():
            file.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
        check_content("cifar10", load_dataset("cifar10", tmp_path))
        assert not (tmp_path / "ran").exists()

    def test_no_cache_is_a_warning(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        layouts.write_parquet("cifar10", tmp_path, shards=1)
        blocker = tmp_path / "file"
        blocker.write_text("in the way")
        monkeypatch.setenv("HARNESS_CACHE", str(blocker / "cache"))
        with pytest.warns(UserWarning, match="decoded images not cached"):
            check_content("cifar10", load_dataset("cifar10", tmp_path))


@pytest.mark.realdata
class TestReal:
    def test_all_of_cifar10(self, real_root: Path) -> None:
        dataset = load_dataset("cifar10", real_root)
        assert dataset.train.images.shape == (50_000, 3, 32, 32)
        assert dataset.test.images.shape == (10_000, 3, 32, 32)
        assert dataset.train.labels.bincount().tolist() == [5000] * 10
        assert dataset.test.labels.bincount().tolist() == [1000] * 10
        # JPEG moves single pixels, not the published channel statistics.
        pixels = dataset.train.images.float()
        assert pixels.mean(dim=(0, 2, 3)).tolist() == pytest.approx(dataset.mean, abs=0.6)
        assert pixels.std(dim=(0, 2, 3)).tolist() == pytest.approx(dataset.std, abs=1.5)

    def test_a_prefix_of_cifar10_is_balanced_and_equals_the_whole(self, real_root: Path) -> None:
        part = load_dataset("cifar10", real_root, limit=8000, test=False)
        counts = part.train.labels.bincount(minlength=10)
        assert counts.min() >= 750 and counts.max() <= 850
        whole = load_dataset("cifar10", real_root, test=False)
        assert torch.equal(part.train.images, whole.train.images[:8000])
        assert torch.equal(part.train.labels, whole.train.labels[:8000])
        assert part.fingerprint != whole.fingerprint
