"""The command line as its users meet it. What runs do is tested in `tests.runner.test_execute`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from harness.cli import app
from harness.cli.app import DEFECT
from harness.runner.store import Store
from tests.records import ID

COMMON = ["-d", "-m", "-t", "--dataset", "--method", "--profile", "--results", "--seeds", "--set", "--table"]
COMMANDS = {
    "": ["--version"],
    "run": sorted(
        [
            *(*COMMON, "--budget", "--device", "--dry-run", "--first", "--force", "--jobs", "--max-seeds", "--nice"),
            *("--threads", "--until-decided", "-j", "--shard", "--cluster", "--log", "--format"),
        ]
    ),
    "merge": ["--results"],
    "check": sorted([*COMMON, "--format", "--record-baseline"]),
    "report": sorted([*COMMON, "--out"]),
    "published": ["--format", "--results"],
    "export": ["--out", "--profile", "--results", "--to"],
    "diff": ["--format"],
    "audit": ["--format", "--record", "--results", "--severity"],
    "count": ["--cells", "--channels", "--classes", "--format", "--image-size", "--space", "--squeeze", "--stem"],
    "validate": ["--format"],
    "list": ["--format", "--results"],
    "show": ["--format", "--results"],
    "new": [],
    "new suite": ["--folder", "--space"],
    "data": [],
    "data status": ["--format"],
    "data import": [],
    "data download": [],
}


def test_commands_and_options_are_frozen():
    def walk(command, name):
        options = sorted(word for p in command.params if p.param_type_name == "option" for word in p.opts)
        yield name, [option for option in options if option not in ("--help", "-h")]
        for key, child in getattr(command, "commands", {}).items():
            yield from walk(child, f"{name} {key}".strip())

    assert dict(walk(typer.main.get_command(app), "")) == COMMANDS


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_names_the_commands(project, words):
    answer = project.cli(*words)
    assert answer.code == 0
    assert all(re.search(rf"^  {name} ", answer.out, re.M) for name in COMMANDS if name and " " not in name)


def test_version(project):
    answer = project.cli("--version")
    assert answer.code == 0 and re.fullmatch(r"harness \S+\n", answer.out)


WRONG = {
    "unknown option": (["run", "suites/tiny.yaml", "--frobnicate"], "--frobnicate"),
    "unknown command": (["walk"], "walk"),
    "no suite": (["run"], "SUITE"),
    "unknown profile": (["run", "suites/tiny.yaml", "--profile", "huge"], "huge"),
    "absent suite": (["run", "suites/tini.yaml"], "suites/tiny.yaml"),
    "unknown method": (["run", "suites/tiny.yaml", "-m", "dart-v1"], "darts-v1"),
    "unknown table": (["run", "suites/tiny.yaml", "-t", "t9"], "t9"),
    "unknown dataset": (["run", "suites/tiny.yaml", "-d", "cifar1"], "cifar1"),
    "empty together": (["run", "suites/tiny.yaml", "-m", "cdarts", "-t", "t2"], "no row matches"),
    "bad seeds": (["run", "suites/tiny.yaml", "--seeds", "4-2"], "4-2"),
    "absent seed": (["run", "suites/tiny.yaml", "--seeds", "7"], "seed 7"),
    "bad jobs": (["run", "suites/tiny.yaml", "--jobs", "-1"], "--jobs"),
    "bad threads": (["run", "suites/tiny.yaml", "--threads", "0"], "--threads"),
    "bad niceness": (["run", "suites/tiny.yaml", "--nice", "20"], "--nice"),
    "bad budget": (["run", "suites/tiny.yaml", "--budget", "2 hours"], "2h45m"),
    "no budget": (["run", "suites/tiny.yaml", "--budget", "0h"], "2h45m"),
    "bad budget of a dry run": (["run", "suites/tiny.yaml", "--budget", "-5m", "--dry-run"], "2h45m"),
    "bad override": (["run", "suites/tiny.yaml", "--set", "epochs"], "epochs"),
    "unknown setting": (["run", "suites/tiny.yaml", "--set", "epoch=3"], "epochs"),
    "too many images": (["run", "suites/tiny.yaml", "--set", "data.weight_images=99999"], "training images"),
    "unknown listing": (["list", "cats"], "cats"),
    "unknown trial": (["show", "abc"], "'abc'"),
    "absent record": (["show", "results/s0-aa.json"], "results/s0-aa.json"),
    "absent import": (["data", "import", "nowhere.pth", "table.parquet"], "nowhere.pth"),
    "no place to import to": (["data", "import", "nowhere.pth"], "HARNESS_DATA"),
    "no place to download to": (["data", "download", "cifar10"], "HARNESS_DATA"),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_end_with_code_2_and_a_line_that_names_them(project, case):
    words, named = WRONG[case]
    answer = project.cli(*words)
    assert answer.code == 2 and answer.out == ""
    assert named in answer.err.splitlines()[-1] and "Traceback" not in answer.err
    assert not (project.folder / "results").exists()


def test_a_mistake_in_a_suite_is_one_line_with_its_place(project):
    path = project.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text().replace("method: darts-uniform", "method: darts-unifrom"))
    for words in (["validate"], ["run", "suites/tiny.yaml"], ["check"], ["list", "suites"]):
        answer = project.cli(*words)
        assert answer.code == 2
        (line,) = answer.err.splitlines()
        assert re.match(r"error: suites/tiny\.yaml:\d+: tables\.t2\.rows\.uniform\.method: ", line)
        assert "'darts-uniform'" in line


def test_a_wrong_suite_hides_no_other(project):
    (project.folder / "suites" / "bad.yaml").write_text("suite: bad\n")
    answer = project.cli("validate")
    assert answer.code == 2 and "suites/tiny.yaml: valid (2 tables, 4 rows, 4 published numbers" in answer.out
    assert answer.err.startswith("error: suites/bad.yaml")


def test_a_dry_run_tells_the_state_of_every_trial_and_touches_nothing(project):
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    before = sorted(p for p in project.folder.rglob("*"))
    answer = project.cli("run", "suites/tiny.yaml", "--dry-run")
    assert answer.code == 0 and sorted(p for p in project.folder.rglob("*")) == before
    lines = answer.out.splitlines()
    assert lines[0].split() == ["trial", "suite", "method", "dataset", "seed", "status", "cost", "why"]
    done = next(line for line in lines if line.startswith(path.stem.partition("-")[2]))
    assert done.split()[1:7] == ["tiny", "darts-v1", "digits", "0", "done", "-"]
    assert sum(" to run " in line for line in lines) == 5
    assert any(line.startswith("not run: t1/cdarts: ") for line in lines)
    cost = r"about [\d.]+ s on one core \((by the times of trials on this machine|by another machine's speed: .*)\)"
    assert re.fullmatch(rf"5 of 6 trials to do, {cost}; records: results/reduced", lines[-1])


def test_a_selection_that_cannot_run_is_incomplete_and_says_why(project):
    answer = project.run("-m", "cdarts")
    assert answer.code == 3
    assert "not run: t1/cdarts: it is another machine's" in answer.err and "0 trials: 0 executed" in answer.out


def test_missing_images_without_a_stand_in_block_the_trials(project):
    path = project.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text().replace("searched_on: digits", "searched_on: cifar10"))
    answer = project.run("-m", "darts-v1")
    assert answer.code == 3 and "3 trials: 0 executed, 3 blocked" in answer.out
    assert "blocked: 3 trials: dataset cifar10 not found" in answer.err
    assert "blocked" in project.run("--dry-run").out
    assert not project.paths()


def test_a_missing_table_blocks_and_names_the_file(project):
    path = project.folder / "suites" / "tiny.yaml"
    text = path.read_text().replace("benchmark: {name: none}", "benchmark: {name: nb201-table}")
    path.write_text(
        text.replace(
            "dataset: digits, split: test, training_epochs: 1", "dataset: cifar10, split: test, training_epochs: 200"
        )
    )
    answer = project.run("-m", "darts-v1")
    assert answer.code == 3 and "nb201/nb201.parquet" in answer.err and not project.paths()


def test_check_goes_from_incomplete_to_in_band_or_out_of_it(project):
    project.train()
    empty = project.cli("check")
    assert empty.code == 3 and "0 of 8 trials done" in empty.out
    words = ("suites/tiny.yaml", "--profile", "paper", "--jobs", "0", "--device", "cpu")
    assert project.cli("run", *words).code == 0
    answer = project.cli("check")
    assert answer.code == 0 and "PASS" in answer.out
    path = project.folder / "suites" / "tiny.yaml"
    narrow = path.read_text().replace("tolerance: 100, drift: 300", "tolerance: 0.001, drift: 0.002")
    path.write_text(narrow.replace("± 5.00", "± 0.01"))
    answer = project.cli("check")
    assert answer.code == 1 and "FAIL" in answer.out


def test_a_defect_is_no_verdict(project, monkeypatch):
    """Its exit code is one of its own: `check` answers 1 for a FAIL."""

    def broken(*_, **__):
        raise LookupError("nobody foresaw this")

    monkeypatch.setattr("harness.cli.judge.check_suites", broken)
    answer = CliRunner().invoke(app, ["check"])
    assert answer.exit_code == DEFECT and "LookupError: nobody foresaw this" in answer.stderr
    monkeypatch.setattr("harness.cli.judge.check_suites", lambda *_, **__: Path("absent.yaml").read_text())
    answer = CliRunner().invoke(app, ["check"])
    assert (answer.exit_code, answer.stderr) == (2, "error: absent.yaml: No such file or directory\n")


def test_a_failed_trial_is_not_averaged(project, monkeypatch):
    import harness.engine.search

    real = harness.engine.search.run_search

    def run(spec, dataset, seed, device, checkpoint, on_epoch, **shared):
        if seed == 1:
            raise RuntimeError("cheese")
        return real(spec, dataset, seed, device, checkpoint, on_epoch, **shared)

    monkeypatch.setattr(harness.engine.search, "run_search", run)
    project.cli("run", "suites/tiny.yaml", "--profile", "paper", "--jobs", "0", "--device", "cpu", "-m", "darts-v1")
    answer = project.cli("check", "--profile", "paper", "-m", "darts-v1")
    assert answer.code == 1 and "1 of 2" in answer.out and "cheese" in answer.out


def test_check_names_broken_and_foreign_files(project):
    project.run("-m", "darts-v1")
    path = project.paths()[0]
    path.write_text("{")
    path.with_name("notes.json").write_text("{}")
    answer = project.cli("check", "-m", "darts-v1")
    assert answer.code == 3
    assert f"error: {path.relative_to(project.folder)}: not a record" in answer.err
    assert "notes.json: not named like a record" in answer.err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"method": "darts-v1"', '"method": "ex-darts"', "holds a record of"),
        ('"epochs": 2', '"epochs": 1', "it was edited"),
        ('"architecture_warmup": 0', '"architecture_warmup": 1', "it was edited"),
    ],
)
def test_check_names_an_edited_record_and_does_not_judge_it(project, old, new, says):
    project.run("-m", "darts-v1")
    (path, *_), text = project.paths(), project.paths()[0].read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    answer = project.cli("check", "-m", "darts-v1")
    assert answer.code == 3
    assert says in answer.out + answer.err


def test_overridden_records_are_marked(project):
    project.train()
    project.run("-m", "darts-v1", "--set", "epochs=1")
    assert "overrides: ['epochs=1']" in project.cli("show", str(project.paths()[0])).out
    assert re.search(r"overridden\n.* epochs=1", project.cli("list", "trials").out)
    answer = project.cli("check", "-m", "darts-v1", "--set", "epochs=1")
    assert "overridden: epochs=1" in answer.out
    assert project.cli("check", "-m", "darts-v1").code == 3


def test_a_recorded_baseline_is_what_later_checks_compare_with(project):
    project.train()
    project.run("-m", "darts-v1")
    first = project.cli("check", "-m", "darts-v1", "--record-baseline")
    assert first.code == 0
    path = project.folder / "suites" / "baselines" / "tiny-reduced.json"
    baseline = json.loads(path.read_text())
    assert project.cli("check", "-m", "darts-v1").code == 0
    (series,) = baseline["series"].values()
    series["recordings"][0]["values"]["skip_connect"]["1"] += 1e-9
    path.write_text(json.dumps(baseline))
    assert project.cli("check", "-m", "darts-v1").code == 1
    path.write_text("{}")
    broken = project.cli("check", "-m", "darts-v1")
    assert broken.code == 2 and "tiny-reduced.json: not a baseline" in broken.err


def test_no_baseline_is_recorded_from_nothing(project):
    answer = project.cli("check", "--record-baseline")
    assert answer.code == 2 and "no complete series" in answer.err
    assert not (project.folder / "suites" / "baselines").exists()


def test_no_baseline_is_recorded_of_overrides(project):
    """The one that is there stays: it is of the suite as it stands."""
    project.train()
    project.run("-m", "darts-v1")
    assert project.cli("check", "-m", "darts-v1", "--record-baseline").code == 0
    path = project.folder / "suites" / "baselines" / "tiny-reduced.json"
    before = path.read_text()
    answer = project.cli("check", "-m", "darts-v1", "--set", "epochs=1", "--record-baseline")
    assert answer.code == 2 and "leave out --set" in answer.err and path.read_text() == before


def test_reports_are_written_and_named(project):
    project.run("-m", "darts-v1", "--seeds", "0")
    answer = project.cli("report", "--out", "elsewhere")
    assert answer.code == 0
    assert answer.out == "elsewhere/index.html\n" and "more files beside it" in answer.err
    for name in ("index.html", "explorer.html", "run-tiny-reduced.html"):
        assert (project.folder / "elsewhere" / name).stat().st_size
    assert not (project.folder / "reports").exists()


def test_lists(project):
    answer = project.cli("list")
    assert answer.code == 0
    for word in ("suites/tiny.yaml", "darts-v1", "nb201", "digits", "cifar10", "nb201-table", "training"):
        assert word in answer.out
    assert project.cli("list", "methods").out in answer.out


UNLISTED = "error: suites/tiny.yaml: profile reduced says of no trial that it comes first\n"
FIRST = "    first: [t2/uniform 2, t1/darts 1, t2/again 0, t1/darts 9, t2/again 1]\n"
IN_ORDER = [("darts-uniform", "2"), ("darts-v1", "1"), ("darts-v1", "0")]


def test_what_comes_first_is_run_first_and_alone(project):
    path = project.folder / "suites" / "tiny.yaml"
    answer = project.run("--first", "--dry-run")
    assert (answer.code, answer.err) == (2, UNLISTED)
    path.write_text(path.read_text().replace("  reduced:\n", "  reduced:\n" + FIRST))
    lines = [line.split() for line in project.run("--first", "--dry-run").out.splitlines()]
    assert [(line[2], line[4]) for line in lines[1:-1]] == IN_ORDER
    answer = project.run("--first", "--set", "epochs=1")
    ends = [line.split() for line in answer.err.splitlines() if ": done, " in line]
    assert answer.code == 0 and [(line[1], line[4].strip(":")) for line in ends] == IN_ORDER


@pytest.mark.parametrize(
    ("trial", "why"), [("t1/dart 0", "'t1/darts'"), ("t1/darts", "row 0'"), ("t1/darts -1", "row 0'")]
)
def test_a_mistake_in_what_comes_first_is_named(project, trial, why):
    path = project.folder / "suites" / "tiny.yaml"
    path.write_text(path.read_text().replace("  reduced:\n", f"  reduced:\n    first: [t1/darts 0, {trial}]\n"))
    answer = project.cli("validate")
    assert answer.code == 2 and re.match(r"error: suites/tiny\.yaml:\d+: profiles\.reduced\.first\[1\]: ", answer.err)
    assert why in answer.err


def test_make_clean_touches_no_record_and_no_checkpoint(tmp_path):
    for name in ("results/reduced/m/d/s0-aa.json", "results/.checkpoints/aa.pt", "build/a"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x")
    makefile = Path(__file__).parents[1] / "Makefile"
    subprocess.run(["make", "-f", makefile, "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"s0-aa.json", "aa.pt"}


PLACES = {
    "run": ["run", "suites/tiny.yaml", "--results", "README.md"],
    "a dry run": ["run", "suites/tiny.yaml", "--results", "README.md", "--dry-run"],
    "run below": ["run", "suites/tiny.yaml", "--results", "README.md/x"],
    "check": ["check", "suites/tiny.yaml", "--results", "README.md"],
    "published": ["published", "suites/tiny.yaml", "--results", "README.md/x"],
    "report": ["report", "suites/tiny.yaml", "--out", "README.md"],
    "report below": ["report", "suites/tiny.yaml", "--out", "README.md/x"],
    "audit": ["audit", "suites/tiny.yaml", "--record", "--results", "README.md"],
    "list": ["list", "trials", "--results", "README.md"],
    "show": ["show", "ab", "--results", "README.md/x"],
}


@pytest.mark.parametrize("command", PLACES)
def test_a_file_in_a_folders_place_is_one_line_before_anything_is_done(project, command):
    (project.folder / "README.md").write_text("text")
    answer = project.cli(*PLACES[command])
    assert (answer.code, answer.out, answer.err) == (2, "", "error: README.md is not a folder\n")
    assert (project.folder / "README.md").read_text() == "text"


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_run(project, monkeypatch):
    def refuse(dir):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    answer = project.run("-m", "darts-v1")
    assert answer.code == 2 and answer.err.endswith(" cannot be written: Read-only file system\n")
    assert not (project.folder / "results").exists()


def test_in_a_fresh_clone_the_recorded_audit_is_no_broken_trial(project, make_record):
    Store(project.folder / "results").write(make_record())
    (project.folder / "results" / "audit.json").write_text("{}")
    (project.folder / "results" / "tau.json").write_text("{}")
    answer = project.cli("list", "trials")
    assert answer.code == 0 and answer.err == "" and len(answer.out.splitlines()) == 2


def test_listed_trials_say_what_they_found_and_name_broken_files(project):
    project.train()
    project.run("-m", "darts-v1", "--seeds", "0")
    training, search = sorted(project.paths(), key=lambda path: 'trajectory": {' in path.read_text())
    search.write_text("{")
    answer = project.cli("list", "trials")
    record = project.cli("show", str(training)).out
    assert answer.code == 2 and search.name in answer.err
    header, line = answer.out.splitlines()
    assert header.split()[:3] == ["trial", "status", "kind"]
    assert line.split()[1:7] == ["done", "training", "reduced", "darts-v1", "digits", "0"]
    assert f"last: {line.split()[7]}" in record


def test_show_finds_a_trial_by_the_beginning_of_its_id(project):
    project.run("-m", "darts-v1", "--seeds", "0,1")
    trial_id = project.paths()[0].stem.partition("-")[2]
    answer = project.cli("show", trial_id[:9])
    assert answer.code == 0 and f"id: {trial_id}" in answer.out
    assert '"batch_size": 32' in answer.out and "torch" in answer.out
    epochs = answer.out[answer.out.index("epochs:") :].splitlines()[2:5]
    assert [line.split()[0] for line in epochs] == ["0", "1", "2"] and epochs[0].split()[1:6] == ["-"] * 5
    ambiguous = project.cli("show", "")
    assert ambiguous.code == 2 and "2 ids" in ambiguous.err


def test_every_stage_is_shown_with_its_own_seconds(project):
    """Of two stages of two epochs: seconds of all follow each other in the record."""
    project.run("-m", "darts-v1", "--seeds", "0")
    data = json.loads(project.paths()[0].read_text())
    last = data["trajectory"]
    data["trajectory"] = last | {"earlier": [last]}
    count = len(last["architectures"]) - 1
    data["provenance"]["epoch_seconds"] = [float(number) for number in range(1, 2 * count + 1)]
    project.paths()[0].write_text(json.dumps(data))
    text = project.cli("show", str(project.paths()[0])).out
    for number, epochs in enumerate(re.split(r"epochs of stage \d of 2:\n", text)[1:]):
        rows = [line.split() for line in epochs.splitlines()[2 : 2 + count]]
        assert [row[6] for row in rows] == [f"{number * count + epoch:.1f}" for epoch in range(1, count + 1)]
    assert text.count("epochs of stage") == 2


def test_a_failed_trial_is_shown_with_its_error(project, make_record):
    from harness.runner.store import Store

    Store(project.folder / "results").write(
        make_record(status="failed", error="last\nwords", trajectory=None, evaluations={})
    )
    answer = project.cli("show", ID)
    assert answer.code == 0 and "error: last\nwords" in answer.out


def test_data_alone_is_its_status(project):
    answer = project.cli("data")
    assert answer.code == 0 and answer == project.cli("data", "status")
    assert answer.out.startswith("data root: none") and re.search(r"^cifar10 +missing", answer.out, re.M)


LIGHT = """
import sys
from typer.testing import CliRunner
from harness.cli import app
result = CliRunner().invoke(app, sys.argv[1:])
assert result.exit_code == 0, result.output
heavy = {"torch", "pandas", "matplotlib", "sklearn", "joblib"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["list"], ["list", "trials"], ["validate"], ["--version"]]
)
def test_looking_imports_nothing_heavy(project, words):
    code = subprocess.run(
        [sys.executable, "-c", LIGHT, *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert code.returncode == 0, code.stderr


def test_the_module_is_the_command(project):
    done = subprocess.run(
        [sys.executable, "-m", "harness", "list", "cats"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert done.returncode == 2 and "cats" in done.stderr and done.stdout == ""


def test_what_is_no_folder_of_records_is_said(project):
    project.run("-m", "darts-v1", "--seeds", "0")
    for words, says in (
        (
            ("check", "--results", "results/reduced"),
            "results/reduced: the records of one profile, name the folder above",
        ),
        (("list", "trials", "--results", "typo"), "typo: no folder of records"),
        (("run", "--results", ""), "is empty"),
        (("report", "--out", ""), "is empty"),
    ):
        answer = project.cli(*words)
        assert answer.code == 2 and says in answer.err, words


def test_claims_are_looked_at_in_a_folder_that_is_yet_to_be_made(project):
    answer = project.cli("run", "suites/tiny.yaml", "--until-decided", "--dry-run", "--results", "new")
    assert "no folder" not in answer.err and answer.code in (0, 3) and not Path("new").exists()


def test_a_setting_of_trainings_wants_one(project):
    answer = project.run("-m", "darts-v1", "--seeds", "0", "--set", "training.epochs=2", "--dry-run")
    assert answer.code == 2 and "--set training.epochs=2: none of the selected rows is trained" in answer.err


def test_a_record_of_a_later_version_is_called_that(project):
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 7', 1))
    answer = project.cli("show", path)
    assert answer.code == 2 and "written by a later version of the harness (schema_version 7, 1 is known" in answer.err


def test_another_copy_of_the_data_is_named(project, monkeypatch):
    """Its trials are others: without a word it looked as if nothing had been run."""
    project.run("-m", "darts-v1", "--seeds", "0")
    monkeypatch.setattr("harness.runner.availability._hashed", lambda files: "f" * 16)
    answer = project.cli("check", "-m", "darts-v1")
    assert answer.code == 3 and "are of another copy of digits" in answer.err and f"at hand ({'f' * 16})" in answer.err


@pytest.mark.realdata
def test_a_damaged_table_is_said_and_judged_as_none(real_root, tmp_path, monkeypatch):
    table = tmp_path / "nb201" / "nb201.parquet"
    table.parent.mkdir()
    table.write_bytes((real_root / "nb201" / "nb201.parquet").read_bytes()[:200_000])
    (tmp_path / "empty").mkdir()
    suite, answers = str(Path(__file__).parents[1] / "suites" / "nb201.yaml"), []
    for folder in (tmp_path, tmp_path / "empty"):
        monkeypatch.setenv("HARNESS_DATA", str(folder))
        answers.append(CliRunner().invoke(app, ["check", suite, "--profile", "paper"]))
    damaged, absent = answers
    assert damaged.stdout.split("\n\n")[-2] == absent.stdout.split("\n\n")[-2]
    assert damaged.stdout.count("PASS") == absent.stdout.count("PASS") > 9
    assert f"error: {table}" in damaged.stderr and "error" not in absent.stderr


def test_a_download_makes_its_folder(project, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", "new/data")
    monkeypatch.setattr("harness.data.download.download", lambda name, root: root / name)
    answer = project.cli("data", "download", "cifar10")
    assert answer.code == 0 and Path("new/data").is_dir() and answer.out == "new/data/cifar10\n"
