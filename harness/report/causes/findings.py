"""What was found: in short, cell by cell, by hypothesis, and where one explanation meets another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.analysis.bands import Verdict
from harness.analysis.contrasts import estimate
from harness.analysis.factors import chance_of_all, collapse_odds, exact_collapse, shares
from harness.analysis.hypotheses import ALPHA, LOOKS, HypothesisVerdict, factors_of
from harness.analysis.responses import COLLAPSED, RANDOM
from harness.analysis.verdicts import SuiteVerdict
from harness.report.causes.design import (
    AROUND,
    CORE,
    LEVEL,
    SELECTED,
    Design,
    having,
    interval,
    number,
    paragraph,
    so,
    table,
)
from harness.report.views import HYPOTHESIS_COLUMNS, NOTHING, hypothesis_texts
from harness.suite.hypotheses import Contrast

if TYPE_CHECKING:
    from pandas import DataFrame

SHORT: dict[str, tuple[Verdict, ...]] = {
    "Supported": ("PASS",),
    "Refuted": ("FAIL",),
    "Cannot be told": ("UNDECIDED", "NOT JUDGED"),
    "Waits for searches": ("INCOMPLETE", "NOT RUN"),
}
DEFAULT, EXCHANGED = ({"weights": f"w-{pair}", "alpha": f"a-{pair}"} for pair in ("default", "exchanged"))
JOINT = Contrast(left={"update": "joint"}, right={"update": "halves"})
RATES = Contrast(left=EXCHANGED, right=DEFAULT)
PERTURBED = Contrast(left={"selection": "pt"}, right={"selection": "magnitude"})
Asked = tuple[str, Contrast, dict[str, str]]  # a contrast in words, and the levels among which it is asked
SPECIAL: tuple[Asked, ...] = (
    ("joint updates for bi-level ones on halves, at the default rates", JOINT, DEFAULT),
    ("joint updates for bi-level ones on halves, at exchanged rates", JOINT, EXCHANGED),
    *(
        (f"joint updates for bi-level ones on halves, weights' rate {word}", JOINT, {"weights": level})
        for word, level in (("high", "w-default"), ("middle", "w-small"), ("low", "w-exchanged"))
    ),
    ("exchanged rates for the default ones, bi-level on halves", RATES, {"update": "halves"}),
    ("exchanged rates for the default ones, bi-level on one set", RATES, {"update": "shared"}),
    ("exchanged rates for the default ones, joint", RATES, {"update": "joint"}),
)
PARTS: tuple[Asked, ...] = (
    ("one set for halves, both in turn", Contrast(left={"update": "shared"}, right={"update": "halves"}), {}),
    ("one step for two in turn, both on one set", Contrast(left={"update": "joint"}, right={"update": "shared"}), {}),
)
EFFECT = ("effect on the accuracy", "estimate", f"{LEVEL} interval", "so it is", "collapses with and without")


REDUCED = """
All of this is at the reduced size, whose rates were chosen so that DARTS' own search has the time to collapse."""


def in_short(design: Design) -> str:
    """Say in a line each what is supported, what is refuted, and what is open."""
    lines = [
        f"- **{word}**: {_said(design, verdict) if verdict.found else f'{verdict.hypothesis.text}.'}"
        for word, of in SHORT.items()
        for verdict in design.verdicts
        if verdict.verdict in of and word != "Waits for searches"
    ]
    waiting = [v.key for v in design.verdicts if v.verdict in SHORT["Waits for searches"]]
    lines += [f"- **Waits for searches**: {', '.join(waiting)}."] if waiting else []
    scope = paragraph(f"""
{REDUCED if design.profile == "reduced" else ""} An effect is an average over all combinations of the other factors: at
some of them it may be absent, or the other way round. An architecture is *collapsed* below {COLLAPSED} % (CIFAR-10
test), as one in ten of the space is; drawn at random, architectures have {RANDOM} % in the mean.{_levels(design)}""")
    return "## In short\n\n" + "\n".join(lines) + "\n\n" + scope


def _said(design: Design, verdict: HypothesisVerdict) -> str:
    effect, width, least, _ = hypothesis_texts(verdict)
    factor, levels = "update", verdict.hypothesis.among.get("update", [])
    if verdict.hypothesis.effect == JOINT and verdict.hypothesis.at is None:  # whatever the rates: at each of them
        factor, levels = "weights", list(design.labels("weights"))
    parts = _parts(design, verdict, factor, levels) if len(levels) > 1 else ""
    return (
        f"{verdict.hypothesis.text} (*{verdict.key}*): {effect}, {LEVEL} interval {width}{parts}; "
        f"{least} would matter; {verdict.seeds} seeds a cell."
    )


def _parts(design: Design, verdict: HypothesisVerdict, factor: str, levels: Sequence[str]) -> str:
    """Say of what an average is one, where all of its cells are there."""
    of = verdict.hypothesis
    chosen = design.trials[design.trials["table"].isin(of.tables) & (design.trials["seed"] < verdict.seeds)]
    factors, found = factors_of(design.suite, of.tables), []
    prefix = "weights' rate " if factor == "weights" else ""
    for level in levels:
        part = estimate(having(chosen, {factor: level}), of.response, factors, of.effect, of.at)
        found.append(f"{number(part.effect)} with {prefix}{design.named(factor, level)}")
    return f" (mean of {'; '.join(found)})"


