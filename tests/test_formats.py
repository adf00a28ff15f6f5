"""``--format``: what people read as columns, programs read as JSON or CSV, with the same values."""

from __future__ import annotations

import csv
import io
import json

import pytest

from harness.cli.layout import Rows, terminal_width, wrap
from harness.suite.published import published_cells
from tests.conftest import Project

LISTINGS = [
    ("list", "suites"),
    ("list", "methods"),
    ("list", "spaces"),
    ("list", "datasets"),
    ("list", "benchmarks"),
    ("list", "trials"),
    ("validate",),
    ("data", "status"),
    ("check",),
]


@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_json_and_csv_have_the_same_rows(project: Project, words: tuple[str, ...]) -> None:
    project.run("-m", "darts-v1", "--seeds", "0")
    as_json = json.loads(project.cli(*words, "--format", "json").out)
    as_csv = list(csv.reader(io.StringIO(project.cli(*words, "--format", "csv").out)))
    assert as_json and len(as_csv) == len(as_json) + 1
    assert [name.replace(" ", "_") for name in as_csv[0]] == list(as_json[0])


def test_json_keeps_what_people_see_rounded(project: Project) -> None:
    project.run("-m", "darts-v1", "--seeds", "0")
    (record,) = project.records_list()
    (trial,) = json.loads(project.cli("list", "trials", "--format", "json").out)
    assert (trial["trial"], trial["took"]) == (record.id, record.provenance.search_seconds)
    assert trial["seed"] == 0 and trial["overridden"] == []


def test_all_listings_at_once_are_json_or_text(project: Project) -> None:
    found = json.loads(project.cli("list", "--format", "json").out)
    assert list(found) == ["suites", "methods", "spaces", "datasets", "benchmarks"]
    assert {method["method"] for method in found["methods"]} >= {"darts-v1", "single-darts"}
    answer = project.cli("list", "--format", "csv")
    assert answer.code == 2 and "name what to list" in answer.err


def test_lists_fit_a_hundred_columns_of_a_pipe(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert max(map(len, project.cli("list").out.splitlines())) <= 100
    monkeypatch.setenv("COLUMNS", "60")
    narrow = project.cli("list", "methods").out
    assert max(map(len, narrow.splitlines())) <= 60
    assert "halves-201" in narrow


def test_a_record_as_json_is_the_record(project: Project) -> None:
    project.run("-m", "darts-v1", "--seeds", "0")
    (record,) = project.records_list()
    assert json.loads(project.cli("show", record.id, "--format", "json").out) == record.model_dump(mode="json")


def test_verdicts_as_json_keep_the_exit_code(project: Project) -> None:
    text, as_json = project.cli("check"), project.cli("check", "--format", "json")
    assert text.code == as_json.code == 3
    rows = json.loads(as_json.out)
    assert {row["verdict"] for row in rows if row["kind"] == "cell"} == {"NOT RUN"}
    assert all(row["reason"] for row in rows)


def test_published_numbers_as_json(project: Project) -> None:
    rows = json.loads(project.cli("published", "--format", "json").out)
    from_csv = list(csv.DictReader(io.StringIO(project.cli("published", "--format", "csv").out)))
    assert [row["cell"] for row in rows] == [row["cell"] for row in from_csv]
    assert all(row["n"] is None or isinstance(row["n"], int) for row in rows)


def test_a_broken_suite_is_said_beside_the_whole_ones(project: Project) -> None:
    (project.folder / "suites" / "broken.yaml").write_text("suite: [", encoding="utf-8")
    answer = project.cli("validate", "--format", "json")
    assert answer.code == 2 and "broken.yaml" in answer.err
    assert [row["suite"] for row in json.loads(answer.out)] == ["suites/tiny.yaml"]


def test_wrapping_loses_nothing_and_leaves_the_first_column_whole() -> None:
    text = wrap(("name", "about"), [("a-long-name", "one two three four"), ("b", "[bold]x")], 20)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 20
    assert lines[1].startswith("a-long-name") and lines[2].startswith(" " * 11)
    assert " ".join(" ".join(line[11:] for line in lines[1:]).split()) == "one two three four [bold]x"


def test_columns_say_how_wide_a_pipe_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal_width() == 72
    monkeypatch.setenv("COLUMNS", "wide")
    assert terminal_width(160) == 160


def test_columns_for_programs_alone() -> None:
    rows = Rows(("a", "b"), [("x", ["1", "2"])], hidden=("b",))
    assert rows.text() == "a\nx" and rows.csv() == "a,b\nx,1 2\n" and rows.keyed() == [{"a": "x", "b": ["1", "2"]}]


def test_no_number_is_lost_in_a_format(project: Project) -> None:
    from harness.methods.catalogue import load_catalogue
    from harness.suite.load import load_suite

    suite = load_suite(project.folder / "suites" / "tiny.yaml", load_catalogue()).suite
    printed = sum(1 for _ in published_cells(suite))
    rows = json.loads(project.cli("check", "--profile", "paper", "--format", "json").out)
    assert sum(row["published"] is not None for row in rows) == printed


def test_a_plan_and_how_a_run_ended_as_json(project: Project) -> None:
    words = ("run", "suites/tiny.yaml", "-m", "darts-v1", "--jobs", "0", "--format", "json")
    plan = json.loads(project.cli(*words, "--dry-run").out)
    assert plan["to_do"] == len(plan["trials"]) > 0 and plan["seconds"] == sum(t["cost"] for t in plan["trials"])
    answer = project.cli(*words)
    ended = json.loads(answer.out)
    assert answer.code == 0 and ended["executed"] == ended["trials"] == plan["to_do"]
    assert json.loads(project.cli(*words, "--dry-run").out)["to_do"] == 0
    assert project.cli(*words[:-1], "csv").code == 2
