"""Band rules against numbers worked out by hand, and rounding against the decimal module."""

from __future__ import annotations

import decimal
import random

import pytest

from harness.analysis.aggregate import Summary, summarise
from harness.analysis.bands import Reference, band_width, describe_band, judge_band
from harness.suite.schema import AbsoluteBand, Band, ExactBand, NormalBand

NORMAL = NormalBand(kind="normal", k=2, floor=0.3, drift=3)
EXACT = ExactBand(kind="exact")


def ours(mean: float, std: float | None = None, n: int = 4) -> Summary:
    return Summary(n=n, planned=n, mean=mean, population_std=0.0, sample_std=std)


def test_normal_width_adds_both_standard_errors() -> None:
    # 0.6^2 / 9 + 0.8^2 / 16 = 0.04 + 0.04 = 0.08; 2 sqrt(0.08) = 0.565685
    reference = Reference(mean=90.0, std=0.6, n=9, decimals=2)
    assert band_width(NORMAL, reference, ours(90.0, 0.8, n=16)) == pytest.approx(0.5656854)


def test_normal_width_uses_our_sample_std() -> None:
    # 1, 2, 3: sample variance 1, population variance 2/3; 2 sqrt(1 / 3) = 1.154701
    width = band_width(NORMAL, Reference(2.0, 0.0, 3, 2), summarise([1.0, 2.0, 3.0], planned=3))
    assert width == pytest.approx(1.1547005)


def test_normal_width_has_a_floor() -> None:
    assert band_width(NORMAL, Reference(54.3, 0.0, 3, 2), ours(54.3, 0.0)) == 0.3


@pytest.mark.parametrize(("std", "n"), [(5.0, None), (None, 5), (None, None)])
def test_an_unstated_n_or_std_only_narrows_the_band(std: float | None, n: int | None) -> None:
    stated = band_width(NORMAL, Reference(90.0, 5.0, 5, 2), ours(90.0, 1.0))
    unstated = band_width(NORMAL, Reference(90.0, std, n, 2), ours(90.0, 1.0))
    assert unstated == pytest.approx(2 * (1.0**2 / 4) ** 0.5)
    assert unstated < stated


def test_one_seed_of_ours_has_no_standard_error() -> None:
    assert band_width(NORMAL, Reference(90.0, 3.0, 9, 2), ours(90.0, None, n=1)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (50.0, "PASS"),
        (50.5, "PASS"),  # exactly one width
        (49.5, "PASS"),
        (50.51, "DRIFT"),
        (49.49, "DRIFT"),
        (51.0, "DRIFT"),  # exactly two widths
        (51.01, "FAIL"),
        (48.99, "FAIL"),
    ],
)
def test_limits_of_pass_drift_and_fail(mean: float, verdict: str) -> None:
    band = AbsoluteBand(kind="absolute", tolerance=0.5, drift=2)
    judgement = judge_band(band, Reference(50.0, None, None, 1), ours(mean))
    assert judgement.verdict == verdict
    assert judgement.delta == pytest.approx(mean - 50.0)


@pytest.mark.parametrize("step", range(1, 20))
def test_a_difference_of_one_width_passes_whatever_the_round_off(step: int) -> None:
    band = AbsoluteBand(kind="absolute", tolerance=step / 10, drift=2)
    assert judge_band(band, Reference(93.1, None, None, 1), ours(93.1 + step / 10)).verdict == "PASS"
    assert judge_band(band, Reference(93.1, None, None, 1), ours(93.1 - step / 10)).verdict == "PASS"


def test_zero_tolerance_accepts_equality_alone() -> None:
    band = AbsoluteBand(kind="absolute", tolerance=0.0, drift=2)
    assert judge_band(band, Reference(7.0, None, None, 0), ours(7.0)).verdict == "PASS"
    assert judge_band(band, Reference(7.0, None, None, 0), ours(7.000001)).verdict == "FAIL"


def test_exact_means_equal_after_rounding_a_tie_either_way() -> None:
    """Brute force: our number, rounded half up or half to even by the decimal module, is the printed one."""
    random.seed(0)
    for _ in range(2000):
        printed = decimal.Decimal(random.randrange(9000, 9100)) / 100
        measured = decimal.Decimal(random.randrange(900000, 910000)) / 10000
        unit = decimal.Decimal("0.01")
        rounded = {measured.quantize(unit, rule) for rule in (decimal.ROUND_HALF_UP, decimal.ROUND_HALF_EVEN)}
        rounded |= {measured.quantize(unit, decimal.ROUND_HALF_DOWN)}
        judgement = judge_band(EXACT, Reference(float(printed), None, None, 2), ours(float(measured)))
        assert judgement.verdict == ("PASS" if printed in rounded else "FAIL"), (printed, measured)


@pytest.mark.parametrize(("printed", "verdict"), [(93.12, "PASS"), (93.13, "PASS"), (93.11, "FAIL"), (93.14, "FAIL")])
def test_exact_accepts_a_tie_rounded_up_or_to_even(printed: float, verdict: str) -> None:
    assert judge_band(EXACT, Reference(printed, None, None, 2), ours(93.125)).verdict == verdict


def test_exact_knows_no_drift() -> None:
    assert judge_band(EXACT, Reference(93.0, None, None, 0), ours(93.51)).verdict == "FAIL"


def test_nothing_measured_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        judge_band(EXACT, Reference(1.0, None, None, 0), summarise([], planned=3))


@pytest.mark.parametrize(
    ("band", "words"),
    [
        (NORMAL, ["0.3", "2 standard errors", "3 widths"]),
        (AbsoluteBand(kind="absolute", tolerance=0.5, drift=2), ["0.5", "2 widths"]),
        (EXACT, ["printed decimals"]),
    ],
)
def test_descriptions_hold_the_numbers(band: Band, words: list[str]) -> None:
    assert all(word in describe_band(band) for word in words)
