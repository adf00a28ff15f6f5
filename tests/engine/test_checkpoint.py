"""Checkpoints: whole, or told apart from what is whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.engine import checkpoint
from harness.engine.checkpoint import DamagedCheckpoint, load, save, set_aside
from harness.errors import HarnessError

STATE = {"epoch": 3, "net": {"w": torch.arange(300.0)}, "generators": torch.arange(40).byte(), "track": [[0.1] * 9] * 9}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save(STATE, tmp_path / "a.pt")
    return tmp_path / "a.pt"


def equal(state: dict[str, Any]) -> bool:
    same = torch.equal(state["net"]["w"], STATE["net"]["w"]) and torch.equal(state["generators"], STATE["generators"])  # type: ignore[index,arg-type]
    return same and (state["epoch"], state["track"]) == (STATE["epoch"], STATE["track"])


def test_a_state_comes_back(file: Path) -> None:
    assert equal(load(file, "cpu"))


def test_every_cut_is_damage(file: Path) -> None:
    whole = file.read_bytes()
    for length in (*range(0, len(whole), len(whole) // 40), len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(DamagedCheckpoint, match=r"a\.pt: not a checkpoint of this search"):
            load(file, "cpu")


def test_a_flipped_bit_is_damage_or_changes_nothing(file: Path) -> None:
    """Without checksums, half of these would go on from other weights."""
    whole, draw, found = bytearray(file.read_bytes()), random.Random(0), 0
    for _ in range(300):
        place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        whole[place] ^= bit
        file.write_bytes(whole)
        whole[place] ^= bit
        try:
            assert equal(load(file, "cpu")), place
        except DamagedCheckpoint:
            found += 1
    assert found > 100


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04" + bytes(60)])
def test_what_is_none_is_damaged(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(DamagedCheckpoint):
        load(file, "cpu")


def test_a_whole_file_of_something_else_is_damaged(file: Path) -> None:
    torch.save([1, 2], file)
    with pytest.raises(DamagedCheckpoint, match="list"):
        load(file, "cpu")


def test_absence_and_a_refusal_are_no_damage(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        load(file.with_name("b.pt"), "cpu")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(HarnessError, match="Permission denied") as caught:
        load(file, "cpu")
    assert not isinstance(caught.value, DamagedCheckpoint)


def test_a_full_disk_says_so_and_keeps_the_last_state(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device"):
        save({"epoch": 4}, file)
    assert equal(load(file, "cpu")) and list(file.parent.iterdir()) == [file]


def test_what_is_set_aside_is_kept(file: Path) -> None:
    assert set_aside(file) == file.with_name("a.pt.damaged") and equal(load(file.with_name("a.pt.damaged"), "cpu"))
    assert not file.exists()
    set_aside(file)  # another trial was faster
    assert checkpoint.load(file.with_name("a.pt.damaged"), "cpu")["epoch"] == 3
