"""What comes with the package: suites found by name, records that count beside one's own, and the wheel that has both.

`make full` installs the wheel and uses it (`tests.installed`); here only what it is made of is built.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import shipped
from harness.api.reader import Reader
from harness.api.request import Request
from harness.audit.record import AuditRecord
from harness.errors import HarnessError
from harness.runner.plan import Filters
from harness.runner.store import Store
from harness.suite.load import find_suites
from tests.conftest import Project
from tests.records import ID, a_record

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.name for path in (ROOT / "suites").glob("*.yaml"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that would be packed into a wheel."""
    folder = tmp_path_factory.mktemp("built")
    words = ["setup.py", "-q", "build", "--build-base", str(folder / "base"), "--build-lib", str(folder / "lib")]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    return folder / "lib"


def installed(built: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the built package's command line in an empty folder, without data."""
    folder.mkdir(exist_ok=True)
    known = {key: value for key, value in os.environ.items() if key != "HARNESS_DATA"}
    return subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=folder, env={**known, "PYTHONPATH": str(built)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_wheel_has_the_suites_and_the_recorded_results(built: Path) -> None:
    inside = built / "harness" / "_shipped"
    for name in ("suites", "results/paper"):
        wanted = {p.relative_to(ROOT) for p in (ROOT / name).rglob("*") if p.suffix in (".yaml", ".json")}
        found = {p.relative_to(inside) for p in (inside / name).rglob("*") if p.is_file()}
        assert found == wanted and len(found) > 30
    assert (inside / "results" / "audit.json").read_bytes() == (ROOT / "results" / "audit.json").read_bytes()
    for name in (
        "py.typed",
        "methods/catalogue.yaml",
        "report/templates/index.html",
        "report/static/vendor/uPlot.iife.min.js",
        "spaces/nb201/kernels.cpp",
    ):
        assert (built / "harness" / name).is_file()


def test_installed_it_knows_suites_and_records_in_any_folder(built: Path, tmp_path: Path) -> None:
    listed = installed(built, tmp_path / "empty", "list", "suites", "--format", "csv")
    assert [f"{line.split(',')[0]}.yaml" for line in listed.stdout.splitlines()[1:]] == NAMES
    wrong = installed(built, tmp_path / "empty", "run", "nb210")
    assert wrong.returncode == 2 and "error: nb210: no suite; did you mean 'nb201'" in wrong.stderr
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with two suites and a record, beside an empty working directory."""
    package = tmp_path / "site" / "harness"
    suites = package / shipped.INSIDE / "suites"
    suites.mkdir(parents=True)
    for name in ("alpha", "beta", "_base"):
        (suites / f"{name}.yaml").write_text("suite: x\n")
    Store(package / shipped.INSIDE / "results").write(a_record(profile="paper"))
    monkeypatch.setattr(shipped, "PACKAGE", package)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return package


def test_a_suite_is_found_by_name_and_a_file_here_wins(package: Path) -> None:
    suites = package / shipped.INSIDE / "suites"
    for name in ("alpha", "alpha.yaml", "suites/alpha.yaml", "suites/alpha"):
        assert find_suites([name]) == [suites / "alpha.yaml"]
    both = [suites / "alpha.yaml", suites / "beta.yaml"]
    assert find_suites(["suites"]) == find_suites(["suites/*a.yaml"]) == both
    with pytest.raises(HarnessError, match=r"^alhpa: no suite; did you mean 'alpha'\?$"):
        find_suites(["alhpa"])
    for name in ("../results", "/alpha", "_base", "suites/../suites/alpha"):
        with pytest.raises(HarnessError, match="no suite"):
            find_suites([name])
    Path("suites").mkdir()
    for own in ("alpha", "suites/gamma.yaml"):
        Path(own).write_text("suite: x\n")
        assert find_suites([own]) == [Path(own)]
    assert find_suites(["suites"]) == [Path("suites/gamma.yaml")]


def test_in_a_checkout_it_lies_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "harness")
    (tmp_path / "suites").mkdir()
    assert shipped.folder("suites") is None  # a folder of that name beside any package is nobody's
    (tmp_path / "pyproject.toml").touch()
    assert shipped.folder("suites") == tmp_path / "suites" and shipped.folder("results") is None
    monkeypatch.chdir(tmp_path)
    assert shipped.folder("suites") == Path("suites")


def test_shipped_records_count_where_no_own_one_has_their_id(package: Path) -> None:
    store = Store.of(Path("results"))
    (path,) = store.files()
    assert store.is_shipped(path) and store.is_in_place(path, a_record(profile="paper"))
    assert store.index() == {ID: path} and store.find(ID[:4]) == [path] and store.doubles() == store.strays() == []
    assert list(store.files("paper")) == [path] and list(store.files("reduced")) == []
    own = store.write(a_record(profile="paper", suite="another"))
    assert list(store.files()) == [own] == store.find(ID[:4]) and not store.is_shipped(own)
    assert [record.suite for record in store.read_all()] == ["another"]  # type: ignore[union-attr]
    assert list(Store.of(Path("elsewhere")).files()) == []  # a folder that was named holds what it holds


def test_a_failure_does_not_hide_a_shipped_record(package: Path) -> None:
    store = Store.of(Path("results"))
    store.write(a_record(profile="paper", status="failed", error="no memory", trajectory=None, evaluations={}))
    assert [record.status for record in store.read_all()] == ["done"]  # type: ignore[union-attr]


def test_what_is_shipped_as_done_is_not_run_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.cli("run", "suites/tiny.yaml", "--profile", "paper", "-m", "darts-v1", "--jobs", "0", "--device", "cpu")
    package = project.folder / "site" / "harness"
    shutil.move(project.folder / "results", package / shipped.INSIDE / "results")
    monkeypatch.setattr(shipped, "PACKAGE", package)
    words = ("run", "suites/tiny.yaml", "--profile", "paper", "-m", "darts-v1", "--jobs", "0", "--device", "cpu")
    assert "2 trials: 0 executed, 2 done before" in project.cli(*words).out
    assert not (project.folder / "results").exists()
    assert "2 trials: 2 executed" in project.cli(*words, "--results", "mine").out
    assert len(project.cli("list", "trials").out.splitlines()) == 3
    project.train()
    answer = project.cli("run", "suites/tiny.yaml", "--profile", "paper", "-m", "darts-v1", *words[-4:])
    assert answer.code == 0 and "4 trials: 2 executed, 2 done before" in answer.out  # trained is what was shipped


def test_the_shipped_audit_is_of_the_shipped_suites(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = project.folder / "site" / "harness"
    inside = package / shipped.INSIDE
    shutil.copytree(project.folder / "suites", inside / "suites")
    (inside / "results").mkdir()
    audited = AuditRecord(harness="1", git=None, numbers={"gone:t/r/c": "x"}, table="t", findings=[])
    (inside / "results" / "audit.json").write_text(audited.model_dump_json())
    monkeypatch.setattr(shipped, "PACKAGE", package)
    (project.folder / "suites" / "draft.yaml").write_text("suite: half\n")  # beside what is asked for
    ours = Reader(Request(("suites/tiny.yaml",), "paper", Filters(), (), Path("results")))
    assert ours.findings == () and capsys.readouterr().err == ""
    theirs = Reader(Request(("tiny",), "paper", Filters(), (), Path("results")))
    (project.folder / "suites" / "tiny.yaml").unlink()
    assert theirs.findings == () and "4 numbers are new or were others then" in capsys.readouterr().err
