"""What became of the printed numbers, in words and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.coverage import (
    REPRODUCTIONS,
    Coverage,
    Entry,
    Marks,
    coverage,
    entries,
    remaining,
)
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import CONSISTENCIES, marks
from harness.audit.finding import Finding
from harness.audit.majority import Majority
from harness.suite.facts import Facts

HEADER = ("paper", "printed numbers", *REPRODUCTIONS, *CONSISTENCIES)
HOUR = 3600.0
REASONS = 4  # named of why numbers were not run, the most frequent


@dataclass(frozen=True)
class Printed:
    """All printed numbers, whatever a report shows beside them; what their other searches would cost; the audit.

    ``majorities``: the data of Delve's Figure 6(a), empty where the table is not at hand. ``facts``: the settings of
    rows with their sources, None where no table of them is at hand. ``verdicts``: of the papers' protocol, where the
    numbers are listed from.
    """

    verdicts: Sequence[SuiteVerdict]
    listed: Sequence[Entry]
    rest: str | None
    findings: Sequence[Finding]
    marks: Marks
    majorities: Sequence[Majority]
    facts: Facts | None

    @classmethod
    def of(
        cls, paper: Sequence[SuiteVerdict], findings: Sequence[Finding] = (), majorities: Sequence[Majority] = (),
        facts: Facts | None = None,
    ) -> Printed:  # fmt: skip
        """List the numbers of suites that are judged under the paper profile."""
        known = marks(findings)
        return cls(paper, entries(paper, known, facts), rest_line(paper), findings, known, majorities, facts)

    @classmethod
    def beside(cls, verdicts: Sequence[SuiteVerdict]) -> Printed:
        """List the numbers of those among some verdicts that are under the paper profile; no audit."""
        return cls.of([verdict for verdict in verdicts if verdict.follows_papers])


def coverage_rows(listed: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Return a header and one row per paper, the last one for all: first the marks of reproduction. Empty: none."""
    if not listed:
        return []
    return [HEADER, *map(_row, coverage(listed))]


def _row(item: Coverage) -> tuple[str, ...]:
    reproduction = (item.reproduction.get(word, 0) for word in REPRODUCTIONS)
    consistency = (item.consistency.get(word, 0) for word in CONSISTENCIES)
    return (item.paper, *map(str, (item.total, *reproduction, *consistency)))


def summary_lines(listed: Sequence[Entry]) -> list[tuple[str, str]]:
    """Say what is reproduced, contradicted, undecided and not run: a catchword and a sentence each. Empty: none."""
    if not listed:
        return []
    item = coverage(listed)[-1]
    ours, audit = item.reproduction, item.consistency
    papers = len({entry.paper for entry in listed})
    return [
        (
            "Reproduced",
            f"{ours.get('PASS', 0):,} of the {item.total:,} numbers printed in {papers} paper{'s' * (papers > 1)}, by "
            f"records of our own. Near (DRIFT): {ours.get('DRIFT', 0):,}.",
        ),
        ("Not reproduced", f"{ours.get('FAIL', 0):,} (FAIL)."),
        (
            "Undecided",
            f"{ours.get('UNDECIDED', 0):,}; {ours.get('INCOMPLETE', 0):,} more lack planned seeds (INCOMPLETE).",
        ),
        ("Not run", f"{ours.get('NOT RUN', 0):,}{_because(item.reasons)}."),
        ("No result", f"{ours.get('not a result', 0):,} are printed settings, which no run confirms."),
        (
            "Contradicted",
            f"{audit.get('CONTRADICTED', 0):,} by other printed numbers or by the benchmark's table; an independent "
            f"computation explains {audit.get('COHERENT', 0):,} (COHERENT), {audit.get('COPIED', 0):,} agree with "
            f"their copy or original alone, which counts as nothing, and {audit.get('UNCHECKED', 0):,} are unchecked.",
        ),
    ]


def _because(reasons: Mapping[str, int]) -> str:
    """Name the most frequent reasons."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count:,} because {reason}" for reason, count in ordered[:REASONS]]
    rest = ["others for reasons of their own"] if len(ordered) > REASONS else []
    return f": {'; '.join(named + rest)}" if named else ""


def rest_line(verdicts: Iterable[SuiteVerdict]) -> str | None:
    """Say what the searches without a record would cost; None where there are none."""
    rest = remaining(verdicts)
    if not rest.trials:
        return None
    return (
        f"{rest.trials:,} planned searches and trainings of the paper profile have no record; estimated cost: "
        f"{rest.cpu_seconds / HOUR:,.0f} hours of one CPU core, or {rest.cuda_seconds / HOUR:,.0f} hours of one GPU"
    )
