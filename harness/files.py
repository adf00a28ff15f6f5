"""Foreign files read safely: regular ones only, of bounded size, found through links to folders too."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST_TEXT = 2**26  # bytes of a suite or record, which are some hundred KB at most


def read_regular(path: Path, limit: int = LARGEST_TEXT) -> bytes:
    """Return a file's content; raise `OSError` for what is no regular file or has more than ``limit`` bytes.

    A pipe would block whoever opens it, a device such as ``/dev/zero`` never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if facts.st_size > limit:
            raise OSError(
                errno.EFBIG, f"{facts.st_size:,} bytes are more than the {limit:,} that it may have", str(path)
            )
        return file.read(facts.st_size)


def files_below(root: Path, suffix: str) -> list[Path]:
    """Return the paths below a folder that end in ``suffix``, sorted; what begins with a dot is left out.

    Links to folders are followed, each real folder once, so that a link to one above does no harm.
    """
    return sorted(path for path in _walk(root) if path.name.endswith(suffix))


def _walk(root: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real not in seen:
            seen.add(real)
            yield from (Path(folder, name) for name in names if not name.startswith("."))
