"""Plain text for the terminal and for pipes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align rows under a header; the last column runs free, nothing is cut."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def percent(value: float | None) -> str:
    """Write an accuracy; a dash where there is none."""
    return "-" if value is None else f"{value:.2f}%"
