"""Plain text for the terminal and for pipes."""

from __future__ import annotations

import codecs
import io
import shlex
import sys
from collections.abc import Iterable, Sequence

from harness.text import one_line


def speak_utf8() -> None:
    """Print in UTF-8 where Python chose ASCII (LC_ALL=C), elsewhere in its encoding; what that lacks is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if ascii_only else stream.encoding, errors="backslashreplace")


def columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align rows under a header; the last column runs free, nothing is cut, and no cell breaks its line."""
    lines = [[one_line(cell) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def percent(value: float | None) -> str:
    """Write an accuracy; a dash where there is none."""
    return "-" if value is None else f"{value:.2f}%"


def command(words: Sequence[str]) -> str:
    """Write a command line that the user can paste."""
    return shlex.join(["python", "-m", "harness", *words])
