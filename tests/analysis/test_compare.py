"""Two folders of records, compared."""

from __future__ import annotations

from harness.analysis.compare import compare, group
from harness.runner.record import Record
from tests.records import a_record


def changed(record: Record, epoch: int, by: float) -> Record:
    """Move one mixing weight of one epoch."""
    data = record.model_dump(mode="json")
    data["trajectory"]["mixing"]["cell"][epoch][0][1] += by
    return Record.model_validate(data)


def words(a: dict[str, Record], b: dict[str, Record]) -> list[tuple[str, str]]:
    return [(one.word, one.what) for one in compare(a, b)]


def test_when_and_where_it_ran_is_not_compared() -> None:
    a = a_record()
    b = a.model_copy(update={"provenance": a.provenance.model_copy(update={"search_seconds": 99.0, "git": "other"})})
    assert words({a.id: a}, {b.id: b}) == [("equal", "")]


def test_the_first_epoch_that_differs_and_the_distance_in_the_end() -> None:
    a = a_record()
    assert words({a.id: a}, {a.id: changed(a, 1, 0.125)}) == [
        ("differs", "trajectory from epoch 1 on, mixing weights by up to 0 after epoch 2")
    ]
    (last,) = compare({a.id: a}, {a.id: changed(a, 2, 0.0625)})
    assert last.what == "trajectory from epoch 2 on, mixing weights by up to 0.062 after epoch 2"


def test_the_distance_is_the_largest_of_all_weights() -> None:
    a = a_record()
    data = a.model_dump(mode="json")
    for edge, by in ((0, 0.0625), (1, -0.125), (2, 0.03125)):
        data["trajectory"]["mixing"]["cell"][2][edge][1] += by
    (found,) = compare({a.id: a}, {a.id: Record.model_validate(data)})
    assert "mixing weights by up to 0.12 after" in found.what


def test_other_evaluations_are_named() -> None:
    a = a_record()
    b = a_record(evaluations={"second": {"digits/test/200": 23.0}})
    assert words({a.id: a}, {b.id: b}) == [("differs", "evaluations")]


def test_what_one_folder_lacks() -> None:
    a = a_record()
    assert words({a.id: a}, {}) == [("only in A", "")]
    assert words({}, {a.id: a}) == [("only in B", "")]


def test_means_by_method() -> None:
    a = a_record()
    b = a_record(evaluations={"second": {"digits/test/200": 23.0}}, seed=1)
    left, right = {"x": a, "y": b}, {"x": a}
    (found,) = group(compare(left, right), left, right)
    assert found.about == ("reduced", "darts-v1", "digits")
    assert (found.a, found.b) == (22.5, 22.0)
    assert found.counts == {"equal": 1, "differs": 0, "only in A": 1, "only in B": 0}
