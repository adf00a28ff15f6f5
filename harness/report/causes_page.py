"""The page on a design of causes (`docs/why.md`): what was expected, what was found, what is missing."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.analysis.contrasts import estimate
from harness.analysis.evidence import Evidence
from harness.analysis.factors import MainEffect, chance_of_all, collapse_odds, exact_collapse, main_effects, shares
from harness.analysis.hypotheses import CONFIDENCE, LOOKS, HypothesisVerdict, judge_hypotheses
from harness.analysis.manipulations import check_manipulations
from harness.analysis.responses import COLLAPSED, RESPONSES, WITHIN, Best, missing, trials_of
from harness.benchmarks.nb201 import Nb201Table
from harness.methods.spec import SearchSpec
from harness.report.causes import collapse_png, effects_png
from harness.runner.availability import TRAINING_IMAGES
from harness.spaces.registry import published
from harness.suite.grid import Array
from harness.suite.hypotheses import Contrast
from harness.suite.loaded import LoadedSuite

if TYPE_CHECKING:
    from pandas import DataFrame

CORE, AROUND = "core", "around"  # the tables: few factors in full, many in an array
DRAWN = ("accuracy", "collapsed", "skip", "best")  # responses with a panel of their own
MARKS = {  # the papers' settings by update and rates
    ("halves", "w-default", "a-default"): "DARTS",
    ("halves", "w-exchanged", "a-exchanged"): "Delve, Exp. 5",
    ("halves", "w-small", "a-small"): "SS-DARTS",
    ("joint", "w-small", "a-default"): "near Single-DARTS",
}

_DEFAULT, _EXCHANGED = ({"weights": f"w-{pair}", "alpha": f"a-{pair}"} for pair in ("default", "exchanged"))
_JOINT = Contrast(left={"update": "joint"}, right={"update": "halves"})
_RATES = Contrast(left=_EXCHANGED, right=_DEFAULT)
SPECIAL: tuple[tuple[str, Contrast, dict[str, str]], ...] = (
    ("joint updates for bi-level ones on halves, at the default rates", _JOINT, _DEFAULT),
    ("joint updates for bi-level ones on halves, at exchanged rates", _JOINT, _EXCHANGED),
    ("exchanged rates for the default ones, bi-level on halves", _RATES, {"update": "halves"}),
    ("exchanged rates for the default ones, joint", _RATES, {"update": "joint"}),
)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def number(value: float, digits: int = 2) -> str:
    """Write a number, a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:+.{digits}f}".replace("+-", "-")


def _having(trials: DataFrame, levels: Mapping[str, str]) -> Any:
    return (trials[list(levels)] == list(levels.values())).all(axis=1)


