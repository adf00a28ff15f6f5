"""What was found: in short, cell by cell, by hypothesis, and where one explanation meets another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.contrasts import Estimate, estimate
from harness.analysis.factors import chance_of_all, collapse_odds, exact_collapse, paired_collapse, shares
from harness.analysis.hypotheses import ALPHA, LOOKS, HypothesisVerdict, factors_of, of_cells
from harness.analysis.responses import COLLAPSED, RANDOM
from harness.analysis.verdicts import SuiteVerdict
from harness.report.causes.study import (
    AROUND,
    CONFIDENT,
    CORE,
    SELECTED,
    Study,
    having,
    interval,
    number,
    paragraph,
    so,
)
from harness.report.views import HYPOTHESIS_COLUMNS, NOTHING, hypothesis_texts
from harness.suite.hypotheses import Contrast
from harness.text import markdown_table

if TYPE_CHECKING:
    from pandas import DataFrame

SHORT = ("Supported on average", "Refuted on average", "Smaller than would matter", "Cannot be told", "Not judged")
WAITS = "Waits for searches"
DEFAULT, EXCHANGED = ({"weights": f"w-{pair}", "alpha": f"a-{pair}"} for pair in ("default", "exchanged"))
JOINT = Contrast(left={"update": "joint"}, right={"update": "halves"})
EXCHANGE = Contrast(left=EXCHANGED, right=DEFAULT)
PERTURBED = Contrast(left={"selection": "pt"}, right={"selection": "magnitude"})
Asked = tuple[str, Contrast, dict[str, str]]  # a contrast in words, and the levels among which it is asked
SPECIAL: tuple[Asked, ...] = (
    ("joint updates for bi-level ones on halves, at the default rates", JOINT, DEFAULT),
    ("joint updates for bi-level ones on halves, at exchanged rates", JOINT, EXCHANGED),
    *(
        (f"joint updates for bi-level ones on halves, weights' rate {word}", JOINT, {"weights": level})
        for word, level in (("high", "w-default"), ("middle", "w-small"), ("low", "w-exchanged"))
    ),
    ("exchanged rates for the default ones, bi-level on halves", EXCHANGE, {"update": "halves"}),
    ("exchanged rates for the default ones, bi-level on one set", EXCHANGE, {"update": "shared"}),
    ("exchanged rates for the default ones, joint", EXCHANGE, {"update": "joint"}),
)
PARTS: tuple[Asked, ...] = (
    ("one set for halves, both in turn", Contrast(left={"update": "shared"}, right={"update": "halves"}), {}),
    ("one step for two in turn, both on one set", Contrast(left={"update": "joint"}, right={"update": "shared"}), {}),
)
EFFECT = ("effect on the accuracy", "estimate", f"{CONFIDENT} interval", "so it is", "collapses with and without")


REDUCED = """
All of this is at the reduced size, whose rates were chosen so that DARTS' own search has the time to collapse."""


def in_short(study: Study) -> str:
    """Say in a line each what is supported, what is refuted, and what is open."""
    words = {verdict.key: _word(verdict) for verdict in study.verdicts}
    lines = [
        f"- **{word}**: {_said(study, verdict) if verdict.found else f'{verdict.hypothesis.text}: {verdict.reason}.'}"
        for word in SHORT
        for verdict in study.verdicts
        if words[verdict.key] == word
    ]
    waiting = [key for key, word in words.items() if word == WAITS]
    lines += [f"- **{WAITS}**: {', '.join(waiting)}."] if waiting else []
    scope = paragraph(f"""
{REDUCED if study.profile == "reduced" else ""} An effect is an average over all combinations of the other factors (of
the array: a main effect, interactions left aside): at some of them it may be absent, or the other way round. An
architecture is *collapsed* below {COLLAPSED} % (CIFAR-10 test), as one in ten of the space is; drawn at random,
architectures have {RANDOM} % in the mean.{_levels(study)}""")
    return "## In short\n\n" + "\n".join(lines) + "\n\n" + scope


