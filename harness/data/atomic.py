"""Files that are whole or absent: written beside their place, then moved into it."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import HarnessError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new, empty temporary file beside ``path``; move it there if the block succeeds, remove it if it fails.

    Its name is drawn anew and nobody else's: processes of two machines or containers may have equal ids. Content and
    name are on the disk before this returns. An `OSError` names ``path`` where the system named no file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        with suppress(OSError):  # some file systems know no such thing for folders
            _sync(path.parent)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


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
