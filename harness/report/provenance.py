"""Where and when the reported trials ran, from their records: never from the time of reporting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.analysis.outcomes import Environment, Outcome
from harness.analysis.verdicts import SuiteVerdict
from harness.text import counted

SHOWN = 8


def environment_lines(verdicts: Sequence[SuiteVerdict]) -> list[str]:
    """Describe the environments, most used first, and the time span of the records."""
    outcomes = {outcome.id: outcome for verdict in verdicts for outcome in verdict.evidence.outcomes.values()}
    if not outcomes:
        return ["no records"]
    environments = Counter(outcome.environment for outcome in outcomes.values())
    ordered = sorted(environments.items(), key=lambda item: (-item[1], _describe(item[0])))
    lines = [time_span(list(outcomes.values()))]
    lines += [f"{counted(number, 'trial')}: {_describe(environment)}" for environment, number in ordered[:SHOWN]]
    rest = sum(number for _, number in ordered[SHOWN:])
    return [*lines, f"{counted(rest, 'trial')}: other environments"] if rest else lines


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
        counted(environment.threads, "thread"),
        *([] if environment.kernels is None else ["compiled kernels" if environment.kernels else "torch's operations"]),
        *(f"begun with {part}" for part in environment.earlier),
    ]
    return ", ".join(parts)
