"""Every kind of mistake in a suite is one line with file, line, key path and the nearest valid names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.errors import HarnessError
from tests.suite.sample import changed, load

BROKEN = yaml.safe_load(Path(__file__).with_name("broken.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", BROKEN)
def test_one_line_that_says_where_and_what(name: str, tmp_path: Path) -> None:
    case = BROKEN[name]
    text = changed((case["old"], case["new"]))
    position = text.index(case["mark"]) + len(case["mark"]) - len(case["mark"].lstrip())
    line = text[:position].count("\n") + 1
    with pytest.raises(HarnessError) as caught:
        load(tmp_path, (case["old"], case["new"]))
    assert str(caught.value) == f"{tmp_path}/sample.yaml:{line}: {case['says']}"


def test_the_sample_itself_is_valid(tmp_path: Path) -> None:
    assert load(tmp_path).suite.suite == "sample"