class Page:
    """The page's sections, one after the other."""

    def __init__(
        self, loaded: LoadedSuite, evidence: Evidence, profile: str, written: str, best: Best | None = None
    ) -> None:
        """``written``: the commit that has the hypotheses; ``best``: see `best_of`."""
        self.loaded, self.suite, self.evidence, self.profile = loaded, loaded.suite, evidence, profile
        self.written, self.path = written, loaded.path.as_posix()
        self.trials: DataFrame = trials_of(self.suite, evidence, best)
        self.verdicts = judge_hypotheses(self.suite, self.trials)

    def text(self) -> str:
        """Return the page as markdown."""
        return "\n\n".join(self.sections()) + "\n"

    def sections(self) -> Iterator[str]:
        """Yield its sections."""
        yield from (self.opening(), self.hypotheses(), self.special_cases(), self.pictures())
        yield from (self.manipulations(), self.confounds())
        yield from (self.shares(), self.collapses(), self.design(), self.limits())

    def opening(self) -> str:
        """Say what this is, and what is there."""
        done = [
            f"{name} {have} of {all_}" for name, (have, all_) in missing(self.suite, self.evidence, LOOKS[0]).items()
        ]
        hours = sum(outcome.cpu_seconds or 0.0 for outcome in self.evidence.outcomes.values()) / 3600
        return f"""# Why DARTS collapses

Five papers, each with a cause of its own, each tested alone. `{self.path}` varies the causes together, in searches on
NAS-Bench-201 that are looked up in its table; profile {self.profile}. This page is made by `scripts/why.py` from the
records that are there: {len(self.trials)} searches, {hours:.1f} hours of a core. Done of the first {LOOKS[0]} seeds:
{"; ".join(done)}.

A search has *collapsed* where its last architecture is below {COLLAPSED} % on CIFAR-10, as one in ten of all is."""

    def hypotheses(self) -> str:
        """List what was expected, and what came of it."""
        rows = [self._hypothesis(verdict) for verdict in self.verdicts]
        header = ("hypothesis", "whose", "effect", "97.5% interval", "matters from", "as large", "verdict")
        words = "\n".join(
            f"- **{v.key}**: {v.hypothesis.text}. {v.hypothesis.source}"
            + (f': "{v.hypothesis.words}"' if v.hypothesis.words else "")
            for v in self.verdicts
        )
        still_open = [v for v in self.verdicts if v.verdict == "UNDECIDED" and v.seeds == LOOKS[0]]
        tables = dict.fromkeys(name for v in still_open for name in v.hypothesis.tables)
        more = " ".join(f"-t {name}" for name in tables)
        further = (
            f"\n\nOpen after the first look: `harness run {self.path} {more} --seeds {LOOKS[0]}-{LOOKS[1] - 1}`."
            if still_open
            else ""
        )
        return f"""## Hypotheses

Written before the first record (commit {self.written}). PASS: shown; FAIL: its opposite is; both by one-sided tests,
corrected by Holm over all {len(rows)}, at {LOOKS[0]} seeds a cell and, for what is open then, at {LOOKS[1]}.

{self.in_short()}

{table(header, rows)}

{words}{further}"""

    def in_short(self) -> str:
        """Say in a line each what holds at this size, what does not, and what cannot be told."""
        words: dict[str, tuple[str, ...]] = {
            "Holds here": ("PASS",),
            "Does not": ("FAIL",),
            "Cannot be told": ("UNDECIDED",),
        }
        words["Waits for searches"] = ("INCOMPLETE", "NOT RUN")
        found = {text: [v.key for v in self.verdicts if v.verdict in of] for text, of in words.items()}
        return "\n".join(f"- {text}: {', '.join(keys) if keys else 'none'}." for text, keys in found.items())

    def _hypothesis(self, verdict: HypothesisVerdict) -> list[str]:
        of, found = verdict.hypothesis, verdict.found
        whose = of.paper or of.source
        unit = RESPONSES[of.response][1]
        low, high = verdict.interval or (math.nan, math.nan)
        effect = f"{number(found.effect)} {unit}".strip() if found else "-"
        interval = f"{number(low)} to {number(high)}" if found else "-"
        least = f"{of.relation.replace('<=', 'below')} {of.least:g}" if of.relation == "<=" else f"{of.least:g}"
        return [
            verdict.key,
            whose,
            effect,
            interval,
            least,
            verdict.size or "-",
            f"{verdict.verdict}: {verdict.reason}",
        ]

    def special_cases(self) -> str:
        """Show whether one explanation is a special case of another: each where the other is at work, and where not."""
        core = self._complete(CORE)
        if core is None:
            return f"## Is one a special case of another?\n\n`{CORE}`: not all of its cells have {LOOKS[0]} seeds."
        rows = []
        for asked, effect, among in SPECIAL:
            chosen = core[(core[list(among)] == list(among.values())).all(axis=1)]
            found = estimate(chosen, "accuracy", list(self.levels(CORE)), effect)
            low, high = found.interval(CONFIDENCE)
            counts = [f"{chosen[_having(chosen, side)]['collapsed'].sum():.0f}" for side in (effect.left, effect.right)]
            of = len(chosen[_having(chosen, effect.left)])
            collapsed = f"{counts[0]} and {counts[1]} of {of}"
            rows.append([asked, f"{number(found.effect)} points", f"{number(low)} to {number(high)}", collapsed])
        header = ("effect on the accuracy", "estimate", "97.5% interval", "collapses with and without")
        return f"## Is one a special case of another?\n\n{table(header, rows)}"

    def pictures(self) -> str:
        """Show the pictures."""
        if self.trials.empty:
            return "## Effects\n\nNothing was run yet."
        return """## Effects

![Main effects of all factors on four responses, with 97.5% intervals](why-effects.png)

Each line is a level of a factor against the factor's first: in the core cell by cell, for the other factors as main
effects of the array.

![Share of searches that collapse by the rates of weights and alpha, for each way of updating](why-collapse.png)"""

    def manipulations(self) -> str:
        """Show what each factor was measured to change."""
        rows = []
        for checked in check_manipulations(self.suite, self.evidence):
            means = ", ".join(
                f"{level} {'-' if math.isnan(mean) else f'{mean:.3g}'}"
                for level, mean in zip(checked.check.rising, checked.means, strict=True)
            )
            word = {True: "yes", False: "no", None: "not run"}[checked.holds]
            rows.append([checked.check.factor, checked.check.text, means, str(checked.trials), word])
        header = ("factor", "what is measured", "means, which must rise", "trials", "does it")
        return f"""## What the factors moved

A factor counts where what it sets was measured to change.

{table(header, rows)}"""

    def confounds(self) -> str:
        """Show what is the same in all cells, computed from what they resolve to."""
        found: dict[str, set[tuple[str, ...]]] = {}
        for row, settings in self.suite.tables[CORE].rows.items():
            spec = self.loaded.resolve(CORE, row, self.profile)
            found.setdefault(settings.levels["update"], set()).add(matched(spec))
        rows = [[level, *values] for level, of in found.items() for values in sorted(of)]
        header = (
            "update",
            "weight updates",
            "images the weights see",
            "images alpha sees",
            "integral of the rate, in rates",
        )
        return f"""## What is matched

{table(header, rows)}

What cannot be matched is part of the factor: alpha's images are others on halves, and a joint step has one batch for
both sides."""

    def shares(self) -> str:
        """Show what explains the variance of the core, and of the array."""
        parts = [self._shares(CORE, ["update", "weights", "alpha"], 3), self._shares(AROUND, None, 1)]
        return "## What explains how much\n\n" + "\n\n".join(parts)

    def _shares(self, name: str, factors: list[str] | None, order: int) -> str:
        complete = self._complete(name)
        if complete is None:
            return f"`{name}`: not all of its cells have {LOOKS[0]} seeds."
        factors = factors or list(next(iter(self.suite.tables[name].rows.values())).levels)
        found = shares(complete, "accuracy", factors, order)
        rows = [[" x ".join(s.term), f"{100 * s.share:.1f}", f"{100 * s.low:.1f} to {100 * s.high:.1f}"] for s in found]
        p = chance_of_all(complete, "accuracy", factors)
        return (
            f"`{name}`, accuracy (omega squared, %; 95% intervals by bootstrap). All main effects together: dealt out "
            f"anew within seeds, the values explain as much with p = {p:.2g}.\n\n"
            + table(("term", "share", "interval"), rows)
        )

    def _complete(self, name: str) -> DataFrame | None:
        have, wanted = missing(self.suite, self.evidence, LOOKS[0])[name]
        if have < wanted:
            return None
        return self.trials[(self.trials["table"] == name) & (self.trials["seed"] < LOOKS[0])]

    def levels(self, name: str) -> dict[str, list[str]]:
        """Return the levels of a table's factors, in the order of its rows."""
        found: dict[str, dict[str, None]] = {}
        for row in self.suite.tables[name].rows.values():
            for factor, level in row.levels.items():
                found.setdefault(factor, {})[level] = None
        order = {f: list(of) for t in self.suite.tables.values() if t.grid for f, of in t.grid.factors.items()}
        return {factor: [level for level in order[factor] if level in of] for factor, of in found.items()}

    def rates(self, factor: str) -> dict[str, str]:
        """Return labels of a rate's levels: what they are called, and what they are under the profile."""
        found = {}
        for row, settings in self.suite.tables[CORE].rows.items():
            spec, level = self.loaded.resolve(CORE, row, self.profile), settings.levels[factor]
            optimiser = spec.weight_optimiser if factor == "weights" else spec.architecture_optimiser
            found[level] = f"{level.partition('-')[2]}\n{optimiser.lr:g}"
        return found

    def collapses(self) -> str:
        """Show the tests of collapse itself, beside those of accuracy."""
        rows = []
        for verdict in self.verdicts:
            of = verdict.hypothesis
            if of.at is not None or not verdict.seeds:
                continue
            chosen = self.trials[self.trials["table"].isin(of.tables) & (self.trials["seed"] < verdict.seeds)]
            for factor, of_factor in of.among.items():
                chosen = chosen[chosen[factor].isin(of_factor)]
            exact = exact_collapse(chosen, list(self.levels(of.tables[-1])), of.effect)
            if exact is not None:
                rows.append([verdict.key, f"{exact[0]:.2g}", f"{exact[1]:.2g}"])
        text = "## Collapse as yes or no\n\n"
        if rows:
            text += "Exact tests, conditional on the collapses at each combination of the other factors.\n\n"
            text += table(("contrast", "p of more collapses", "p of fewer"), rows) + "\n\n"
        around = self._complete(AROUND)
        if around is None:
            return text + f"Logistic regression waits for {LOOKS[0]} seeds of every cell of `around`."
        odds = collapse_odds(around, self.levels(AROUND))
        lines = [[f"{f}: {lv}", number(o), f"{number(lo)} to {number(hi)}"] for (f, lv), (o, lo, hi) in odds.items()]
        if not lines:
            return (
                text
                + "Logistic regression on the array: some level has all of the collapses, or none; no finite odds fit."
            )
        text += "Log odds of a collapse against the factor's first level (logistic regression, clustered by cell).\n\n"
        return text + table(("level", "log odds", "95% interval"), lines)

    def design(self) -> str:
        """Say how the design is built."""
        grid = self.suite.tables[AROUND].grid
        assert grid is not None and isinstance(grid.design, Array)
        of, cells = grid.design.correlations, {name: len(self.suite.tables[name].rows) for name in (CORE, AROUND)}
        built = (
            f"`core` has all {cells[CORE]} cells of update and the two rates. `around` has {cells[AROUND]} cells of "
            f"nine factors: {grid.design.source}. Its largest correlations are {of.main_effects:g} between two main "
            f"effects and {of.with_two_way:g} between a main effect and an interaction of two others, by so much of "
            "which a main effect there may be off. `*-selected` are the same supernets under perturbation."
        )
        return f"""## The design

{textwrap.fill(built, 120, break_long_words=False, break_on_hyphens=False)}

Effects of the core are means of differences cell by cell; seeds are blocks, every cell has its own variance (HC3,
Satterthwaite). Effects of the array are from a model of main effects on the cells' means; its scatter is what it leaves
over. `tests/analysis/recovery.py` puts simulated bimodal records with known effects through all of it. Also recorded:
the epoch of collapse (after which no architecture is within {WITHIN:g} points of the search's best), the best epoch,
the selective stop."""

    def limits(self) -> str:
        """Say what it does not show."""
        return """## What it does not show

One space, with a skip connection that costs nothing; one data set. The reduced profile is a small supernet, a few
minutes and a few thousand images, its rates chosen so that the search has time to collapse: what is strongest here need
not be at full size. `harness run suites/why.yaml --profile paper --dry-run` says what that costs."""