def _word(verdict: HypothesisVerdict) -> str:
    """Return what a verdict is called in short."""
    if verdict.verdict == "UNDECIDED" and verdict.found and verdict.size == "no":
        return "Smaller than would matter"
    words = {"PASS": SHORT[0], "FAIL": SHORT[1], "UNDECIDED": "Cannot be told", "NOT JUDGED": "Not judged"}
    return words.get(verdict.verdict, WAITS)


def _said(study: Study, verdict: HypothesisVerdict) -> str:
    of = verdict.hypothesis
    effect, width, _, _ = hypothesis_texts(verdict)
    return (
        f"{of.text} (*{verdict.key}*): {effect}, {CONFIDENT} interval {width}{_parts(study, verdict)}; "
        f"{of.least:g} would matter; {verdict.seeds} seeds a cell."
    )


def _parts(study: Study, verdict: HypothesisVerdict) -> str:
    """Say of which effects one is the mean: at each rate of the weights, or at each way of updating that counts."""
    of = verdict.hypothesis
    factor, levels = "update", of.among.get("update", [])
    if of.effect == JOINT and of.at is None:
        factor, levels = "weights", list(study.labels("weights"))
    if verdict.found is None or not verdict.found.matched or len(levels) < 2:
        return ""
    chosen, factors = of_cells(study.trials, of, verdict.seeds), factors_of(study.suite, of.tables)
    prefix, found = "weights' rate " if factor == "weights" else "", []
    for level in levels:
        part = estimate(having(chosen, {factor: level}), of.response, factors, of.effect, of.at)
        found.append(f"{number(part.effect)} with {prefix}{study.named(factor, level)}")
    return f" (mean of {'; '.join(found)})"


def _levels(study: Study) -> str:
    """Say what ways of updating end with, and how good the best is that they pass through."""
    core = study.complete(CORE)
    if core is None:
        return ""
    ends = [
        f"{label} {having(core, {'update': update})['accuracy'].mean():.1f}"
        for update, label in study.labels("update").items()
    ]
    best = estimate(core, "best", factors_of(study.suite, [CORE]), JOINT)
    return f""" In the mean over all rates searches end at: {"; ".join(ends)}. By the best architecture that a search
passes through (by the table, which it does not see) joint updates are {_compared(best)} bi-level ones on halves:
{number(best.effect)} points ({interval(best)})."""


def _compared(found: Estimate) -> str:
    word = so(found)
    return f"{word} than" if word in ("better", "worse") else "not told apart from"


def cells(study: Study) -> str:
    """Show what every cell of the core gave, in numbers that are no differences."""
    magnitude = _cells(study, CORE)
    perturbed = f"\n\nThe same supernets, selected by perturbation:\n\n{_cells(study, SELECTED)}"
    return f"""## Every cell

Mean accuracy of the architectures that were found, in % (CIFAR-10 test); how many collapsed; the supernet's own
accuracy at the end, in %, which says how far it was trained at all (to compare within a column: on one set the weights
have seen its images).

{magnitude}{perturbed if study.done()[SELECTED][0] else ""}"""


def _cells(study: Study, name: str) -> str:
    trials, updates = study.shown(name), study.labels("update")
    rows = [
        [
            *(study.named("weights", weights), study.named("alpha", alpha)),
            *(_cell(having(trials, {"update": u, "weights": weights, "alpha": alpha})) for u in updates),
        ]
        for weights in study.labels("weights")
        for alpha in study.labels("alpha")
    ]
    return markdown_table(("rate of the weights", "rate of alpha", *updates.values()), rows)


def _cell(found: DataFrame) -> str:
    known = found["accuracy"].dropna()
    if not len(known):
        return NOTHING
    collapsed = f"{found['collapsed'].sum():.0f} of {len(known)}"
    own = found["supernet-accuracy"].dropna()
    return f"{known.mean():.1f}; {collapsed}; {f'{own.mean():.0f}' if len(own) else NOTHING}"


