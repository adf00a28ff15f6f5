"""The second mark of a printed number: what other numbers and the benchmark's table say of it.

CONTRADICTED: a rule shows that it cannot be, or that another printing of the same says otherwise, and nothing shows
that the other one is to blame. COHERENT: an independent computation explains it: arithmetic from other printed
numbers, architectures of the table, what code counts of a published cell, or of all cells that a space has; of a
setting, the authors' configuration or another section has it too. COPIED: all that speaks for it is another printing of
the same number, its original or its copy, which counts as nothing. UNCHECKED: nothing speaks for or against it; that n
architectures of the table could have it is no explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from harness.audit.finding import Finding, by_cell

Consistency = Literal["COHERENT", "COPIED", "CONTRADICTED", "UNCHECKED"]
CONSISTENCIES: tuple[Consistency, ...] = get_args(Consistency)

# What explains a number, where it finds it right.
EXPLAINING = (
    *("summary", "difference", "derived", "diagonal", "setting", "counts", "fingerprint"),
    *("optimum", "fixed-architecture", "edge-counts", "attribution", "mixture"),
)
REPEATING = ("agreement", "symmetry")
# These set two printings against each other without knowing which is wrong; what is known elsewhere decides.
PAIRING = ("agreement", "number-of-runs", "repeated-mean")


@dataclass(frozen=True)
class Mark:
    """The word for a number, and the finding that it rests on."""

    word: Consistency
    finding: Finding

    @property
    def reason(self) -> str:
        """Return the rule and what it says."""
        return f"audit, {self.finding.rule}: {self.finding.evidence}"


def marks(findings: Iterable[Finding]) -> dict[str, Mark]:
    """Return the mark of every number that something speaks for or against; all others are UNCHECKED.

    The gravest finding comes first: whatever contradicts a number, then what explains it, then what repeats it.
    """
    cells = by_cell(findings)
    explained = {cell for cell, found in cells.items() if any(map(_explains, found))}
    convicted = {c for found in cells.values() for f in found if f.rule not in PAIRING for c in f.suspects}
    result: dict[str, Mark] = {}
    for cell, found in cells.items():
        against = [f for f in found if cell in _guilty(f, convicted, explained)]
        if against:
            result[cell] = Mark("CONTRADICTED", against[0])
        elif explaining := [f for f in found if _explains(f)]:
            result[cell] = Mark("COHERENT", explaining[0])
        elif repeating := [f for f in found if f.rule in REPEATING and f.verdict == "consistent"]:
            result[cell] = Mark("COPIED", repeating[0])
    return result


def _explains(finding: Finding) -> bool:
    right = finding.verdict in ("consistent", "attributed") and finding.severity == "info"
    return right and finding.rule in EXPLAINING


def _guilty(finding: Finding, convicted: set[str], explained: set[str]) -> Sequence[str]:
    """Return the cells that a finding is held against.

    Of a pair that disagrees, those that another rule finds wrong; else those that nothing explains; else both.
    """
    suspects = finding.suspects
    if finding.rule not in PAIRING:
        return suspects
    known = [cell for cell in suspects if cell in convicted]
    open_ = [cell for cell in suspects if cell not in explained]
    return known or open_ or suspects
