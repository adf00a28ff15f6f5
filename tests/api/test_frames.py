"""Records and verdicts as tables."""

from __future__ import annotations

import csv
import io
import math

import pytest

import harness
from harness.runner.store import Store
from tests.conftest import Project
from tests.records import ID, a_record


def test_records_are_one_row_a_trial(project: Project) -> None:
    store = Store(project.folder / "results")
    store.write(a_record())
    failed = a_record(id="1" * 16, seed=1, status="failed", error="no memory", trajectory=None, evaluations={})
    store.write(failed)
    known = harness.records()
    assert list(known.index) == [ID, "1" * 16] and list(known["status"]) == ["done", "failed"]
    row = known.loc[ID]
    assert (row["kind"], row["profile"], row["method"], row["dataset"], row["seed"]) == (
        "search", "reduced", "darts-v1", "digits", 0,
    )  # fmt: skip
    assert (row["architecture"], row["accuracy"], row["epochs"], row["seconds"]) == ("second", 22.0, 2, 3.0)
    assert math.isnan(known.loc["1" * 16]["accuracy"]) and known.loc["1" * 16]["error"] == "no memory"
    assert len(harness.records(profile="paper")) == 0
    with pytest.raises(harness.HarnessError, match=r"^nowhere: no folder of records$"):
        harness.records("nowhere")


def test_what_is_no_record_is_left_out_with_a_warning(project: Project) -> None:
    path = Store(project.folder / "results").write(a_record())
    path.with_name("s1-aa.json").write_text("{")
    with pytest.warns(UserWarning, match=r"s1-aa\.json: not a record.*left out"):
        assert list(harness.records().index) == [ID]


def test_verdicts_are_what_published_lists(project: Project) -> None:
    project.cli("run", "suites/tiny.yaml", "--profile", "paper", "--jobs", "0", "--device", "cpu", "-m", "darts-v1")
    listed = {row["cell"]: row for row in csv.DictReader(io.StringIO(project.cli("published").out))}
    found = harness.verdicts()
    assert set(found.index) == set(listed) and len(found) == 4
    for cell, row in found.iterrows():
        of_list = listed[cell]
        for name in ("paper", "table", "row", "column", "reproduction", "consistency", "status"):
            assert row[name] == of_list[name]
        assert (row["mean"], row["std"], row["n"]) == (50.0, 5.0, int(of_list["n"]))
    assert list(harness.verdicts("suites/tiny.yaml").index) == list(found.index)


def test_a_mistake_in_a_name_is_one_line(project: Project) -> None:
    with pytest.raises(harness.HarnessError, match=r"suites/tini\.yaml: no suite; did you mean 'suites/tiny\.yaml'"):
        harness.verdicts("suites/tini.yaml")
