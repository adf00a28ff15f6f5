"""Verdicts to report on: a paper profile with something of everything, and a reduced one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.baselines import record_baseline
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report.page import RecordLinks, render_page
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
def links() -> RecordLinks:
    """Where the page and the records are said to lie."""
    return RecordLinks(Path("reports"), Path("results"))


@pytest.fixture(scope="session")
def paper_html(paper: SuiteVerdict, links: RecordLinks) -> str:
    """The page of the paper profile, drawn once."""
    return render_page([paper], links)


@pytest.fixture(scope="session")
def reduced_html(reduced: SuiteVerdict, links: RecordLinks) -> str:
    """The page of the reduced profile, drawn once."""
    return render_page([reduced], links)
