"""Output that nobody takes stops no run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.streams import unbreakable

WRITE = """
import contextlib, os, sys, harness.cli.streams
with harness.cli.streams.unbreakable():
    for stream in (sys.stdout, sys.stderr):
        for _ in range(3):
            print("x" * 100_000, file=stream, flush=True)
    with open("opened", "w") as file:
        for number in (1, 2):  # as compiled code does, which knows numbers alone
            with contextlib.suppress(OSError):
                os.write(number, b"not mine")
        file.write("mine")
    open("end", "w").write("reached")
"""


def write(folder: Path, shell: str) -> int:
    """Run the lines above with redirections."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = f"{sys.executable} -c '{WRITE}' {shell}"
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, check=False)
    assert (folder / "end").read_text() == "reached" and (folder / "opened").read_text() == "mine", done.stderr
    return done.returncode


@pytest.mark.parametrize(
    "shell", [">/dev/full 2>/dev/full", ">&- 2>&-", "0<&- >&-", "2>&1 | true; exit ${PIPESTATUS[0]}"]
)
def test_closed_and_full_streams_are_not_noticed(tmp_path: Path, shell: str) -> None:
    assert write(tmp_path, shell) == 0


def test_what_can_be_written_is(capfd: pytest.CaptureFixture[str]) -> None:
    with unbreakable():
        print("out")
        print("err", file=sys.stderr)
        assert not sys.stdout.isatty()
    assert tuple(capfd.readouterr()) == ("out\n", "err\n")


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [(">/dev/full", 2, "error: output: No space left on device\n"), (">&-", 0, ""), ("0<&- >&-", 0, "")],
)
def test_a_command_whose_output_goes_nowhere_is_no_verdict(tmp_path: Path, shell: str, code: int, said: str) -> None:
    """1 is a FAIL: neither a full disk nor a closed stream answers it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = f"{sys.executable} -m harness list methods {shell}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (code, said)
