"""YAML documents, merging, typed blocks and overrides."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from harness.config import Strict, deep_merge, nest, parse_override, validate
from harness.documents import Describe, WrittenFloat, dotted, load_document
from harness.errors import HarnessError


def write(folder: Path, **files: str) -> Path:
    """Write ``name="text"`` as ``name.yaml``; return the path of the first."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(files))}.yaml"


def error_of(path: Path) -> str:
    """Return the message of a document that cannot be loaded."""
    with pytest.raises(HarnessError) as caught:
        load_document(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_local_keys_win_over_included_ones_and_later_includes_over_earlier(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top="include: [first, second]\na: top\n".replace("first", "first.yaml").replace("second", "second.yaml"),
        first="a: 1\nb: 1\nc: 1\ndeep: {x: 1, y: 1}\n",
        second="b: 2\nc: 2\ndeep: {y: 2}\n",
    )
    assert load_document(path).data == {"a": "top", "b": 2, "c": 2, "deep": {"x": 1, "y": 2}}


def test_places_are_those_of_the_winning_value(tmp_path: Path) -> None:
    path = write(tmp_path, top="include: [base.yaml]\n\nrow:\n  values: [3]\n", base="row:\n  n: 1\n  values: [1, 2]\n")
    document = load_document(path)
    assert document.data == {"row": {"n": 1, "values": [3]}}
    assert str(document.place(("row", "n"))) == f"{tmp_path / 'base.yaml'}:2"
    assert str(document.place(("row", "values", 0))) == f"{path}:4"
    # The replaced list had a second entry: its place is gone, the nearest enclosing one is ours.
    assert str(document.place(("row", "values", 1))) == f"{path}:4"


def test_a_diamond_of_includes_is_no_circle(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top="include: [left.yaml, right.yaml]\n",
        left="include: [base.yaml]\nleft: 1\n",
        right="include: [base.yaml]\nright: 1\n",
        base="base: 1\n",
    )
    assert load_document(path).data == {"base": 1, "left": 1, "right": 1}


def test_a_circle_of_includes_is_named_where_it_closes(tmp_path: Path) -> None:
    path = write(tmp_path, a="x: 1\ninclude: [b.yaml]\n", b="include: [c.yaml]\n", c="y: 1\n\ninclude: [a.yaml]\n")
    said = error_of(path)
    assert (
        said == f"{tmp_path / 'c.yaml'}:3: include[0]: files include each other: a.yaml -> b.yaml -> c.yaml -> a.yaml"
    )


def test_includes_are_relative_to_the_including_file(tmp_path: Path) -> None:
    (tmp_path / "_base").mkdir()
    write(tmp_path / "_base", one="include: [two.yaml]\n", two="x: 2\n")
    assert load_document(write(tmp_path, top="include: [_base/one.yaml]\n")).data == {"x": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("include: base.yaml\n", ":1: include: must be a list of file names"),
        ("a: 1\ninclude: [bass.yaml]\n", ":2: include[0]: no such file 'bass.yaml'; did you mean 'base.yaml'?"),
        ("a: 1\nb: {c: 1,\n c: 2}\n", ":3: b.c: key written twice"),
        ("a: !!python/object/apply:os.getcwd []\n", ":1: a: YAML tag python/object/apply:os.getcwd is not allowed"),
        ("a: 1\nb: !secret x\n", ":2: b: YAML tag !secret is not allowed"),
        ("a: !!binary aGk=\n", ":1: a: YAML tag binary is not allowed"),
        ("a: &x [1]\nb: *x\n", ":2: b: YAML aliases (*name) are not allowed"),
        ("a: &x\n  b: *x\n", ":2: a.b: YAML aliases (*name) are not allowed"),
        ("a: {x: 1}\nb:\n  <<: {x: 2}\n", ":3: b: keys must be plain words"),
        ("? [1, 2]\n: 3\n", ":1: keys must be plain words"),
        ("a: [1\nb: 2\n", ":2: not YAML: did not find expected ',' or ']'"),
        ("- 1\n- 2\n", ":1: must be a mapping of keys to values"),
        ("", ":1: must be a mapping of keys to values"),
        ("a: 1\n---\nb: 2\n", ":2: not YAML: but found another document"),
        ("a: 1:30\n", ":1: a: not a plain decimal number: '1:30'"),
        ("a: 1_000\n", ":1: a: not a plain decimal number: '1_000'"),
        ("a: 0x10\n", ":1: a: not a plain decimal number: '0x10'"),
        ("a: .inf\n", ":1: a: not a plain decimal number: '.inf'"),
        ("a: .nan\n", ":1: a: not a plain decimal number: '.nan'"),
        ("a: 010\n", ":1: a: not a plain decimal number: '010'"),
        ("a: 1.0e+999\n", ":1: a: not a plain decimal number: '1.0e+999'"),
        ("a: [1, " + "7" * 5000 + "]\n", f":1: a[1]: not a plain decimal number: '{'7' * 57}...{'7' * 58}'"),
        ("a: 1." + "7" * 5000 + "\n", f":1: a: not a plain decimal number: '1.{'7' * 55}...{'7' * 58}'"),
        ('a: {title: "\\e[31mred"}\n', ":1: a.title: control character '\\x1b' is not allowed"),
        ('a: "\\u202Egnp.exe"\n', ":1: a: control character '\\u202e' is not allowed"),
        ('a:\n  "\\x9b2J": 1\n', ":2: a: control character '\\x9b' is not allowed"),
        ("a: 1\nb: " + "[" * 100_000 + "\n", ":2: nested too deeply"),
    ],
)
def test_what_a_document_may_not_hold(text: str, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, top=text, base="x: 1\n")
    assert error_of(path) == f"{path}{said}"


