"""SVHN and ImageNet16-120 from small files in their publishers' formats."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import savemat

from harness.data import folders, load, sources
from harness.errors import HarnessError

RNG = np.random.default_rng(0)


def digits(file, count, **changes):
    pixels = RNG.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
    labels = (np.arange(count) % 10 + 1)[:, None].astype(np.uint8)
    savemat(file, {"X": pixels, "y": labels} | changes, do_compression=True)
    return pixels, labels


def batch(file, count, first=1, **changes):
    pixels = RNG.integers(0, 256, (count, 768), dtype=np.uint8)
    labels = [(first + 60 * number - 1) % 1000 + 1 for number in range(count)]
    file.write_bytes(pickle.dumps({"data": pixels, "labels": labels, "mean": pixels[0]} | changes, protocol=2))
    return pixels, labels


@pytest.fixture
def svhn(tmp_path, monkeypatch):
    (tmp_path / "svhn").mkdir()
    small = {"svhn": (sources.SVHN, 12), "svhn_extra": (sources.SVHN_EXTRA, 17)}
    for name, (source, train) in small.items():
        monkeypatch.setitem(sources.FOLDERS, name, replace(source, counts={"train": train, "test": 5}))
    written = {part: digits(tmp_path / "svhn" / f"{part}_32x32.mat", n) for part, n in (("train", 12), ("test", 5))}
    return tmp_path, written


def test_svhn_is_read_as_published(svhn):
    root, written = svhn
    data = load.load_dataset("svhn", root)
    for part, read in (("train", data.train), ("test", data.test)):
        pixels, labels = written[part]
        for number in (0, 4):
            assert np.array_equal(read.images[number].permute(1, 2, 0).numpy(), pixels[..., number])
        assert read.labels.tolist() == [int(label) % 10 for label in labels[:, 0]]  # 10 stands for 0
    assert (data.classes, data.mean) == (10, sources.SVHN.mean)
    prefix = load.load_dataset("svhn", root, limit=3, test=False)
    assert len(prefix.train) == 3 and len(prefix.test) == 0 and prefix.fingerprint != data.fingerprint


def test_the_extra_images_follow_the_others(svhn):
    root, _ = svhn
    with pytest.raises(HarnessError, match=r"extra_32x32.mat: No such file"):
        load.load_dataset("svhn_extra", root)
    extra, _ = digits(root / "svhn" / "extra_32x32.mat", 5)
    data = load.load_dataset("svhn_extra", root)
    assert len(data.train) == 17
    assert np.array_equal(data.train.images[12].permute(1, 2, 0).numpy(), extra[..., 0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"X": np.zeros((32, 32, 3, 12))}, r"'X' is float64 \[32, 32, 3, 12\]"),
        ({"X": np.zeros((16, 16, 3, 12), dtype=np.uint8)}, r"expected uint8 \[32, 32, 3, n\]"),
        ({"y": np.zeros((11, 1), dtype=np.uint8)}, r"'y' is uint8 \[11, 1\]"),
        ({"y": np.full((12, 1), 11, dtype=np.uint8)}, "train labels leave the 10 classes"),
    ],
)
def test_a_wrong_file_of_svhn_is_named(svhn, changes, says):
    root, _ = svhn
    digits(root / "svhn" / "train_32x32.mat", 12, **changes)
    with pytest.raises(HarnessError, match=says):
        load.load_dataset("svhn", root)


def test_broken_and_missing_files_are_said_in_one_line(svhn, tmp_path):
    root, _ = svhn
    (root / "svhn" / "train_32x32.mat").write_bytes(b"no matlab")
    with pytest.raises(HarnessError, match=r"train_32x32.mat: no file of Matlab with 'X' and 'y'"):
        load.load_dataset("svhn", root)
    digits(root / "svhn" / "train_32x32.mat", 11)
    with pytest.raises(HarnessError, match="11 train images, expected 12"):
        load.load_dataset("svhn", root)
    with pytest.raises(sources.DataMissing, match="dataset svhn not found under"):
        load.load_dataset("svhn", tmp_path / "elsewhere")


@pytest.fixture
def imagenet16(tmp_path, monkeypatch):
    folder = tmp_path / "ImageNet16"
    folder.mkdir()
    small = replace(sources.IMAGENET16_120, counts={"train": 20, "test": 2})
    monkeypatch.setitem(sources.FOLDERS, "imagenet16_120", small)
    written = [batch(folder / name, 9) for name in (*small.members["train"], "val_data")]
    return tmp_path, written


def test_imagenet16_keeps_the_first_120_classes_from_0(imagenet16):
    """Labels of a batch: 1, 61, 121, 181, ..., of which two stay."""
    root, written = imagenet16
    data = load.load_dataset("imagenet16_120", root)
    assert data.train.labels.tolist() == [0, 60] * 10 and data.test.labels.tolist() == [0, 60]
    assert np.array_equal(data.train.images[3].numpy(), written[1][0][1].reshape(3, 16, 16))
    assert data.classes == 120 and data.crop_padding == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": np.zeros((9, 768))}, r"'data' is not uint8 \[n, 768\]"),
        ({"labels": [1] * 8}, "'labels' is not a list of 9 integers"),
        ({"labels": [0] * 9}, "27 train images, expected 20"),
        ({"labels": print}, "pickle refused"),
    ],
)
def test_a_wrong_batch_of_imagenet16_is_named(imagenet16, changes, says):
    root, _ = imagenet16
    batch(root / "ImageNet16" / "train_data_batch_3", 9, **changes)
    with pytest.raises(HarnessError, match=says):
        load.load_dataset("imagenet16_120", root)


def test_sizes_are_those_that_the_publishers_state():
    assert (sources.SVHN.counts, sources.SVHN_EXTRA.counts["train"]) == ({"train": 73257, "test": 26032}, 604388)
    assert sources.IMAGENET16_120.counts == {"train": 151700, "test": 6000}
    assert folders.LARGEST > 1.3e9
