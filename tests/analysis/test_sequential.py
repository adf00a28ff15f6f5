"""Looks at a family of claims: levels, directions, what is kept and what is never looked at."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
import statsmodels.stats.multitest  # noqa: F401  (before the freeze)

from harness.analysis.permutation import Sample
from harness.analysis.sequential import ALPHA, LOOKS, can_decide, seeds_needed, take_looks

SMALL = (4, 5)  # looks whose assignments are few


@pytest.fixture(autouse=True, scope="module")
def little_garbage() -> Iterator[None]:
    """Statsmodels' correction collects garbage at every call: leave it little to look through."""
    gc.freeze()
    yield
    gc.unfreeze()


def sample(shift: float, seed: int, seeds: int = 10, *, paired: bool = False) -> Sample:
    rng = np.random.default_rng(seed)
    return Sample(tuple(rng.normal(shift, 1, seeds)), tuple(rng.normal(0, 1, seeds)), paired)


def apart(seeds: int, *, paired: bool = False) -> Sample:
    return Sample(tuple(90.0 + i for i in range(seeds)), tuple(50.0 + 2 * i for i in range(seeds)), paired)


def swapped(one: Sample) -> Sample:
    return Sample(one.lower, one.higher, one.paired)


def words(family: list[Sample | None], looks: tuple[int, ...] = LOOKS) -> list[str | None]:
    return [taken[-1].word if taken else None for taken in take_looks(family, looks)]


def test_without_six_seeds_there_is_no_look() -> None:
    assert take_looks([apart(5), None]) == [(), ()]


def test_sides_apart_are_decided_at_the_first_look() -> None:
    (taken,) = take_looks([apart(10)])
    assert [(look.seeds, look.word) for look in taken] == [(6, "PASS")]
    assert words([swapped(apart(10))]) == ["FAIL"]


@pytest.mark.parametrize(("claims", "word"), [(23, "PASS"), (24, None)])
def test_a_large_family_asks_for_more_than_six_seeds_can_say(claims: int, word: str | None) -> None:
    """1/924 times 23 is below .025, times 24 above."""
    assert words([apart(6), *[None] * (claims - 1)])[0] == word
    assert can_decide(6, claims, paired=False) == (word is not None)


@pytest.mark.parametrize(("claims", "seeds", "word"), [(1, 6, "PASS"), (2, 6, None), (25, 10, "PASS"), (26, 10, None)])
def test_signs_say_less(claims: int, seeds: int, word: str | None) -> None:
    """1/64 suffices alone, 1/1024 among 25."""
    assert words([apart(seeds, paired=True), *[None] * (claims - 1)])[0] == word
    assert can_decide(seeds, claims, paired=True) == (word is not None)


def test_claims_without_values_count_in_holms_correction() -> None:
    """By hand: sorted p-values times m, m - 1, ..., never falling."""
    family = [apart(6), sample(1.2, 1, 6), sample(0.8, 2, 6), None]
    taken = take_looks(family)
    raw = [looks[0].raw[0] if looks else 1.0 for looks in taken]
    order, running, wanted = np.argsort(raw, kind="stable"), 0.0, [0.0] * 4
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (4 - rank) * raw[index]))
        wanted[index] = running
    assert [looks[0].corrected[0] for looks in taken if looks] == pytest.approx(wanted[:3])


def test_a_decided_claim_keeps_its_word() -> None:
    """Its later seeds say the opposite, and nobody looks."""
    first = apart(6)
    turned = Sample(first.higher + (0.0,) * 4, first.lower + (99.0,) * 4, paired=False)
    (taken,) = take_looks([turned])
    assert [(look.seeds, look.word) for look in taken] == [(6, "PASS")]


@pytest.mark.parametrize("seed", range(12))
def test_seeds_of_decided_claims_and_seeds_after_the_last_look_change_no_word(seed: int) -> None:
    """Cut to the looks that were taken, or run on beyond the last: the words are the same."""
    rng = np.random.default_rng(seed)
    family = [sample(shift, seed * 10 + i, 7) for i, shift in enumerate(rng.choice([-4.0, 0.0, 1.0, 4.0], size=4))]
    taken = take_looks(family, SMALL)
    cut = [one.first(looks[-1].seeds) for one, looks in zip(family, taken, strict=True)]
    assert take_looks(cut, SMALL) == taken


@pytest.mark.parametrize("seed", range(12))
def test_the_opposite_claims_get_the_opposite_words(seed: int) -> None:
    rng = np.random.default_rng(seed)
    family = [sample(shift, seed * 10 + i, 5) for i, shift in enumerate(rng.choice([-4.0, 0.0, 4.0], size=3))]
    opposite = {"PASS": "FAIL", "FAIL": "PASS", None: None}
    assert words([swapped(one) for one in family], SMALL) == [opposite[word] for word in words(list(family), SMALL)]


@pytest.mark.parametrize("seed", range(12))
def test_measuring_another_claim_takes_no_word_away(seed: int) -> None:
    family: list[Sample | None] = [sample(4.0, seed * 10 + i, 5) for i in range(3)]
    for index in range(3):
        fewer = [None if i == index else one for i, one in enumerate(family)]
        for word, with_all in zip(words(fewer, SMALL), words(family, SMALL), strict=True):
            assert word in (None, with_all)


def test_false_words_are_rare_over_both_looks() -> None:
    """Of 100 families of two true nulls, each direction is wrong somewhere in at most 5%; 4 sigma above is 14%."""
    said = [words([sample(0.0, 10_000 + 10 * family + i, 5) for i in range(2)], SMALL) for family in range(100)]
    for wrong in ("PASS", "FAIL"):
        assert 0 < np.mean([wrong in each for each in said]) <= 0.14


def test_seeds_needed_falls_with_the_effect_and_rises_with_the_family() -> None:
    """Textbook: at d = 1 a t-test of 5% one-sided has a power of 80% with 13 a side (Cohen's tables)."""
    one = Sample(tuple(np.array([-1, 0, 1, 0.0]) * 1.2247 + 1), tuple(np.array([-1, 0, 1, 0.0]) * 1.2247), paired=False)
    assert np.std(one.higher, ddof=1) == pytest.approx(1.0, abs=1e-3)
    needed = seeds_needed(one, 1)
    assert needed == 17  # at 2.5%, Cohen (1988), table 2.4.1: a two-sided 5%
    larger, more = (
        seeds_needed(Sample(tuple(np.array(one.higher) + 1), one.lower, paired=False), 1),
        seeds_needed(one, 11),
    )
    assert larger is not None and more is not None and larger < needed < more


def test_no_seeds_help_without_a_difference() -> None:
    assert seeds_needed(Sample((1.0,) * 10, (1.0,) * 10, paired=False), 3) is None
    tiny = Sample((0.0, 1.0, 0.51), (0.0, 1.0, 0.5), paired=False)
    assert seeds_needed(tiny, 3) is None


def test_where_nothing_scatters_exactness_alone_decides_how_many() -> None:
    """Eleven signs: 1/2048 times 26 is below .025, ten are not enough."""
    assert seeds_needed(Sample((2.0,) * 10, (1.0,) * 10, paired=True), 26) == 11
    assert ALPHA == 0.025
