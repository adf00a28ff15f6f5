"""Which run works on which trial, so that several runs on one store share the work.

A claim is a file below `<results>/.claims`, named by the trial's id, that its run keeps locked. Among the processes of
one kernel, containers included, the lock decides: it is gone with its process. Where locks do not reach (another
machine, a file system without them) the heartbeat decides: a claim that nobody touched for a while is given up.
Nothing rests on claims but who does the work: records are whole and equal, whoever writes them.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.data.locks import try_lock
from harness.errors import HarnessError
from harness.runner.environment import now

BEAT_SECONDS = 10.0
STALE_SECONDS = 120.0  # without a heartbeat
PROBE = ".probe."  # begins the name of what is no claim; as .tmp the store sweeps it where its process was killed
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Claims:
    """The claims of one run. Process ids tell nothing here: containers share them."""

    def __init__(self, root: Path) -> None:
        self.folder = root / ".claims"
        self.run = secrets.token_hex(8)
        self._held: dict[str, int] = {}
        self._touched = time.monotonic()

    def take(self, trial_id: str) -> bool:
        """Claim a trial; False where another run has claimed it and lives."""
        file = self._open(self.folder / trial_id)
        if file is None:
            return False
        content = {"run": self.run, "host": platform.node(), "boot": _boot(), "pid": os.getpid(), "since": now()}
        self._held[trial_id] = file
        os.truncate(file, 0)
        with suppress(OSError):  # a full disk: the lock holds it, and the trial itself will say what it lacks
            os.pwrite(file, json.dumps(content).encode(), 0)
        return True

    def release(self, trial_id: str) -> None:
        """Give a trial up, done or not."""
        file = self._held.pop(trial_id)
        if self._is_ours(trial_id):
            with suppress(OSError):
                (self.folder / trial_id).unlink()  # before the lock is gone: nobody claims what is about to vanish
        os.close(file)

    def release_all(self) -> None:
        """Give everything up."""
        for trial_id in list(self._held):
            self.release(trial_id)

    def beat(self) -> None:
        """Touch what is claimed, now and then."""
        if time.monotonic() - self._touched >= BEAT_SECONDS:
            self._touched = time.monotonic()
            for trial_id, file in self._held.items():
                if self._is_ours(trial_id):
                    os.utime(file)

    def holder(self, trial_id: str) -> str:
        """Name the run that works on a trial."""
        content = _read(self.folder / trial_id)
        return f"{content.get('host', 'unknown host')}, process {content.get('pid', 'unknown')}"

    def sweep(self) -> None:
        """Remove the claims of dead runs."""
        for path in list(self.folder.iterdir()) if self.folder.is_dir() else []:
            if not path.name.startswith(PROBE) and self.take(path.name):
                self.release(path.name)

    def _is_ours(self, trial_id: str) -> bool:
        """Tell whether no other run has taken a claim over, as it may where no lock reaches and nobody touched it."""
        return _read(self.folder / trial_id).get("run") == self.run

    def _open(self, path: Path) -> int | None:
        """Return the claim's open and locked file; None where its run lives."""
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                whose = "; another user's claim?" if isinstance(error, PermissionError) else ""
                raise HarnessError(f"{path}: {error.strerror}{whose}") from error
            lock = try_lock(file)
            if lock is False or (_is_at(file, path) and self._lives(path, locked=bool(lock))):
                os.close(file)
                return None
            if _is_at(file, path):
                return file
            os.close(file)  # given up between opening and locking

    def _lives(self, path: Path, *, locked: bool) -> bool:
        """Tell whether a claim whose lock is not held elsewhere belongs to a run that the lock does not reach."""
        content = _read(path)
        if not content or content.get("run") == self.run or (locked and content.get("boot") == _boot()):
            return False
        return _is_fresh(path)


def is_held(root: Path, trial_id: str, run: str) -> bool:
    """Tell whether a run, perhaps on another machine, has claimed a trial and has touched its claim of late."""
    path = root / ".claims" / trial_id
    try:
        return _read(path).get("run") == run and _is_fresh(path)
    except OSError:  # released in between
        return False


def _is_fresh(path: Path) -> bool:
    """Tell whether a file was touched of late, by the time of the file system and not of this machine."""
    probe = path.with_name(f"{PROBE}{secrets.token_hex(8)}.tmp")
    try:
        with probe.open("xb") as file:
            return os.fstat(file.fileno()).st_mtime - path.stat().st_mtime < STALE_SECONDS
    finally:
        probe.unlink(missing_ok=True)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _read(path: Path) -> dict[str, Any]:
    """Return what a claim says; nothing where it has gone, or is just being written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _boot() -> str:
    """Name this run of the kernel, which containers share."""
    return _BOOT.read_text(encoding="utf-8").strip() if _BOOT.exists() else platform.node()
