"""Rows of values: aligned columns for people, JSON or CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

from harness.cli.text import columns
from harness.errors import HarnessError
from harness.text import no_formula, one_line

Value = str | int | float | bool | list[str] | None
PIPED_WIDTH = 100  # characters of a line that is wrapped, where the output is no terminal and COLUMNS is not set


@dataclass(frozen=True)
class Rows:
    """Rows under a header. ``shown``: how people read the values of a column; by default as they are, None a dash.

    ``hidden``: columns for programs alone. ``wrapped``: what does not fit into the terminal is continued below; else
    lines run on, as `grep` wants them.
    """

    header: tuple[str, ...]
    rows: Sequence[Sequence[Value]]
    shown: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    wrapped: bool = False

    def keyed(self) -> list[dict[str, Value]]:
        """Return a mapping per row."""
        keys = [name.replace(" ", "_").replace("-", "_") for name in self.header]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]

    def text(self) -> str:
        """Align the columns."""
        seen = [
            (index, self.shown.get(name, plain)) for index, name in enumerate(self.header) if name not in self.hidden
        ]
        header = [self.header[index] for index, _ in seen]
        lines = [[way(row[index]) for index, way in seen] for row in self.rows]
        return wrap(header, lines, terminal_width()) if self.wrapped else columns(header, lines)

    def csv(self) -> str:
        """Write one line a row."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows([no_formula(" ".join(v) if isinstance(v, list) else v) for v in row] for row in self.rows)
        return text.getvalue()


def emit(rows: Rows, layout: str) -> None:
    """Print rows as ``text``, ``json`` or ``csv``."""
    if layout == "json":
        emit_json(rows.keyed())
    elif layout == "csv":
        sys.stdout.write(rows.csv())
    else:
        typer.echo(rows.text())


def emit_json(value: Any) -> None:
    """Print a value as JSON, which knows no number that is not finite."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def only_text_or_json(layout: str, why: str) -> None:
    """Raise `HarnessError` where CSV is asked for of what is no one table."""
    if layout == "csv":
        raise HarnessError(f"--format csv: {why}")


def thousands(value: int | None) -> str:
    """Write a whole number with its thousands set apart."""
    return "-" if value is None else f"{value:,}"


def plain(value: Value) -> str:
    """Write a value for people."""
    if value is None:
        return "-"
    return " ".join(value) if isinstance(value, list) else str(value)


def finite(value: Any) -> Any:
    """Return a value, None in the place of a number that JSON does not know."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def terminal_width(piped: int = PIPED_WIDTH) -> int:
    """Return how many characters fit into a line: COLUMNS, the terminal's, or those of a pipe."""
    asked = os.environ.get("COLUMNS", "").isdecimal()
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or asked else piped


def wrap(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Align rows as `columns` does, within a width: long cells go on below themselves; the first column is whole."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = io.StringIO()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for index, name in enumerate(header):
        table.add_column(name, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console(file=stream, width=width, color_system=None, markup=False, emoji=False, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
