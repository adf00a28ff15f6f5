"""Words on means against numbers worked out by hand, and rounding against the decimal module."""

from __future__ import annotations

import decimal
import itertools
import random

import pytest

from harness.analysis.aggregate import Summary, summarise
from harness.analysis.bands import Printed, describe_band, difference, judge_mean, judge_recomputed
from harness.suite.schema import Band, ExactBand, ToleranceBand

BAND = ToleranceBand(kind="within", tolerance=0.3, drift=0.9, because="a test")
EXACT = ExactBand(kind="exact")
WORDS = {"FAIL", "PASS", "DRIFT"}


def ours(mean: float, std: float | None = 0.0, n: int = 5) -> Summary:
    return Summary(n=n, planned=n, mean=mean, population_std=0.0, sample_std=std)


def word(mean: float, std: float | None, n: int, printed: Printed, cells: int = 1) -> str:
    return judge_mean(BAND, printed, ours(mean, std, n), cells=cells).verdict


def test_the_printed_std_is_read_as_over_n() -> None:
    # Population std 4.63 of 3 is 4.63 sqrt(3 / 2) = 5.6706; ours 54.3, 54.3, 93 has 22.3435. Their squares over 3
    # sum to 177.129, whose root is 13.309; t(.95, 2) = 2.91999.
    found = difference(Printed(86.19, 4.63, 3, 2), summarise([54.3, 54.3, 93.0], 3))
    assert found.delta == pytest.approx(67.2 - 86.19)
    assert found.error == pytest.approx(13.309, abs=1e-3)
    assert found.width == pytest.approx(2.91999 * 13.309, abs=1e-2)


@pytest.mark.parametrize(("scatter", "error"), [("sample", 1.0), ("population", 1.5**0.5), ("unknown", 1.5**0.5)])
def test_a_suite_may_declare_which_std_is_printed(scatter: str, error: float) -> None:
    printed = Printed(90.0, 3**0.5, 3, 2, scatter)  # type: ignore[arg-type]
    assert difference(printed, ours(90.0, 0.0)).error == pytest.approx(error)


def test_our_own_noise_buys_no_pass() -> None:
    """19 points away: the old rule, whose band our scatter widened, called it PASS."""
    found = judge_mean(BAND, Printed(86.19, 4.63, 3, 2), summarise([54.3, 54.3, 93.0], 3))
    assert (found.verdict, found.reason) == ("UNDECIDED", "seeds: 17")


@pytest.mark.parametrize(
    ("mean", "verdict"),
    # n = 500 a side, stds .4 (over n - 1): error .0253, t(.95, 499) = 1.6479, h = .0417.
    [
        (90.0, "PASS"),
        (90.258, "PASS"),
        (90.259, "DRIFT"),
        (89.741, "DRIFT"),
        (90.341, "DRIFT"),
        (90.342, "FAIL"),
        (89.658, "FAIL"),
        (95.0, "FAIL"),
    ],
)
def test_limits_of_the_words(mean: float, verdict: str) -> None:
    assert word(mean, 0.4, 500, Printed(90.0, 0.4, 500, 2, "sample")) == verdict


@pytest.mark.parametrize("cells", [1, 48])
def test_a_correction_moves_fail_and_drift_and_never_pass(cells: int) -> None:
    printed = Printed(90.0, 0.4, 500, 2, "sample")
    assert word(90.25, 0.4, 500, printed, cells) == "PASS"
    assert word(90.345, 0.4, 500, printed, cells) == ("FAIL" if cells == 1 else "DRIFT")
    assert word(90.45, 0.4, 500, printed, cells) == "FAIL"
    found = judge_mean(BAND, printed, ours(90.345, 0.4, 500), cells=cells)
    assert found.fails is not None and found.fails.corrected == pytest.approx(min(1, cells * found.fails.raw))


def test_what_is_beyond_the_tolerance_and_may_be_beyond_the_drift_band_is_undecided() -> None:
    # 5 a side, stds .5: error .3162, t(.95, 4) = 2.1318, h = .674; |d| = .95: surely not 0, .28 to 1.62.
    assert word(90.95, 0.5, 5, Printed(90.0, 0.5, 5, 2, "sample")) == "UNDECIDED"


def test_seeds_that_would_decide_do() -> None:
    printed = Printed(90.0, 0.1, 500, 2)
    for mean, std in itertools.product((90.0, 90.1, 90.2, 90.5, 90.7, 91.5), (0.2, 0.5, 1.0)):
        found = judge_mean(BAND, printed, ours(mean, std, 3))
        if found.reason.startswith("seeds: ") and found.reason[7:].isdecimal():
            enough = int(found.reason[7:])
            assert word(mean, std, enough, printed) != "UNDECIDED", (mean, std)
            assert word(mean, std, enough - 1, printed) == "UNDECIDED", (mean, std)
        assert found.verdict != "UNDECIDED" or found.reason, (mean, std)
    assert judge_mean(BAND, printed, ours(90.1, 0.5, 3)).reason == "seeds: 19"
    assert judge_mean(BAND, printed, ours(90.2, 4.0, 3)).reason == "seeds: over 50"


