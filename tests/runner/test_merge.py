"""Records of several folders in one: all or nothing, and no record that contradicts another."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from harness.runner.record import Record
from harness.runner.store import Store, read_record
from harness.runner.trial import hashed
from tests.conftest import Project
from tests.records import ID, SPEC, a_record


def of_seed(seed: int, **changes: object) -> Record:
    return a_record(seed=seed, id=hashed(SPEC, "digits", seed, {"engine": 1}, "c"), **changes)


def failed(seed: int, error: str = "no memory") -> Record:
    return of_seed(seed, status="failed", error=error, trajectory=None, evaluations={})


def write(folder: str, *records: Record) -> list[Path]:
    return [Store(Path(folder)).write(record) for record in records]


def later(record: Record) -> Record:
    """The same trial on another machine."""
    return record.model_copy(update={"provenance": record.provenance.model_copy(update={"platform": "other"})})


def tree(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_new_is_taken_as_it_is(project: Project) -> None:
    write("results", of_seed(0))
    (one,) = write("a", of_seed(1))
    _, two = write("b", later(of_seed(1)), of_seed(2))
    before = Path("results/reduced/darts-v1/digits").joinpath(f"s0-{ID}.json").read_bytes()
    answer = project.cli("merge", "a", "b")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "a: 1 of 1 records taken", "b: 1 of 2 records taken", "2 records merged, 1 were there; records: results",
    ]  # fmt: skip
    for path, folder in ((one, "a"), (two, "b")):
        assert Path("results", path.relative_to(folder)).read_bytes() == path.read_bytes()
    assert sorted(project.records()) == [("darts-v1", 0), ("darts-v1", 1), ("darts-v1", 2)]
    assert project.records()["darts-v1", 1].provenance.platform == "p"  # of equals, the first
    assert Path("results/reduced/darts-v1/digits").joinpath(f"s0-{ID}.json").read_bytes() == before
    assert "0 records merged, 3 were there" in project.cli("merge", "a", "b").out


def test_what_is_done_comes_before_what_failed(project: Project) -> None:
    write("results", failed(0), of_seed(1))
    write("a", of_seed(0), failed(1), failed(2, "first"))
    write("b", failed(2, "second"))
    assert project.cli("merge", "a", "b").code == 0
    found = {seed: (record.status, record.error) for (_, seed), record in project.records().items()}
    assert found == {0: ("done", None), 1: ("done", None), 2: ("failed", "first")}


def test_a_failure_that_a_record_replaces_is_gone_wherever_it_lay(project: Project) -> None:
    (failure,) = write("results", failed(1).model_copy(update={"method": "a-method"}))
    write("results", failed(2).model_copy(update={"method": "a-method"}), of_seed(2))
    write("results", failed(3))
    (path,) = write("a", of_seed(1))
    answer = project.cli("merge", "a")
    assert answer.code == 0 and "1 records merged, 3 were there" in answer.out
    store = Store(Path("results"))
    assert not failure.exists() and store.doubles() == []
    assert [read_record(path).status for path in sorted(store.index().values())] == ["done", "done", "failed"]
    assert store.index()[of_seed(1).id] == Path("results", path.relative_to("a"))


def comes_done() -> Record:
    return later(of_seed(1))


def comes_failed() -> Record:
    return failed(1, "meanwhile")


def comes_elsewhere() -> Record:
    return later(of_seed(1)).model_copy(update={"method": "a-method"})


@pytest.mark.parametrize(
    ("meanwhile", "merged", "stays"),
    [
        (comes_done, of_seed(1), True),
        (comes_done, failed(1), True),
        (comes_elsewhere, failed(1), True),
        (comes_failed, failed(1), True),
        (comes_failed, of_seed(1), False),
    ],
)
def test_what_a_run_stores_meanwhile_is_not_replaced(
    project: Project, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Record], merged: Record, stays: bool
) -> None:
    """The run stores when the merge has read all and begins to write."""
    write("a", merged)
    real = Store.check_writable

    def stores(store: Store, paths: Iterable[Path]) -> None:
        real(store, paths)
        store.write(meanwhile())

    monkeypatch.setattr(Store, "check_writable", stores)
    answer = project.cli("merge", "a")
    assert answer.code == 0 and f"a: {0 if stays else 1} of 1 records taken" in answer.out, answer.err
    (path,) = project.paths()
    assert read_record(path) == (meanwhile() if stays else merged)


def contradicts() -> None:
    evaluations = {**a_record().evaluations, "second": {"digits/test/200": 22.5}}
    write("b", of_seed(1, evaluations=evaluations))


def contradicts_itself() -> None:
    evaluations = {**a_record().evaluations, "second": {"digits/test/200": 22.5}}
    write("b", of_seed(2), of_seed(2, evaluations=evaluations).model_copy(update={"method": "z-method"}))


def torn() -> None:
    write("b", of_seed(2))[0].write_text("{")


def edited() -> None:
    (path,) = write("b", of_seed(2))
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 3'))


def misplaced() -> None:
    (path,) = write("b", of_seed(2))
    path.rename(path.parents[1] / path.name)


def empty() -> None:
    Path("b").mkdir()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (contradicts, ["a/reduced/darts-v1/digits/s1-", " and b/reduced", "differ in evaluations"]),
        (contradicts_itself, ["b/reduced/darts-v1/digits/s2-", " and b/reduced/z-method", "differ in evaluations"]),
        (torn, ["b/reduced/darts-v1/digits/s2-", "not a record"]),
        (edited, ["b/reduced/darts-v1/digits/s2-", "it was edited"]),
        (misplaced, ["b/reduced/darts-v1/s2-", "in the place of another record"]),
        (empty, ["b: no records in it"]),
        (lambda: None, ["b: no such folder"]),
    ],
)
def test_where_something_is_wrong_it_is_one_line_and_nothing_is_written(project: Project, wrong, says) -> None:  # type: ignore[no-untyped-def]
    write("a", of_seed(1))
    wrong()
    for target in ("results", "new"):
        if target == "results":
            write("results", of_seed(0))
        before = tree(project.folder)
        answer = project.cli("merge", "a", "b", "--results", target)
        assert answer.code == 2 and answer.out == ""
        (line,) = answer.err.splitlines()
        assert line.startswith("error: ") and all(word in line for word in says), line
        assert tree(project.folder) == before and not Path("new").exists()


def test_a_merge_that_is_cut_short_is_taken_up(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.runner import merge

    write("a", of_seed(1), of_seed(2))
    real, copied = merge._copy, []

    def stops(source: Path, store: Store) -> None:
        if copied:
            raise KeyboardInterrupt
        copied.append(source)
        real(source, store)

    with monkeypatch.context() as patched:
        patched.setattr(merge, "_copy", stops)
        assert project.cli("merge", "a").code == 130
    assert len(project.paths()) == 1 and read_record(project.paths()[0]).status == "done"
    assert project.cli("merge", "a").code == 0 and len(project.paths()) == 2


def test_a_full_disk_leaves_nothing_of_a_merge(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.runner import merge

    write("results", of_seed(0))
    write("a", of_seed(1), of_seed(2), of_seed(3))
    before, real = project.paths(), merge.shutil.copyfile

    def full(source: Path, target: Path) -> None:
        if len(project.paths()) > 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(merge.shutil, "copyfile", full)
        answer = project.cli("merge", "a")
    assert answer.code == 2 and "No space left on device" in answer.err
    assert project.paths() == before
    assert project.cli("merge", "a").code == 0 and len(project.paths()) == 4
