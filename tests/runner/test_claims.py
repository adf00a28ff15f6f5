"""Claims: one run at a time works on a trial, and dead runs hold nothing."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.runner import claims as module
from harness.runner.claims import STALE_SECONDS, Claims, is_held
from harness.runner.store import Store


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Claims, Claims]:
    """Two runs on one store; locks tell them apart within one process as well."""
    return Claims(tmp_path), Claims(tmp_path)


def test_a_claimed_trial_is_nobody_elses_until_it_is_given_up(pair: tuple[Claims, Claims]) -> None:
    one, other = pair
    assert one.take("a") and not other.take("a") and other.take("b")
    assert f"process {os.getpid()}" in other.holder("a")
    one.release("a")
    assert other.take("a") and not one.take("a")
    other.release_all()
    assert list(one.folder.iterdir()) == []


def test_a_lock_holds_without_a_heartbeat(pair: tuple[Claims, Claims]) -> None:
    """A run that is stopped for hours goes on with what it has."""
    one, other = pair
    one.take("a")
    os.utime(one.folder / "a", (0, 0))
    assert not other.take("a")


def claim_and_die(root: Path) -> None:
    Claims(root).take("a")
    os._exit(9)


def test_a_dead_runs_claim_is_free_at_once(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=claim_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert (tmp_path / ".claims" / "a").exists()
    other = Claims(tmp_path)
    assert other.take("a") and other.take("b")
    other.release_all()


def foreign(folder: Path, age: float, **changes: Any) -> Path:
    """Make the claim of a run that no lock reaches."""
    folder.mkdir(exist_ok=True)
    path = folder / "a"
    path.write_text(json.dumps({"run": "r", "host": "far", "boot": "another", "pid": 7, **changes}))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_on_a_full_disk_the_lock_alone_holds_a_claim(
    pair: tuple[Claims, Claims], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial says then that there is no space left; the run goes on."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    one, other = pair
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        assert one.take("a")
    assert not other.take("a")
    one.release("a")
    assert other.take("a")


def test_on_another_machine_the_heartbeat_decides(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    foreign(claims.folder, STALE_SECONDS / 2)
    assert not claims.take("a") and claims.holder("a") == "far, process 7"
    foreign(claims.folder, STALE_SECONDS + 1)
    assert claims.take("a")


def test_without_locks_the_heartbeat_decides_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "try_lock", lambda file: None)
    one, other = Claims(tmp_path), Claims(tmp_path)
    assert one.take("a") and not other.take("a")
    os.utime(one.folder / "a", (0, 0))
    assert other.take("a")


def test_what_another_run_took_over_stays_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "try_lock", lambda file: None)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0)
    one, other = Claims(tmp_path), Claims(tmp_path)
    one.take("a")
    os.utime(one.folder / "a", (0, 0))
    other.take("a")
    os.utime(one.folder / "a", (0, 0))
    one.beat()
    assert (one.folder / "a").stat().st_mtime == 0
    other.beat()
    one.release("a")
    assert is_held(tmp_path, "a", other.run) and not one.take("a")


def test_a_run_that_begins_leaves_the_probes_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, real, seen = Claims(tmp_path), Path.stat, []
    ours.take("a")

    def meanwhile(path: Path) -> os.stat_result:
        monkeypatch.undo()
        Claims(tmp_path).sweep()
        seen.extend(path for path in ours.folder.iterdir() if path.name != "a")
        for probe in seen:
            probe.unlink()
        return real(path)

    monkeypatch.setattr(Path, "stat", meanwhile)
    assert is_held(tmp_path, "a", ours.run) and len(seen) == 1


def test_probes_of_killed_processes_are_cleaned(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claims.take("a")
    old = claims.folder / f"{module.PROBE}0a.tmp"
    old.touch()
    os.utime(old, (0, 0))
    assert Store(tmp_path).clean() == [old]


def test_a_heartbeat_keeps_a_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0)
    claims = Claims(tmp_path)
    claims.take("a")
    os.utime(claims.folder / "a", (0, 0))
    claims.beat()
    assert (claims.folder / "a").stat().st_mtime > time.time() - 60


def test_what_is_given_up_while_it_is_claimed_is_claimed_anew(
    pair: tuple[Claims, Claims], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.take("a")
    real, seen = module.try_lock, []

    def late(file: int) -> bool | None:
        if not seen:
            one.release("a")
        seen.append(file)
        return real(file)

    monkeypatch.setattr(module, "try_lock", late)
    assert other.take("a") and len(seen) == 2 and (other.folder / "a").exists()
    monkeypatch.undo()
    assert not one.take("a")


def test_dead_claims_are_swept_and_living_ones_stay(pair: tuple[Claims, Claims]) -> None:
    one, other = pair
    one.take("b")
    foreign(one.folder, 0, boot=module._boot())
    other.sweep()
    assert [path.name for path in one.folder.iterdir()] == ["b"]


def test_a_claim_that_cannot_be_opened_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / ".claims" / "a").mkdir(parents=True)
    with pytest.raises(HarnessError, match=r"\.claims/a: Is a directory"):
        Claims(tmp_path).take("a")
