"""Output that cannot stop the work: a closed pipe, a full disk or a terminal that is gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


class Unbreakable:
    """A text stream that drops what nobody can take any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or pretend to."""
        with self._dropping():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or pretend to."""
        with self._dropping():
            self._stream.flush()

    def __getattr__(self, name: str) -> object:
        """Be the stream in everything else."""
        return getattr(self._stream, name)

    @contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):  # ValueError: it is closed
            with suppress(OSError, ValueError):  # what is buffered would fail again when Python ends
                to_nowhere(self._stream.fileno())


def reopen() -> None:
    """Give what the caller has closed somewhere to go: the next file opened, a record perhaps, must not be it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            to_nowhere(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def unbreakable() -> Iterator[None]:
    """Let neither stdout nor stderr raise while the block runs."""
    reopen()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and Unbreakable(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before


def to_nowhere(number: int) -> None:
    """Let what is written to a number of the system go nowhere."""
    file = os.open(os.devnull, os.O_RDWR)
    if file != number:
        os.dup2(file, number)
        os.close(file)
