"""``export`` and ``diff`` as their users meet them."""

from __future__ import annotations

import io
import json
import re
import shutil

import pandas as pd
import pytest

from tests.conftest import Project


def test_a_table_in_its_papers_layout(project: Project) -> None:
    answer = project.cli("export", "t1", "--to", "latex", "--profile", "paper")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith(r"\begin{tabular}") and lines[-1] == r"\end{tabular}"
    assert any(re.match(r"DARTS.* & ", line) for line in lines)
    assert "NOT RUN" not in answer.out  # nothing is measured: what is printed stands alone


def test_what_was_measured_stands_beside_what_is_printed(project: Project) -> None:
    project.train()
    project.run("-m", "darts-v1")
    lines = project.cli("export", "t1", "--to", "latex", "--profile", "reduced").out.splitlines()
    assert any(line.split(" & ")[1:] == ["printed", "ours", r"verdict \\"] for line in lines)
    row = next(line for line in lines if line.startswith("DARTS, first order"))
    _, printed, ours, verdict = row.removesuffix(r" \\").split(" & ")
    accuracies = [record.training.accuracy[-1] for record in project.records_list() if record.training]
    assert printed == r"50.00 $\pm$ 5.00 (n = 2)" and verdict == "NOT JUDGED"
    assert float(ours.split()[0]) == pytest.approx(sum(accuracies) / len(accuracies), abs=0.01)


def test_every_text_of_a_suite_is_escaped_for_latex(project: Project) -> None:
    path = project.folder / "suites" / "tiny.yaml"
    text = path.read_text(encoding="utf-8")
    assert "method: darts-v1" in text
    hostile = "method: darts-v1" + "\n        " + r'label: "100%_\\input{x} & more"'
    path.write_text(text.replace("method: darts-v1", hostile, 1), encoding="utf-8")
    out = project.cli("export", "t1", "--to", "latex", "--profile", "paper").out
    assert r"100\%\_\textbackslash input\{x\} \& more" in out


def test_verdicts_as_parquet_keep_their_types(project: Project) -> None:
    project.run("-m", "darts-v1", "--seeds", "0")
    out = project.folder / "verdicts.parquet"
    assert project.cli("export", "verdicts", "--to", "parquet", "--out", out).code == 0
    frame = pd.read_parquet(out)
    rows = json.loads(project.cli("check", "--format", "json").out)
    assert len(frame) == len(rows)
    assert list(frame["verdict"]) == [row["verdict"] for row in rows]
    assert pd.api.types.is_numeric_dtype(frame["published_mean"])


def test_results_as_csv_are_those_of_the_report(project: Project) -> None:
    project.run("-m", "darts-v1", "--seeds", "0")
    project.cli("report", "--out", "reports")
    shown = pd.read_csv(io.StringIO(project.cli("export", "results").out))
    reported = pd.read_csv(project.folder / "reports" / "results.csv.gz")
    pd.testing.assert_frame_equal(shown, reported)


def test_what_cannot_be_exported_is_one_line(project: Project) -> None:
    for words, said in (
        (("verdict",), "did you mean 'verdicts'"),
        (("verdicts", "--to", "parquet"), "--out"),
        (("t1", "--to", "word"), "word"),
        (("verdicts", "--out", "suites"), "--out suites: is a folder"),
        (("verdicts", "--out", "suites/tiny.yaml/verdicts.csv"), "suites/tiny.yaml is not a folder"),
        (("verdicts", "--out", "/proc/nobody/verdicts.csv"), "/proc cannot be written"),
    ):
        answer = project.cli("export", *words)
        assert answer.code == 2 and said in answer.err


def test_two_equal_folders(project: Project) -> None:
    project.run("-m", "darts-v1", "--seeds", "0")
    shutil.copytree("results", "other")
    answer = project.cli("diff", "results", "other")
    assert answer.code == 0 and "differs" in answer.out.splitlines()[0]


def test_two_folders_that_differ(project: Project) -> None:
    project.run("-m", "darts-v1", "--seeds", "0-1")
    shutil.copytree("results", "other")
    first, second = sorted(project.folder.glob("other/reduced/*/*/*.json"))
    data = json.loads(first.read_text(encoding="utf-8"))
    data["trajectory"]["weight_loss"][1] += 1.0
    first.write_text(json.dumps(data), encoding="utf-8")
    second.unlink()
    answer = project.cli("diff", "results", "other", "--format", "json")
    found = json.loads(answer.out)
    assert answer.code == 1
    assert sorted(trial["result"] for trial in found["trials"]) == ["differs", "only in A"]
    assert "from epoch 1 on" in next(t["what"] for t in found["trials"] if t["result"] == "differs")


def test_folders_without_records(project: Project) -> None:
    for folder in ("nowhere", "suites"):
        answer = project.cli("diff", folder, folder)
        assert answer.code == 2 and folder in answer.err