def hypotheses(study: Study, written: str) -> str:
    """List what was expected, and what came of it."""
    looked = [v for v in study.verdicts if v.seeds]
    rows = [[v.key, v.hypothesis.paper or "", *hypothesis_texts(v), v.verdict, v.reason] for v in looked]
    name, *others = HYPOTHESIS_COLUMNS
    found = markdown_table((name, "paper", *others), rows) if rows else "None has its trials yet."
    words = "\n".join(_quoted(v) for v in study.verdicts)
    waiting = "\n".join(f"- {v.key}: {v.reason}." for v in study.verdicts if not v.seeds)
    rules = paragraph(f"""
{written}. PASS: supported; FAIL: its opposite is. Both by one-sided tests, the p-values adjusted by Holm over all
{len(study.verdicts)} and at most 1, at {LOOKS[0]} seeds a cell and, for what is open then, at {LOOKS[1]}; each look
decides at {ALPHA:g}. Intervals are two-sided, of {CONFIDENT}, and of one effect alone.""")
    return f"""## Hypotheses

{rules}

{found}

{words}{
        f'''

Not looked at yet:

{waiting}'''
        if waiting
        else ""
    }{_further(study)}"""


def repeated(verdict: SuiteVerdict, written: str) -> str:
    """Show what came of hypotheses on another space; ``written``: when they were."""
    suite, path = verdict.loaded.suite, verdict.loaded.path.as_posix()
    name, *others = HYPOTHESIS_COLUMNS
    rows = [[f"{v.key}: {v.hypothesis.text}", *hypothesis_texts(v), v.verdict, v.reason] for v in verdict.hypotheses]
    said = paragraph(f"""
`{path}`, {suite.title}: {verdict.done} searches. {written}. No table knows the accuracies there; what is chosen is
counted, in edges with a skip connection of the sixteen that both cells keep.""")
    return f"## On another space\n\n{said}\n\n{markdown_table((name, *others), rows)}"


def _quoted(verdict: HypothesisVerdict) -> str:
    of = verdict.hypothesis
    return f"- **{verdict.key}**: {of.text}. {of.source}" + (f': "{of.words}"' if of.words else "")


def _further(study: Study) -> str:
    still_open = [v for v in study.verdicts if v.verdict == "UNDECIDED" and v.seeds == LOOKS[0]]
    tables = dict.fromkeys(name for v in still_open for name in v.hypothesis.tables)
    if not tables:
        return ""
    if any(
        len(study.evidence.of_row(f"{name}/{row}")) < LOOKS[1]
        for name in tables
        for row in study.suite.tables[name].rows
    ):
        return ""  # the profile plans no second look
    more = " ".join(f"-t {name}" for name in tables)
    seeds = f"{LOOKS[0]}-{LOOKS[1] - 1}"
    return (
        f"\n\nOpen after the first look: `harness run {study.path} --profile {study.profile} {more} --seeds {seeds}`."
    )


def special_cases(study: Study) -> str:
    """Show whether one explanation is a special case of another: each where the other is at work, and where not."""
    core = study.complete(CORE)
    title = "## Is one a special case of another?\n\n"
    if core is None:
        return f"{title}{study.lacks(CORE)}"
    both = markdown_table(EFFECT, [_asked(study, core, asked) for asked in SPECIAL])
    parts = markdown_table(EFFECT, [_asked(study, core, asked) for asked in PARTS])
    return f"""{title}It would be if its effect were absent where the other is at work, and present where it is not.
Whether the first two lines differ is the hypothesis *bi-level-at-exchanged-rates*; no other line is one.

{both}

Joint updates differ from bi-level ones on halves in two things: one set of images, and one step. What each of them
gives, over all rates; not among the hypotheses that were written before:

{parts}{_selected(study)}"""


def _asked(study: Study, trials: DataFrame, asked: Asked) -> list[str]:
    text, effect, among = asked
    chosen = having(trials, among) if among else trials
    tables = sorted(set(chosen["table"]))
    found = estimate(chosen, "accuracy", factors_of(study.suite, tables), effect)
    sides = [having(chosen, side)["collapsed"] for side in (effect.left, effect.right)]
    collapsed = f"{sides[0].sum():.0f} and {sides[1].sum():.0f} of {len(sides[0])}"
    return [text, f"{number(found.effect)} points", interval(found), so(found), collapsed]


