"""What is done to runs. Each function does it so many times and returns what happened, in words; it raises else."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from harness.runner.record import Record
from tests.chaos.arena import ROOT, TRIALS, Arena, Run, pause, until

KINDS = ("group", "parent", "worker")
SAME_PID = "import os; os.getpid = lambda: 4242\n"
SAVE = SAME_PID + (
    "import sys, pathlib, torch; from harness.engine import checkpoint\n"
    "for number in range(int(sys.argv[2])):\n"
    "    checkpoint.save({'epoch': number, 'net': torch.full((20000,), float(number))}, pathlib.Path(sys.argv[1]))\n"
)


def undisturbed(folder: Path) -> dict[str, Record]:
    """Return the records of a run that nothing disturbed."""
    arena = Arena(folder)
    assert arena.start().end() == 0
    arena.check_end()
    return arena.records()


def kills(folder: Path, whole: dict[str, Record], times: int, draw: random.Random) -> str:
    """Kill runs of two workers, by group, parent or worker in turn, until they have ended often enough."""
    count, rounds = dict.fromkeys(KINDS, 0), 0
    while sum(count.values()) < times:
        arena, rounds = Arena(folder / f"kills-{rounds}", whole), rounds + 1
        while True:
            run = arena.start()
            kind = KINDS[sum(count.values()) % 3] if sum(count.values()) < times else None
            if kind and draw.random() < 0.8:  # else it may be killed before it has done anything
                until(lambda run=run, arena=arena: arena.works(run), "no epoch is saved")  # type: ignore[misc]
            if kind:
                pause(draw, 1.5)
                count[kind] += _kill(run, kind, draw)
            code = run.end()
            arena.check()
            if code == 0:
                break
        arena.check_end()
    return f"{times} kills ({', '.join(f'{n} {kind}' for kind, n in count.items())}) in {rounds} rounds"


def _kill(run: Run, kind: str, draw: random.Random) -> int:
    """Kill; return 0 where there was nothing to kill."""
    with suppress(ProcessLookupError):
        if kind == "worker":
            workers = run.workers()
            if not workers:
                return 0
            os.kill(draw.choice(workers), signal.SIGKILL)
        else:
            (os.killpg if kind == "group" else os.kill)(run.process.pid, signal.SIGKILL)
        return 1
    return 0


def _namespace() -> list[str]:
    """Return how to start a process that is number 1 of its own, where this system allows that."""
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.getuid() != 0:
        command.insert(1, "--map-root-user")
    if shutil.which("unshare") is None:
        return []
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if tried.returncode == 0 else []


def two_runs(folder: Path, whole: dict[str, Record], times: int) -> str:
    """Start two runs with equal process ids on one folder: they share the work."""
    namespace, both = _namespace(), 0
    for number in range(times):
        arena = Arena(folder / f"two-{number}", whole)
        if namespace:
            pair = [arena.start(before=namespace) for _ in range(2)]
        else:
            pair = [arena.start(before=[sys.executable, "-c", SAME_PID + _AS_IF]) for _ in range(2)]
        assert [run.end() for run in pair] == [0, 0], [run.said() for run in pair]
        executed = [int(found[1]) for run in pair if (found := re.search(r"trials: (\d+) executed", run.said()))]
        assert sum(executed) == TRIALS, executed
        both += min(executed) > 0
        arena.check_end()
    how = "PID namespaces" if namespace else "a patched process id"
    return f"{times} rounds of two runs with equal process ids ({how}), {both} of them shared, no trial done twice"


_AS_IF = "import sys; sys.argv = sys.argv[3:]; from harness.cli import main; main()"


def checkpoint_race(folder: Path, times: int) -> str:
    """Let two processes with equal ids save one checkpoint as fast as they can, and read it meanwhile."""
    from harness.engine import checkpoint

    file, reads = folder / "race" / "a.pt", 0
    command = [sys.executable, "-c", SAVE, str(file), str(times)]
    writers = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    while any(writer.poll() is None for writer in writers):
        with suppress(FileNotFoundError):
            state = checkpoint.load(file, "cpu")
            assert (state["net"] == state["epoch"]).all()
            reads += 1
    assert [writer.returncode for writer in writers] == [0, 0], [writer.communicate()[1] for writer in writers]
    assert list(file.parent.iterdir()) == [file]
    return f"{2 * times} racing saves, {reads} reads, all whole"


def forced(folder: Path, whole: dict[str, Record]) -> str:
    """Kill every worker of a forced run: what was done stays."""
    arena = Arena(folder / "forced", whole)
    one = ("-m", "darts-v1", "--seeds", "0")
    assert Run(arena, ["run", "suites/tiny.yaml", *one, "--jobs", "1"]).end() == 0
    arena.check()
    run, killed = Run(arena, ["run", "suites/tiny.yaml", *one, "--jobs", "1", "--force"]), 0
    while run.process.poll() is None:
        for worker in run.workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed += 1
    assert run.end() == 1 and "once more, alone" in run.said() and "twice" in run.said(), run.said()
    arena.check()
    return f"{killed} workers killed under --force, the record stays"


FULL = """
mount -t tmpfs -o size=$1 tmpfs results && shift || exit 77
head -c 100M /dev/zero > results/ballast 2>/dev/null; truncate -s -$1 results/ballast && shift
"$@"; echo "full: $?" >&2
find results -name '*.tmp' -o -name '*.damaged' >&2
rm results/ballast
"$@"; code=$?
cp -a results/. kept; exit $code
"""


def full_disk(folder: Path, whole: dict[str, Record], left: str) -> str:
    """Fill the disk of the records: it is said, nothing half is left, and afterwards the same command does the rest."""
    arena = Arena(folder / f"full-{left}", whole)
    arena.results.mkdir()
    space = ["unshare", *([] if os.getuid() == 0 else ["--map-root-user"]), "--mount"]
    run = arena.start(before=[*space, "bash", "-c", FULL, "bash", "20M", left])
    code = run.end()
    if code in (1, 77) and "full:" not in run.said():
        return "no full disk: this system lets nobody mount one"
    said = run.err.read_text()
    assert "full: 1\n" in said and "No space left on device" in said and "Traceback" not in said, said
    assert ".tmp" not in said.partition("full: 1")[2] and code == 0, said
    arena.results.rmdir()
    (arena.folder / "kept").rename(arena.results)
    arena.check_end()
    return "a full disk is said, nothing half is left, the same command does the rest"


def signals(folder: Path, whole: dict[str, Record], times: int) -> str:
    """End runs by SIGHUP, SIGTERM and SIGINT, with more signals while they end."""
    arena = Arena(folder / "signals", whole)
    for number in range(times):
        run = arena.start()
        until(lambda run=run: arena.works(run), "no epoch is saved")  # type: ignore[misc]
        first = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)[number % 3]
        for each in (first, signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
            with suppress(ProcessLookupError):
                run.process.send_signal(each)
        assert run.end() == 130 and "go on with: python -m harness run" in run.said(), run.said()
        assert "Traceback" not in run.said() and not list(arena.results.rglob("*.tmp")), run.said()
        arena.check()
    assert arena.start().end() == 0
    arena.check_end()
    return f"{times} runs ended by signals, with more of them while they ended"


CLOSED = (">&- 2>&-", ">/dev/full 2>/dev/full", "2>&1 | true; exit ${PIPESTATUS[0]}", "<&- >&- 2>&-")


def closed_streams(folder: Path, whole: dict[str, Record], times: int) -> str:
    """Run where nobody takes the output."""
    for number in range(times):
        arena = Arena(folder / f"closed-{number}", whole)
        assert arena.start(shell=CLOSED[number % len(CLOSED)]).end() == 0
        arena.check_end()
    return f"{times} runs whose output nobody took ended well"


def budgets(folder: Path, whole: dict[str, Record], seconds: int) -> str:
    """Give runs a few seconds, over and over: together they end as one."""
    arena, sittings = Arena(folder / "budget", whole), 0
    while True:
        run, sittings = arena.start("--budget", f"{seconds + sittings}s"), sittings + 1
        code = run.end()
        arena.check()
        if code == 0:
            break
        assert code == 3 and "time is up; go on with" in run.said(), run.said()
    arena.check_end()
    return f"{sittings} sittings of {seconds} seconds and more"


def pauses(folder: Path, whole: dict[str, Record], times: int, draw: random.Random) -> str:
    """Hold a run by a file and by SIGTSTP, and let it go on."""
    arena, held = Arena(folder / "pauses", whole), 0
    run, file = arena.start(), arena.results / "pause"
    until(lambda: arena.works(run), "no epoch is saved")
    for number in range(times):
        by_file = number % 2 == 0
        file.touch() if by_file else run.process.send_signal(signal.SIGTSTP)
        until(lambda: run.process.poll() is not None or _stopped(run), "workers are not held")
        if run.process.poll() is None:
            before = {path: path.stat().st_mtime_ns for path in arena.results.glob(".checkpoints/*.pt")}
            pause(draw, 1.0)
            assert {path: path.stat().st_mtime_ns for path in arena.results.glob(".checkpoints/*.pt")} == before
            held += 1
        file.unlink(missing_ok=True)
        run.process.send_signal(signal.SIGCONT)
        pause(draw, 1.0)
    assert run.end() == 0
    arena.check_end()
    return f"held {held} times"


def _stopped(run: Run) -> bool:
    """Tell whether all workers of a run are stopped."""
    states = []
    for worker in run.workers():
        with suppress(OSError):
            states.append(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0])
    return bool(states) and set(states) == {"T"}
