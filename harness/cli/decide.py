"""``run --until-decided``: add seeds to the claims that are open, look, stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import typer

from harness.analysis.claims import ClaimVerdict, sides
from harness.analysis.sequential import LOOKS
from harness.analysis.verdicts import SuiteVerdict
from harness.api.reader import Reader
from harness.api.request import Request
from harness.api.running import DEFAULT_PROFILE, RunRequest
from harness.cli.layout import Rows, Value, emit
from harness.cli.run import run_plans, show_plans
from harness.cli.streams import unbreakable
from harness.data.sources import data_root
from harness.errors import HarnessError
from harness.report.views import effect_text, margin_text
from harness.runner.plan import Plan
from harness.runner.progress import duration

INTERRUPTED = 130


def seeds_to_decide(request: Request, most: int | None, *, force: bool) -> int:
    """Return how many seeds a side may be run; raise `HarnessError` for options that contradict a decision."""
    if request.selection.seeds:
        raise HarnessError("--until-decided chooses the seeds: leave out --seeds")
    if force:
        raise HarnessError("--until-decided adds seeds and repeats none: leave out --force")
    if most is not None and most < LOOKS[0]:
        raise HarnessError(f"--max-seeds {most}: the first look at a claim takes {LOOKS[0]} seeds a side")
    return LOOKS[-1] if most is None else most


def decide_suites(asked: RunRequest, max_seeds: int | None, layout: str, *, dry_run: bool) -> int:
    """Run, look at the claims, and go on with those that are open; print what came out; return the exit code.

    One claim's seeds are run to the next look only. ``dry_run``: show what would come before it.
    """
    most = seeds_to_decide(asked.request, max_seeds, force=asked.force)
    with unbreakable():
        return _decide(replace(asked, decide=most), most, layout, dry_run=dry_run)


def _decide(asked: RunRequest, most: int, layout: str, *, dry_run: bool) -> int:
    request = replace(asked.request, profile=asked.request.profile or DEFAULT_PROFILE)
    root, code = data_root(), 0
    before: list[dict[str, int]] = []
    while True:
        verdicts = list(Reader(request, new=True).verdicts())
        seeds = [_seeds_to_run(verdict, most) for verdict in verdicts]
        before = before or [{} for _ in seeds]
        if code == INTERRUPTED or all(rows.items() <= run.items() for rows, run in zip(seeds, before, strict=True)):
            break  # nothing is missing, or it was just tried: a failed trial leaves its claim open
        plans = [_plan(request, verdict, rows) for verdict, rows in zip(verdicts, seeds, strict=True)]
        if dry_run:
            return show_plans(asked, plans, root, layout)
        code, before = run_plans(asked, plans, root, said=layout == "text").exit_code, seeds
    _conclude(verdicts, layout)
    return code if any(claim.trials for verdict in verdicts for claim in verdict.claims) else 3


def _seeds_to_run(verdict: SuiteVerdict, most: int) -> dict[str, int]:
    """Return how many seeds the rows of open claims need for their next look."""
    needed: dict[str, int] = {}
    for claim in verdict.claims:
        if claim.next_look is not None and claim.next_look <= most:
            for row in sides(claim.claim):
                needed[row] = max(claim.next_look, needed.get(row, 0))
    return needed


def _plan(request: Request, verdict: SuiteVerdict, rows: dict[str, int]) -> Plan:
    data = Reader(request, new=True).data(verdict.loaded, verdict.profile_name)
    return request.further(verdict.loaded, verdict.profile_name, verdict.evidence.plan, rows, data)


def _conclude(verdicts: Sequence[SuiteVerdict], layout: str) -> None:
    """Print every claim: its word, the seeds a side that it rests on, the effect, and the time that it took."""
    names = ("suite", "claim", "verdict", "seeds", "margin", "P(as claimed)", "CPU time", "why")
    lines = [_line(verdict, claim) for verdict in verdicts for claim in verdict.claims]
    emit(Rows(names, lines), layout)
    for verdict in verdicts if layout == "text" else ():
        decided = sum(claim.verdict in ("PASS", "FAIL") for claim in verdict.claims)
        used = {trial: seconds for claim in verdict.claims for trial, seconds in claim.trials.items()}
        typer.echo(
            f"{verdict.loaded.suite.suite}: {decided} of {len(verdict.claims)} claims decided, "
            f"by {len(used)} trials, {_cpu_time(used)} of CPU time"
        )


def _line(verdict: SuiteVerdict, claim: ClaimVerdict) -> tuple[Value, ...]:
    time = _cpu_time(claim.trials) if claim.trials else "-"
    suite = verdict.loaded.suite.suite
    return (
        *(suite, claim.key, claim.verdict, claim.seeds, margin_text(claim), effect_text(claim), time),
        claim.reason,
    )


def _cpu_time(trials: Mapping[str, float | None]) -> str:
    """Add up what trials took; of those that were resumed nobody measured the whole."""
    known = [seconds for seconds in trials.values() if seconds is not None]
    rest = len(trials) - len(known)
    return f"{duration(sum(known))}{f' + {rest} resumed' if rest else ''}"
