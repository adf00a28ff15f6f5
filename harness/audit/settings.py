"""Printed settings: no results, so that nothing of ours confirms them; what other places say of them does.

A setting is COHERENT where the authors' public configuration, or another section of the paper, has the same value;
CONTRADICTED where one of both has another; UNCHECKED where neither says anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.audit.consistency import Consistency
from harness.audit.finding import Finding, graded
from harness.audit.published_rows import PublishedRow
from harness.errors import HarnessError
from harness.suite.facts import Facts
from harness.suite.published import PublishedCell
from harness.suite.values import Published

Said = tuple[Published, str]  # a value, and who has it


def judge_setting(
    printed: Published, official: Said | None = None, elsewhere: Said | None = None
) -> tuple[Consistency, str]:
    """Return what the authors' configuration and another section make of a printed setting, and why."""
    said = [one for one in (official, elsewhere) if one is not None]
    if not said:
        return "UNCHECKED", "no public configuration and no other section has it"
    wrong = [one for one in said if not same(printed, one[0])]
    if wrong:
        return "CONTRADICTED", "; ".join(f"{value.text} in {source}" for value, source in wrong)
    return "COHERENT", "; ".join(source for _, source in said)


def settings(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report of every printed setting what other places say of it; nothing where none does."""
    findings = []
    for line in lines:
        for number in line.numbers:
            if number.setting is not None:
                said = (number.setting.official, number.setting.elsewhere)
                word, reason = judge_setting(number.value, *said)
                if word != "UNCHECKED":
                    text = f"{line.label}: {number.column.label} is printed {number.value.text}; "
                    text += f"so has {reason}" if word == "COHERENT" else f"it is {reason}"
                    findings.append(graded("setting", word == "COHERENT", "warning", (number.cell,), text))
    return findings


def same(printed: Published, other: Published) -> bool:
    """Tell whether two values agree: equal, or equal once the other is rounded to the printed decimals.

    A single printed digit (0.003) is a choice and not a rounded number.
    """
    if math.isclose(printed.mean, other.mean, rel_tol=1e-9):
        return True
    rounded = printed.decimals > 0 and len(printed.text.replace(".", "").lstrip("-0")) > 1
    return rounded and math.isclose(round(other.mean, printed.decimals), printed.mean, rel_tol=1e-9)


def our_setting(cell: PublishedCell, facts: Facts) -> Any:
    """Return what our search runs where a printed setting names one, from the table of facts, which tests hold to it.

    None where it names none. Raises `HarnessError` where the search is none, or has no such setting.
    """
    if cell.runs is None or cell.column.setting is None:
        return None
    suite, _, rest = cell.runs.partition("/")
    table, _, row = rest.partition("/")
    stated = facts.of(suite, table, row) if rest.count("/") == 1 else {}
    if cell.column.setting not in stated:
        raise HarnessError(f"{cell.table}/{cell.row}: {cell.runs!r} has no setting {cell.column.setting!r}")
    return stated[cell.column.setting].value
