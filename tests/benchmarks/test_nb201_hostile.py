"""Damaged tables and official files: read or refused in one line, whatever the damage."""

from __future__ import annotations

import bz2
import io
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.benchmarks.nb201 import Nb201Table
from harness.benchmarks.nb201_import import RUNS, TORCH_MAGIC, import_official
from harness.errors import HarnessError
from harness.spaces.nb201 import encoding as nb201
from tests.benchmarks.test_nb201 import SOME, make_columns, write
from tests.hostile import at_most, damaged, repeatable
from tests.spaces.nb201.codes import ALL

STRINGS = [nb201.to_string(ALL[code]) for code in (7, 8)]


def entry(epochs: int) -> dict[str, Any]:
    """Return the least that the importer asks for of one protocol."""
    last = epochs - 1
    sets = ("x-valid", "x-test", "ori-test")
    result = {
        "epochs": epochs, "params": 1.1, "train_times": dict.fromkeys(range(epochs), 2.5),
        "eval_acc1es": {f"{name}@{last}": 50.0 for name in sets},
    }  # fmt: skip
    return {
        "arch_str": STRINGS[0],
        "dataset_seed": {run: [777] for run in RUNS},
        "all_results": {(run, 777): result for run in RUNS},
    }


META = pickle.dumps({"meta_archs": STRINGS}, protocol=4)
CONTENT = pickle.dumps({"12": entry(12), "200": entry(200)}, protocol=4)
WHOLE = {"meta_archs": STRINGS, "arch2infos": {0: {"less": entry(12), "full": entry(200)}}}
OLD_TORCH = b"".join(pickle.dumps(part, protocol=2) for part in (TORCH_MAGIC, 1001, {}, WHOLE))


def new_torch() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps(WHOLE, protocol=2))  # without the time
    return file.getvalue()


def nats(meta: bytes, content: bytes) -> Callable[[Path], Path]:
    """Return what writes a folder of one architecture."""

    def folder(place: Path) -> Path:
        (place / "meta.pickle.pbz2").write_bytes(bz2.compress(meta))
        (place / "000000.pickle.pbz2").write_bytes(bz2.compress(content))
        return place

    return folder


def torch(content: bytes) -> Callable[[Path], Path]:
    """Return what writes a torch file."""

    def file(place: Path) -> Path:
        (place / "file.pth").write_bytes(content)
        return place / "file.pth"

    return file


def attempt(source: Callable[[Path], Path]) -> int | None:
    """Import a source; return the number of architectures, None where it was refused."""
    with tempfile.TemporaryDirectory() as folder, at_most(60):
        (inside := Path(folder, "in")).mkdir()
        target = Path(folder, "out.parquet")
        try:
            return import_official(source(inside), target, partial=True)
        except HarnessError as error:
            assert "\n" not in str(error) and not target.exists()
            return None


@pytest.mark.parametrize("source", [nats(META, CONTENT), torch(OLD_TORCH), torch(new_torch())])
def test_the_sources_are_good_before_the_damage(source: Callable[[Path], Path]) -> None:
    assert attempt(source) == 1


@pytest.mark.parametrize("start", [b"", OLD_TORCH[: OLD_TORCH.index(b"meta_archs") - 12]])
@pytest.mark.parametrize("code", [b"B", b"X", b"\x8e", b"\x8d", b"T", b"\x8b", b"\x96"])
def test_a_length_beyond_the_file_sets_no_memory_aside(start: bytes, code: bytes) -> None:
    assert attempt(torch(start + code + b"\xff\xff\xff\x7f" + bytes(4))) is None


def test_a_length_beyond_a_zipped_file_sets_no_memory_aside() -> None:
    content = new_torch()
    length = len(pickle.dumps(WHOLE, protocol=2)).to_bytes(4, "little")
    assert content.count(length) >= 2  # in both headers of the member
    attempt(torch(content.replace(length, b"\xff\xff\xff\x7f")))  # the pickle ends before: read or refused alike


@repeatable
@given(st.one_of(
    damaged(CONTENT).map(lambda content: nats(META, content)),
    damaged(META).map(lambda meta: nats(meta, CONTENT)),
    damaged(OLD_TORCH).map(torch),
    damaged(new_torch()).map(torch),
))  # fmt: skip
def test_any_damage_to_official_files_is_refused_or_read(source: Callable[[Path], Path]) -> None:
    attempt(source)


NUMBERS = st.integers() | st.integers().map(lambda number: number << 70) | st.floats() | st.just(-1e308)
VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | NUMBERS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
PLACES = st.sampled_from([
    ("12",), ("200",), ("200", "arch_str"), ("200", "dataset_seed"), ("12", "dataset_seed", "cifar100"),
    ("200", "all_results"), ("200", "all_results", ("cifar10", 777)), ("200", "dataset_seed", "cifar10"),
    ("200", "all_results", ("cifar10-valid", 777), "epochs"), ("200", "all_results", ("cifar10-valid", 777), "params"),
    ("200", "all_results", ("cifar100", 777), "eval_acc1es", "x-test@199"),
    ("200", "all_results", ("cifar100", 777), "train_times", 3),
])  # fmt: skip


@repeatable
@given(PLACES, VALUES)
def test_any_value_in_any_place_is_refused_or_read(place: tuple[Any, ...], value: Any) -> None:
    content: Any = {"12": entry(12), "200": entry(200)}
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    attempt(nats(META, pickle.dumps(content, protocol=4)))


@pytest.fixture(scope="module")
def table_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("table") / "some.parquet", make_columns(SOME)).read_bytes()


@repeatable
@given(data=st.data())
def test_any_damage_to_a_table_is_refused_or_read(data: st.DataObject, table_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    path.write_bytes(data.draw(damaged(table_bytes)))
    with at_most(60):
        try:
            Nb201Table.load(path, partial=True)
        except HarnessError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
