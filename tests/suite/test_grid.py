"""Short forms of suites: grids, rows like others, columns of claims, and where mistakes in them are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.documents import load_document
from harness.errors import HarnessError
from harness.suite.loaded import LoadedSuite
from harness.suite.shorthand import write_out
from tests.suite.sample import SUITE, load

GRID = """\
tables:
  t:
    searched_on: cifar10
    grid:
      design: full
      factors:
        rule:
          sc: {label: DARTS+, stop: {name: skip-count, skips: 2}}
          es: {label: "", method: darts-es, search: {epochs: 9, weight_optimiser: {momentum: 0.5}}}
        rate:
          slow: {search: {weight_optimiser: {lr: 0.1}}}
          fast: {label: lr 1, search: {weight_optimiser: {lr: 1}}}
      without: [{levels: {rule: sc, rate: [fast]}, because: it diverges}]
      fixed: {method: darts-v1, n: 5, search: {epochs: 3}}
    rows:
      alone: {method: null}
      es-fast: {note: twice, search: {weight_optimiser: {momentum: 0.7}}}
"""


def written_out(folder: Path, text: str, *changes: tuple[str, str]) -> Any:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    return write_out(load_document(folder / "s.yaml"))


def test_a_row_is_made_of_its_levels(tmp_path: Path) -> None:
    """Fixed parts first, then factor by factor, then what is the row's own; the grid's rows come first."""
    rows = written_out(tmp_path, GRID).data["tables"]["t"]["rows"]
    assert list(rows) == ["sc-slow", "es-slow", "es-fast", "alone"]
    assert rows["sc-slow"] == {
        "method": "darts-v1", "n": 5, "label": "DARTS+, slow", "levels": {"rule": "sc", "rate": "slow"},
        "stop": {"name": "skip-count", "skips": 2}, "search": {"epochs": 3, "weight_optimiser": {"lr": 0.1}},
    }  # fmt: skip
    assert rows["es-fast"] == {
        "method": "darts-es", "n": 5, "label": "lr 1", "levels": {"rule": "es", "rate": "fast"}, "note": "twice",
        "search": {"epochs": 9, "weight_optimiser": {"momentum": 0.7, "lr": 1}},
    }  # fmt: skip
    assert rows["es-slow"]["search"]["weight_optimiser"] == {"momentum": 0.5, "lr": 0.1}  # rows share nothing


def test_what_a_row_has_from_its_levels_lies_in_their_lines(tmp_path: Path) -> None:
    document = written_out(tmp_path, GRID)
    lines = GRID.splitlines()

    def line(*path: str) -> str:
        place = document.place(("tables", "t", "rows", *path))
        return lines[place.line - 1].strip()

    assert line("es-fast", "search", "weight_optimiser", "lr").startswith("fast: ")
    assert line("es-fast", "search", "weight_optimiser", "momentum").startswith("es-fast: ")
    assert line("es-slow", "search", "weight_optimiser", "momentum").startswith("es: ")
    assert line("sc-slow", "search", "epochs").startswith("fixed: ")
    assert line("sc-slow", "nowhere") == "grid:"
    error = document.error(("tables", "t", "rows", "es-fast", "search", "weight_optimiser", "lr"), "is wrong")
    assert str(error).endswith("s.yaml:12: tables.t.rows.es-fast.search.weight_optimiser.lr: is wrong")


def test_a_grid_goes_on_from_another(tmp_path: Path) -> None:
    more = "  more:\n    grid:\n      like: t\n      design: full\n      factors: {depth: {d1: {n: 1}, d2: {}}}\n"
    rows = written_out(tmp_path, GRID + more).data["tables"]["more"]["rows"]
    assert list(rows) == ["sc-slow-d1", "sc-slow-d2", "es-slow-d1", "es-slow-d2", "es-fast-d1", "es-fast-d2"]
    assert (rows["sc-slow-d1"]["n"], rows["sc-slow-d2"]["n"]) == (1, 5)  # what is fixed there lies below all levels
    assert rows["es-fast-d1"]["levels"] == {"rule": "es", "rate": "fast", "depth": "d1"}


def test_a_grid_without_a_design_has_the_cells_of_the_one_that_it_is_like(tmp_path: Path) -> None:
    said = "source: mine, correlations: {main_effects: 1, with_two_way: 1}"
    array = ("design: full", f"design: {{kind: array, {said}, cells: [[es, fast], [sc, slow]]}}")
    own = "factors: {depth: {d1: {}, d2: {}}}, without: [{levels: {rule: sc, depth: d2}, because: b}]"
    more = f"  more:\n    grid: {{like: t, {own}}}\n"
    rows = written_out(tmp_path, GRID + more, array).data["tables"]["more"]["rows"]
    assert list(rows) == ["es-fast-d1", "es-fast-d2", "sc-slow-d1"]


def test_an_array_has_the_cells_that_are_listed_and_a_sample_some(tmp_path: Path) -> None:
    said = "source: mine, correlations: {main_effects: 1, with_two_way: 1}"
    array = ("design: full", f"design: {{kind: array, {said}, cells: [[es, fast], [sc, slow]]}}")
    assert list(written_out(tmp_path, GRID, array).data["tables"]["t"]["rows"]) == ["es-fast", "sc-slow", "alone"]
    sample = f"design: {{kind: sample, cells: 2, seed: 1, {said[14:]}}}"
    rows = [list(written_out(tmp_path, GRID, ("design: full", sample)).data["tables"]["t"]["rows"]) for _ in range(2)]
    assert rows[0] == rows[1] and len(set(rows[0]) & {"sc-slow", "es-slow", "es-fast"}) >= 2


CELLS = ("design: full", "design: {kind: array, source: s, correlations: {main_effects: 1, with_two_way: 1}, cells: ")
MISTAKES = {
    "a design": (("design: full", "design: ful"), r":5: .*grid.design.kind: unknown value 'ful'; did you mean 'full'"),
    "no design": (("      design: full\n", ""), r":4: .*grid: missing key 'design'"),
    "a factor that is excluded": (("{rule: sc, rate: [fast]}", "{rle: sc}"), r":13: .*unknown factor 'rle'.*'rule'"),
    "a level that is excluded": (("[fast]", "[fst]"), r":13: .*unknown level of 'rate' 'fst'; did you mean 'fast'"),
    "an unknown level": ((CELLS[0], CELLS[1] + "[[es, fst]]}"), r":5: .*\[0\]\[1\]: unknown level of 'rate' 'fst'"),
    "a short cell": ((CELLS[0], CELLS[1] + "[[es]]}"), r":5: .*cells\[0\]: 1 levels for 2 factors"),
    "a cell twice": ((CELLS[0], CELLS[1] + "[[es, slow], [es, slow]]}"), r":5: .*cells\[1\]: the same cell once more"),
    "an excluded cell": ((CELLS[0], CELLS[1] + "[[sc, fast]]}"), r":5: .*cells\[0\]: is excluded: it diverges"),
    "too large a sample": (
        ("design: full", "design: {kind: sample, cells: 4, seed: 0, correlations: {main_effects: 0, with_two_way: 0}}"),
        r":5: .*cells: 4 cells of 3 combinations",
    ),
    "a name twice": (
        ("          slow: {", "          x-slow: {}\n          slow: {"), r":4: .*two cells would be row 'es-x-slow'"
    ),
    "another grid": (("      design: full", "      like: u\n      design: full"), r":5: .*unknown grid of a table"),
    "too many cells": (
        ("        rate:\n", "".join(f"        f{i}: {{a: {{}}, b: {{}}}}\n" for i in range(13)) + "        rate:\n"),
        r":5: .*design: 32,768 combinations of levels, more than 10,000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_grid_is_one_clear_line(mistake: str, tmp_path: Path) -> None:
    change, said = MISTAKES[mistake]
    more = [("          es: {", "          es-x: {}\n          es: {")] if mistake == "a name twice" else []
    with pytest.raises(HarnessError, match=said) as error:
        written_out(tmp_path, GRID, change, *more)
    assert "\n" not in str(error.value)


ROWS = """\
tables:
  t:
    searched_on: cifar10
    search: {epochs: 4}
    rows:
      a: {method: darts-v1, label: A, n: 5, values: ["1"], search: {epochs: 5, weight_optimiser: {lr: 1, momentum: 0}}}
      b: {like: a, label: B, search: {weight_optimiser: {lr: 2}}}
  u:
    rows:
      c: {like: t/b}
