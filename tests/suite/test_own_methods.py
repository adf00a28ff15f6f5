"""Methods that a suite brings along, and suites to begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.suite.load import load_suite
from harness.suite.new import TEMPLATES, new_suite
from tests.conftest import SUITE, Project

OWN = """
methods:
  mine:
    title: Mine
    paper: "A Paper"
    follows: chosen here
    extends: darts-v1
    search: {relaxation: {name: sigmoid}}
  mine-slowly:
    title: Mine, slowly
    paper: "A Paper"
    follows: chosen here
    extends: mine
    search: {architecture_optimiser: {lr: 0.001}}
"""


def written(folder: Path, *changes: tuple[str, str], own: str = OWN) -> Path:
    """Write the tiny suite with methods of its own, one of them searched with."""
    text = SUITE.replace("method: darts-v1", "method: mine-slowly", 1) + own
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_method_of_a_suite_extends_the_catalogue(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    before = set(catalogue.methods)
    loaded = load_suite(written(tmp_path), catalogue)
    spec = loaded.resolve("t1", "darts", "paper")
    assert spec.relaxation.name == "sigmoid" and spec.architecture_optimiser.lr == 0.001
    assert loaded.label("t1", "darts") == "Mine, slowly"
    assert loaded.catalogue.lineage("mine-slowly")[:3] == ["mine-slowly", "mine", "darts-v1"]
    assert set(catalogue.methods) == before, "the next suite does not know it"


def test_the_same_search_has_the_same_id_whoever_names_it(project: Project) -> None:
    path = written(
        project.folder / "suites", ("relaxation: {name: sigmoid}", "batch_size: 32"), ("lr: 0.001", "lr: 3.0e-4")
    )
    own = project.cli("run", path, "--dry-run", "-t", "t1").out
    tiny = project.cli("run", "suites/tiny.yaml", "--dry-run", "-t", "t1").out
    ids = [[line.split()[0] for line in out.splitlines() if " digits " in line] for out in (own, tiny)]
    assert ids[0] == ids[1] and len(ids[0]) == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("extends: darts-v1", "extends: darts-v9", "methods.mine.extends: unknown method or protocol 'darts-v9'"),
        ("extends: darts-v1", "extends: mine-slowly", "extends itself: mine"),
        ("  mine:\n", "  gdas:\n", "methods.gdas: the catalogue has a method of this name"),
        ("lr: 0.001", "rate: 0.001", "search.architecture_optimiser.rate: unknown key 'rate'"),
        ("{name: sigmoid}", "{name: sigmoit}", "methods.mine.search.relaxation.name"),
    ],
)
def test_a_mistake_is_told_where_it_was_written(tmp_path: Path, old: str, new: str, said: str) -> None:
    changes = [(old, new)]
    path = written(tmp_path, *changes)
    if new == "  gdas:\n":
        path = written(tmp_path, *changes, ("extends: mine\n", "extends: gdas\n"))
    lines = path.read_text(encoding="utf-8").splitlines()
    with pytest.raises(HarnessError) as caught:
        load_suite(path, load_catalogue()).resolve("t1", "darts", "paper")
    text = str(caught.value)
    assert said in text and text.startswith(f"{path}:")
    line = int(text.removeprefix(f"{path}:").split(":")[0])
    assert any(word in lines[line - 1] for word in (new.strip(), "extends"))


@pytest.mark.parametrize("space", sorted(path.stem for path in TEMPLATES.glob("*.yaml")))
def test_a_new_suite_is_valid_and_runs(space: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Path(__file__).parents[2] / "suites" / "_base"
    (project.folder / "suites" / "_base").symlink_to(shipped)
    assert project.cli("new", "suite", "own", "--space", space).code == 0
    path = project.folder / "suites" / "own.yaml"
    assert "NAME" not in path.read_text(encoding="utf-8")
    assert project.cli("validate", "suites/own.yaml").code == 0
    answer = project.cli("run", "suites/own.yaml", "--dry-run")
    assert answer.code == 0 and "own-method" in answer.out and "digits" in answer.out


def test_a_new_suite_replaces_nothing(project: Project) -> None:
    answer = project.cli("new", "suite", "tiny")
    assert answer.code == 2 and "suites/tiny.yaml: is there already" in answer.err
    assert (project.folder / "suites" / "tiny.yaml").read_text(encoding="utf-8") == SUITE


@pytest.mark.parametrize(("name", "space"), [("My", "nb201"), ("../x", "nb201"), ("x", "s9")])
def test_wrong_names_of_new_suites(name: str, space: str) -> None:
    with pytest.raises(HarnessError):
        new_suite(name, space)
