"""Foreign text made harmless: what is printed moves no cursor, breaks no line, and is no formula of a spreadsheet."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

# Control characters (C0 but tab and newline, C1), what turns the direction of text, and halves of characters, such as
# Python makes of file names that are no UTF-8.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
LONGEST = 120  # characters of a foreign value in a message

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxlong = _brief.maxother = LONGEST


def printable(text: str) -> str:
    """Write what must not reach a terminal as it is written in Python: ``\\x1b``. Tabs and new lines stay."""
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Write text `printable` and on one line."""
    return printable(re.sub(r"\s*\n\s*", " ", text.strip()))


def brief(value: Any) -> str:
    """Write a foreign value for a message: like ``repr``, but never long, and quick for what is nested."""
    try:
        return _brief.repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table for a page of markdown, without a new line at its end."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def counted(number: int, noun: str) -> str:
    """Write a number of things: ``1 trial``, ``2 trials``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def no_formula(value: Any) -> Any:
    """Return a cell of a CSV file; text that a spreadsheet would take for a formula begins with an apostrophe.

    A number as printed is no formula, whatever its sign.
    """
    foreign = isinstance(value, str) and value.startswith(FORMULA) and not NUMBER.fullmatch(value)
    return f"'{value}" if foreign else value
