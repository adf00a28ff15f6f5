"""A folder in which runs are started, killed and looked at from outside."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.runner.record import Record
from harness.runner.store import Store, read_record
from tests.records import science

ROOT = Path(__file__).parents[2]
EPOCHS = 20
COMMAND = [
    "run",
    "suites/tiny.yaml",
    "-m",
    "darts-v1",
    "-m",
    "darts-uniform",
    "--seeds",
    "0-1",
    "--set",
    f"epochs={EPOCHS}",
]
OPTIONS = ["--jobs", "2", "--threads", "1", "--device", "cpu"]
TRIALS = 4
PATIENCE = 600.0  # seconds, on a busy machine: a guard against hanging, no measurement


class Run:
    """One run, its output in files; ``mark`` stands in the environment of all its processes."""

    def __init__(self, arena: Arena, words: Sequence[str], before: Sequence[str] = (), shell: str = "") -> None:
        self.mark = f"CHAOS={uuid.uuid4().hex}"
        self.out, self.err = (arena.folder / f"{self.mark}.{name}" for name in ("out", "err"))
        name, _, value = self.mark.partition("=")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(arena.temporary), name: value}
        command = [*before, sys.executable, "-m", "harness", *words]
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                ["bash", "-c", f'"$@" {shell}', "bash", *command] if shell else command,
                cwd=arena.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip
        self.started = time.time()

    def processes(self) -> dict[int, str]:
        """Return all living processes of this run with their command lines, whatever their session."""
        found = {}
        for folder in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                number = int(folder.name)
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[number] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def workers(self) -> list[int]:
        """Return the worker processes."""
        return [number for number, command in self.processes().items() if "spawn_main" in command]

    def end(self) -> int:
        """Wait until no process of the run is left; return its exit code."""
        code = self.process.wait(PATIENCE)
        until(lambda: not self.processes(), f"processes outlive their run: {self.processes()}")
        return code

    def said(self) -> str:
        """Return what went to stdout and stderr."""
        return self.out.read_text() + self.err.read_text()


class Arena:
    """A project of ``TRIALS`` short searches; ``whole``: the records that nothing disturbed, by id."""

    def __init__(self, folder: Path, whole: dict[str, Record] | None = None) -> None:
        self.folder, self.temporary, self.results = folder, folder / "tmp", folder / "results"
        self.temporary.mkdir(parents=True)
        (folder / "suites").mkdir()
        (folder / "suites" / "tiny.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
        self.whole = whole
        self.seen: dict[Path, bytes] = {}

    def start(self, *words: str, before: Sequence[str] = (), shell: str = "") -> Run:
        """Start the run of all trials."""
        return Run(self, [*COMMAND, *OPTIONS, *words], before, shell)

    def works(self, run: Run) -> bool:
        """Tell whether a run has saved an epoch, or has ended."""
        if run.process.poll() is not None:
            return True
        for path in self.results.glob(".checkpoints/*.pt"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime > run.started:
                    return True
        return False

    def records(self) -> dict[str, Record]:
        """Return all records by id; every file is whole, or this raises."""
        return {record.id: record for record in map(read_record, self._paths())}

    def check(self) -> None:
        """Look after a blow: records are whole and done, and those seen before are the same bytes."""
        failed = {record.id: record.error for record in self.records().values() if record.status != "done"}
        assert not failed, failed
        now = {path: path.read_bytes() for path in self._paths()}
        assert all(now.get(path) == content for path, content in self.seen.items()), "a record was lost or replaced"
        self.seen = now

    def check_end(self) -> None:
        """Look at the end: all records are there, equal bit for bit to undisturbed ones, and nothing else is left."""
        self.check()
        records = self.records()
        assert len(records) == TRIALS, sorted(records)
        if self.whole is not None:
            assert {key: science(one) for key, one in records.items()} == {
                key: science(one) for key, one in self.whole.items()
            }
        for path in self.results.rglob("*.tmp"):
            os.utime(path, (0, 0))  # what was killed while it wrote is swept a minute later
        Store(self.results).clean()
        left = [path for path in self.results.rglob("*") if path.is_file() and path not in self._paths()]
        assert [path for path in left if path.name != ".lock"] == []
        others = [
            path for path in self.temporary.iterdir() if not path.name.startswith("torchinductor")
        ]  # torch's cache
        assert others == [], "temporary files were left"

    def _paths(self) -> list[Path]:
        return sorted(self.results.rglob("s*-*.json"))


def until(true: Callable[[], Any], what: str) -> None:
    """Wait; raise where it takes too long."""
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def pause(draw: random.Random, seconds: float) -> None:
    """Wait for a random time."""
    time.sleep(draw.uniform(0, seconds))