def _levels(design: Design) -> str:
    """Say what ways of updating end with, and how good the best is that they pass through."""
    core = design.complete(CORE)
    if core is None:
        return ""
    ends = [
        f"{label} {having(core, {'update': update})['accuracy'].mean():.1f}"
        for update, label in design.labels("update").items()
    ]
    best = estimate(core, "best", factors_of(design.suite, [CORE]), JOINT)
    return f""" In the mean over all rates searches end at: {"; ".join(ends)}. The best architecture that a search
passes through, by the table, which it does not see, is another under joint updates than under bi-level ones on halves
by {number(best.effect)} points ({interval(best)})."""


def cells(design: Design) -> str:
    """Show what every cell of the core gave, in numbers that are no differences."""
    magnitude = _cells(design, CORE)
    perturbed = f"\n\nThe same supernets, selected by perturbation:\n\n{_cells(design, SELECTED)}"
    return f"""## Every cell

Mean accuracy of the architectures that were found, in % (CIFAR-10 test); how many collapsed; the supernet's own
accuracy at the end, in %, which says how far it was trained at all (to compare within a column: on one set the weights
have seen its images).

{magnitude}{perturbed if design.done()[SELECTED][0] else ""}"""


def _cells(design: Design, name: str) -> str:
    trials, updates = design.trials[design.trials["table"] == name], design.labels("update")
    rows = [
        [
            *(design.named("weights", weights), design.named("alpha", alpha)),
            *(_cell(having(trials, {"update": u, "weights": weights, "alpha": alpha})) for u in updates),
        ]
        for weights in design.labels("weights")
        for alpha in design.labels("alpha")
    ]
    return table(("rate of the weights", "rate of alpha", *updates.values()), rows)


def _cell(found: DataFrame) -> str:
    known = found["accuracy"].dropna()
    if not len(known):
        return NOTHING
    collapsed = f"{found['collapsed'].sum():.0f} of {len(known)}"
    own = found["supernet-accuracy"].dropna()
    return f"{known.mean():.1f}; {collapsed}; {f'{own.mean():.0f}' if len(own) else NOTHING}"


def hypotheses(design: Design, written: str) -> str:
    """List what was expected, and what came of it."""
    looked = [v for v in design.verdicts if v.seeds]
    rows = [[v.key, v.hypothesis.paper or "", *hypothesis_texts(v), v.verdict, v.reason] for v in looked]
    name, *others = HYPOTHESIS_COLUMNS
    found = table((name, "paper", *others), rows) if rows else "None has its trials yet."
    words = "\n".join(_quoted(v) for v in design.verdicts)
    waiting = "\n".join(f"- {v.key}: {v.reason}." for v in design.verdicts if not v.seeds)
    rules = paragraph(f"""
Written before the first record (commit {written}). PASS: supported; FAIL: its opposite is. Both by one-sided tests,
the p-values adjusted by Holm over all {len(design.verdicts)} and at most 1, at {LOOKS[0]} seeds a cell and, for what is
open then, at {LOOKS[1]}; each look decides at {ALPHA:g}, hence intervals of {LEVEL}, which are of one effect alone.""")
    return f"""## Hypotheses

{rules}

{found}

{words}{
        f'''

Not looked at yet:

{waiting}'''
        if waiting
        else ""
    }{_further(design)}"""


def repeated(verdict: SuiteVerdict, written: str) -> str:
    """Show what came of hypotheses on another space."""
    suite, path = verdict.loaded.suite, verdict.loaded.path.as_posix()
    name, *others = HYPOTHESIS_COLUMNS
    rows = [[f"{v.key}: {v.hypothesis.text}", *hypothesis_texts(v), v.verdict, v.reason] for v in verdict.hypotheses]
    said = paragraph(f"""
`{path}`, {suite.title}: {verdict.done} searches, its hypotheses written before the first of them (commit {written}). No
table knows the accuracies there; what is chosen is counted, in edges with a skip connection of the sixteen that both
cells keep.""")
    return f"## On another space\n\n{said}\n\n{table((name, *others), rows)}"


def _quoted(verdict: HypothesisVerdict) -> str:
    of = verdict.hypothesis
    return f"- **{verdict.key}**: {of.text}. {of.source}" + (f': "{of.words}"' if of.words else "")


def _further(design: Design) -> str:
    still_open = [v for v in design.verdicts if v.verdict == "UNDECIDED" and v.seeds == LOOKS[0]]
    tables = dict.fromkeys(name for v in still_open for name in v.hypothesis.tables)
    if not tables:
        return ""
    more = " ".join(f"-t {name}" for name in tables)
    seeds = f"{LOOKS[0]}-{LOOKS[1] - 1}"
    return f"\n\nOpen after the first look: `harness run {design.path} {more} --seeds {seeds}`."


