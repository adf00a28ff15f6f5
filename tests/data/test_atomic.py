"""Files that are whole or absent, whoever writes beside us."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.data.atomic import check_folder, check_writable, is_abandoned, replacing
from harness.errors import HarnessError


def test_equal_process_ids_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two containers on one folder: the second begins and ends while the first writes."""
    monkeypatch.setattr(os, "getpid", lambda: 42)
    file = tmp_path / "record.json"
    with replacing(file) as first:
        first.write_text("first")
        with replacing(file) as second:
            assert second != first
            second.write_text("second")
        assert file.read_text() == "second" and first.read_text() == "first"
    assert file.read_text() == "first" and list(tmp_path.iterdir()) == [file]


def test_what_is_being_written_is_not_abandoned_however_old(tmp_path: Path) -> None:
    """A process that is held for an hour in the middle of a write goes on with it."""
    with replacing(tmp_path / "a") as temporary:
        os.utime(temporary, (0, 0))
        assert not is_abandoned(temporary, 60)
        temporary.write_text("x")
    left = tmp_path / ".b.0f.tmp"
    left.touch()
    assert not is_abandoned(left, 60)
    os.utime(left, (0, 0))
    assert is_abandoned(left, 60) and not is_abandoned(tmp_path / "gone", 60)


def test_a_file_in_the_temporary_place_is_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab")
    (tmp_path / "other").write_text("kept")
    (tmp_path / ".a.ab.tmp").symlink_to("other")
    with pytest.raises(FileExistsError), replacing(tmp_path / "a") as temporary:
        temporary.write_text("lost")
    assert (tmp_path / "other").read_text() == "kept"


def test_content_and_name_are_synced_around_the_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, move = os.fsync, os.replace

    def synced(file: int) -> None:
        done.append("folder" if os.path.samestat(os.fstat(file), tmp_path.stat()) else "file")
        sync(file)

    def moved(one: Path, other: Path) -> None:
        done.append("move")
        move(one, other)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", moved)
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert done == ["file", "move", "folder"]


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(OSError, match=r"No space left on device: '.*/a'"), replacing(file):
        raise OSError(28, "No space left on device")
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_file_is_no_folder_nor_is_what_lies_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text("text")
    for path in ("README.md", "README.md/x", "README.md/x/y"):
        for check in (check_folder, check_writable):
            with pytest.raises(HarnessError, match=r"^README\.md is not a folder$"):
                check(Path(path))
    Path("gone").symlink_to("nowhere")
    with pytest.raises(HarnessError, match=r"^gone is not a folder$"):
        check_folder(Path("gone/x"))


def test_what_can_be_written_is_found_out_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable(tmp_path / "results" / "reduced")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.chdir(tmp_path)
    check_writable(Path("results"))

    def refuse(dir: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(HarnessError, match=f"^{tmp_path} cannot be written: Read-only file system$"):
        check_writable(tmp_path / "results")
