from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "absent"))
    with pytest.raises(sources.DataMissing, match="is not a folder"):
        sources.data_root()


def lines(root: Path | None) -> dict[str, DataStatus]:
    return {line.name: line for line in status(root)}


def test_status_of_nothing(tmp_path: Path) -> None:
    for root in (None, tmp_path):
        table = lines(root)
        assert [name for name, line in table.items() if line.available] == ["digits"]
        assert table.keys() == {"digits", "cifar10", "cifar100", "nb201"}
        assert "c58f30108f718f92721af3b95e74349a" in table["cifar10"].note


@pytest.mark.usefixtures("small")
def test_status_of_everything(tmp_path: Path) -> None:
    layouts.write_parquet("cifar10", tmp_path, form="JPEG")
    layouts.write_folder("cifar100", tmp_path)
    table_file = tmp_path / "nb201" / "nb201.parquet"
    table_file.parent.mkdir()
    pq.write_table(pa.table({"index": [0, 1, 2]}), table_file)
    table = lines(tmp_path)
    assert table["cifar10"].count == 33 and "not canonical" in table["cifar10"].note
    assert table["cifar100"] == DataStatus("cifar100", True, tmp_path / "cifar-100-python", 33, None, "official folder")
    assert table["nb201"].count == 3
    assert table["nb201"].fingerprint == hashlib.sha256(table_file.read_bytes()).hexdigest()


@pytest.mark.usefixtures("small")
def test_status_of_incomplete_and_broken_files(tmp_path: Path) -> None:
    folder = layouts.write_parquet("cifar10", tmp_path)
    (folder / "test-00000-of-00002.parquet").unlink()
    (tmp_path / "nb201.parquet").write_bytes(b"no parquet")
    table = lines(tmp_path)
    assert "PNG; incomplete: 29 of 33" in table["cifar10"].note
    assert not table["nb201"].available and "not a readable parquet file" in table["nb201"].note
    (folder / "train-00000-of-00002.parquet").write_bytes(b"no parquet")
    assert not lines(tmp_path)["cifar10"].available


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
