"""Errors a user can act on: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from harness.text import one_line


class HarnessError(Exception):
    """Bad input or missing data, worded for the user in one line, which what it quotes cannot break or colour."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest choices, or the list of choices when none is close."""
    options = sorted(choices)
    close = difflib.get_close_matches(name, options, n=2, cutoff=0.6)
    if close:
        return "; did you mean " + " or ".join(repr(c) for c in close) + "?"
    shown = ", ".join(options[:12]) + (", ..." if len(options) > 12 else "")
    return f"; valid: {shown}" if options else ""
