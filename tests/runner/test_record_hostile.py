"""Records that were damaged, edited or forged: read whole, or refused in one line; never a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.outcomes import digest
from harness.cli.inspect import list_one
from harness.cli.show import show_trial
from harness.errors import HarnessError
from harness.runner.store import RecordError, Store, read_record
from tests.hostile import at_most, damaged, is_one_line, repeatable
from tests.records import ID, a_record

SEARCHED = a_record()
COMPUTED = a_record(
    trajectory=None, evaluations={}, values={"cifar10/test/200": [94.0], "simulated_seconds": [5.0]}, found=["|a|"],
    spec={"runs": 1, "computation": {"name": "optimum"}},
)  # fmt: skip
NAME = f"s0-{ID}.json"


def attempt(path: Path) -> bool:
    """Read, digest, list and show a record; tell whether it was taken for one."""
    with at_most(30):
        try:
            record = read_record(path)
        except RecordError as error:
            assert str(error).startswith(str(path)) and is_one_line(error)
            return False
        list_one("trials", path.parent, "text")
        show_trial(str(path), path.parent, "text")
        try:
            digest(record)
        except HarnessError as error:
            assert is_one_line(error)
        return True


@pytest.mark.parametrize("record", [SEARCHED, COMPUTED])
def test_the_records_are_good_before_the_damage(record: Any, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(record.model_dump_json())
    assert attempt(tmp_path / NAME)


@repeatable
@given(data=st.data(), record=st.sampled_from([SEARCHED, COMPUTED]))
def test_any_damage_to_the_bytes_is_read_or_one_line(data: st.DataObject, record: Any, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(data.draw(damaged(record.model_dump_json().encode())))
    attempt(tmp_path / NAME)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


SEARCHED_PLACES = [place for place in places(SEARCHED.model_dump(mode="json")) if place]
COMPUTED_PLACES = [place for place in places(COMPUTED.model_dump(mode="json")) if place]
NUMBERS = ["Infinity", "-Infinity", "NaN", "1e999", "9" * 5000, "-1", "0.5", "99999999999999999999"]
TEXTS = [r'"\u001b[31m"', r'"\u202e"', '"\x9b"', '"a/b"', '"a/b/c"', '"a/b/9999999999999"', '""', '"é"']
OTHERS = [
    "null",
    "true",
    "[]",
    "{}",
    "[[]]",
    "[1]",
    '{"a": 1}',
    '{"a/b/x": 1}',
    "[" * 500 + "]" * 500,
    "[null, null, 3]",
]


@repeatable
@given(data=st.data(), value=st.sampled_from(NUMBERS + TEXTS + OTHERS))
def test_any_value_in_any_place_is_read_or_one_line(data: st.DataObject, value: str, tmp_path: Path) -> None:
    record, choices = data.draw(st.sampled_from([(SEARCHED, SEARCHED_PLACES), (COMPUTED, COMPUTED_PLACES)]))
    content = record.model_dump(mode="json")
    place = data.draw(st.sampled_from(choices))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = "@here@"
    (tmp_path / NAME).write_text(json.dumps(content).replace('"@here@"', value), encoding="utf-8")
    attempt(tmp_path / NAME)


WRONG = {
    "infinity": (
        '"search_seconds":3.0',
        '"search_seconds":Infinity',
        "search_seconds: Input should be a finite number",
    ),
    "nan in a list": ('"weight_lr":[null,0.1', '"weight_lr":[null,NaN', "a number that is not finite"),
    "nan in weights": ("[0.25,0.75]", "[0.25,NaN]", "a number that is not finite"),
    "infinite setting": ('"epochs":2', '"epochs":1e999', "Out of range float values"),
    "unequal lists": ('"weight_loss":[null,2.5,1.25]', '"weight_loss":[null,2.5]', "weight_loss has 2 values for 3"),
    "no architecture": ('"architectures":["first","second","second"]', '"architectures":[]', "without an architecture"),
    "a key of something else": ("digits/test/12", "digits/test/twelve", "String should match pattern"),
    "an escape": ('"suite":"tiny"', r'"suite":"\u001B[2J"', "control characters in its text"),
    "an escape as it is": ('"suite":"tiny"', '"suite":"\x9b2J"', "control characters in its text"),
    "text turned round": ('"suite":"tiny"', '"suite":"\u202egnp"', "control characters in its text"),
    "a huge seed": ('"seed":0', f'"seed":{"9" * 5000}', "number out of range"),
    "a large seed": ('"seed":0', f'"seed":{"9" * 50}', "seed: Input should be"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_no_record_of_ours_holds_is_named(name: str, tmp_path: Path) -> None:
    old, new, said = WRONG[name]
    text = SEARCHED.model_dump_json()
    assert old in text
    (tmp_path / NAME).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecordError, match=said) as caught:
        read_record(tmp_path / NAME)
    assert is_one_line(caught.value)


@pytest.mark.parametrize("text", [r"C:\\build\\u001b", r"\\b", "ä\n\t✓ 🙂", r"\"\\\\b"])
def test_ordinary_text_is_no_control_character(text: str, tmp_path: Path) -> None:
    record = a_record(error=text)
    for content in (record.model_dump_json(), json.dumps(record.model_dump(mode="json"))):
        (tmp_path / NAME).write_text(content, encoding="utf-8")
        assert read_record(tmp_path / NAME).error == text


def test_what_an_error_quotes_is_made_harmless_where_it_is_recorded(tmp_path: Path) -> None:
    path = Store(tmp_path).write(a_record(status="failed", error="\x1b[31mred\x1b[0m\nsecond line"))
    assert read_record(path).error == "\\x1b[31mred\\x1b[0m\nsecond line"


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_named_and_not_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / NAME
    {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda p: os.symlink("/dev/zero", p)}[kind](path)
    with pytest.raises(RecordError, match="Is a directory" if kind == "folder" else "not a regular file"):
        read_record(path)


def test_records_behind_links_to_folders_are_found_once(tmp_path: Path) -> None:
    path = Store(tmp_path / "big").write(SEARCHED)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "reduced").symlink_to(tmp_path / "big" / "reduced")
    (tmp_path / "big" / "reduced" / "up").symlink_to(tmp_path / "big")  # a circle
    here = linked / path.relative_to(tmp_path / "big")
    for store in (Store(linked), Store(tmp_path / "big")):
        assert [p.resolve() for p in store.index().values()] == [path]
        assert len(list(store.read_all())) == 1 and store.doubles() == []
    assert Store(linked).index() == {SEARCHED.id: here}


def test_of_two_records_of_one_id_one_counts_and_both_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.write(SEARCHED)
    second = store.write(a_record(method="gdas"))
    assert store.index() == {SEARCHED.id: first}
    assert store.doubles() == [second]
    assert store.find(ID[:4]) == [first, second]