def test_pipes_devices_and_what_is_too_large_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert error_of(tmp_path / "pipe.yaml") == f"{tmp_path}/pipe.yaml: not a regular file"
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    assert error_of(tmp_path / "zero.yaml") == f"{tmp_path}/zero.yaml: not a regular file"
    large = write(tmp_path, large="a: 1\n" + "# " * 600_000)
    assert error_of(large) == f"{large}: 1,200,005 bytes are more than the 1,048,576 that it may have"
    for name in ("pipe.yaml", "x" * 5000):
        said = error_of(write(tmp_path, top=f"include: [{name}]\n"))
        assert f"include[0]: no such file {name!r}" in said


def test_files_that_include_two_others_each_are_not_read_for_ever(tmp_path: Path) -> None:
    for level in range(12):
        write(tmp_path, **{f"f{level}": f"include: [f{level + 1}.yaml, f{level + 1}.yaml]\n"})
    write(tmp_path, f12="a: 1\n")
    assert "more than 100 files include each other" in error_of(tmp_path / "f0.yaml")


def test_unreadable_files(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: No such file or directory"
    (tmp_path / "latin.yaml").write_bytes("a: é\n".encode("latin-1"))
    assert error_of(tmp_path / "latin.yaml").startswith(f"{tmp_path}/latin.yaml:1: not a readable YAML text: ")
    (tmp_path / "control.yaml").write_bytes(b"a: \x01\n")
    assert error_of(tmp_path / "control.yaml").startswith(f"{tmp_path}/control.yaml:1: not a readable YAML text: ")


def test_numbers_remember_how_they_were_written(tmp_path: Path) -> None:
    data = load_document(write(tmp_path, top="a: 54.30\nb: 1.0e-3\nc: 3\n")).data
    assert data["a"] == 54.3 and data["a"].text == "54.30"
    assert data["b"] == 0.001 and data["b"].text == "1.0e-3"
    assert data["c"] == 3 and type(data["c"]) is int
    for twin in (copy.deepcopy(data["a"]), pickle.loads(pickle.dumps(data["a"]))):
        assert isinstance(twin, WrittenFloat) and (twin, twin.text) == (54.3, "54.30")


def test_plain_words(tmp_path: Path) -> None:
    data = load_document(write(tmp_path, top="on: yes\noff: No\nday: 2020-01-01\nnothing: ~\nno: 'no'\n")).data
    assert data == {"on": True, "off": False, "day": "2020-01-01", "nothing": None, "no": "no"}


def test_key_paths_read_like_yaml() -> None:
    assert dotted(("tables", "t1", "rows", 2, "n")) == "tables.t1.rows[2].n"


def test_merging_layers() -> None:
    low = {"a": 1, "part": {"name": "sgd", "lr": 1, "momentum": 2}, "deep": {"x": {"y": 1}}, "list": [1, 2]}
    assert deep_merge(low, {"part": {"lr": 3}})["part"] == {"name": "sgd", "lr": 3, "momentum": 2}
    assert deep_merge(low, {"part": {"name": "sgd", "lr": 3}})["part"]["momentum"] == 2
    assert deep_merge(low, {"part": {"name": "adam", "lr": 3}})["part"] == {"name": "adam", "lr": 3}
    assert deep_merge(low, {"part": None})["part"] is None
    assert deep_merge(low, {"part": None}, {"part": {"lr": 1}})["part"] == {"lr": 1}
    assert deep_merge(low, {"deep": {"x": {"z": 2}}})["deep"] == {"x": {"y": 1, "z": 2}}
    assert deep_merge(low, {"list": [3]})["list"] == [3]


def test_merging_leaves_the_layers_alone() -> None:
    low: dict[str, Any] = {"deep": {"x": {"y": 1}}}
    top: dict[str, Any] = {"deep": {"x": {"z": 2}}, "new": {"a": 1}}
    assert deep_merge(low, top, {"new": {"b": 2}, "deep": {"x": {"y": 3}}})["new"] == {"a": 1, "b": 2}
    assert (low, top) == ({"deep": {"x": {"y": 1}}}, {"deep": {"x": {"z": 2}}, "new": {"a": 1}})


def test_included_blocks_of_another_kind_are_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, top="include: [base.yaml]\nband: {kind: exact}\n", base="band: {kind: normal, k: 2}\n")
    document = load_document(path)
    assert document.data == {"band": {"kind": "exact"}}
    assert ("band", "k") not in document


