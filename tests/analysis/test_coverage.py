"""The list of printed numbers and its two marks, on the shipped suites: counts taken from the papers by hand."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.coverage import JUDGED, REPRODUCTIONS, Entry, coverage, entries
from harness.analysis.verdicts import judge
from harness.audit.consistency import Mark, marks
from harness.audit.finding import Finding
from harness.audit.published_rows import collect
from harness.audit.settings import settings
from harness.cli.published import as_csv, as_markdown, settings_lines
from harness.methods.catalogue import load_catalogue
from harness.report.export import PUBLISHED_FIELDS
from harness.runner.availability import DataAvailability
from harness.runner.plan import Filters, make_plan
from harness.suite.facts import load_facts
from harness.suite.load import find_suites, load_suite
from harness.suite.values import Published
from tests.analysis import synthetic

SUITES = Path(__file__).parents[2] / "suites"
# Printed numbers per table of the five papers, roman numerals as arabic; a mean with its std is one number. And those
# of the running text that the suites state.
PRINTED = {
    "single-darts": [54, 39, 16, 9, 32, 45],
    "darts-pt": [6, 70, 36, 6, 6],
    "sp-darts": [109, 11, 61, 9, 120, 24],
    "delve": [85, 106, 90, 27, 28],
    "stacnas": [5, 61, 30, 18, 6, 36],
}
TEXT = {"single-darts": 60, "darts-pt": 20, "sp-darts": 25, "delve": 48, "stacnas": 54}


@pytest.fixture(scope="module")
def listed() -> list[Entry]:
    nothing = DataAvailability({}, {})
    suites = [load_suite(path, load_catalogue()) for path in find_suites([SUITES])]
    plans = [(loaded, make_plan(loaded, "paper", Filters(), (), data=nothing)) for loaded in suites]
    verdicts = (judge(loaded, "paper", plan, []) for loaded, plan in plans)
    return entries(verdicts, marks(settings(collect(suites))), load_facts(SUITES))


@pytest.mark.parametrize("paper", PRINTED)
def test_every_table_has_as_many_numbers_as_are_printed(listed: list[Entry], paper: str) -> None:
    found = Counter(entry.table for entry in listed if entry.paper == paper)
    assert found == {f"T{i}": count for i, count in enumerate(PRINTED[paper], start=1)} | {"text": TEXT[paper]}


def test_no_number_is_listed_twice_and_statements_are_not_numbers(listed: list[Entry]) -> None:
    assert len({entry.cell for entry in listed}) == len(listed)
    places = Counter((entry.paper, entry.table, entry.row, entry.column) for entry in listed)
    assert [place for place, count in places.items() if count > 1] == []
    assert {entry.paper for entry in listed} == set(PRINTED)
    assert not [entry for entry in listed if entry.unit == "truth"]


@pytest.mark.parametrize(
    ("paper", "value", "word", "times"),
    [  # once found in two suites
        ("delve", "34", "epochs", 1),
        ("delve", "44", "epochs", 1),
        ("delve", "3.3", "times", 1),
        ("delve", "6.6", "times", 1),
        ("sp-darts", "15625", "count", 1),
        ("sp-darts", "4096", "count", 1),
        ("single-darts", "0.125", "weight", 2),  # the section says sigmoid, the appendix softmax
        ("stacnas", "15", "powers of ten", 1),
        ("stacnas", "18", "powers of ten", 1),
    ],
)
def test_numbers_of_the_text_are_counted_as_often_as_they_stand_there(
    listed: list[Entry], paper: str, value: str, word: str, times: int
) -> None:
    found = [e for e in listed if (e.paper, e.table, e.value.text, e.unit) == (paper, "text", value, word)]
    assert len(found) == times


def test_without_records_nothing_is_reproduced_and_every_number_says_why(listed: list[Entry]) -> None:
    total = coverage(listed)[-1]
    assert total.paper == "all" and total.total == len(listed)
    assert sum(item.total for item in coverage(listed)[:-1]) == total.total
    assert {entry.reproduction for entry in listed} == {"NOT RUN", "not a result"}
    assert all(len(entry.status) > 30 for entry in listed if entry.mark is None)
    assert all(entry.status.startswith("not run, because ") for entry in listed if entry.mark is None)
    assert sum(total.reasons.values()) == total.reproduction["NOT RUN"] > 1000
    sizes = [e for e in listed if e.column in ("Params", "Params on ImageNet", "FLOPs")]
    trained = [e for e in sizes if e.why.startswith("there is no record yet: 0 of ")]
    assert {e.why for e in sizes if e not in trained} == {"no code counts it yet"}
    assert {"darts_pt:darts-pt-t2/darts/parameters", "imagenet:single-darts-t2/p-darts/flops"} <= {
        e.cell for e in trained
    }


def test_beside_a_printed_setting_stands_what_our_search_runs(listed: list[Entry]) -> None:
    rows = {row["cell"]: row for row in csv.DictReader(io.StringIO(as_csv(listed)))}
    first = rows["ablations:delve-experiments/exp-7/alpha-lr"]
    assert (first["mean"], first["ours"]) == ("0.001", "0.0025 (ablations/delve-arms/exp-7)")
    assert (first["reproduction"], first["consistency"]) == ("not a result", "CONTRADICTED")
    assert sum(bool(row["ours"]) for row in rows.values()) == 30
    assert {row["reproduction"] for row in rows.values() if row["ours"]} == {"not a result"}
    said = settings_lines(listed)
    assert "settings of sp_config:sp-darts-t2: 8 COHERENT, 3 CONTRADICTED" in said
    assert "settings of stacnas:stacnas-text-config: 13 COHERENT, 6 UNCHECKED" in said


def test_csv_and_markdown_hold_every_number_as_printed(listed: list[Entry]) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(listed))))
    assert ",".join(rows[0]) == (
        "cell,paper,table,row,column,mean,std,n,unit,protocol,status,reproduction,consistency,ours,evidence,note"
    )
    assert tuple(rows[0]) == PUBLISHED_FIELDS and len(rows) == len(listed)
    by_cell = {row["cell"]: row for row in rows}
    first = by_cell["nb201:delve-t1/ex-darts/search-seconds"]
    assert first["n"] == "5" and first["unit"] == "s" and first["mean"] == "10889.87"
    second = by_cell["nb201:delve-t1/rsps/cifar100-valid"]
    assert (second["mean"], second["std"]) == ("59.00", "4.60")
    assert (by_cell["darts_space:sp-darts-t3/nasnet-a/imagenet-error"]["mean"]) == "26.0"
    assert as_markdown(listed).count("\n") == len(listed) + 2


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("59.00 ± 4.60", ("59.00", "4.60")),
        ("1.1e-3", ("1.1e-3", "")),
        ("0.1+-0.20", ("0.1", "0.20")),
        ("-7", ("-7", "")),
    ],
)
def test_printed_decimals_stay(text: str, printed: tuple[str, str]) -> None:
    assert Published.model_validate(text).printed == printed


# Statuses and marks ------------------------------------------------------------------------------------------------


@pytest.fixture
def sample(tmp_path: Path) -> list[Entry]:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    rows = {"t1/darts": [54.3, 54.3, 54.3], "t1/exchanged": [92.0]}
    marks = {
        "sample:t1/unrun/c10": Mark("COPIED", Finding("agreement", "info", (), "alike", "consistent")),
        "sample:t1/darts/c10": Mark("CONTRADICTED", Finding("unit", "error", (), "wrong unit", "inconsistent")),
    }
    return entries([judge(loaded, "paper", planned, synthetic.records_of(planned, rows))], marks)


def entry(listed: Sequence[Entry], cell: str) -> Entry:
    return next(item for item in listed if item.cell == f"sample:{cell}")


def test_status_is_what_there_is(sample: list[Entry]) -> None:
    assert entry(sample, "t1/darts/c10").status == "measured"
    assert entry(sample, "t1/unrun/c10").status == "audited"
    assert entry(sample, "t2/faster/c10").status == "not run, because there is no record yet: 0 of 2 seeds done"
    assert entry(sample, "t1/darts/size").status == "not run, because no code counts it yet"


def test_both_marks_stand_beside_each_other_with_what_they_rest_on(sample: list[Entry]) -> None:
    found = entry(sample, "t1/darts/c10")
    assert (found.reproduction, found.consistency) == ("PASS", "CONTRADICTED")
    records = [word for word in found.evidence if word.startswith("paper/darts-v1/cifar10/s")]
    assert len(records) == 3 and found.evidence[3:] == ("audit/unit",)
    assert "audit, unit: wrong unit" in found.note
    copied = entry(sample, "t1/unrun/c10")
    assert (copied.reproduction, copied.consistency, copied.evidence) == ("NOT RUN", "COPIED", ("audit/agreement",))
    assert "not run, because no code computes it yet" in copied.note
    unfinished = entry(sample, "t1/exchanged/c10")
    assert (unfinished.reproduction, unfinished.consistency) == ("INCOMPLETE", "UNCHECKED")
    assert len(unfinished.evidence) == 1


def test_a_copy_is_never_a_pass(sample: list[Entry]) -> None:
    assert all(item.records for item in sample if item.reproduction in JUDGED)
    judged = sum(coverage(sample)[-1].reproduction.get(word, 0) for word in JUDGED)
    assert judged == sum(bool(item.records) for item in sample if item.reproduction in JUDGED) > 0
    assert {item.reproduction for item in sample} <= set(REPRODUCTIONS)


def test_what_no_rule_judges_is_undecided_where_it_was_measured(sample: list[Entry]) -> None:
    seconds = entry(sample, "t1/darts/seconds")
    assert (seconds.reproduction, seconds.status) == ("UNDECIDED", "measured")
    assert "no band of its own" in seconds.note


def test_an_entry_without_a_mark_is_unchecked(sample: list[Entry]) -> None:
    found = replace(entry(sample, "t1/darts/c10"), mark=None)
    assert found.consistency == "UNCHECKED" and "audit" not in found.note
