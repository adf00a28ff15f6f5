"""Where and when the reported trials ran, from their records: never from the time of reporting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.analysis.outcomes import Environment, Outcome
from harness.analysis.verdicts import SuiteVerdict

SHOWN = 8


def environment_lines(verdicts: Sequence[SuiteVerdict]) -> list[str]:
    """Describe the environments, most used first, and the time span of the records."""
    outcomes = {outcome.id: outcome for verdict in verdicts for outcome in verdict.evidence.outcomes.values()}
    if not outcomes:
        return ["no records"]
    counted = Counter(outcome.environment for outcome in outcomes.values())
    ordered = sorted(counted.items(), key=lambda item: (-item[1], _describe(item[0])))
    lines = [time_span(list(outcomes.values()))]
    lines += [f"{_trials(number)}: {_describe(environment)}" for environment, number in ordered[:SHOWN]]
    rest = sum(number for _, number in ordered[SHOWN:])
    return [*lines, f"{_trials(rest)}: other environments"] if rest else lines


def time_span(outcomes: Sequence[Outcome]) -> str:
    """Say from when to when the trials started."""
    first, last = min(o.started for o in outcomes), max(o.started for o in outcomes)
    return f"started {first}" if first == last else f"started {first} to {last}"


def _describe(environment: Environment) -> str:
    parts = [
        f"harness {environment.harness}",
        f"git {environment.git}" if environment.git else "no git revision",
        f"Python {environment.python}",
        f"torch {environment.torch}",
        f"{environment.device} ({environment.platform})",
        f"{environment.threads} thread{'s' if environment.threads != 1 else ''}",
        *([] if environment.kernels is None else ["compiled kernels" if environment.kernels else "torch's operations"]),
    ]
    return ", ".join(parts)


def _trials(number: int) -> str:
    return f"{number} trial{'s' if number != 1 else ''}"