"""


def test_a_row_is_like_another_in_what_decides_its_search_and_in_nothing_that_is_printed(tmp_path: Path) -> None:
    tables = written_out(tmp_path, ROWS).data["tables"]
    wanted = {"method": "darts-v1", "n": 5, "search": {"epochs": 5, "weight_optimiser": {"lr": 2, "momentum": 0}}}
    assert tables["t"]["rows"]["b"] == {"like": "a", "label": "B", **wanted}
    assert tables["u"]["rows"]["c"] == {"like": "t/b", **wanted, "searched_on": "cifar10"}
    assert tables["t"]["rows"]["a"]["search"]["weight_optimiser"]["lr"] == 1


def test_a_row_is_like_one_above(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r":6: tables.t.rows.a.like: unknown row above 't/b'"):
        written_out(tmp_path, ROWS, ("a: {method", "a: {like: b, method"))


def test_a_mistake_in_what_another_row_gave_is_reported_there(tmp_path: Path) -> None:
    document = written_out(tmp_path, ROWS)
    assert document.place(("tables", "u", "rows", "c", "search", "weight_optimiser", "momentum")).line == 6
    assert document.place(("tables", "u", "rows", "c", "search", "weight_optimiser", "lr")).line == 7


def claims(loaded: LoadedSuite) -> Any:
    return {name: claim.model_dump(exclude={"column"}) for name, claim in loaded.suite.claims.items()}


def test_a_claim_that_names_a_column_is_the_one_written_in_full(tmp_path: Path) -> None:
    facts = "of: accuracy, dataset: cifar10, split: test, training_epochs: 200"
    in_full = f"    left: {{row: t1/exchanged, {facts}}}\n    right: {{row: t1/darts, {facts}}}\n"
    start, end = SUITE.index("claims:\n"), SUITE.index("figures:\n")
    head = "claims:\n  better:\n    text: T\n    source: S\n    relation: '>'\n    margin: 0\n"
    full = load(tmp_path, (SUITE[start:end], head + in_full))
    short = "    column: c10-test\n    left: t1/exchanged\n    right: t1/darts\n"
    assert claims(load(tmp_path, (SUITE[start:end], head + short))) == claims(full)
    with pytest.raises(HarnessError, match=r"claims.better.column: unknown column 'c10-tst'; did you mean"):
        load(tmp_path, (SUITE[start:end], head + short.replace("c10-test", "c10-tst")))
    with pytest.raises(HarnessError, match=r"claims.better.left.row: unknown row 't1/exchangd'; did you mean"):
        load(tmp_path, (SUITE[start:end], head + short.replace("exchanged", "exchangd")))


def test_a_row_says_what_it_is_under_the_reduced_profile(tmp_path: Path) -> None:
    """As written, whatever the profile's factors are; `--set` still wins."""
    before = "search: {alpha_init: {scale: 0.01}}"
    change = (before, f"{before}\n        reduced: {{epochs: 77}}")
    loaded = load(tmp_path, change)
    assert loaded.resolve("t1", "exchanged", "reduced").epochs == 77
    assert loaded.resolve("t1", "exchanged", "paper").epochs == 50
    with pytest.raises(HarnessError, match=r"reduced.epoch: unknown key 'epoch'; did you mean 'epochs'"):
        load(tmp_path, (change[0], change[1].replace("epochs", "epoch")))
