"""Signals: the first one that asks for the end is heard, what comes while it ends is not."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.runner.signals import ENDING, Stopper

AGAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from harness.runner.signals import Stopper
try:
    with Stopper():
        try:
            signal.raise_signal(signal.{first})
        finally:
            signal.raise_signal(signal.SIGTERM)
            print("tidied up")
except KeyboardInterrupt:
    signal.raise_signal(signal.SIGHUP)
    print("concluded")
"""


@pytest.mark.parametrize("number", ENDING)
def test_signals_are_handled_only_during_a_run(number: signal.Signals) -> None:
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    found = signal.signal(number, usual)  # a background job ignores SIGINT, `nohup` SIGHUP
    try:
        with Stopper():
            assert signal.getsignal(number) is not usual
        assert signal.getsignal(number) is usual
    finally:
        signal.signal(number, found)


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_second_signal_does_not_disturb_the_end(first: str) -> None:
    root = Path(__file__).parents[2]
    code = AGAIN.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "tidied up\nconcluded\n", "")


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stopper() as stopper:
            signal.raise_signal(signal.SIGHUP)
            assert not stopper.ending
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_pause_is_asked_for() -> None:
    with Stopper() as stopper:
        signal.raise_signal(signal.SIGTSTP)
        assert stopper.asked_to_pause


def test_other_threads_leave_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def elsewhere() -> None:
        with Stopper():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_program_that_goes_on_hears_signals_again() -> None:
    usual = signal.default_int_handler
    found = signal.signal(signal.SIGINT, usual)
    try:
        with pytest.raises(KeyboardInterrupt), Stopper(deaf=False):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is usual
    finally:
        signal.signal(signal.SIGINT, found)
