"""Which trials a profile says come first: rows by name or pattern, seeds by number or range."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from harness.errors import HarnessError, nearest

_SEEDS = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


def first_trials(text: str, rows: Sequence[str]) -> list[tuple[str, int]]:
    """Return the trials (row, seed) that ``table/row 0`` or ``table/pattern-* 0-4`` names, out of ``table/row`` names.

    Seed by seed, each with the rows in their order. Raises `HarnessError` for another form and where no row is meant.
    """
    row, _, seeds = text.partition(" ")
    match = _SEEDS.fullmatch(seeds)
    if not match:
        raise HarnessError(f"{text!r}: expected a row and a seed such as 'table/row 0', or 'table/* 0-4'")
    found = [name for name in rows if fnmatchcase(name, row)]
    if not found:
        raise HarnessError(f"unknown row {row!r}{nearest(row, rows)}")
    return [(name, seed) for seed in range(int(match[1]), int(match[2] or match[1]) + 1) for name in found]
