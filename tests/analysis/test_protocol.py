"""What ran otherwise than the paper's protocol says: overrides, declared deviations, edited records, other tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.analysis.cells import CellVerdict
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report.check import render_check
from harness.report.export import results_csv, verdicts_csv
from harness.report.links import Records
from harness.report.printed import Printed
from harness.report.site import Site
from harness.runner.integrity import misquoted, problem
from harness.runner.plan import Plan
from harness.runner.record import Record
from harness.suite.loaded import LoadedSuite
from tests.analysis import synthetic
from tests.analysis.synthetic import CONV_ONLY, KEY, SKIP_ONLY

DEVIATIONS = """    search: {}
    deviations:
      - {key: precision, paper: float32, ours: bfloat16, text: in bfloat16, because: twice as fast}
      - {key: data_checksum, dataset: cifar10, paper: lossless, ours: 0123456789abcdef, text: as JPEG, because: at hand}
      - {key: data.split, paper: lists, ours: halves, text: halves, because: no lists}
"""
GOOD = {"t1/darts": [54.3] * 3, "t1/exchanged": [92.9] * 5}


class FakeTable:
    """A table of two architectures; a real one answers the same calls."""

    def __init__(self, accuracy: float = 54.3, checksum: str = "feed" * 16) -> None:
        self.checksum, self.accuracy = checksum, accuracy

    def accuracies(self, architectures: list[str]) -> Mapping[str, list[float]]:
        """Return one column."""
        assert set(architectures) <= {CONV_ONLY, SKIP_ONLY}
        return {KEY: [self.accuracy] * len(architectures)}


def cell(verdict: SuiteVerdict, row: str = "t1/darts", column: str = "c10") -> CellVerdict:
    """Return the verdict on a cell."""
    cells = [c for table in verdict.tables for entry in table.rows if entry.key == row for c in entry.cells]
    return next(c for c in cells if c is not None and c.column == column)


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedSuite:
    """The sample suite."""
    return synthetic.load(tmp_path)


def pages(verdict: SuiteVerdict) -> str:
    """Return all pages of a report on a verdict."""
    return "".join(text for _, text in Site([verdict], Printed.beside([verdict]), Records(None, {})).pages())


@pytest.fixture
def planned(loaded: LoadedSuite) -> Plan:
    """Its paper profile."""
    return synthetic.plan(loaded)


def test_an_overridden_row_is_shown_marked_and_judged_by_nothing(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, overrides=["epochs=1"])
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD))
    found = cell(verdict)
    assert (found.verdict, found.judgement, found.overrides) == ("NOT JUDGED", None, ("epochs=1",))
    assert found.ours is not None and found.ours.mean == pytest.approx(54.3)
    assert {item.verdict for item in verdict.published_cells()} <= {"NOT JUDGED", "NOT RUN"}
    assert {claim.verdict for claim in verdict.claims} == {"NOT JUDGED"}
    assert {item.verdict for item in verdict.baselines} <= {"NOT JUDGED"}


def test_every_output_names_the_overrides(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, overrides=["epochs=1"])
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD))
    assert "overridden: epochs=1" in render_check([verdict], width=200)
    assert "overridden: epochs=1" in pages(verdict)
    for text in (verdicts_csv([verdict]), results_csv([verdict])):
        header, *rows = text.splitlines()
        assert "overrides" in header.split(",")
        assert any("epochs=1" in row for row in rows)


def test_an_override_of_what_is_so_anyway_is_none(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, overrides=["precision=float32"])
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD))
    assert (cell(verdict).verdict, cell(verdict).overrides) == ("PASS", ())


def test_a_row_is_overridden_although_another_row_states_the_same(tmp_path: Path) -> None:
    """The two rows share a trial: of the one that states it, it is no override."""
    stated = ("search: {weight_optimiser: {lr: 0.05}}", "search: {epochs: 1}")
    loaded = synthetic.load(tmp_path, stated)
    planned = synthetic.plan(loaded, overrides=["epochs=1"])
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD | {"t2/faster": [54.3] * 2}))
    assert set(planned.rows["t2/faster"]) <= set(planned.rows["t1/darts"])
    assert cell(verdict).overrides == ("epochs=1",)
    assert cell(verdict, "t2/faster").overrides == ()
    assert cell(verdict, "t2/faster").verdict == "FAIL"
    shared = next(trial for trial in planned.trials if trial.id == planned.rows["t2/faster"][0])
    assert shared.overrides == ()


def test_declared_deviations_are_judged_and_stand_beside(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ("    search: {}\n", DEVIATIONS))
    planned = synthetic.plan(loaded)
    assert {trial.spec.precision for trial in planned.trials if not trial.computed} == {"bfloat16"}  # type: ignore[union-attr]
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD))
    found = cell(verdict)
    assert found.verdict == "PASS"
    assert [deviation.text for deviation in found.deviations] == ["in bfloat16", "as JPEG", "halves"]
    text = render_check([verdict], width=300)
    line = next(line for line in text.splitlines() if "54.30 ± 0.00" in line)
    assert all(mark in line for mark in ("deviates: in bfloat16", "deviates: as JPEG", "deviates: halves"))
    assert "Plain: deviates, in bfloat16 (float32 in the paper): twice as fast" in text
    assert "in bfloat16; as JPEG; halves" in verdicts_csv([verdict])
    assert "deviates, as JPEG (lossless in the paper): at hand" in pages(verdict)


def test_a_deviation_is_where_it_is(tmp_path: Path) -> None:
    """A row that states another split, other images and the reduced profile have none of them."""
    shared = ("search: {weight_optimiser: {lr: 0.05}}", "search: {data: {split: shared}}")
    loaded = synthetic.load(tmp_path, ("    search: {}\n", DEVIATIONS), shared)
    other = synthetic.plan(loaded, data=synthetic.DataAvailability({"cifar10": "f" * 16}, {}))
    verdict = judge(loaded, "paper", other, synthetic.records_of(other, GOOD | {"t2/faster": [60.0] * 2}))
    assert [deviation.text for deviation in cell(verdict).deviations] == ["in bfloat16", "halves"]
    assert [deviation.text for deviation in cell(verdict, "t2/faster").deviations] == ["in bfloat16"]
    reduced = synthetic.plan(loaded, "reduced")
    assert {trial.spec.precision for trial in reduced.trials if not trial.computed} == {"float32"}  # type: ignore[union-attr]


def test_a_deviation_may_be_of_some_papers_alone(tmp_path: Path) -> None:
    more = ("papers:\n", "papers:\n  paper-b: {title: Paper B, authors: Nobody}\n")
    named = DEVIATIONS.replace("{key: data.split,", "{key: data.split, papers: [paper-b],")
    loaded = synthetic.load(tmp_path, ("    search: {}\n", named), more)
    planned = synthetic.plan(loaded)
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD))
    assert [deviation.text for deviation in cell(verdict).deviations] == ["in bfloat16", "as JPEG"]


def test_setting_a_deviation_back_is_the_papers_protocol(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ("    search: {}\n", DEVIATIONS))
    planned = synthetic.plan(loaded, overrides=["precision=float32"])
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD))
    assert (cell(verdict).verdict, cell(verdict).overrides) == ("PASS", ())
    assert [deviation.text for deviation in cell(verdict).deviations] == ["as JPEG", "halves"]


def edited(record: Record, case: str) -> Record:
    """Return a record after an edit."""
    match case:
        case "specification":
            return record.model_copy(update={"spec": record.spec | {"epochs": 1}})
        case "seed":
            return record.model_copy(update={"seed": record.seed + 1})
        case "dataset":
            return record.model_copy(update={"dataset": "cifar100"})
        case "versions":
            return record.model_copy(update={"part_versions": record.part_versions | {"engine": 99}})
        case "data":
            return record.model_copy(update={"data_checksum": "f" * 16})
        case "impossible accuracy":
            return record.model_copy(update={"evaluations": {CONV_ONLY: {KEY: 12345.0}}})
        case "another accuracy":
            return record.model_copy(update={"evaluations": {CONV_ONLY: {KEY: 54.4}}})
        case "another table":
            return record.model_copy(update={"benchmark_checksum": "dead" * 16})
    raise AssertionError(case)


def test_a_record_is_compared_with_the_table_of_its_own_benchmark(planned: Plan) -> None:
    """And with no other that is at hand beside it, or instead of it."""
    [record, *_] = synthetic.records_of(planned, {"t1/darts": [54.3]}, benchmark_checksum=FakeTable().checksum)
    other = {"nb101-table": FakeTable(accuracy=90.0, checksum="dead" * 16)}
    assert misquoted(record, other) is None
    assert misquoted(record, other | {"nb201-table": FakeTable()}) is None
    assert "in another table" in str(misquoted(record, {"nb201-table": FakeTable(checksum="dead" * 16)}))


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("specification", "it was edited"),
        ("seed", "it was edited"),
        ("dataset", "it was edited"),
        ("versions", "it was edited"),
        ("data", "it was edited"),
        ("impossible accuracy", "is 12345, no percentage"),
        ("another accuracy", "is 54.4, and 54.3 in the table"),
        ("another table", "looked up in another table, deaddeaddeaddead, not feedfeedfeedfeed"),
    ],
)
def test_an_edited_record_is_named_and_not_judged(loaded: LoadedSuite, planned: Plan, case: str, says: str) -> None:
    tables = {"nb201-table": FakeTable()}
    records = synthetic.records_of(planned, {"t1/darts": [54.3] * 3}, benchmark_checksum=FakeTable().checksum)
    assert cell(judge(loaded, "paper", planned, records, tables=tables)).verdict == "PASS"
    broken = [edited(records[0], case), *records[1:]]
    verdict = judge(loaded, "paper", planned, broken, tables=tables)
    assert cell(verdict).verdict == "INCOMPLETE"
    assert cell(verdict).reason.startswith("2 of 3 seeds done, 1 not judged (see the notes); so far")
    assert records[0].id not in cell(verdict).evidence
    text = render_check([verdict], width=400)
    assert f"note: record {records[0].id} is not judged: " in text
    assert says in text


def test_without_a_table_at_hand_the_record_is_believed(loaded: LoadedSuite, planned: Plan) -> None:
    records = synthetic.records_of(planned, {"t1/darts": [54.3] * 3}, benchmark_checksum="dead" * 16)
    assert cell(judge(loaded, "paper", planned, records)).verdict == "PASS"


def test_computed_values_are_held_against_the_architectures_found(tmp_path: Path) -> None:
    loaded = synthetic.load(
        tmp_path,
        ("        method: null\n        label: Never run", "        method: random-search\n        label: Never run"),
    )
    planned = synthetic.plan(loaded, data=synthetic.WITH_TABLE)
    [trial] = [trial for trial in planned.trials if trial.computed]
    values = {KEY: [54.3, 54.3], "simulated_seconds": [1e6, 2e6]}
    record = synthetic.record(
        trial,
        trajectory=None,
        evaluations={},
        values=values,
        found=[CONV_ONLY, SKIP_ONLY],
        benchmark_checksum="feed" * 16,
    )
    assert problem(record, {"nb201-table": FakeTable()}) is None
    wrong = record.model_copy(update={"values": {KEY: [54.3, 99.0]}})
    assert "is 99, and 54.3 in the table" in str(problem(wrong, {"nb201-table": FakeTable()}))


def test_a_band_changed_after_looking_is_listed(tmp_path: Path) -> None:
    loaded = synthetic.load(
        tmp_path, ("drift: 0.4, because: chosen}", "drift: 0.4, because: chosen, before: twice as wide}")
    )
    verdict = judge(loaded, "paper", synthetic.plan(loaded), [])
    note = "the band of cifar10/200, error, was changed after records existed; before: twice as wide"
    assert f"note: {note}" in render_check([verdict], width=200)
    assert note in pages(verdict)


def test_a_verdict_names_its_records(loaded: LoadedSuite, planned: Plan) -> None:
    verdict = judge(loaded, "paper", planned, synthetic.records_of(planned, GOOD))
    assert cell(verdict).evidence == planned.rows["t1/darts"]
    judged = [c for c in verdict.published_cells() if c.verdict in ("PASS", "DRIFT", "FAIL")]
    assert judged and all(c.evidence for c in judged)
