"""Damaged files of NAS-Bench-101, official and our own: read or refused in one line, whatever the damage."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.benchmarks.nb101 import Nb101Table
from harness.benchmarks.nb101_import import import_official
from harness.errors import HarnessError
from tests.benchmarks import nb101_official as official
from tests.hostile import at_most, damaged, is_one_line, repeatable

[CELL] = official.some_cells(1, seed=3)
RECORDS = official.contents([CELL])
FILE = b"".join(map(official.frame, RECORDS))
ROW = json.loads(RECORDS[1])
MESSAGE = base64.b64decode(ROW[4])


def attempt(content: bytes) -> bool:
    """Import a file; tell whether it was read."""
    with tempfile.TemporaryDirectory() as folder, at_most(60):
        source, target = Path(folder, "a.tfrecord"), Path(folder, "out", "nb101.parquet")
        source.write_bytes(content)
        try:
            import_official(source, target, target.with_name("nb101_oneshot.parquet"))
        except HarnessError as error:
            assert is_one_line(error) and str(error).startswith(f"{source}: ")
            assert not list(Path(folder).rglob("*.parquet")) and not list(Path(folder).rglob("*.tmp"))
            return False
        return True


def around(record: bytes) -> bytes:
    """Put a record between its repeats, in good frames."""
    return b"".join(map(official.frame, (RECORDS[0], record, RECORDS[2])))


def test_it_is_good_before_the_damage() -> None:
    assert attempt(FILE) and attempt(around(RECORDS[1]))


@repeatable
@given(damaged(FILE))
def test_any_damage_to_a_file(content: bytes) -> None:
    assert attempt(content) == (content == FILE)  # checksums see everything else


@repeatable
@given(damaged(RECORDS[1]))
def test_any_damage_to_a_record_of_right_checksums(record: bytes) -> None:
    attempt(around(record))


@repeatable
@given(damaged(MESSAGE))
def test_any_damage_to_what_was_measured(message: bytes) -> None:
    attempt(around(official.listed(CELL, 108, message)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@repeatable
@given(st.integers(0, 4), VALUES)
def test_any_value_in_any_place(place: int, value: object) -> None:
    row = [value if number == place else good for number, good in enumerate(ROW)]
    attempt(around(json.dumps(row).encode()))


@pytest.mark.parametrize("length", [2**20, 2**20 + 1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_length_sets_no_memory_aside(length: int) -> None:
    told = length.to_bytes(8, "little")
    with at_most(4):
        assert not attempt(FILE + told + official.checksum(told) + b"[")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("hostile")
    source = official.write(folder / "a.tfrecord", official.contents(official.some_cells(5)))
    import_official(source, folder / "nb101.parquet", folder / "nb101_oneshot.parquet")
    return (folder / "nb101.parquet").read_bytes()


def test_any_damage_to_a_table(table: bytes) -> None:
    @repeatable
    @given(damaged(table))
    def load(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder, at_most(120):
            path = Path(folder, "nb101.parquet")
            path.write_bytes(content)
            try:
                Nb101Table.load(path)
            except HarnessError as error:
                assert is_one_line(error) and str(path) in str(error)

    load()
