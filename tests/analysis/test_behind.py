"""Printed numbers that trainings of another row answer, and the size of trained networks."""

import csv
import io

import pytest

from harness.spaces.cells import load_cells
from harness.spaces.registry import published
from harness.spaces.space import Size
from tests.report.page_reader import Page

PRINTED = """  printed:
    paper: paper-a
    number: T3
    title: A table whose rows are trained elsewhere
    protocol: as printed
    not_run: it is a long way off
    columns: [digits-test, days]
    rows:
      theirs:
        method: null
        label: Theirs
        n: 2
        answered_by: {digits-test: t1/darts}
        values: ["50.00 ± 5.00", "1"]
      nobodys:
        method: null
        label: Nobody's
        values: ["50.00 ± 5.00", null]
"""
DAYS = ("columns:\n", "columns:\n  days: {label: days, metric: gpu_days, unit: GPU days, goal: min}\n")
SIZES = (
    "columns:\n",
    "columns:\n  params: {label: Params, metric: parameters, unit: M, goal: min}\n"
    "  flops: {label: FLOPs, metric: flops, dataset: digits, unit: M, goal: min}\n"
    "  other: {label: Params there, metric: parameters, dataset: cifar10, unit: M, goal: min}\n",
)


def numbers(project):
    said = project.cli("published", "--format", "csv")
    return {row["cell"]: row for row in csv.DictReader(io.StringIO(said.out))}


@pytest.fixture
def linked(project):
    project.train(DAYS)
    path = project.folder / "suites" / "tiny.yaml"
    head, tail = path.read_text().split("\ntraining:")
    path.write_text(f"{head}\n{PRINTED}\ntraining:{tail}")
    return project


def test_a_printed_number_is_judged_by_the_trainings_of_the_row_that_it_names(linked):
    assert linked.run("-m", "darts-v1", "--profile", "paper").code == 0
    found = numbers(linked)
    own, theirs = found["tiny:t1/darts/digits-test"], found["tiny:printed/theirs/digits-test"]
    assert own["reproduction"] == theirs["reproduction"] == "PASS"
    assert own["evidence"] == theirs["evidence"] and theirs["evidence"].count("s0-") == 1
    days = found["tiny:printed/theirs/days"]
    assert days["reproduction"] == "NOT RUN" and "no row is run for this column" in days["note"] + days["status"]
    assert "it is a long way off" in found["tiny:printed/nobodys/digits-test"]["status"]
    assert linked.cli("report", "--profile", "paper", "--out", "reports").code == 0
    page = (linked.folder / "reports" / "paper-paper-a.html").read_text(encoding="utf-8")
    assert "A table whose rows are trained elsewhere" in Page(page).text


def test_without_records_it_says_what_the_other_row_lacks(linked):
    theirs = numbers(linked)["tiny:printed/theirs/digits-test"]
    assert theirs["reproduction"] == "NOT RUN" and "0 of 2 seeds done" in theirs["status"]


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("{digit-test: t1/darts}", "unknown column of the table 'digit-test'; did you mean 'digits-test'"),
        ("{digits-test: t1/dart}", "unknown row 't1/dart'; did you mean 't1/darts'"),
        ("{days: t1/darts}", "no training of 't1/darts' answers this column"),
        ("{digits-test: printed/nobodys}", "no training of 'printed/nobodys' answers this column"),
    ],
)
def test_a_link_to_what_gives_no_such_number_is_refused(linked, link, says):
    path = linked.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text().replace("{digits-test: t1/darts}", link))
    answer = linked.cli("validate", "suites/tiny.yaml")
    assert answer.code != 0 and says in answer.err and "answered_by" in answer.err and len(answer.err.splitlines()) == 1


def test_the_network_of_a_published_cell_is_counted_and_judged_by_its_printed_decimals(project):
    cell, size = load_cells()["darts-v2"], Size(3, 4, "cifar")
    counts = published("darts").counts(cell.architecture, size, 10, 8)
    params, flops = (f"{number / 1e6:.3f}" for number in (counts.parameters, counts.multiplications))
    project.train(
        SIZES, ("{name: each-search}", "{name: cell, cell: darts-v2}"),
        ("reports: last", "reports: last\n  dataset: digits"),
        ("space: nb201\n  net", "space: darts\n  net"), ("cells: 1, channels: 4, stem", "cells: 3, channels: 4, stem"),
        ("columns: [digits-test]", "columns: [digits-test, params, flops, other]"),
        ("band: {kind: within, tolerance: 100, drift: 300, because: anything passes}", "band: {kind: exact}"),
        ('values: ["50.00 ± 5.00"]', f'values: ["50.00 ± 5.00", "{params}", "1.000", "{params}"]'),
    )  # fmt: skip
    assert numbers(project)["tiny:t1/darts/params"]["status"].startswith("not run, because there is no record yet")
    assert project.run("-m", "darts-v1", "--profile", "paper").code == 0
    found = numbers(project)
    assert found["tiny:t1/darts/params"]["reproduction"] == "PASS" and flops != "1.000"
    assert found["tiny:t1/darts/flops"]["reproduction"] == "FAIL"
    assert found["tiny:t1/darts/params"]["evidence"].count("s") > 1
    assert found["tiny:t1/darts/other"]["reproduction"] == "NOT RUN"  # of another data set's network


def test_the_networks_of_searches_are_counted_and_no_band_judges_them(project):
    project.train(
        SIZES, ("columns: [digits-test]", "columns: [digits-test, params, flops, other]"),
        ("band: {kind: within, tolerance: 100, drift: 300, because: anything passes}", "band: {kind: exact}"),
        ('values: ["50.00 ± 5.00"]', 'values: ["50.00 ± 5.00", "1.0", null, null]'),
    )  # fmt: skip
    assert project.run("-m", "darts-v1", "--profile", "paper").code == 0
    found = numbers(project)["tiny:t1/darts/params"]
    assert found["reproduction"] == "UNDECIDED" and found["evidence"]
    trained = [record for record in project.records_list() if record.training]
    said = project.cli("check", "suites/tiny.yaml", "--profile", "paper").out
    mean = sum(record.training.parameters for record in trained) / len(trained) / 1e6
    assert f"{mean:.1f}" in said
