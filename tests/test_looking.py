"""Looking at what is there: records of computations, plans without data, and names of other suites."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.runner.record import Record
from harness.runner.store import read_record

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the checkout, with its suites and its recorded results, and without data."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)


def ask(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def recorded(method: str) -> Record:
    return read_record(next(Path("results/paper", method).rglob("s*.json")))


def theory(check: str) -> Record:
    records = map(read_record, Path("results/paper/theory").rglob("s*.json"))
    return next(record for record in records if record.spec["computation"]["check"] == check)


def test_runs_are_shown_by_their_statistics() -> None:
    record = recorded("rea")
    code, out = ask("show", record.id)
    runs = record.values["cifar10/test/200"]
    line = next(line for line in out.splitlines() if line.startswith("cifar10/test/200"))
    _, n, mean, spread, least, median, largest = re.split(r" {2,}", line)
    assert code == 0 and int(n) == len(runs) > 1
    found = (float(mean), float(spread), float(least), float(median), float(largest))
    assert found == pytest.approx(
        (statistics.fmean(runs), statistics.stdev(runs), min(runs), statistics.median(runs), max(runs)), rel=1e-6
    )
    assert len(out) < 10_000
    most = max(set(record.found), key=record.found.count)
    assert f"{record.found.count(most)}" in out and most in out


def test_a_failed_statement_is_shown_with_its_counterexample() -> None:
    code, out = ask("show", theory("single-darts-theorem-4.2").id)
    assert code == 0 and "it does not hold: The proof ends at" in out
    assert "p = (.05, .45, .5)" in out and "0.22275" in out and "counterexamples" in out


def test_a_statement_that_holds_says_so() -> None:
    _, out = ask("show", theory("single-darts-theorem-4.1").id)
    assert "it holds: " in out and "statement (Theorem 4.1): " in out


def test_a_method_that_other_suites_have() -> None:
    code, out = ask("run", "suites/nb201.yaml", "-m", "drnas", "--dry-run")
    assert code == 2 and out.count("error:") == 1
    assert "suites/nb201_delve.yaml and suites/nb201_sp.yaml have it" in out


def test_a_table_that_another_suite_has_and_one_that_none_has() -> None:
    assert "suites/stacnas.yaml has it" in ask("run", "suites/nb201.yaml", "-t", "stages", "--dry-run")[1]
    assert (
        "ha"
        not in ask("run", "suites/nb201.yaml", "-t", "stagez", "--dry-run")[1].partition("valid")[2].partition(";")[2]
    )


def test_what_is_recorded_is_done_without_the_table() -> None:
    code, out = ask("run", "suites/nb201.yaml", "--profile", "paper", "-m", "rea", "-m", "random-search", "--dry-run")
    assert code == 0 and "0 of 7 trials to do" in out
    assert "blocked" not in out and len(re.findall(r"\bdone\b", out)) == 7


def test_what_is_blocked_says_its_reason_once(tmp_path: Path) -> None:
    words = ("run", "suites/nb201.yaml", "--profile", "paper", "-m", "rea", "-m", "random-search")
    code, out = ask(*words, "--dry-run", "--results", str(tmp_path / "none"))
    assert code == 0 and out.count("table not found") == 1 and "blocked: 7 trials: " in out
    code, out = ask(*words, "--jobs", "0", "--results", str(tmp_path / "none"))
    assert code == 3 and out.count("table not found") == 1


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_terminals_that_want_it(variables: dict[str, str], coloured: bool) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "harness", "check", "suites/theory.yaml", "-t", "nb201-space-size"]
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | variables
    with subprocess.Popen(words, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        out = b""
        with contextlib.suppress(OSError):  # that is how a terminal says that nothing more comes
            while chunk := os.read(ours, 4096):
                out += chunk
    os.close(ours)
    assert process.returncode in (0, 3) and b"PASS" in out
    assert (b"\x1b[" in out) == coloured


def test_another_folder_of_records_has_the_same_consistency(tmp_path: Path) -> None:
    words = ("check", "suites/nb201.yaml", "-t", "single-darts-t1", "-m", "optimum", "--profile", "paper")
    (tmp_path / "empty").mkdir()
    code, other = ask(*words, "--results", str(tmp_path / "empty"))
    assert code == 3 and "(6 COHERENT)" in other and ask(*words)[1].count("COHERENT") == 6
    code, out = ask(*words, "--results", str(tmp_path / "none"))
    assert code == 2 and "no folder of records" in out


def test_a_suite_elsewhere_includes_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask("new", "suite", "own")[0] == 0
    assert ask("validate", "own")[0] == 0
    code, out = ask("run", "own", "--dry-run")
    assert code == 0 and "own-method" in out
