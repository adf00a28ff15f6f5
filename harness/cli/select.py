"""What commands are asked for, and how to ask for it again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from harness.api.request import DEFAULT_SUITES, Request

__all__ = ["DEFAULT_SUITES", "Request", "command"]


def command(words: Sequence[str]) -> str:
    """Write a command line that the user can paste."""
    return shlex.join(["python", "-m", "harness", *words])
