from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.data import sources
from harness.data.atomic import replacing
from harness.data.status import DataStatus, status
from tests.data import layouts


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, source in layouts.SMALL.items():
        monkeypatch.setitem(sources.CIFAR, name, source)


def test_the_root_is_what_the_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    assert sources.data_root() == tmp_path
    monkeypatch.setenv("HARNESS_DATA", "")
    assert sources.data_root() is None
    monkeypatch.delenv("HARNESS_DATA")
    assert sources.data_root() is None
    for wrong in (str(tmp_path / "absent"), "~nosuchuser/data", "x" * 5000, "/dev/null"):
        monkeypatch.setenv("HARNESS_DATA", wrong)
        with pytest.raises(sources.DataMissing, match=f"HARNESS_DATA={wrong} is not a folder"):
            sources.data_root()


def lines(root: Path | None) -> dict[str, DataStatus]:
    return {line.name: line for line in status(root)}


def test_status_of_nothing(tmp_path: Path) -> None:
    for root in (None, tmp_path):
        table = lines(root)
        assert [name for name, line in table.items() if line.available] == ["digits"]
        assert table.keys() == {
            "digits",
            "cifar10",
            "cifar100",
            "svhn",
            "svhn_extra",
            "imagenet16_120",
            "imagenet",
            "imagenet_sample",
        }
        assert "c58f30108f718f92721af3b95e74349a" in table["cifar10"].note


@pytest.mark.usefixtures("small")
def test_status_of_everything(tmp_path: Path) -> None:
    layouts.write_parquet("cifar10", tmp_path, form="JPEG")
    layouts.write_folder("cifar100", tmp_path)
    table = lines(tmp_path)
    assert table["cifar10"].count == 33 and "not canonical" in table["cifar10"].note
    assert table["cifar100"] == DataStatus("cifar100", True, tmp_path / "cifar-100-python", 33, None, "official folder")


@pytest.mark.usefixtures("small")
def test_status_of_incomplete_and_broken_files(tmp_path: Path) -> None:
    folder = layouts.write_parquet("cifar10", tmp_path)
    (folder / "test-00000-of-00002.parquet").unlink()
    table = lines(tmp_path)
    assert "PNG; incomplete: 29 of 33" in table["cifar10"].note
    (folder / "train-00000-of-00002.parquet").write_bytes(b"no parquet")
    broken = lines(tmp_path)["cifar10"]
    assert (broken.state, broken.where, broken.count) == ("unusable", folder, None)


@pytest.mark.usefixtures("small")
def test_an_official_folder_counts_as_far_as_its_files_go(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    empty = lines(tmp_path)["cifar10"]
    assert (empty.state, empty.count) == ("missing", None)
    assert empty.note.endswith("cifar-10-batches-py/data_batch_1: No such file or directory")
    layouts.write_parquet("cifar10", tmp_path)  # another copy beside it is no reason to pass it over
    assert lines(tmp_path)["cifar10"].note == empty.note
    (tmp_path / "cifar-10-batches-py").rmdir()
    folder = layouts.write_folder("cifar10", tmp_path)
    assert lines(tmp_path)["cifar10"].note == "official folder"
    (folder / "test_batch").unlink()
    (folder / "data_batch_2").write_bytes(b"")
    half = lines(tmp_path)["cifar10"]
    assert (half.count, half.note) == (20, "official folder; incomplete: 20 of 33 images")


@pytest.mark.usefixtures("small")
def test_an_archive_of_another_size_is_not_the_official_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = layouts.write_archive("cifar10", tmp_path, scratch=tmp_path / "scratch")
    line = lines(tmp_path)["cifar10"]
    assert line.state == "unusable" and "the official archive has 170,498,071" in line.note
    size = dataclasses.replace(layouts.SMALL10.archive, size=archive.stat().st_size)
    monkeypatch.setitem(sources.CIFAR, "cifar10", dataclasses.replace(layouts.SMALL10, archive=size))
    assert (lines(tmp_path)["cifar10"].count, lines(tmp_path)["cifar10"].note) == (33, "official archive")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with replacing(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    with pytest.raises(KeyError), replacing(path) as temporary:
        temporary.write_text("two")
        raise KeyError
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]