def test_a_print_too_wide_for_endless_seeds_is_named() -> None:
    assert judge_mean(BAND, Printed(87.66, 1.69, 3, 2), ours(87.66, 0.001, 50)).reason == "the print"


def test_one_seed_of_ours_never_passes() -> None:
    found = judge_mean(BAND, Printed(90.0, 0.001, 500, 2), ours(90.0, None, n=1))
    assert found.verdict == "UNDECIDED"
    assert found.reason == "seeds: 2"  # if ours scatter as the print does


@pytest.mark.parametrize(("std", "n"), [(None, None), (None, 500), (0.001, None), (0.001, 1)])
def test_a_print_without_scatter_never_passes(std: float | None, n: int | None) -> None:
    printed = Printed(90.0, std, n, 2)
    assert word(90.0, 0.001, 50, printed) == "UNDECIDED"
    assert word(99.0, 0.001, 50, printed) == "FAIL"


def test_no_scatter_on_either_side_is_equality_within_the_band() -> None:
    printed = Printed(90.0, 0.0, 3, 2)
    assert [word(90.0 + d, 0.0, 3, printed) for d in (0.0, 0.29, 0.31)] == ["PASS", "PASS", "FAIL"]


def test_more_scatter_of_ours_creates_no_word() -> None:
    """At equal difference and equal n: never a PASS, and nothing out of UNDECIDED."""
    stds = [0.01 * 2.0**k for k in range(12)]
    sizes = (2, 3, 5, 30)
    checked = 0
    for delta, theirs, n_p, n_o, cells in itertools.product(
        (0.0, 0.1, 0.29, 0.31, 0.6, 0.89, 1.5, 5.0), (0.0, 0.05, 0.3, 2.0, None), sizes, sizes, (1, 20)
    ):
        printed = Printed(90.0, theirs, n_p, 2)
        words = [word(90.0 + delta, std, n_o, printed, cells) for std in stds]
        for before, after in itertools.pairwise(words):
            assert not (after == "PASS" and before != "PASS"), (delta, theirs, n_p, n_o, words)
            assert not (before == "UNDECIDED" and after in WORDS), (delta, theirs, n_p, n_o, words)
            checked += 1
    assert checked > 10_000


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (50.0, "PASS"),
        (50.3, "PASS"),
        (49.7, "PASS"),
        (50.31, "DRIFT"),
        (50.9, "DRIFT"),
        (50.91, "FAIL"),
        (49.0, "FAIL"),
    ],
)
def test_a_recomputation_has_no_error(value: float, verdict: str) -> None:
    judgement = judge_recomputed(BAND, Printed(50.0, None, None, 1), value)
    assert (judgement.verdict, judgement.width) == (verdict, 0.0)
    assert judgement.delta == pytest.approx(value - 50.0)


@pytest.mark.parametrize("step", range(1, 20))
def test_a_difference_of_one_tolerance_passes_whatever_the_round_off(step: int) -> None:
    band = ToleranceBand(kind="within", tolerance=step / 10, drift=step, because="a test")
    assert judge_recomputed(band, Printed(93.1, None, None, 1), 93.1 + step / 10).verdict == "PASS"
    assert judge_recomputed(band, Printed(93.1, None, None, 1), 93.1 - step / 10).verdict == "PASS"


def test_exact_means_equal_after_rounding_a_tie_either_way() -> None:
    """Brute force: our number, rounded half up or half to even by the decimal module, is the printed one."""
    random.seed(0)
    for _ in range(2000):
        printed = decimal.Decimal(random.randrange(9000, 9100)) / 100
        measured = decimal.Decimal(random.randrange(900000, 910000)) / 10000
        unit = decimal.Decimal("0.01")
        rounded = {measured.quantize(unit, rule) for rule in (decimal.ROUND_HALF_UP, decimal.ROUND_HALF_EVEN)}
        rounded |= {measured.quantize(unit, decimal.ROUND_HALF_DOWN)}
        judgement = judge_recomputed(EXACT, Printed(float(printed), None, None, 2), float(measured))
        assert judgement.verdict == ("PASS" if printed in rounded else "FAIL"), (printed, measured)


@pytest.mark.parametrize(("printed", "verdict"), [(93.12, "PASS"), (93.13, "PASS"), (93.11, "FAIL"), (93.14, "FAIL")])
def test_exact_accepts_a_tie_rounded_up_or_to_even(printed: float, verdict: str) -> None:
    assert judge_recomputed(EXACT, Printed(printed, None, None, 2), 93.125).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(43.63, "PASS"), (44.23, "DRIFT"), (44.44, "FAIL")])
def test_another_version_of_the_table_drifts(value: float, verdict: str) -> None:
    assert judge_recomputed(EXACT, Printed(43.63, None, None, 2), value, versions=0.8).verdict == verdict


def test_nothing_measured_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        judge_mean(BAND, Printed(1.0, None, None, 0), summarise([], planned=3))


@pytest.mark.parametrize(("band", "words"), [(BAND, ["tolerance band ±0.3", "drift band ±0.9"]), (EXACT, ["printed"])])
def test_descriptions_hold_the_numbers(band: Band, words: list[str]) -> None:
    assert all(word in describe_band(band) for word in words)
