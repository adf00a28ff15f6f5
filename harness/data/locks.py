"""Locks on files: the system gives them up when their process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_SECONDS = 10.0  # a write takes milliseconds; who holds a lock for longer was stopped meanwhile


def try_lock(file: int) -> bool | None:
    """Lock an open file; False where another process has, None where the file system knows no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep others out while the block runs; go ahead without where that is impossible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        limit = time.monotonic() + WAIT_SECONDS
        while try_lock(file) is False and time.monotonic() < limit:
            time.sleep(0.01)
        yield
    finally:
        os.close(file)
