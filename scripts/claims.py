"""Simulate what `harness.analysis.sequential` does with claims: how often it is wrong, and what it can see.

``python scripts/claims.py [FAMILIES]`` prints the table of docs/verdicts.md.
The p-values come from a fast twin of `exact_p`: the procedure is the real one, and the twin is compared with the real
test first.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from harness.analysis import sequential
from harness.analysis.permutation import Sample, exact_p

Draw = Callable[[np.random.Generator], list[Sample]]
LAST = sequential.LOOKS[-1]
WORDS = ("PASS", "FAIL")
SLACK = 1e-9  # sums nearer than that are ties


@cache
def subsets(count: int) -> list[NDArray[np.float64]]:
    """Return the subsets of so many values by size: [subsets, count] of 0 and 1 each."""
    every = np.array(list(itertools.product((0.0, 1.0), repeat=count)))
    return [every[every.sum(axis=1) == size] for size in range(count + 1)]


def fast_p(sample: Sample) -> tuple[float, float]:
    """Return what `exact_p` does, for sides of equal length, by meeting in the middle.

    A choice of n out of 2 n values is one of k out of the first half and one of n - k out of the second. Signs are
    chosen likewise, over all sizes.
    """
    if sample.paired:
        values = 2 * np.array(sample.differences)
        halves = values[: sample.seeds // 2], values[sample.seeds // 2 :]
        first, second = (np.concatenate([chosen @ half for chosen in subsets(len(half))]) for half in halves)
        return shares([(first, second)], float(values.sum()))
    chosen, higher, lower = subsets(sample.seeds), np.array(sample.higher), np.array(sample.lower)
    pairs = [(chosen[k] @ higher, chosen[sample.seeds - k] @ lower) for k in range(sample.seeds + 1)]
    return shares(pairs, float(higher.sum()))


def shares(pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], seen: float) -> tuple[float, float]:
    """Return the share of sums a + b, of all a and b of a pair, at or above what was seen, and at or below."""
    sums = np.concatenate([np.add.outer(a, b).ravel() for a, b in pairs])
    return float(np.mean(sums >= seen - SLACK)), float(np.mean(sums <= seen + SLACK))


def unpaired(rng: np.random.Generator, shift: float) -> Sample:
    """Draw two normal samples, ``shift`` standard deviations apart."""
    return Sample(tuple(rng.normal(shift, 1, LAST)), tuple(rng.normal(0, 1, LAST)), paired=False)


def paired(rng: np.random.Generator, shift: float) -> Sample:
    """Draw normal differences."""
    return Sample(tuple(rng.normal(shift, 1, LAST)), (0.0,) * LAST, paired=True)


def family(claims: int, of_pairs: int, shift: float) -> Draw:
    """Return families of independent claims, all with the same effect."""
    return lambda rng: [(paired if i < of_pairs else unpaired)(rng, shift) for i in range(claims)]


def against_one(claims: int, shift: float) -> Draw:
    """Return families whose claims share one lower side, as claims against DARTS do."""

    def draw(rng: np.random.Generator) -> list[Sample]:
        lower = tuple(rng.normal(0, 1, LAST))
        return [Sample(tuple(rng.normal(shift, 1, LAST)), lower, paired=False) for _ in range(claims)]

    return draw


def lottery(rng: np.random.Generator, steady: float) -> Sample:
    """Draw a side that ends in one architecture, and one that ends in three: of the same mean at ``steady`` 0."""
    lower = rng.choice([54.3, 84.3, 90.0], size=LAST, p=[0.4, 0.3, 0.3])
    return Sample((steady + 0.4 * 54.3 + 0.3 * 84.3 + 0.3 * 90.0,) * LAST, tuple(lower), paired=False)


def lotteries(claims: int, steady: float) -> Draw:
    """Return families of such claims."""
    return lambda rng: [lottery(rng, steady) for _ in range(claims)]


def simulate(draw: Draw, families: int, seed: int = 0) -> dict[str, float]:
    """Return the share of claims by word, of families with such a word, and the mean seeds a side that were used."""
    rng = np.random.default_rng(seed)
    said = [[looks[-1] for looks in sequential.take_looks(draw(rng))] for _ in range(families)]
    flat = [look for looks in said for look in looks]
    found = {word: float(np.mean([look.word == word for look in flat])) for word in WORDS}
    found |= {f"any {word}": float(np.mean([any(k.word == word for k in looks) for looks in said])) for word in WORDS}
    return found | {"seeds": float(np.mean([look.seeds for look in flat]))}


CASES: dict[str, Draw] = {
    "11 claims, 2 of them in pairs, nothing true": family(11, 2, 0.0),
    "11 claims against one row, nothing true": against_one(11, 0.0),
    "11 claims, one steady side, equal means, nothing true": lotteries(11, 0.0),
    "1 claim, nothing true": family(1, 0, 0.0),
    **{f"11 claims, 2 of them in pairs, all true by {d:g} sd": family(11, 2, d) for d in (1.0, 2.0, 3.0)},
    "11 claims in pairs, all true by 2 sd": family(11, 11, 2.0),
    **{f"1 claim, true by {d:g} sd": family(1, 0, d) for d in (1.0, 2.0, 3.0)},
    "11 claims, one steady side, true by 15 points": lotteries(11, 15.0),
}


def lines(families: int) -> Iterator[str]:
    """Write what was simulated as markdown, line by line."""
    yield "| | PASS, a claim | FAIL, a claim | any PASS | any FAIL | seeds a side |"
    yield f"| --- |{' ---: |' * 5}"
    for name, draw in CASES.items():
        found = simulate(draw, families)
        shown = [f"{found[key]:.3f}" for key in (*WORDS, *(f"any {word}" for word in WORDS))]
        yield f"| {' | '.join([name, *shown])} | {found['seeds']:.1f} |"


def check_twin(rng: np.random.Generator) -> None:
    """Compare the twin with the real test."""
    drawn = [make(rng, 0.5) for make in (unpaired, paired, lottery) for _ in range(3)]
    samples = [*(sample.first(6) for sample in drawn), drawn[0], drawn[3], drawn[6]]
    for sample in samples:
        np.testing.assert_allclose(fast_p(sample), exact_p(sample), rtol=1e-6)


def main(arguments: Sequence[str]) -> None:
    """Simulate with the twin in the place of the exact test."""
    check_twin(np.random.default_rng(1))
    with mock.patch.object(sequential, "exact_p", fast_p):
        for line in lines(int(arguments[0]) if arguments else 1000):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
