"""Verdicts to report on: a paper profile with something of everything, and a reduced one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.baselines import record_baseline
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report import write_report
from tests.analysis import synthetic


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> SuiteVerdict:
    """One row in band, one incomplete, one trial failed, one row that cannot run."""
    loaded = synthetic.load(tmp_path_factory.mktemp("suite"))
    planned = synthetic.plan(loaded)
    records = synthetic.records_of(
        planned, {"t1/darts": [54.0, 54.3, 54.6], "t1/exchanged": [92.0, 93.0], "own/uniform": [70.0]}, before=60.0
    )
    broken = next(trial for trial in planned.trials if trial.id == planned.rows["t1/exchanged"][4])
    return judge(loaded, "paper", planned, [*records, synthetic.failed(broken)])


@pytest.fixture(scope="session")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> SuiteVerdict:
    """Everything done, with a baseline of the same state."""
    loaded = synthetic.load(tmp_path_factory.mktemp("suite"))
    planned = synthetic.plan(loaded, "reduced")
    rows = {"t1/darts": [54.0, 54.3, 54.6], "t1/exchanged": [92.0, 93.0, 94.0]}
    rows |= {"t2/faster": [60.0, 61.0, 62.0], "own/uniform": [70.0, 70.0, 70.0]}
    records = synthetic.records_of(planned, rows, before=60.0)
    series = judge(loaded, "reduced", planned, records).series
    return judge(loaded, "reduced", planned, records, record_baseline("sample", "reduced", series, None))


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> SuiteVerdict:
    """The reduced profile on digits, where only the final architecture has an accuracy."""
    loaded = synthetic.load(tmp_path_factory.mktemp("suite"))
    planned = synthetic.plan(loaded, "reduced", data=synthetic.NO_DATA)
    records = [synthetic.record(trial, {"digits/test/5": 90.0}) for trial in planned.trials]
    return judge(loaded, "reduced", planned, records)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, paper: SuiteVerdict, reduced: SuiteVerdict) -> Path:
    """The folder of a report on both profiles."""
    folder = tmp_path_factory.mktemp("site")
    write_report([paper, reduced], folder)
    return folder


def read(folder: Path, name: str) -> str:
    """Return the text of a page."""
    return (folder / name).read_text(encoding="utf-8")


def rows(folder: Path, view: str) -> list[dict[str, Any]]:
    """Return the rows of the explorer as the page has them, by field."""
    data = json.loads(read(folder, f"data/{view}.js").partition("] = ")[2].rstrip(";\n"))
    names = [field["key"] for field in data["fields"]]
    return [dict(zip(names, row, strict=True)) for row in data["rows"]]