def special_cases(design: Design) -> str:
    """Show whether one explanation is a special case of another: each where the other is at work, and where not."""
    core = design.complete(CORE)
    title = "## Is one a special case of another?\n\n"
    if core is None:
        return f"{title}{design.lacks(CORE)}"
    both = table(EFFECT, [_asked(design, core, asked) for asked in SPECIAL])
    parts = table(EFFECT, [_asked(design, core, asked) for asked in PARTS])
    return f"""{title}It would be if its effect were absent where the other is at work, and present where it is not.
Whether the first two lines differ is the hypothesis *bi-level-at-exchanged-rates*; no other line is one.

{both}

Joint updates differ from bi-level ones on halves in two things: one set of images, and one step. What each of them
gives, over all rates; not among the hypotheses that were written before:

{parts}{_selected(design)}"""


def _asked(design: Design, trials: DataFrame, asked: Asked) -> list[str]:
    text, effect, among = asked
    chosen = having(trials, among) if among else trials
    tables = sorted(set(chosen["table"]))
    found = estimate(chosen, "accuracy", factors_of(design.suite, tables), effect)
    sides = [having(chosen, side)["collapsed"] for side in (effect.left, effect.right)]
    collapsed = f"{sides[0].sum():.0f} and {sides[1].sum():.0f} of {len(sides[0])}"
    return [text, f"{number(found.effect)} points", interval(found), so(found), collapsed]


def _selected(design: Design) -> str:
    """Say where selection by perturbation gains: if it mended what bi-level updates spoil, only there."""
    both = design.complete(CORE, SELECTED)
    if both is None:
        return ""
    rows = [
        _asked(design, both, (f"perturbation for magnitude, {label}", PERTURBED, {"update": update}))
        for update, label in design.labels("update").items()
    ]
    text = "Selection by perturbation, by how the supernet was trained; the last line is of no hypothesis:"
    return f"\n\n{text}\n\n{table(EFFECT, rows)}"


def explained(design: Design) -> str:
    """Show what explains the variance of the core, and of the array."""
    parts = [_shares(design, CORE, ["update", "weights", "alpha"], 3), _shares(design, AROUND, None, 1)]
    return "## How much of the variance\n\n" + "\n\n".join(parts)


def _shares(design: Design, name: str, factors: list[str] | None, order: int) -> str:
    complete = design.complete(name)
    if complete is None:
        return design.lacks(name)
    factors = factors or list(next(iter(design.suite.tables[name].rows.values())).levels)
    found = shares(complete, "accuracy", factors, order)
    rows = [[" x ".join(s.term), f"{100 * s.share:.1f}", f"{100 * s.low:.1f} to {100 * s.high:.1f}"] for s in found]
    rest = 100 * (1 - sum(s.share for s in found))
    p = chance_of_all(complete, "accuracy", factors)
    said = paragraph(f"""
`{name}`: of the accuracy's variance over its trials (omega squared, %; below 0 is as good as 0; 95% intervals by
bootstrap). An interaction (x) belongs to neither of its factors; the rest, {rest:.0f} %, is between searches that
differ in their seed alone. A permutation test of all main effects together, within seeds: p = {p:.2g}.""")
    return f"{said}\n\n{table(('term', 'share', 'interval'), rows)}"


def collapses(design: Design) -> str:
    """Show the tests of collapse itself, beside those of accuracy."""
    text, rows = "## Collapse as yes or no\n\n", _exact(design)
    if rows:
        text += (
            "Exact tests, conditional on the collapses at each combination of the other factors; not corrected for how "
            "many they are.\n\n"
        )
        header = ("hypothesis", "left", "right", "p of more collapses on the left", "p of fewer")
        text += table(header, rows) + "\n\n"
    around = design.complete(AROUND)
    if around is None:
        return text + f"Logistic regression on the array: {design.lacks(AROUND)}"
    odds = collapse_odds(around, design.levels(AROUND))
    lines = [[f"{f}: {lv}", number(o), f"{number(lo)} to {number(hi)}"] for (f, lv), (o, lo, hi) in odds.items()]
    if not lines:
        return (
            text + "Logistic regression on the array: some level has all of the collapses, or none; no finite odds fit."
        )
    text += "Log odds of a collapse against the factor's first level (logistic regression, clustered by cell).\n\n"
    return text + table(("level", "log odds", "95% interval"), lines)


def _exact(design: Design) -> list[list[str]]:
    rows = []
    for verdict in design.verdicts:
        of = verdict.hypothesis
        if of.at is not None or not verdict.seeds:
            continue
        chosen = design.trials[design.trials["table"].isin(of.tables) & (design.trials["seed"] < verdict.seeds)]
        for factor, of_factor in of.among.items():
            chosen = chosen[chosen[factor].isin(of_factor)]
        exact = exact_collapse(chosen, factors_of(design.suite, of.tables), of.effect)
        if exact is not None:
            sides = [", ".join(design.named(*level) for level in s.items()) for s in (of.effect.left, of.effect.right)]
            rows.append([verdict.key, *sides, *(f"{p:.2g}" for p in exact)])
    return rows
