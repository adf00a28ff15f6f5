"""`harness.benchmark`."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.api import looking_up

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


class Table:
    checksum = "c"

    def accuracies(self, archs: list[str]) -> dict[str, list[float]]:
        return {key: [len(arch) + i for arch in archs] for i, key in enumerate(("cifar10/test/200", "cifar10/test/12"))}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking_up, "load_table", lambda root, name: {"nb201-table": Table()}[name])


@pytest.mark.usefixtures("table")
def test_an_architecture_has_a_number_and_many_have_many() -> None:
    known = harness.benchmark("nb201")
    assert known.accuracy("abc") == 3 and known.accuracy("abc", "cifar10", "test", 12) == 4
    assert known.accuracy(["abc", "a"]) == [3, 1] and known.accuracy("abc", epochs=200) == 3
    assert known.accuracies("ab") == {"cifar10/test/200": 2, "cifar10/test/12": 3}
    assert known.facts.space == "nb201" and harness.benchmark("nb201-table").name == "nb201-table"


@pytest.mark.usefixtures("table")
def test_mistakes_name_what_is_near() -> None:
    with pytest.raises(harness.HarnessError, match="no benchmark 'nb2001'; did you mean 'nb201'"):
        harness.benchmark("nb2001")
    with pytest.raises(harness.HarnessError, match="NAS-Bench-201 has no cifar10/test/100; did you mean"):
        harness.benchmark("nb201").accuracy("abc", epochs=100)


def test_a_table_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    with pytest.raises(harness.HarnessError, match=r"nb201/nb201\.parquet"):
        harness.benchmark("nb201")


@pytest.mark.realdata
def test_the_best_architecture_has_the_papers_number(real_root: Path) -> None:
    known = harness.benchmark("nb201")
    assert round(known.accuracy(BEST, "cifar10", "test", 200), 2) == 94.37  # Single-DARTS, Table 1, "Optimal"
    with pytest.raises(harness.HarnessError, match="nor_conv_4x4"):
        known.accuracy(BEST.replace("nor_conv_1x1", "nor_conv_4x4"))
