"""Simulate the whole procedure on `suites/why.yaml`: bimodal records with effects that are known, extension included.

``python -m tests.analysis.recovery [SIMULATIONS]`` prints, by hypothesis, the true effect, how often the interval holds
it, and how often the hypothesis passes and fails; it returns 1 where less is covered, or more is found of what is not
there, than is stated.

A search collapses with a probability that is linear in the levels of its cell, with an interaction of update and rates;
accuracies are then some 70 +- 8, else 92 +- 1, each with what its seed adds in every cell.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from harness.analysis.hypotheses import HypothesisVerdict, counts, judge_hypotheses
from harness.methods.catalogue import load_catalogue
from harness.suite.hypotheses import DEFAULT_LEVELS, Hypothesis
from harness.suite.load import load_suite
from harness.suite.schema import Suite

WHY = Path(__file__).parents[2] / "suites" / "why.yaml"
GOOD, BAD = 92.0, 70.0
COVERED = 0.95  # of the intervals, both looks together
WRONG = 0.05  # of the suites in which anything is found that is not there, at most
CHANGE = {  # of the probability of a collapse, 0.5 in the cell of first levels
    "joint": -0.2, "shared": -0.05, "w-exchanged": -0.1, "w-small": -0.05, "a-exchanged": -0.1, "a-small": 0.0,
    "sparse": -0.15, "conv-twice": 0.12, "pt": -0.1,
}  # fmt: skip
WEIGHT = {"deep": 0.2, "middle": 0.1}  # of the skip connection, 0.25 at first levels


def probability(levels: Mapping[str, str]) -> float:
    """Return the probability of a collapse; at exchanged rates joint updates gain nothing."""
    p = 0.5 + sum(CHANGE.get(level, 0.0) for level in levels.values())
    special = levels["update"] == "joint" and levels["weights"] == "w-exchanged" and levels["alpha"] == "a-exchanged"
    return p + 0.2 * special


def expected(levels: Mapping[str, str], response: str) -> float:
    """Return the mean of a response in a cell."""
    if response == "skip":
        return 0.25 + sum(WEIGHT.get(level, 0.0) for level in levels.values())
    p = probability(levels)
    return p if response == "collapsed" else p * BAD + (1 - p) * GOOD


def cells(suite: Suite, table: str) -> list[dict[str, str]]:
    """Return the levels of a table's rows."""
    return [{**DEFAULT_LEVELS, **row.levels} for row in suite.tables[table].rows.values()]


def truth(suite: Suite, hypothesis: Hypothesis) -> float:
    """Return the effect in all combinations of the levels that count, excluded ones or not."""
    levels: dict[str, dict[str, None]] = {}
    for cell in (cell for table in hypothesis.tables for cell in cells(suite, table)):
        for factor, level in cell.items():
            levels.setdefault(factor, {})[level] = None
    named = {**hypothesis.effect.left, **(hypothesis.at.left if hypothesis.at else {})}
    others = {factor: list(of) for factor, of in levels.items() if factor not in named}
    found = []
    for combined in itertools.product(*others.values()):
        base = dict(zip(others, combined, strict=True))
        if not counts(hypothesis, {**{f: of[0] for f, of in hypothesis.among.items() if f in named}, **base}):
            continue
        ats = [(1, hypothesis.at.left), (-1, hypothesis.at.right)] if hypothesis.at else [(1, {})]
        sides = [(1, hypothesis.effect.left), (-1, hypothesis.effect.right)]
        both = itertools.product(ats, sides)
        found.append(sum(a * b * expected({**base, **at, **side}, hypothesis.response) for (a, at), (b, side) in both))
    return float(np.mean(found))


def draw(suite: Suite, random: np.random.Generator, seeds: int = 10) -> pd.DataFrame:
    """Draw the trials of all tables."""
    of_seed = random.normal(0, 0.5, seeds)
    rows = []
    for table, entry in suite.tables.items():
        for name, cell in zip(entry.rows, cells(suite, table), strict=True):
            collapsed = random.random(seeds) < probability(cell)
            accuracy = np.where(collapsed, random.normal(BAD, 8, seeds), random.normal(GOOD, 1, seeds)) + of_seed
            skip = expected(cell, "skip") + random.normal(0, 0.08, seeds)
            numbers = zip(range(seeds), accuracy, collapsed.astype(float), skip, strict=True)
            rows += [(table, name, *cell.values(), *found) for found in numbers]
    factors = {table: list(cells(suite, table)[0]) for table in suite.tables}
    return pd.concat(
        (
            pd.DataFrame(
                [row for row in rows if row[0] == table],
                columns=["table", "row", *of, "seed", "accuracy", "collapsed", "skip"],
            )
            for table, of in factors.items()
        ),
        ignore_index=True,
    )


def simulate(count: int, seed: int = 0) -> dict[str, list[HypothesisVerdict]]:
    """Return the verdicts of so many simulated designs by hypothesis."""
    suite, random = load_suite(WHY, load_catalogue()).suite, np.random.default_rng(seed)
    found: dict[str, list[HypothesisVerdict]] = {key: [] for key in suite.hypotheses}
    for _ in range(count):
        for verdict in judge_hypotheses(suite, draw(suite, random)):
            found[verdict.key].append(verdict)
    return found


def is_so(hypothesis: Hypothesis, effect: float) -> bool:
    """Tell whether a hypothesis holds at an effect."""
    return {">": effect > 1e-9, "<": effect < -1e-9, "<=": effect < hypothesis.least}[hypothesis.relation]


def is_opposite(hypothesis: Hypothesis, effect: float) -> bool:
    """Tell whether its opposite does."""
    return {">": effect < -1e-9, "<": effect > 1e-9, "<=": effect > hypothesis.least}[hypothesis.relation]


def is_wrong(verdict: HypothesisVerdict, effect: float) -> bool:
    """Tell whether a verdict finds what is not there."""
    holds = {"PASS": is_so, "FAIL": is_opposite}.get(verdict.verdict)
    return holds is not None and not holds(verdict.hypothesis, effect)


def covers(verdict: HypothesisVerdict, effect: float) -> bool:
    """Tell whether the interval holds the effect."""
    return verdict.interval is not None and verdict.interval[0] <= effect <= verdict.interval[1]


def main() -> int:
    """Print what was recovered."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    suite, found = load_suite(WHY, load_catalogue()).suite, simulate(count)
    wrong, failed = np.zeros(count, dtype=bool), False
    for key, verdicts in found.items():
        effect = truth(suite, suite.hypotheses[key])
        covered, words = sum(covers(v, effect) for v in verdicts), [v.verdict for v in verdicts]
        wrong |= np.array([is_wrong(verdict, effect) for verdict in verdicts])
        failed |= bool(stats.binomtest(covered, count, COVERED, alternative="less").pvalue < 0.01)
        shares = ", ".join(f"{word} {words.count(word) / count:.2f}" for word in ("PASS", "FAIL"))
        further = sum(v.seeds == 10 for v in verdicts) / count
        relation = suite.hypotheses[key].relation
        print(
            f"{key:28} true {effect:7.2f} {relation:2} covered {covered / count:.3f}, {shares}, extended {further:.2f}"
        )
    failed |= bool(stats.binomtest(int(wrong.sum()), count, WRONG, alternative="greater").pvalue < 0.01)
    print(f"{wrong.mean():.3f} of {count} designs say what is not so; at most {WRONG} is stated")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
