"""The page and its pictures."""

from __future__ import annotations

import subprocess
from datetime import datetime

from harness.analysis.evidence import Evidence
from harness.analysis.factors import MainEffect, main_effects
from harness.analysis.verdicts import SuiteVerdict
from harness.report.causes import findings, method
from harness.report.causes.pictures import collapse_png, effects_png
from harness.report.causes.study import AROUND, CONFIDENT, CORE, Study
from harness.suite.loaded import LoadedSuite

DRAWN = ("accuracy", "collapsed", "skip", "best")  # responses with a panel of their own
MARKS = {  # the papers' settings by update and rates
    ("halves", "w-default", "a-default"): "DARTS",
    ("halves", "w-exchanged", "a-exchanged"): "Delve, Exp. 5",
    ("halves", "w-small", "a-small"): "SS-DARTS",
    ("joint", "w-small", "a-default"): "near Single-DARTS",
}


def text(study: Study, stem: str = "why", elsewhere: SuiteVerdict | None = None) -> str:
    """Return the page as markdown.

    ``stem``: what the names of its pictures begin with; ``elsewhere``: hypotheses on another space.
    """
    sections = (
        *(method.opening(study), findings.in_short(study), _pictures(study, stem), findings.cells(study)),
        *(findings.hypotheses(study, written(study.loaded, study.evidence)), findings.special_cases(study)),
        *(
            (findings.repeated(elsewhere, written(elsewhere.loaded, elsewhere.evidence)),)
            if elsewhere is not None
            else ()
        ),
        *(findings.explained(study), findings.collapses(study)),
        *(method.words(), method.manipulations(study), method.confounds(study), method.plan(study)),
        method.limits(study, elsewhere is not None and elsewhere.done > 0),
    )
    return "\n\n".join(sections) + "\n"


def _pictures(study: Study, stem: str) -> str:
    if study.trials.empty:
        return "## Pictures\n\nNothing was run yet."
    return f"""## Pictures

![Share of searches that collapse by the rates of weights and alpha, for each way of updating]({stem}-collapse.png)

*How many of the searches of a cell collapse: the darker, the more. Names are those of papers whose setting it is.*

![Main effects of the factors on four responses, with their intervals]({stem}-effects.png)

*A level against the factor's first, with its {CONFIDENT} interval, in grey where that holds 0, not corrected for how
many they are: in the core a mean of differences cell by cell, for the other factors a main effect of the array.*"""


def written(loaded: LoadedSuite, evidence: Evidence) -> str:
    """Say when the hypotheses of a suite were last changed, and whether before its first record."""
    asked = ["git", "log", "-1", "-s", "--format=%h %as %cI", "-L", f"/^hypotheses:/,+500:{loaded.path.name}"]
    try:
        found = subprocess.run(asked, cwd=loaded.path.parent, capture_output=True, text=True, check=False).stdout
    except OSError:
        found = ""
    if not found.strip():
        return "When they were written is not known here"
    commit, day, moment = found.split()
    begun = [datetime.fromisoformat(outcome.started) for outcome in evidence.outcomes.values()]
    when = "before" if not begun or datetime.fromisoformat(moment) < min(begun) else "after"
    return f"Last changed {when} the first record (commit {commit} of {day})"


def pictures(study: Study, stem: str = "why") -> dict[str, bytes]:
    """Return the page's pictures by the name of their file; none without a search."""
    if study.trials.empty:
        return {}
    core, around = study.shown(CORE), study.shown(AROUND)
    levels = study.levels(AROUND)
    of_core = {factor: levels[factor] for factor in study.levels(CORE)}

    def effects(response: str) -> list[MainEffect]:
        modelled = main_effects(around, response, levels)
        return [*main_effects(core, response, of_core), *(e for e in modelled if e.factor not in of_core)]

    shown = {response: effects(response) for response in DRAWN}
    known = [any(found[place].found for found in shown.values()) for place in range(len(shown[DRAWN[0]]))]
    shown = {response: [e for e, is_known in zip(of, known, strict=True) if is_known] for response, of in shown.items()}
    rates = (study.rates("weights"), study.rates("alpha"))
    return {
        f"{stem}-collapse.png": collapse_png(core, study.labels("update"), *rates, MARKS),
        f"{stem}-effects.png": effects_png(shown, "What a level changes", study.named),
    }
