"""Any YAML and any ``--set``: plain data or one line, in bounded memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import parse_override
from harness.documents import load_document
from harness.errors import HarnessError
from harness.methods.catalogue import override_layers
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite
from tests.hostile import at_most, damaged, is_one_line, repeatable
from tests.suite.sample import SUITE, load, with_planned

MARKS = ["a", "b", "name", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ", ", "? ", "| ", "> ", "'", '"', "# ", "=", "~"]
WORDS = ["&x ", "*x", "<<: ", "!!int ", "!a ", "%YAML 1.1\n", "---\n", "...\n", "yes", "null", "\t", "\\e", "\\u202e"]
NUMBERS = ["010", "0x1f", "1:30", "1_0", ".inf", ".nan", "1e999", "1.0e+999", "-.5", "9" * 500, "2020-01-01"]
PIECES = st.sampled_from(MARKS + WORDS + NUMBERS + ["\x1b", "é", "\ud800"])
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=30)


def is_plain(value: Any) -> bool:
    """Tell whether a value is of YAML's plain kinds and can be written as JSON of finite numbers."""
    json.dumps(value, allow_nan=False)
    return True


@repeatable
@given(text=TEXTS)
def test_any_yaml_is_plain_data_or_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with at_most(20):
        try:
            assert is_plain(load_document(path).data)
        except HarnessError as error:
            assert str(error).startswith(str(path)) and is_one_line(error)


@repeatable
@given(text=TEXTS)
def test_any_override_is_plain_data_or_one_line(text: str) -> None:
    with at_most(20):
        try:
            _, value = parse_override(f"a.b={text}")
            assert is_plain(value)
        except HarnessError as error:
            assert str(error).startswith("--set ") and is_one_line(error)


KEYS = ["epochs", "space.ops", "update.name", "architecture_optimiser.betas", "relaxation", "data.flip", "", "x"]
VALUES = ["3", "-1", "[a, b]", "{name: adam}", "null", "yes", "1.5", "99999999999999999", "{}", "[[1]]", "[0.5, x]"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> LoadedSuite:
    return load(tmp_path_factory.mktemp("sample"))


@repeatable
@given(options=st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES) | TEXTS), min_size=1, max_size=3))
def test_any_override_of_a_search_resolves_or_is_one_line(sample: LoadedSuite, options: list[tuple[str, str]]) -> None:
    try:
        layers = override_layers([f"{key}={value}" for key, value in options])
        sample.resolve("t1", "darts", "reduced", overrides=layers)
    except HarnessError as error:
        assert is_one_line(error)


@repeatable
@given(data=st.data())
def test_any_damage_to_a_suite_loads_or_is_one_line(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_bytes(data.draw(damaged(SUITE.encode())))
    try:
        load_suite(path, PLANNED)
    except HarnessError as error:
        assert is_one_line(error)


PLANNED = with_planned()
REFUSED = ["0x10", "1:30", "010", "1_0", ".inf", "1.0e+999", "[&x 1, *x]", "{a: 1, a: 2}", "!!binary aa", '"\\e"']


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_suite_refuses_is_refused_as_an_override(text: str, tmp_path: Path) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(f"a: {text}\n")
    with pytest.raises(HarnessError) as in_a_suite:
        load_document(path)
    with pytest.raises(HarnessError) as as_option:
        parse_override(f"a={text}")
    assert str(in_a_suite.value).rpartition("a: ")[2].split(": ")[-1] == str(as_option.value).split(": ")[-1]