def _selected(study: Study) -> str:
    """Say where selection by perturbation gains: if it mended what bi-level updates spoil, only there."""
    both = study.complete(CORE, SELECTED)
    if both is None:
        return ""
    rows = [
        _asked(study, both, (f"perturbation for magnitude, {label}", PERTURBED, {"update": update}))
        for update, label in study.labels("update").items()
    ]
    text = "Selection by perturbation, by how the supernet was trained; the last line is of no hypothesis:"
    return f"\n\n{text}\n\n{markdown_table(EFFECT, rows)}"


def explained(study: Study) -> str:
    """Show what explains the variance of the core, and of the array."""
    parts = [_shares(study, CORE, ["update", "weights", "alpha"], 3), _shares(study, AROUND, None, 1)]
    return "## How much of the variance\n\n" + "\n\n".join(parts)


def _shares(study: Study, name: str, factors: list[str] | None, order: int) -> str:
    complete = study.complete(name)
    if complete is None:
        return study.lacks(name)
    factors = factors or list(next(iter(study.suite.tables[name].rows.values())).levels)
    found = shares(complete, "accuracy", factors, order)
    rows = [[" x ".join(s.term), f"{100 * s.share:.1f}", f"{100 * s.low:.1f} to {100 * s.high:.1f}"] for s in found]
    rest = 100 * (1 - sum(s.share for s in found))
    of_rest = (
        "between searches of a cell, beside what a seed shifts in all" if order > 1 else "that, and all interactions"
    )
    p = chance_of_all(complete, "accuracy", factors)
    said = paragraph(f"""
`{name}`: of the accuracy's variance over its trials (omega squared, %; below 0 is as good as 0; 95% intervals by
bootstrap). An interaction (x) belongs to neither of its factors; the rest, {rest:.0f} %, is {of_rest}. A permutation
test of all main effects together, within seeds: p = {p:.2g}.""")
    return f"{said}\n\n{markdown_table(('term', 'share', 'interval'), rows)}"


def collapses(study: Study) -> str:
    """Show the tests of collapse itself, beside those of accuracy."""
    text, rows = "## Collapse as yes or no\n\n", _exact(study)
    if rows:
        text += (
            "Exact tests, conditional on the collapses at each combination of the other factors, of selection in pairs "
            "from one supernet (McNemar); not corrected for how many they are.\n\n"
        )
        header = ("hypothesis", "left", "right", "p of more collapses on the left", "p of fewer")
        text += markdown_table(header, rows) + "\n\n"
    around = study.complete(AROUND)
    if around is None:
        return text + f"Logistic regression on the array: {study.lacks(AROUND)}"
    odds = collapse_odds(around, study.levels(AROUND))
    lines = [[f"{f}: {lv}", number(o), f"{number(lo)} to {number(hi)}"] for (f, lv), (o, lo, hi) in odds.items()]
    if not lines:
        return (
            text + "Logistic regression on the array: some level has all of the collapses, or none; no finite odds fit."
        )
    text += "Log odds of a collapse against the factor's first level (logistic regression, clustered by cell).\n\n"
    return text + markdown_table(("level", "log odds", "95% interval"), lines)


def _exact(study: Study) -> list[list[str]]:
    rows = []
    for verdict in study.verdicts:
        of = verdict.hypothesis
        if of.at is not None or not verdict.seeds:
            continue
        chosen, factors = of_cells(study.trials, of, verdict.seeds), factors_of(study.suite, of.tables)
        test = paired_collapse if set(of.effect.left) == {"selection"} else exact_collapse
        exact = test(chosen, factors, of.effect)
        if exact is not None:
            sides = [", ".join(study.named(*level) for level in s.items()) for s in (of.effect.left, of.effect.right)]
            rows.append([verdict.key, *sides, *(f"{p:.2g}" for p in exact)])
    return rows
