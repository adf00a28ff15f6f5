"""A design with what was found of it: trials, levels of its factors, verdicts on hypotheses; and how a page writes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.analysis.contrasts import Estimate
from harness.analysis.hypotheses import CONFIDENCE, LOOKS
from harness.analysis.responses import trials_of
from harness.analysis.verdicts import SuiteVerdict
from harness.report.views import signed

if TYPE_CHECKING:
    from pandas import DataFrame

CORE, AROUND = "core", "around"  # the tables: few factors in full, many in an array
NAME = "why"
ELSEWHERE = "why_s2"  # the suite that repeats it on another space
SELECTED = "core-selected"  # the core's supernets under another selection
TABLES = {CORE, AROUND, SELECTED}
RATES = ("weights", "alpha")  # the factors that are learning rates
CONFIDENT = f"{CONFIDENCE:.1%}"


class Study:
    """A suite's factors, its trials with their responses, and the verdicts on its hypotheses."""

    def __init__(self, verdict: SuiteVerdict) -> None:
        self.loaded, self.suite, self.evidence = verdict.loaded, verdict.loaded.suite, verdict.evidence
        self.profile, self.path = verdict.profile_name, verdict.loaded.path.as_posix()
        self.verdicts = verdict.hypotheses
        self.trials: DataFrame = trials_of(self.suite, self.evidence)

    def done(self, seeds: int = LOOKS[0]) -> dict[str, tuple[int, int]]:
        """Return by table how many trials of a look are done, and how many it has."""
        first = self.trials[self.trials["seed"] < seeds]
        tables = {name: entry for name, entry in self.suite.tables.items() if entry.grid}
        return {name: (int((first["table"] == name).sum()), seeds * len(of.rows)) for name, of in tables.items()}

    def complete(self, *names: str) -> DataFrame | None:
        """Return the trials of some tables at the last look that all of them have whole; None without one."""
        for seeds in reversed(LOOKS):
            counts = self.done(seeds)
            if all(have == wanted for have, wanted in (counts[name] for name in names)):
                return self.trials[self.trials["table"].isin(names) & (self.trials["seed"] < seeds)]
        return None

    def shown(self, name: str) -> DataFrame:
        """Return the trials of a table at its last whole look; before the first one, all that there are."""
        whole = self.complete(name)
        return self.trials[self.trials["table"] == name] if whole is None else whole

    def lacks(self, name: str) -> str:
        """Say what an incomplete table has."""
        have, wanted = self.done()[name]
        return f"`{name}` has {have} of {wanted} trials."

    def levels(self, name: str) -> dict[str, list[str]]:
        """Return the levels of a table's factors, in the order of its rows."""
        found: dict[str, dict[str, None]] = {}
        for row in self.suite.tables[name].rows.values():
            for factor, level in row.levels.items():
                found.setdefault(factor, {})[level] = None
        order = {f: list(of) for t in self.suite.tables.values() if t.grid for f, of in t.grid.factors.items()}
        return {factor: [level for level in order[factor] if level in of] for factor, of in found.items()}

    def labels(self, factor: str) -> dict[str, str]:
        """Return what the levels of a factor of the core are called."""
        grid = self.suite.tables[CORE].grid
        assert grid is not None
        return {level: str(part.get("label", level)) for level, part in grid.factors[factor].items()}

    def rates(self, factor: str) -> dict[str, str]:
        """Return labels of a rate's levels: low, middle or high, and what they are under the profile."""
        found = {}
        for row, settings in self.suite.tables[CORE].rows.items():
            spec = self.loaded.resolve(CORE, row, self.profile)
            optimiser = spec.weight_optimiser if factor == "weights" else spec.architecture_optimiser
            found[settings.levels[factor]] = optimiser.lr
        words = dict(zip(sorted(set(found.values())), ("low", "middle", "high"), strict=True))
        return {level: f"{words[rate]}\n{rate:g}" for level, rate in found.items()}

    def named(self, factor: str, level: str) -> str:
        """Return what a level is called in a sentence."""
        if factor in RATES:
            return self.rates(factor)[level].replace("\n", " ")
        return self.labels(factor).get(level, level) if factor in self.levels(CORE) else level


def is_study(verdict: SuiteVerdict) -> bool:
    """Tell whether a page is of a suite as it stands: what the page says in words is of that one alone."""
    suite = verdict.loaded.suite
    grids = {name for name, table in suite.tables.items() if table.grid}
    return suite.suite == NAME and grids >= TABLES and not any(verdict.evidence.plan.overrides.values())


def having(trials: DataFrame, levels: Mapping[str, str]) -> DataFrame:
    """Return the trials with some levels."""
    chosen: Any = (trials[list(levels)] == list(levels.values())).all(axis=1)
    return trials[chosen]


def paragraph(text: str) -> str:
    """Fill the lines of a paragraph, however many its source has."""
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)


def number(value: float) -> str:
    """Write a difference."""
    return signed(value, 2)


def interval(found: Estimate) -> str:
    """Write the interval of an effect."""
    low, high = found.interval(CONFIDENCE)
    return f"{number(low)} to {number(high)}"


def so(found: Estimate) -> str:
    """Say what the interval of an effect on the accuracy leaves open."""
    low, high = found.interval(CONFIDENCE)
    return "better" if low > 0 else "worse" if high < 0 else "cannot be told"