class Left(Strict):
    name: Literal["left"]
    size: int


class Right(Strict):
    name: Literal["right"]
    width: float


class Side(Strict):
    side: Left | Right = Field(discriminator="name")
    rates: tuple[float, float] = (0.0, 1.0)
    number: int | Literal["all"] = "all"
    flag: bool = False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("side: {name: left, size: 1, sise: 2}", ":1: side.sise: unknown key 'sise'; did you mean 'size'?"),
        ("side: {name: right, sise: 2}", ":1: side.sise: unknown key 'sise'; valid: name, width"),
        ("side: {name: lft, size: 1}", ":1: side.name: unknown value 'lft'; did you mean 'left'?"),
        ("side: {size: 1}", ":1: side: missing key 'name'"),
        ("side: {name: left}", ":1: side.size: missing key 'size'"),
        ("rates: [1, 2]", ":1: side: missing key 'side'"),
        ("side: {name: left, size: 1}\nrates: [0, x]", ":2: rates[1]: input should be a valid number, "
         "unable to parse string as a number, got 'x'"),
        ("side: {name: left, size: 1}\nrates: [0, yes]", ":2: rates[1]: must be a number, not true or false"),
        ("side: {name: left, size: no}", ":1: side.size: must be a number, not true or false"),
        ("side: {name: left, size: '1_0'}", ":1: side.size: not a plain decimal number: '1_0'"),
        ("side: {name: left, size: ' 8 '}", ":1: side.size: not a plain decimal number: ' 8 '"),
        ("side: {name: left, size: '٨'}", ":1: side.size: input should be a valid integer, "
         "unable to parse string as an integer, got '٨'"),
        ("side: {name: right, width: 1e999}", ":1: side.width: input should be a finite number, got '1e999'"),
        ("side: {name: right, width: infinity}", ":1: side.width: input should be a finite number, got 'infinity'"),
        ("side: {name: left, size: 1.5}", ":1: side.size: input should be a valid integer, got a number with a "
         "fractional part, got 1.5"),
    ],
)  # fmt: skip
def test_mistakes_in_typed_blocks(text: str, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, top=text)
    document = load_document(path)
    with pytest.raises(HarnessError) as caught:
        validate(Side, document.data, Describe(document))
    assert str(caught.value) == f"{path}{said}"


def test_a_number_written_as_yaml_takes_for_text() -> None:
    made = validate(Side, {"side": {"name": "right", "width": "3e-4"}, "flag": True}, _never)
    assert isinstance(made.side, Right) and made.side.width == 3e-4 and made.flag is True


def _never(path: object, message: str) -> HarnessError:
    raise AssertionError(f"{path}: {message}")


def test_overrides() -> None:
    assert parse_override("a.b=3") == (("a", "b"), 3)
    assert parse_override("a=[x, 1.5]") == (("a",), ["x", 1.5])
    assert parse_override("a={name: adam}") == (("a",), {"name": "adam"})
    assert parse_override("a=x=y") == (("a",), "x=y")
    assert nest(("a", "b"), 3) == {"a": {"b": 3}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((text, "expected key.path=value") for text in ("a", "=1", "a..b=1", ".a=1", ".".join("a" * 31) + "=1")),
        ("a=[1", "not YAML: did not find expected ',' or ']'"),
        ("a=1\n---\n2", "not YAML: but found another document"),
        ("a=\x07", 'control characters are not allowed in "<unicode string>", position 0'),
        ("a=!!python/name:os.system x", "YAML tag python/name:os.system is not allowed"),
        ("epochs=010", "not a plain decimal number: '010'"),
        ("a=1:00", "not a plain decimal number: '1:00'"),
        ("a=0x10", "not a plain decimal number: '0x10'"),
        ("a=0b1", "not a plain decimal number: '0b1'"),
        ("a=1_0", "not a plain decimal number: '1_0'"),
        ("a=.inf", "not a plain decimal number: '.inf'"),
        ("a={b: [1, 1_0]}", "b[1]: not a plain decimal number: '1_0'"),
        ("a=[&x 1, *x]", "[1]: YAML aliases (*name) are not allowed"),
        ("a={b: 1, b: 2}", "b: key written twice"),
        ("a={<<: {b: 1}}", "keys must be plain words"),
        ("a=" + "[" * 100_000, "nested too deeply"),
        ("a=" + "7" * 5000, f"not a plain decimal number: '{'7' * 57}...{'7' * 58}'"),
        ('a="\\e[2J"', "control character '\\x1b' is not allowed"),
    ],
)
def test_overrides_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(HarnessError, match=r"^--set '.*': ") as caught:
        parse_override(text)
    assert str(caught.value).endswith(said) and "\n" not in str(caught.value)


def test_an_error_is_one_line_whatever_it_quotes() -> None:
    error = HarnessError("bad \x1b[31mname\x1b[0m\nin \udcff file \u202e\n")
    assert str(error) == "bad \\x1b[31mname\\x1b[0m in \\udcff file \\u202e"
