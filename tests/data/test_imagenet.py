"""ImageNet from small files in each of its layouts: resized once, gone on with, and refused where it is wrong."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from harness.data import large, resized, sources
from harness.data.imagenet import sampled
from harness.data.load import load_dataset
from harness.data.locks import try_lock
from harness.data.status import status
from harness.errors import HarnessError
from harness.runner.availability import TEST_IMAGES, TRAINING_IMAGES, find_data
from tests.data import large_layouts as layouts

WRITERS = {
    "folders": layouts.write_folders,
    "parquet": layouts.write_parquet,
    "webdataset": layouts.write_tars,
}


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """Three classes in squares of 16, in chunks of 4 images, kept in a cache of its own."""
    monkeypatch.setitem(large.LARGE, "imagenet", layouts.SMALL)
    monkeypatch.setitem(large.LARGE, "imagenet_sample", layouts.SAMPLE)
    monkeypatch.setattr(resized, "CHUNK", 4)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def decoded(monkeypatch):
    """Count the images that are decoded."""
    seen = []
    monkeypatch.setattr(resized, "resize", lambda one, side, plain=resized.resize: seen.append(one) or plain(one, side))
    return seen


def check(data, part, found):
    read = data.train if part == "train" else data.test
    assert read.labels.tolist() == [label for label, _ in found]
    for image, (_, content) in zip(read.images, found, strict=True):
        assert np.array_equal(image.numpy(), layouts.squared(content, 16))


@pytest.mark.parametrize("kind", WRITERS)
def test_every_layout_gives_the_same_images(tmp_path, kind):
    WRITERS[kind](tmp_path)
    data = load_dataset("imagenet", tmp_path)
    for part in ("train", "test"):
        check(data, part, layouts.pictures(part))
    assert (data.classes, data.mean, data.fingerprint[:5]) == (3, large.IMAGENET.mean, "15+5-")
    prefix = load_dataset("imagenet", tmp_path, limit=6, test=False)
    assert len(prefix.train) == 6 and len(prefix.test) == 0 and prefix.fingerprint != data.fingerprint


def test_shards_may_be_shuffled_and_labels_stand_in_json(tmp_path):
    layouts.write_parquet(tmp_path / "a", shuffled=True)
    check(load_dataset("imagenet", tmp_path / "a"), "train", layouts.in_order("train", shuffled=True))
    layouts.write_tars(tmp_path / "b", json_labels=True)
    check(load_dataset("imagenet", tmp_path / "b"), "train", layouts.pictures("train"))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_search_has_a_random_part_for_weights_and_another_for_the_architecture(tmp_path, kind):
    WRITERS[kind](tmp_path)
    data, numbers = load_dataset("imagenet_sample", tmp_path), sampled(layouts.SAMPLE).tolist()
    assert len(set(numbers)) == 9 and numbers[:6] == sorted(numbers[:6]) and numbers[6:] == sorted(numbers[6:])
    assert numbers != list(range(9))
    check(data, "train", [layouts.pictures("train")[number] for number in numbers])
    check(data, "test", layouts.pictures("test"))


def test_published_sizes_are_a_tenth_and_a_fortieth():
    assert large.IMAGENET.counts == {"train": 1_281_167, "test": 50_000}
    assert large.IMAGENET_SAMPLE.sample == (1_281_167 // 10, 1_281_167 // 40)
    assert (TRAINING_IMAGES["imagenet_sample"], TEST_IMAGES["imagenet_sample"]) == (160_145, 50_000)
    assert round(large.gigabytes(large.cache_bytes(large.IMAGENET))) == 262


def test_images_are_decoded_once_and_only_those_that_are_asked_for(tmp_path, decoded):
    layouts.write_folders(tmp_path)
    load_dataset("imagenet", tmp_path, limit=3, test=False)
    assert len(decoded) == 4  # a chunk
    load_dataset("imagenet", tmp_path)
    assert len(decoded) == 15 + 5
    load_dataset("imagenet", tmp_path)
    assert len(decoded) == 15 + 5


def test_a_killed_run_goes_on_and_a_damaged_chunk_is_made_anew(tmp_path, decoded, monkeypatch):
    layouts.write_folders(tmp_path)
    plain = resized._made

    def killed(path, place, *rest):
        if place == 2:
            raise KeyboardInterrupt
        return plain(path, place, *rest)

    monkeypatch.setattr(resized, "_made", killed)
    with pytest.raises(KeyboardInterrupt):
        load_dataset("imagenet", tmp_path)
    monkeypatch.setattr(resized, "_made", plain)
    del decoded[:]
    data = load_dataset("imagenet", tmp_path)
    assert len(decoded) == 7 + 5  # two chunks of four were there
    check(data, "train", layouts.pictures("train"))
    file = next((tmp_path / "cache").glob("imagenet-train-*.u8"))
    content = bytearray(file.read_bytes())
    content[5 * 3 * 16 * 16] ^= 1  # of the second chunk
    file.write_bytes(content)
    del decoded[:], data
    check(load_dataset("imagenet", tmp_path), "train", layouts.pictures("train"))
    assert len(decoded) == 4


def test_no_chunk_is_lost_where_others_write_the_same_list(tmp_path, decoded, monkeypatch):
    layouts.write_folders(tmp_path)
    plain = resized._resized

    def meanwhile(layout, numbers, *rest):
        for path in (tmp_path / "cache").glob("*-train-*.json"):
            path.write_text('{"9": "of another process"}')  # which read the list before ours was there
        return plain(layout, numbers, *rest)

    monkeypatch.setattr(resized, "_resized", meanwhile)
    data = load_dataset("imagenet", tmp_path, test=False)
    check(data, "train", layouts.pictures("train"))
    listed = json.loads(next((tmp_path / "cache").glob("imagenet-train-*.json")).read_text())
    assert sorted(listed) == ["0", "1", "2", "3", "9"]
    monkeypatch.setattr(resized, "_resized", plain)
    del decoded[:]
    assert load_dataset("imagenet", tmp_path, test=False).fingerprint == data.fingerprint and not decoded


def test_the_list_is_read_and_replaced_by_one_process_at_a_time(tmp_path, monkeypatch):
    layouts.write_folders(tmp_path)
    plain, held = resized.replacing, []

    def replacing(path):
        with path.with_suffix(".lock").open() as lock:
            held.append(try_lock(lock.fileno()) is False)
        return plain(path)

    monkeypatch.setattr(resized, "replacing", replacing)
    load_dataset("imagenet", tmp_path)
    assert held == [True] * (4 + 2)


def test_room_is_asked_for_what_is_made_and_a_file_never_shrinks(tmp_path, monkeypatch):
    layouts.write_folders(tmp_path)
    one = 3 * 16 * 16
    monkeypatch.setattr(resized.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 4 * one))
    load_dataset("imagenet", tmp_path, limit=3, test=False)
    file = next((tmp_path / "cache").glob("imagenet-train-*.u8"))
    assert file.stat().st_size == 4 * one
    monkeypatch.setattr(resized.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 15 * one))
    resized._reserve(file, 15 * one)
    resized._reserve(file, 4 * one)
    assert file.stat().st_size == 15 * one


def broken(content):
    return content[: len(content) // 2]


def test_a_broken_picture_is_named(tmp_path):
    layouts.write_folders(tmp_path, n01443537_06=b"no picture")
    with pytest.raises(HarnessError, match=r"n01443537_06.JPEG: not a JPEG or PNG image: cannot identify"):
        load_dataset("imagenet", tmp_path)
    layouts.write_folders(tmp_path, n01443537_06=broken(layouts.pictures("train")[6][1]))
    with pytest.raises(HarnessError, match=r"n01443537_06.JPEG: not a JPEG or PNG image: image file is truncated"):
        load_dataset("imagenet", tmp_path)


def test_a_broken_picture_in_a_shard_is_named(tmp_path):
    image = [{"bytes": content, "path": ""} for _, content in layouts.pictures("train")]
    image[9]["bytes"] = b"no picture"
    layouts.write_parquet(tmp_path, image=image)
    with pytest.raises(HarnessError, match=r"train-00001-of-00002.parquet: image 9 of all: not a JPEG or PNG image"):
        load_dataset("imagenet", tmp_path)
    shutil.rmtree(tmp_path / "imagenet")
    layouts.write_tars(tmp_path, members={"n01440764_2.jpg": b"no picture"})
    with pytest.raises(HarnessError, match=r"train-0000.tar: sample 'n01440764_2': not a JPEG or PNG image"):
        load_dataset("imagenet", tmp_path)


def test_wrong_folders_are_said_in_one_line(tmp_path):
    folder = layouts.write_folders(tmp_path)
    shutil.rmtree(folder / "val" / "n01443537")
    with pytest.raises(HarnessError, match="imagenet: class n01443537 has a folder in train alone"):
        load_dataset("imagenet", tmp_path)
    shutil.rmtree(folder / "train" / "n01443537")
    with pytest.raises(HarnessError, match="imagenet: 2 folders of classes, expected 3"):
        load_dataset("imagenet", tmp_path)
    shutil.rmtree(folder / "val")
    with pytest.raises(sources.DataMissing, match=r"dataset imagenet: .*val: No such folder"):
        load_dataset("imagenet", tmp_path)
    (folder / "val").mkdir()
    (folder / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"")
    with pytest.raises(HarnessError, match="val: no folder of a class; sort the images into folders by their wnid"):
        load_dataset("imagenet", tmp_path)


def test_an_empty_class_and_a_lost_image_are_said(tmp_path):
    folder = layouts.write_folders(tmp_path)
    next((folder / "train" / "n01484850").iterdir()).unlink()
    with pytest.raises(HarnessError, match="imagenet: 14 train images, expected 15"):
        load_dataset("imagenet", tmp_path)
    for file in (folder / "train" / "n01484850").iterdir():
        file.unlink()
    with pytest.raises(HarnessError, match="train/n01484850: no image"):
        load_dataset("imagenet", tmp_path)


LABELS = [label for label, _ in layouts.pictures("train")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"label": [*LABELS[:4], 3, *LABELS[5:]]}, r"train image 4 has label 3, which is not in 0..2"),
        ({"label": [-1] * 15}, r"train image 0 has label -1, which is not in 0..2"),  # as of Hugging Face's test files
        ({"label": [min(label, 1) for label in LABELS]}, "train images of 2 classes, expected 3"),
        ({"label": [float(label) for label in LABELS]}, "column 'label' must hold integers"),
        ({"label": [None, *LABELS[1:]]}, "column 'label' must hold integers, no nulls"),
        ({"image": [b""] * 15}, "not one column 'image.bytes'"),
    ],
)
def test_wrong_columns_are_said_in_one_line(tmp_path, change, says):
    layouts.write_parquet(tmp_path, **change)
    with pytest.raises(HarnessError, match=says):
        load_dataset("imagenet", tmp_path)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"n01440764_2.cls": b"three"}, "n01440764_2.cls: no number of a class"),
        ({"n01440764_2.cls": b"7"}, r"train image 2 has label 7, which is not in 0..2"),
        ({"n9.jpg": b"x"}, "sample 'n9' has no label"),
        ({"n9.cls": b"1"}, "sample 'n9' has no picture"),
        ({"n9.jpg": b"x", "n9.cls": b"1"}, "16 train images, expected 15"),
    ],
)
def test_wrong_shards_are_said_in_one_line(tmp_path, members, says):
    layouts.write_tars(tmp_path, members=members)
    with pytest.raises(HarnessError, match=says):
        load_dataset("imagenet", tmp_path)


def test_files_that_are_no_shards_are_said_in_one_line(tmp_path):
    folder = layouts.write_tars(tmp_path)
    (folder / "imagenet1k-train-0001.tar").write_bytes(b"x" * 2000)
    with pytest.raises(HarnessError, match=r"train-0001.tar: broken archive"):
        load_dataset("imagenet", tmp_path)
    for file in folder.glob("*validation*"):
        file.unlink()
    with pytest.raises(sources.DataMissing, match=r"no \*val\*.tar beside"):
        load_dataset("imagenet", tmp_path)


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(tmp_path, monkeypatch):
    layouts.write_folders(tmp_path)
    monkeypatch.setattr(resized.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 0, 10))
    with pytest.raises(
        HarnessError, match=r"the resized images take 0\.0 GB, and 0\.0 GB are free; HARNESS_CACHE names"
    ):
        load_dataset("imagenet", tmp_path)
    assert not list((tmp_path / "cache").iterdir())


def test_status_says_what_is_missing_and_how_much_is_resized(tmp_path):
    def line(name):
        return next(one for one in status(tmp_path) if one.name == name)

    absent = line("imagenet")
    assert (absent.available, absent.where) == (False, None)
    assert "looked for imagenet/train/<wnid>, imagenet/train-*.parquet" in absent.note and "262 GB" not in absent.note
    layouts.write_folders(tmp_path)
    assert line("imagenet").note.startswith("folders; 0% resized to 16x16, which takes 0 GB in ")
    load_dataset("imagenet", tmp_path)
    assert line("imagenet").note.startswith("folders; 100% resized")
    assert line("imagenet").count == 20 and line("imagenet_sample").count == 14
    shutil.rmtree(tmp_path / "imagenet" / "val")
    assert line("imagenet").state == "missing"


def test_a_plan_knows_it_by_the_names_and_sizes_of_its_files(tmp_path):
    folder = layouts.write_folders(tmp_path)
    first = find_data(["imagenet"], tmp_path)
    assert first.missing == first.no_tests == {} and first.checksums["imagenet"] != first.tests["imagenet"]
    assert find_data(["imagenet_sample"], tmp_path).checksums["imagenet_sample"] == first.checksums["imagenet"]
    (folder / "train" / "n01440764" / "another.JPEG").write_bytes(b"")
    assert find_data(["imagenet"], tmp_path).checksums != first.checksums
    assert find_data(["imagenet"], None).missing["imagenet"].startswith("dataset imagenet not found")


def test_a_square_is_cut_as_torchvision_does():
    """By hand: 20 wide and 10 high, shorter side 5: resized to 10 x 5, of which columns 2 to 6 stay."""
    image = Image.fromarray(np.repeat(np.arange(10, dtype=np.uint8), 2)[None, :, None].repeat(10, 0).repeat(3, 2))
    file = io.BytesIO()
    image.save(file, "PNG")
    found = resized.resize(resized.Encoded("x", file.getvalue()), 5)
    assert found.shape == (3, 5, 5) and found[0, 2].tolist() == [2, 3, 4, 5, 6]
