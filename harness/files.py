"""Foreign files read safely: regular ones, of bounded size, found through links to folders too; the cache folder."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

CACHE_VARIABLE = "HARNESS_CACHE"
LARGEST_TEXT = 2**26  # bytes of a record, which has some hundred KB
# What `harness.text.CONTROL` finds, as JSON escapes it (an even number of backslashes before it is text) and in UTF-8.
_ESCAPED = re.compile(
    rb"(?<!\\)(?:\\\\)*\\(?:[bfr]|u(?:00(?:0[0-8b-f]|1[0-9a-f]|7f|[89][0-9a-f])|061c|200[ef]|202[89a-e]|206[6-9]))",
    re.IGNORECASE,
)
_AS_THEY_ARE = re.compile(rb"\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")


def cache_folder() -> Path | None:
    """Return where lies what can be made anew: ``$HARNESS_CACHE``, else ``~/.cache/harness``; None without a home."""
    home = os.path.expanduser("~")
    chosen = os.environ.get(CACHE_VARIABLE) or ("" if home == "~" else f"{home}/.cache/harness")
    return Path(chosen) if chosen else None


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


def read_json(path: Path) -> bytes:
    """Return the content of a JSON file; raise `OSError` as `read_regular` does, and for control characters in it."""
    content = read_regular(path)
    escaped = b"\\" in content and _ESCAPED.search(content)  # the first look spares almost all the second
    if escaped or b"\x7f" in content or (not content.isascii() and _AS_THEY_ARE.search(content)):
        raise OSError(errno.EINVAL, "control characters in its text", str(path))
    return content


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
