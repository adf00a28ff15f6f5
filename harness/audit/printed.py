"""Printed numbers as intervals: what a text of so many decimals can stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.suite.values import Published

EPS = 1e-9  # of binary fractions, far below any printed digit
SLIP = 0.002  # of a number: a difference that rounding twice, or reading another file, may make
_DIGITS = re.compile(r"[-+]?\d+(?:\.(\d+))?(?:[eE]([-+]?\d+))?")


@dataclass(frozen=True)
class Printed:
    """A mean and, where printed, a std, each with half a unit of its last digit."""

    mean: float
    half: float
    std: float | None
    std_half: float

    @classmethod
    def read(cls, value: Published) -> Printed:
        """Take a published value."""
        halves = [_half(match) for match in _DIGITS.finditer(value.text)]
        return cls(value.mean, halves[0], value.std, halves[-1] if value.std is not None else 0.0)

    def complement(self) -> Printed:
        """Return the accuracy of an error in percent, or the error of an accuracy."""
        return Printed(100.0 - self.mean, self.half, self.std, self.std_half)

    def __str__(self) -> str:
        decimals, std = _decimals(self.half), ""
        if self.std is not None:
            std = f" ± {self.std:.{_decimals(self.std_half)}f}"
        return f"{self.mean:.{decimals}f}{std}"


def same(a: float, half_a: float, b: float, half_b: float) -> bool:
    """Tell whether two printed numbers can be roundings of one: equal at equal decimals, else near enough."""
    if half_a == half_b:
        return abs(a - b) <= EPS * max(1.0, abs(a))
    return abs(a - b) <= half_a + half_b + EPS * max(1.0, abs(a))


def slip(a: float, half_a: float, b: float, half_b: float) -> bool:
    """Tell whether two printed numbers differ by one in the last digit, which is little of them."""
    apart = abs(a - b)
    one = half_a == half_b and abs(apart - 2 * half_a) <= EPS * max(1.0, abs(a))
    return one and apart <= SLIP * max(abs(a), abs(b))


def _half(match: re.Match[str]) -> float:
    decimals, exponent = len(match[1] or ""), int(match[2] or 0)
    return 0.5 * 10.0 ** (exponent - decimals)


def _decimals(half: float) -> int:
    decimals = 0
    while decimals < 12 and 0.5 * 10.0**-decimals > half * 1.5:
        decimals += 1
    return decimals