def matched(spec: SearchSpec) -> tuple[str, ...]:
    """Return what of a search is matched: updates, images, and the integral of the weights' rate over their rate."""
    weights, alpha = spec.data.counts(TRAINING_IMAGES["cifar10"])
    steps = math.ceil(weights / spec.batch_size)
    rate = spec.weight_optimiser.lr
    integral = steps * sum(spec.weight_schedule.rate(rate, e, spec.epochs) for e in range(spec.epochs)) / rate
    return f"{spec.epochs * steps:,}", f"{weights:,}", f"{alpha:,}", f"{integral:,.0f}"


def best_of(table: Nb201Table) -> Best:
    """Return what gives the best test accuracy on CIFAR-10 of the architectures that are made of some operations."""
    accuracies, space = table.accuracies(table.strings)["cifar10/test/200"], published("nb201")
    used = [
        frozenset(edge.operation for edges in space.operations(text).values() for edge in edges)
        for text in table.strings
    ]

    @cache
    def best(operations: Sequence[str]) -> float:
        return max(a for a, of in zip(accuracies, used, strict=True) if of <= set(operations))

    return best


def pictures(page: Page) -> dict[str, bytes]:
    """Return the page's pictures by the name of their file; none without a search."""
    if page.trials.empty:
        return {}
    core, around = (page.trials[page.trials["table"] == name] for name in (CORE, AROUND))
    levels = page.levels(AROUND)
    of_core = {factor: levels[factor] for factor in page.levels(CORE)}

    def effects(response: str) -> list[MainEffect]:
        modelled = main_effects(around, response, levels)
        return [*main_effects(core, response, of_core), *(e for e in modelled if e.factor not in of_core)]

    grid = page.suite.tables[CORE].grid
    assert grid is not None
    updates = {level: str(part.get("label", level)) for level, part in grid.factors["update"].items()}
    return {
        "why-effects.png": effects_png({response: effects(response) for response in DRAWN}, "What a level changes"),
        "why-collapse.png": collapse_png(core, updates, page.rates("weights"), page.rates("alpha"), MARKS),
    }
