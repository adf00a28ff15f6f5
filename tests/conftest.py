"""A whole little project in a temporary folder, and the command line run on it within the test's process."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: nets of tests are too small for a second thread

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import shipped
from harness.cli import app
from harness.cli.app import DEFECT
from harness.files import cache_folder
from harness.runner import environment
from harness.runner.record import Record
from harness.runner.store import read_record
from tests.records import a_record

SUITE = Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8")
TRAINING = Path(__file__).with_name("training.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A folder with `suites/tiny.yaml`, which is the working directory."""

    folder: Path

    def cli(self, *words: str | Path) -> Answer:
        """Run the command line; an unexpected exception fails the test."""
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code != DEFECT, result.stderr
        return Answer(result.exit_code, result.stdout, result.stderr)

    def run(self, *words: str) -> Answer:
        """Run the suite's searches, one after the other in this process."""
        return self.cli("run", "suites/tiny.yaml", "--jobs", "0", "--device", "cpu", *words)

    def train(self, *changes: tuple[str, str]) -> None:
        """Let the suite train what its searches find; ``changes``: of the whole text of the suite."""
        text = SUITE.replace("benchmark: {name: none}", "benchmark: {name: training}") + TRAINING
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (self.folder / "suites" / "tiny.yaml").write_text(text, encoding="utf-8")

    def paths(self) -> list[Path]:
        """Return the files of all records."""
        return sorted((self.folder / "results").rglob("s*-*.json"))

    def records(self) -> dict[tuple[str, int], Record]:
        """Return the records by method and seed."""
        return {(r.method, r.seed): r for r in self.records_list()}

    def records_list(self) -> list[Record]:
        """Return all records."""
        return [read_record(path) for path in self.paths()]


@pytest.fixture(scope="session")
def real_root() -> Path:
    """The folder of real data."""
    value = os.environ.get("HARNESS_DATA")
    if not value:
        pytest.skip("HARNESS_DATA is not set")
    return Path(value)


@pytest.fixture(scope="session")
def libraries() -> list[Path]:
    """Compile the kernels once, into the user's cache folder."""
    from harness.spaces.darts import kernels as darts
    from harness.spaces.nb201 import kernels as nb201

    folder = cache_folder()
    return sorted(folder.glob("kernels-*.so")) if nb201.library() and darts.library() and folder else []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: list[Path]) -> Project:
    """A project without any data but the digits, and without what comes with the package."""
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    cache = tmp_path.parent / f"{tmp_path.name}-cache"
    cache.mkdir()
    for library in libraries:
        (cache / library.name).symlink_to(library)
    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    monkeypatch.delenv("COLUMNS", raising=False)  # of the terminal that the tests were started from
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "nowhere" / "harness")
    monkeypatch.setattr(environment, "threads_per_worker", lambda jobs: 1)  # steady on a busy machine
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "tiny.yaml").write_text(SUITE, encoding="utf-8")
    return Project(tmp_path)


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """Return `tests.records.a_record`."""
    return a_record
