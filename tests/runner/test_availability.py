"""What data a plan can count on."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.api.reader import Reader
from harness.api.request import Request
from harness.api.running import RunRequest, make_all_plans
from harness.data.digits import TRAIN_IMAGES
from harness.runner.availability import (
    TABLE,
    TRAINING_IMAGES,
    DataAvailability,
    find_data,
    latest_records,
    with_recorded,
)
from harness.runner.plan import Filters, make_plan
from harness.runner.record import Record
from harness.runner.store import Store
from harness.suite.checks import DATASETS


def checksum(*contents: bytes) -> str:
    """Hash file contents as the documentation says."""
    return hashlib.sha256(b"".join(hashlib.sha256(c).digest() for c in contents)).hexdigest()[:16]


def test_parquet_files_are_hashed_in_order_and_test_files_for_themselves(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    for name, content in {"train-1": b"b", "train-0": b"a", "test-0": b"c"}.items():
        (tmp_path / "cifar10" / f"{name}.parquet").write_bytes(content)
    found = find_data(["cifar10"], tmp_path)
    assert found == DataAvailability({"cifar10": checksum(b"a", b"b")}, {}, {"cifar10": checksum(b"c")}, {})
    assert found.blocks("cifar10", test=True) is None
    (tmp_path / "cifar10" / "test-0.parquet").unlink()
    without = find_data(["cifar10"], tmp_path)
    why = f"dataset cifar10: no test-*.parquet in {tmp_path / 'cifar10'}"
    assert (without.checksums, without.tests, without.no_tests) == (found.checksums, {}, {"cifar10": why})
    assert without.blocks("cifar10", test=True) == why and without.blocks("cifar10", test=False) is None


def test_the_official_folder_is_hashed_file_by_file(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i in range(1, 6):
        (folder / f"data_batch_{i}").write_bytes(bytes([i]))
    expected = checksum(*(bytes([i]) for i in range(1, 6)))
    assert find_data(["cifar10"], tmp_path).checksums == {"cifar10": expected}
    (folder / "data_batch_3").unlink()
    gone = find_data(["cifar10"], tmp_path)
    assert gone.checksums == {}
    assert gone.missing == {"cifar10": f"dataset cifar10: {folder / 'data_batch_3'}: No such file or directory"}
    (folder / "data_batch_3").write_bytes(bytes([3]))
    no_tests = find_data(["cifar10"], tmp_path).no_tests
    assert no_tests == {"cifar10": f"dataset cifar10: {folder / 'test_batch'}: No such file or directory"}


def test_the_official_archive_is_hashed_whole(tmp_path: Path) -> None:
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"x")
    assert find_data(["cifar100"], tmp_path).checksums == {"cifar100": checksum(b"x")}


def test_what_is_missing_says_why() -> None:
    found = find_data(["cifar10", "imagenet", "digits"], None)
    assert list(found.checksums) == ["digits"]
    assert "HARNESS_DATA is not set" in found.missing["cifar10"]
    assert found.missing["imagenet"].startswith("dataset imagenet not found (HARNESS_DATA is not set): looked for")
    assert found.blocks("cifar10", test=False) == found.blocks("cifar10", test=True) == found.missing["cifar10"]
    assert not found.no_tests  # said once


def test_looking_for_digits_imports_nothing_heavy() -> None:
    code = (
        "import sys; from harness.runner.availability import find_data; find_data(['digits'], None);"
        "print([name for name in ('sklearn', 'torch', 'numpy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_recorded_checksums_fill_in_and_never_win(make_record: Callable[..., Record]) -> None:
    def record(dataset: str, checksum: str | None, started: str) -> Record:
        made = make_record(dataset=dataset, data_checksum=checksum)
        return made.model_copy(update={"provenance": made.provenance.model_copy(update={"started": started})})

    records = [
        record("cifar10", "new", "2021-01-02"),
        record("cifar10", "old", "2021-01-01"),
        record("cifar10", None, "2021-01-03"),
        record("digits", "other", "2021-01-01"),
    ]
    here = DataAvailability({"digits": "mine"}, {"cifar10": "gone"})
    assert with_recorded(here, records) == DataAvailability({"digits": "mine", "cifar10": "new"}, {"cifar10": "gone"})
    assert with_recorded(here, []) == here


def test_a_later_shuffling_hides_no_checksum_of_the_table(tmp_path: Path, make_record: Callable[..., Record]) -> None:
    """A network that was trained on images has values too, and no benchmark's checksum."""

    def record(number: int, checksum: str, benchmark: str | None) -> Record:
        made = make_record(
            id=f"{number:016x}", dataset="cifar10", data_checksum=checksum, benchmark_checksum=benchmark,
            trajectory=None, values={"a": [1.0]}, evaluations={},
        )  # fmt: skip
        started = f"2021-01-0{number}T00:00:00+00:00"
        return made.model_copy(update={"provenance": made.provenance.model_copy(update={"started": started})})

    store = Store(tmp_path)
    for made in (record(1, "table", "b"), record(2, "images", None)):
        store.write(made)
    latest = latest_records(store, "reduced")
    assert with_recorded(DataAvailability({}, {}), latest).checksums == {TABLE: "table", "cifar10": "images"}


def test_numbers_of_images_are_those_of_the_readers() -> None:
    assert TRAINING_IMAGES["digits"] == TRAIN_IMAGES
    assert set(TRAINING_IMAGES) == set(DATASETS)


def test_records_of_other_suites_leave_a_suite_its_stand_in(
    tmp_path: Path, make_record: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout without data runs on digits, whatever records of other searches on CIFAR-10 come with it."""
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    other = make_record(dataset="cifar10", data_checksum="images")
    Store(tmp_path).write(other)
    suite = Path(__file__).parents[2] / "suites" / "nb201.yaml"
    request = Request.read([str(suite)], "reduced", (), (), (), None, (), tmp_path)
    asked = RunRequest(request, 1, "cpu", False)
    [plan] = make_all_plans(asked, None, lambda line: None)
    assert plan.trials and all(trial.embedded for trial in plan.trials)
    [loaded] = request.loaded()
    assert "cifar10" not in Reader(request).data(loaded, "reduced").checksums
    known = with_recorded(find_data([], None), [other])
    planned = make_plan(loaded, "reduced", Filters(), (), data=known).trials
    trial = next(trial for trial in planned if trial.searches)
    own = make_record(id=trial.id, dataset="cifar10", method=trial.method, data_checksum="images")
    Store(tmp_path).write(own)
    [plan] = make_all_plans(asked, None, lambda line: None)
    assert trial.id in {planned.id for planned in plan.trials}
    assert Reader(request).data(loaded, "reduced").checksums["cifar10"] == "images"
