"""What a printed number can stand for."""

from __future__ import annotations

import pytest

from harness.audit.printed import Printed, same, slip
from harness.audit.published_rows import normal
from harness.suite.values import Published


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("93.51 ± 0.13", (93.51, 0.005, 0.13, 0.005)),
        ("14.3 ± 0.18", (14.3, 0.05, 0.18, 0.005)),
        ("39.77 ± 0", (39.77, 0.005, 0.0, 0.5)),
        ("83.2015 ± 2.03", (83.2015, 0.00005, 2.03, 0.005)),
        ("54.30", (54.3, 0.005, None, 0.0)),
        ("3150", (3150.0, 0.5, None, 0.0)),
        ("1.1e-3", (0.0011, 0.00005, None, 0.0)),
        ("1e18", (1e18, 0.5e18, None, 0.0)),
        ("-12.4", (-12.4, 0.05, None, 0.0)),
    ],
)
def test_half_a_unit_of_the_last_digit(text: str, expected: tuple[float, ...]) -> None:
    read = Printed.read(Published.model_validate(text))
    assert (read.mean, read.half, read.std, read.std_half) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["93.51 ± 0.13", "14.3 ± 0.18", "54.30", "3150", "97.02 ± 0.2"])
def test_numbers_are_written_as_they_were_read(text: str) -> None:
    assert str(Printed.read(Published.model_validate(text))) == text


def test_an_error_is_an_accuracy_turned_round() -> None:
    turned = Printed.read(Published.model_validate("2.98 ± 0.15")).complement()
    assert str(turned) == "97.02 ± 0.15"


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        ("70.55", "70.55", True),
        ("70.55", "70.56", False),  # one rounding of one number has one last digit
        ("97.5", "97.46", True),
        ("97.5", "97.44", False),
        ("97.5", "97.45", True),
        ("4", "4.3", True),
        ("4", "4.6", False),
    ],
)
def test_roundings_of_one_number(a: str, b: str, agree: bool) -> None:
    x, y = Printed.read(Published.model_validate(a)), Printed.read(Published.model_validate(b))
    assert same(x.mean, x.half, y.mean, y.half) is agree
    assert same(y.mean, y.half, x.mean, x.half) is agree


@pytest.mark.parametrize(
    ("a", "b", "little"),
    [
        ("70.55", "70.56", True),
        ("9.40", "9.41", True),
        ("70.55", "70.57", False),
        ("2.8", "2.9", False),
        ("7", "8", False),
    ],
)
def test_slips_of_the_last_digit(a: str, b: str, little: bool) -> None:
    x, y = Printed.read(Published.model_validate(a)), Printed.read(Published.model_validate(b))
    assert slip(x.mean, x.half, y.mean, y.half) is little


def test_names_that_are_written_in_many_ways() -> None:
    assert normal("P-DARTS") == normal("PDARTS") == normal("p darts")
    assert len({normal(name) for name in ("DARTS", "DARTS+", "DARTS-", "DARTS*", "DARTS+PT", "R-DARTS (L2)")}) == 6
