from __future__ import annotations

import numpy as np
import pytest

from harness.theory.result import Line, Measurement, Ruling, as_printed, check, generator, negligible, never, same_order


def test_never() -> None:
    assert [never(0).verdict, never(1).verdict] == ["PASS", "FAIL"]


@pytest.mark.parametrize(
    ("measured", "decimals", "verdict"),
    [(34.5, 0, "PASS"), (35.0, 0, "DRIFT"), (32.9, 0, "FAIL"), (34.06, 1, "DRIFT"), (34.04, 1, "PASS")],
)
def test_as_printed(measured: float, decimals: int, verdict: str) -> None:
    assert as_printed({"a": measured, "b": 7.0, "more": 1e9}, {"a": 34.0, "b": 7.0}, decimals).verdict == verdict


def test_as_printed_judges_the_worst() -> None:
    assert as_printed({"a": 34.0, "b": 9.0}, {"a": 34.0, "b": 7.0}, 0).verdict == "FAIL"


@pytest.mark.parametrize(("log10", "verdict"), [(17.6, "PASS"), (18.4, "PASS"), (19.4, "DRIFT"), (16.4, "FAIL")])
def test_same_order(log10: float, verdict: str) -> None:
    assert same_order(log10, 18).verdict == verdict


@pytest.mark.parametrize(("size", "verdict"), [(0.01, "PASS"), (0.04, "DRIFT"), (0.06, "FAIL")])
def test_negligible(size: float, verdict: str) -> None:
    assert negligible(size, 0.01).verdict == verdict


def test_a_check_says_what_it_states_without_measuring() -> None:
    @check(name="n", paper="p", where="w", statement="s", note="o")
    def never_run() -> Measurement:
        raise AssertionError

    assert (never_run.name, never_run.paper, never_run.where, never_run.statement, never_run.note) == tuple("npwso")


def test_a_result_takes_both_halves() -> None:
    finding = Measurement(Ruling("DRIFT", "rule"), {"a": 1.0}, {"a": 2.0})
    result = check(name="n", paper="p", where="w", statement="s", note="o")(lambda: finding)()
    assert (result.name, result.verdict, result.rule, result.note) == ("n", "DRIFT", "rule", "o")
    assert (result.measured, result.published, result.figure) == ({"a": 1.0, "holds": 0.5}, {"a": 2.0}, None)


def test_lines_hold_plain_numbers() -> None:
    line = Line.of("label", np.arange(2), np.array([1.5, np.float64(2)]))
    assert (line.x, line.y) == ((0.0, 1.0), (1.5, 2.0))
    assert all(type(value) is float for value in (*line.x, *line.y))


def test_random_numbers_follow_the_name() -> None:
    assert generator("a").random() == generator("a").random() != generator("b").random()
