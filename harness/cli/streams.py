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
                _to_nowhere(self._stream.fileno())


@contextmanager
def unbreakable() -> Iterator[None]:
    """Let neither stdout nor stderr raise while the block runs.

    Where one was closed by the caller, its number is taken: the next file opened, a record perhaps, must not get it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            _to_nowhere(number)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and Unbreakable(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before


def _to_nowhere(number: int) -> None:
    file = os.open(os.devnull, os.O_RDWR)
    if file != number:
        os.dup2(file, number)
        os.close(file)
