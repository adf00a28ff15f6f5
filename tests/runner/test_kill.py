"""Runs that are really killed, in processes of their own: nothing is lost, nothing is done twice."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.runner.record import Record
from harness.runner.store import read_record

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="pins processes to cores")
WAIT = 300.0  # seconds, on a busy machine: a guard against hanging
ROOT = Path(__file__).parents[2]
COMMAND = ["run", "suites/tiny.yaml", "-m", "darts-v1", "--set", "epochs=60", "--device", "cpu"]


def as_in_a_terminal(cores: list[int]) -> None:
    """Give a process its cores, and let Ctrl-C reach it: a shell's background job inherits that it is ignored."""
    os.sched_setaffinity(0, cores)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """A run of 3 searches of 60 epochs in a session of its own, on as many cores as jobs: one thread each."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.results = folder / "results"
        cores = sorted(os.sched_getaffinity(0))[:jobs]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness", *COMMAND, "--jobs", str(jobs)],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True, preexec_fn=lambda: as_in_a_terminal(cores),
        )  # fmt: skip
        self.started = time.time_ns()

    def wait_for_work(self, records: int = 0) -> None:
        """Wait until a search of this run has saved an epoch, and so many trials are done."""
        limit = time.monotonic() + WAIT
        while len(self.records()) < records or not self.saved():
            assert self.process.poll() is None and time.monotonic() < limit, self.process.communicate()
            time.sleep(0.01)

    def saved(self) -> list[Path]:
        """Return the checkpoints that this run wrote."""
        found = []
        for path in self.results.glob(".checkpoints/*.pt"):
            with suppress(FileNotFoundError):  # its trial has just ended
                found += [path] if path.stat().st_mtime_ns > self.started else []
        return found

    def wait_until_stopped(self) -> None:
        """Wait until both workers are held."""
        limit = time.monotonic() + WAIT
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while True:
            lines = [Path(f"/proc/{child}/cmdline").read_text() for child in children.read_text().split()]
            workers = [c for c, line in zip(children.read_text().split(), lines, strict=True) if "spawn_main" in line]
            stats = [Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] for worker in workers]
            if stats == ["T", "T"]:
                return
            assert time.monotonic() < limit, stats
            time.sleep(0.05)

    def checkpoints(self) -> dict[Path, int]:
        """Return all checkpoints and when they were written."""
        return {path: path.stat().st_mtime_ns for path in self.results.glob(".checkpoints/*.pt")}

    def records(self) -> list[Path]:
        """Return the files of the records."""
        return sorted(self.results.rglob("s*-*.json")) if self.results.exists() else []

    def end(self) -> tuple[int, str, str]:
        """Wait until no process of the run is left; return exit code and output."""
        try:
            out, err = self.process.communicate(timeout=WAIT)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        return self.process.returncode, out, err


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The records, by seed, of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "suites").mkdir()
    (folder / "suites" / "tiny.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    return finish(folder, 1)


def finish(folder: Path, jobs: int) -> dict[int, Record]:
    """Issue the command and let it end."""
    run = Run(folder, jobs)
    code, _, err = run.end()
    assert code == 0, err
    return {record.seed: record for record in map(read_record, run.records())}


def assert_equal(records, whole):
    assert set(records) == set(whole) == {0, 1, 2}
    for seed, record in records.items():
        assert record.model_dump(exclude={"provenance"}) == whole[seed].model_dump(exclude={"provenance"})


@pytest.mark.timeout(900)
@pytest.mark.long
def test_after_kill_9_and_sigterm_the_same_command_does_the_rest(project, whole):
    run = Run(project.folder, 1)
    run.wait_for_work(records=1)
    run.process.kill()
    assert run.end()[0] == -signal.SIGKILL
    done = {path: path.stat().st_mtime_ns for path in run.records()}
    assert 1 <= len(done) < 3

    run = Run(project.folder, 1)
    run.wait_for_work()
    run.process.terminate()
    code, out, err = run.end()
    assert code == 130 and "unfinished" in out and "Traceback" not in err
    assert "interrupted; go on with: python -m harness run suites/tiny.yaml" in err

    records = finish(project.folder, 1)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert any(record.provenance.resumed_from_epoch for record in records.values())
    assert not list(run.results.glob(".checkpoints/*.pt"))
    assert_equal(records, whole)


@pytest.mark.timeout(900)
@pytest.mark.long
def test_workers_end_with_the_run_and_their_searches_go_on(project, whole):
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        run = Run(project.folder, 2)
        run.wait_for_work()
        (os.killpg if number == signal.SIGINT else os.kill)(run.process.pid, number)
        assert run.end()[0] == code
    assert_equal(finish(project.folder, 2), whole)


@pytest.mark.timeout(900)
@pytest.mark.long
def test_a_held_run_stands_still_and_ends_equal(project, whole):
    """By a file, and by the signal of Ctrl-Z, which holds the planning process as well."""
    run = Run(project.folder, 2)
    run.wait_for_work()
    pause = run.results / "pause"
    for hold, go_on in (
        (pause.touch, pause.unlink),
        (lambda: run.process.send_signal(signal.SIGTSTP), lambda: run.process.send_signal(signal.SIGCONT)),
    ):
        hold()
        run.wait_until_stopped()
        before = run.checkpoints()
        time.sleep(0.5)
        assert run.checkpoints() == before and run.process.poll() is None
        go_on()
    code, _, err = run.end()
    assert code == 0 and err.count("held; ") == err.count("goes on\n") == 2, err
    assert_equal({record.seed: record for record in map(read_record, run.records())}, whole)
