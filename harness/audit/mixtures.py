"""Rows of mean and std as mixtures of a few architectures: which ones, how many runs, which std."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.audit.finding import Finding, Severity, Verdict
from harness.audit.mixture_search import DEVIATIONS, Mixture, Target, find_mixtures, partitions
from harness.audit.printed import EPS
from harness.audit.published_rows import PublishedRow
from harness.audit.table import READING, SPACE, Floats, TableRow, TableValues, printed_row, table_rows

RULE = "mixture"
RUNS = (3, 4, 5)  # tried for every row, besides the number that it states
MOST_RUNS = 8  # a stated number above this is not tried: too many mixtures fit by chance
ENOUGH_COLUMNS = 4  # for three architectures; with fewer columns thousands of triples fit by chance,
PRECISE = 0.005  # as they do with fewer than two decimals
FEW_READING = 0.01  # in place of `READING` there, for the same reason
CONTROLS = (4, 40)  # moved copies of a row that are searched too: fewest and most
EFFORT = 20_000  # of the controls, in architectures that may take part
WIDER = 2.0  # their slack, so that few of them see what many would
CHANCE = 0.01  # accidental mixtures expected, below which a match says something

Found = dict[int, list[Mixture]]  # by number of runs


def mixtures(lines: Sequence[PublishedRow], table: TableValues) -> list[Finding]:
    """Search for at most three architectures that explain all columns of a row with a std, a finding per match."""
    known: dict[tuple[object, ...], Finding | None] = {}
    findings = []
    for row in table_rows(lines):
        if len(row.numbers) < 2 or np.isnan(row.std).any() or not (row.std > 0).any():
            continue
        if row.key not in known:
            known[row.key] = _explained(row, table)
        found = known[row.key]
        if found is not None:
            findings.append(Finding(RULE, found.severity, row.cells, found.evidence, found.verdict))
    return findings


def search_target(row: TableRow) -> Target:
    """Return what a mixture must meet; a std takes half of what two values may be off."""
    reading = READING if len(row.numbers) >= ENOUGH_COLUMNS else FEW_READING
    return Target(
        mean=row.mean,
        mean_slack=row.half + reading + EPS,
        std=row.std,
        std_slack=row.std_half + reading / 2 + EPS,
    )


def _explained(row: TableRow, table: TableValues) -> Finding | None:
    values = table.accuracy[:, row.columns]
    target = search_target(row)
    precise = max(row.half.max(), row.std_half.max()) <= PRECISE + EPS
    enough = len(row.numbers) >= ENOUGH_COLUMNS and precise
    for most in (2, 3) if enough else (2,):
        found = _search(values, target, row.n, most)
        if found:
            return _reported(row, table, found, _chance(values, target, row.n, most))
    if enough and row.n in (2, 3):
        text = f"no {row.n} architectures have {printed_row(row)} within {READING}, with either std"
        return Finding(RULE, "info", row.cells, text, "unexplained")
    return None


def _search(values: Floats, target: Target, stated: int | None, most: int) -> Found:
    """Return the mixtures of up to ``most`` architectures, by the number of runs."""
    runs = sorted({*RUNS, *([stated] if stated and 1 < stated <= MOST_RUNS else [])})
    found: Found = {}
    for n in runs:
        for counts in partitions(n, most):
            for deviation in DEVIATIONS:
                matches = find_mixtures(values, target, counts, deviation)
                if matches:
                    found.setdefault(n, []).extend(matches)
    return found


def _chance(values: Floats, target: Target, stated: int | None, most: int) -> float:
    """Return how many mixtures are expected to fit by chance, at most: what copies of the row find, moved away.

    The copies have `WIDER` slacks, so they find more; divided here as if only the means' slacks counted, which leaves
    the estimate too large. Where they find nothing, it is as if they had found one.
    """
    hits = [sum(map(len, _search(values, copy, stated, most).values())) for copy in _controls(values, target)]
    return max(1, sum(hits)) / (len(hits) * WIDER ** len(target.mean))


def _controls(values: Floats, target: Target) -> Iterator[Target]:
    """Yield the same row moved by three to ten times its slack, always in the same ways; fewer of wide rows."""
    generator = np.random.default_rng(0)
    candidates = int((np.abs(values - target.mean) <= 2 * target.std + target.mean_slack).all(axis=1).sum())
    fewest, enough = CONTROLS
    for _ in range(max(fewest, min(enough, EFFORT // max(candidates, 1)))):
        size = generator.uniform(1 + WIDER, 10, len(target.mean)) * target.mean_slack
        yield target.control(size * generator.choice((-1.0, 1.0), len(target.mean)), WIDER)


def _reported(row: TableRow, table: TableValues, found: Found, chance: float) -> Finding:
    """Word what was found. It is a warning if it says another number of runs than the row does."""
    every = [mixture for matches in found.values() for mixture in matches]
    expected = f"at most {chance:.4f} such mixtures by chance"
    listed = "; or ".join(_worded(mixture, table) for mixture in every[:3])
    more = f"; and {len(every) - 3} more" if len(every) > 3 else ""
    text = f"{printed_row(row)} = {listed}{more} ({expected})"
    sure = chance < CHANCE
    cells = {tuple(sorted(_cell(table, member) for member in mixture.members)) for mixture in every}
    severity: Severity = "info"
    verdict: Verdict = "attributed" if sure and len(cells) == 1 else "ambiguous"
    if sure and row.n is not None and row.n not in found:
        severity = "warning"
        runs = " or ".join(map(str, sorted(found)))
        text += f". The row says {row.n} runs, these are {runs}"
    return Finding(RULE, severity, row.cells, text, verdict)


def _cell(table: TableValues, member: int) -> str:
    """Return what isomorphic architectures have in common."""
    return SPACE.canonical(table.strings[member])


def _worded(mixture: Mixture, table: TableValues) -> str:
    parts = [f"{count} x {table.name(member)}" for count, member in zip(mixture.counts, mixture.members, strict=True)]
    return f"{' + '.join(parts)}, {mixture.deviation} std, n = {mixture.runs}"
