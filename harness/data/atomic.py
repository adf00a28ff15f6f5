"""Files that are whole or absent: written beside their place, then moved into it."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.data.locks import try_lock
from harness.errors import HarnessError


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a new, empty temporary file beside ``path``; move it there if the block succeeds, remove it if it fails.

    Its name is drawn anew and nobody else's: processes of two machines or containers may have equal ids. It is locked
    for as long, so that who sweeps knows it from what a killed process left (`is_abandoned`). Content and name are on
    the disk before this returns, unless they need not be ``durable``: what can be made anew at once. An `OSError` names
    ``path`` where the system named no file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    lock = None
    try:
        lock = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        try_lock(lock)
        yield temporary
        if durable:
            _sync(temporary)
        os.replace(temporary, path)
        if durable:
            with suppress(OSError):  # some file systems know no such thing for folders
                _sync(path.parent)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise
    finally:
        if lock is not None:
            temporary.unlink(missing_ok=True)
            os.close(lock)


def is_abandoned(temporary: Path, seconds: float) -> bool:
    """Tell whether nobody writes a temporary file: it is that old, and no living process has it locked."""
    try:
        file = os.open(temporary, os.O_RDWR)
    except OSError:
        return False
    try:
        return time.time() - os.fstat(file).st_mtime > seconds and try_lock(file) is not False
    finally:
        os.close(file)


def check_folder(folder: Path) -> Path:
    """Return the folder, or where it is yet to be made, the nearest above it; raise `HarnessError` for a file."""
    found = next(path for path in (folder, *folder.parents, Path()) if os.path.lexists(path))
    if not found.is_dir():
        raise HarnessError(f"{found} is not a folder")
    return found


def check_writable(folder: Path) -> None:
    """Raise `HarnessError`, one line, where files cannot be written below ``folder``; leave no trace."""
    found = check_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=found) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        raise HarnessError(f"{found} cannot be written: {error.strerror}") from error


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
