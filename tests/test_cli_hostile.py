"""Hostile and odd input as the command line meets it: one line and code 2, or right."""

import os
import subprocess
import sys

import pytest

from harness.analysis.coverage import Entry
from harness.audit.finding import Finding
from harness.audit.present import as_csv as findings_as_csv
from harness.cli.published import as_csv, as_markdown
from harness.suite.values import Published

LONG = "x" * 5000
WRONG = {
    **{
        name: (["run", "suites/tiny.yaml", "--dry-run", "--set", text], named)
        for name, text, named in (
            ("octal", "epochs=010", "not a plain decimal number: '010'"),
            ("base 60", "epochs=1:00", "not a plain decimal number: '1:00'"),
            ("hexadecimal", "epochs=0x10", "not a plain decimal number: '0x10'"),
            ("underscore", "epochs=1_0", "not a plain decimal number: '1_0'"),
            ("underscore as text", "epochs='1_0'", "not a plain decimal number: '1_0'"),
            ("alias", "x=[&a 1, *a]", "aliases"),
            ("deep", "x=" + "[" * 100_000, "nested too deeply"),
            ("5,000 digits", "epochs=" + "1" * 5000, "not a plain decimal number: '111"),
        )
    },
    "endless seeds": (["run", "suites/tiny.yaml", "--seeds", "0-99999999999"], "--seeds '0-99999999999': expected"),
    "a long seed": (["run", "suites/tiny.yaml", "--seeds", "1" * 5000], "expected numbers and ranges"),
    "other digits": (["run", "suites/tiny.yaml", "--seeds", "٣"], "expected numbers and ranges"),
    "a long name": (["validate", LONG], "no suite"),
    "a long folder": (["validate", f"{LONG}/tiny.yaml"], "no suite"),
    "a device": (["validate", "/dev/zero"], "/dev/zero: not a regular file"),
    "a device as record": (["show", "zero.json"], "zero.json: not a regular file"),
    "a pipe": (["validate", "suites/pipe.yaml"], "pipe.yaml: not a regular file"),
    "a long import": (["data", "import", LONG, "table.parquet"], "no such file or folder"),
    "a pipe to import": (["data", "import", "pipe.pth", "table.parquet"], "pipe.pth: no such file or folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_end_with_code_2_and_one_line(project, case):
    words, named = WRONG[case]
    if "pipe" in case:
        os.mkfifo(project.folder / ("pipe.pth" if "import" in case else "suites/pipe.yaml"))
    (project.folder / "zero.json").symlink_to("/dev/zero")
    answer = project.cli(*words)
    assert answer.code == 2 and answer.out == ""
    (line,) = answer.err.splitlines()
    assert named in line and line.isprintable()
    assert not (project.folder / "results").exists()


def test_a_pipe_among_suites_is_named_and_hides_no_other(project):
    os.mkfifo(project.folder / "suites" / "pipe.yaml")
    answer = project.cli("validate")
    assert answer.code == 2 and "suites/tiny.yaml: valid" in answer.out
    assert answer.err == "error: suites/pipe.yaml: not a regular file\n"


def test_suites_behind_a_link_to_a_folder_are_found(project):
    (project.folder / "elsewhere").mkdir()
    (project.folder / "suites" / "tiny.yaml").rename(project.folder / "elsewhere" / "tiny.yaml")
    (project.folder / "suites" / "linked").symlink_to(project.folder / "elsewhere")
    (project.folder / "suites" / "up").symlink_to(project.folder / "suites")  # a circle
    answer = project.cli("validate")
    assert answer.code == 0 and answer.out.splitlines()[0].startswith("suites/linked/tiny.yaml: valid")
    assert len(answer.out.splitlines()) == 1


def test_no_user_of_that_name_is_no_folder(project, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", "~nosuchuser/data")
    answer = project.cli("data", "status")
    assert (answer.code, answer.err) == (2, "error: HARNESS_DATA=~nosuchuser/data is not a folder\n")


def test_every_command_sees_records_behind_a_link_to_a_folder(project):
    project.run("-m", "darts-v1", "--seeds", "0", "--results", "big")
    (record,) = (project.folder / "big").rglob("s0-*.json")
    (project.folder / "linked").mkdir()
    (project.folder / "linked" / "reduced").symlink_to(project.folder / "big" / "reduced")
    words = ("-m", "darts-v1", "--seeds", "0", "--results", "linked")
    assert "0 of 1 trials to do" in project.run("--dry-run", *words).out
    assert "1 of 1 trials done" in project.cli("check", *words).out
    trial = record.stem.partition("-")[2]
    assert trial in project.cli("list", "trials", "--results", "linked").out
    assert f"id: {trial}" in project.cli("show", trial[:9], "--results", "linked").out


def test_of_two_records_of_one_trial_run_and_check_take_the_same(project):
    project.run("-m", "darts-v1", "--seeds", "0")
    (record,) = project.paths()
    copy = project.folder / "results" / "a" / record.name  # before the other in the order of names
    copy.parent.mkdir()
    copy.write_text("{")
    assert "0 of 1 trials to do" in project.run("-m", "darts-v1", "--seeds", "0", "--dry-run").out
    answer = project.cli("check", "-m", "darts-v1", "--seeds", "0")
    assert "1 of 1 trials done" in answer.out
    assert f"{record.relative_to(project.folder)}: another file has a record of this id" in answer.err


def test_names_of_files_move_no_cursor(project):
    (project.folder / "suites" / "\x1b[31mred.yaml").write_text(project.folder.joinpath("suites/tiny.yaml").read_text())
    (project.folder / "suites" / os.fsdecode(b"\xff.yaml")).write_text("a: 1\n")
    (project.folder / "results").mkdir()
    (project.folder / "results" / "\x1b[2J.json").write_text("{}")
    for words in (["validate"], ["list", "suites"], ["check", "suites/tiny.yaml"]):
        answer = project.cli(*words)
        printed = answer.out + answer.err
        assert "\x1b" not in printed and "\\x1b" in printed


def test_a_title_with_an_escape_is_refused(project):
    path = project.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text().replace("title: A search that takes a second", r'title: "\e]0;owned\a"'))
    for words in (["list", "suites"], ["validate"], ["published"]):
        answer = project.cli(*words)
        assert answer.code == 2 and "suites/tiny.yaml:3: title: control character '\\x1b'" in answer.err
        assert "\x1b" not in answer.out + answer.err


ENTRY = Entry(
    cell="s:t/r/c", paper="p", table="T1", row="=HYPERLINK(1)", column="@sum",
    value=Published.model_validate("-0.50"), n=3, unit="%", protocol="+1|2", remark="-x",
    reproduction="NOT RUN", why="+1", computed=False, records=(), mark=None,
)  # fmt: skip


def test_published_numbers_are_no_formulas_for_a_spreadsheet():
    """And stay numbers, with their printed decimals and their sign."""
    _, line = as_csv([ENTRY]).splitlines()
    assert line == "s:t/r/c,p,T1,'=HYPERLINK(1),'@sum,-0.50,,3,%,'+1|2,\"not run, because +1\",NOT RUN,UNCHECKED,,,'-x"
    assert (
        as_markdown([ENTRY])
        .splitlines()[2]
        .startswith("| s:t/r/c | p | T1 | =HYPERLINK(1) | @sum | -0.50 |  | 3 | % | +1\\|2 |")
    )


def test_findings_are_no_formulas_for_a_spreadsheet():
    finding = Finding("minus", "error", ("=s:t/r/c",), "+1 is not 1", "inconsistent")
    assert findings_as_csv([finding]).splitlines()[1] == "minus,error,inconsistent,'=s:t/r/c,'+1 is not 1"


def test_more_runs_than_anyone_plans_are_a_slip_of_the_hand(project):
    path = project.folder / "suites" / "tiny.yaml"
    for old, new in (("n: 2", "n: 99999999999"), ("seeds: 3", "seeds: 99999999999")):
        (project.folder / "suites" / "large.yaml").write_text(path.read_text().replace(old, new, 1))
        answer = project.cli("validate", "suites/large.yaml")
        assert answer.code == 2 and "input should be less than or equal to 100000, got 99999999999" in answer.err


ENVIRONMENTS = {
    "asked for": {"PYTHONIOENCODING": "ascii"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_output_is_complete_in_every_locale(project, name):
    path = project.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("title: First", "title: ± ✓"), encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace("protocol: mean", "protocol: ± ✓ mean"), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    environment |= {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **ENVIRONMENTS[name]}
    done = subprocess.run(
        [sys.executable, "-m", "harness", "published"], capture_output=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("latin-1" if name == "latin-1" else "utf-8")
    assert len(text.splitlines()) == 5
    assert ("± \\u2713 mean" if name == "latin-1" else "± ✓ mean") in text
