"""The page and its pictures."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from harness.analysis.factors import MainEffect, main_effects
from harness.analysis.responses import Best
from harness.analysis.verdicts import SuiteVerdict
from harness.benchmarks.nb201 import Nb201Table
from harness.report.causes import findings, method
from harness.report.causes.design import AROUND, CORE, LEVEL, Design
from harness.report.causes.pictures import collapse_png, effects_png
from harness.spaces.registry import published

DRAWN = ("accuracy", "collapsed", "skip", "best")  # responses with a panel of their own
MARKS = {  # the papers' settings by update and rates
    ("halves", "w-default", "a-default"): "DARTS",
    ("halves", "w-exchanged", "a-exchanged"): "Delve, Exp. 5",
    ("halves", "w-small", "a-small"): "SS-DARTS",
    ("joint", "w-small", "a-default"): "near Single-DARTS",
}


def text(design: Design, stem: str = "why", elsewhere: SuiteVerdict | None = None) -> str:
    """Return the page as markdown.

    ``stem``: what the names of its pictures begin with; ``elsewhere``: hypotheses on another space.
    """
    sections = (
        *(method.opening(design), findings.in_short(design), _pictures(design, stem), findings.cells(design)),
        *(findings.hypotheses(design, written(design.loaded.path)), findings.special_cases(design)),
        *((findings.repeated(elsewhere, written(elsewhere.loaded.path)),) if elsewhere is not None else ()),
        *(findings.explained(design), findings.collapses(design)),
        *(method.words(), method.manipulations(design), method.confounds(design), method.plan(design)),
        method.limits(design),
    )
    return "\n\n".join(sections) + "\n"


def _pictures(design: Design, stem: str) -> str:
    if design.trials.empty:
        return "## Pictures\n\nNothing was run yet."
    return f"""## Pictures

![Share of searches that collapse by the rates of weights and alpha, for each way of updating]({stem}-collapse.png)

*How many of the searches of a cell collapse: the darker, the more. Names are those of papers whose setting it is.*

![Main effects of the factors on four responses, with their intervals]({stem}-effects.png)

*A level against the factor's first, with its {LEVEL} interval, in grey where that holds 0, not corrected for how many
they are: in the core a mean of differences cell by cell, for the other factors a main effect of the array.*"""


def written(suite: Path) -> str:
    """Return the commit that last changed the hypotheses of a suite."""
    asked = ["git", "log", "-1", "-s", "--format=%h of %as", "-L", f"/^hypotheses:/,+500:{suite.name}"]
    try:
        found = subprocess.run(asked, cwd=suite.parent, capture_output=True, text=True, check=False)
    except OSError:
        return "not known"
    return found.stdout.strip() or "not known"


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


def pictures(design: Design, stem: str = "why") -> dict[str, bytes]:
    """Return the page's pictures by the name of their file; none without a search."""
    if design.trials.empty:
        return {}
    core, around = (design.trials[design.trials["table"] == name] for name in (CORE, AROUND))
    levels = design.levels(AROUND)
    of_core = {factor: levels[factor] for factor in design.levels(CORE)}

    def effects(response: str) -> list[MainEffect]:
        modelled = main_effects(around, response, levels)
        return [*main_effects(core, response, of_core), *(e for e in modelled if e.factor not in of_core)]

    shown = {response: effects(response) for response in DRAWN}
    known = [any(found[place].found for found in shown.values()) for place in range(len(shown[DRAWN[0]]))]
    shown = {response: [e for e, is_known in zip(of, known, strict=True) if is_known] for response, of in shown.items()}
    rates = (design.rates("weights"), design.rates("alpha"))
    return {
        f"{stem}-collapse.png": collapse_png(core, design.labels("update"), *rates, MARKS),
        f"{stem}-effects.png": effects_png(shown, "What a level changes", design.named),
    }
