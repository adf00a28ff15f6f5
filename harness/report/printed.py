"""How many of the printed numbers have a verdict, in words."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.coverage import JUDGED, Audited, coverage, entries, remaining
from harness.analysis.verdicts import SuiteVerdict

HEADER = ("paper", "printed numbers", "with a verdict", "of these by audit alone", *JUDGED)
HOUR = 3600.0


def coverage_rows(verdicts: Sequence[SuiteVerdict], audited: Audited | None) -> list[tuple[str, ...]]:
    """Return a header and one row per paper, the last one for all; only comparable profiles count. Empty: none."""
    listed = entries((verdict for verdict in verdicts if verdict.follows_papers), audited)
    if not listed:
        return []
    rows = [
        (
            item.paper,
            str(item.total),
            str(item.judged),
            str(item.audited),
            *(str(item.verdicts.get(word, 0)) for word in JUDGED),
        )
        for item in coverage(listed)
    ]
    return [HEADER, *rows]


def rest_line(verdicts: Sequence[SuiteVerdict]) -> str | None:
    """Say what the searches without a record would cost; None where there are none."""
    rest = remaining(verdict for verdict in verdicts if verdict.follows_papers)
    if not rest.trials:
        return None
    return (
        f"{rest.trials:,} planned searches of the paper profile have no record; estimated cost: "
        f"{rest.cpu_seconds / HOUR:,.0f} hours of one CPU core, or {rest.cuda_seconds / HOUR:,.0f} hours of one GPU"
    )
