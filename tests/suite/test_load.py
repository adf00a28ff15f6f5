"""Suites that load: the order of the layers, the shipped suites, finding files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue, override_layers
from harness.suite.load import find_suites, load_suite
from harness.suite.loaded import LoadedSuite
from harness.suite.published import published_cells
from tests.suite.sample import load, without_searches

SHIPPED = sorted((Path(__file__).parents[2] / "suites").glob("*.yaml"))
NB201 = next(path for path in SHIPPED if path.name == "nb201.yaml")

# From the lowest layer to the highest; the catalogue's protocol (50 epochs) lies between the first two.
LAYERS = {
    "suite": ("search:\n  space", "search:\n  epochs: 11\n  space", 11),
    "row": ("{alpha_init:", "{epochs: 12, alpha_init:", 12),
    "profile": ("      epochs: 7\n", "      epochs: 13\n", 13),
    "method of the profile": ("{batch_size: 32}", "{batch_size: 32, epochs: 14}", 14),
    "embedded": ("search: {data: {image_size: 8}}", "search: {epochs: 15, data: {image_size: 8}}", 15),
}


@pytest.mark.parametrize("highest", range(len(LAYERS) + 1))
def test_the_highest_layer_that_writes_a_key_wins(highest: int, tmp_path: Path) -> None:
    names = list(LAYERS)
    changes = [LAYERS[name][:2] for name in names[:highest]]
    if highest < 3:
        changes.append(("      epochs: 7\n", ""))
    loaded = load(tmp_path, *changes)
    expected = LAYERS[names[highest - 1]][2] if highest > 1 else 50
    embedded = highest == len(LAYERS)
    assert loaded.resolve("t1", "exchanged", "reduced", embedded=embedded).epochs == expected
    override = override_layers(["epochs=16"])
    assert loaded.resolve("t1", "exchanged", "reduced", embedded=embedded, overrides=override).epochs == 16


def test_layers_reach_only_their_own(tmp_path: Path) -> None:
    changes = [change[:2] for name, change in LAYERS.items() if name != "suite"]
    loaded = load(tmp_path, *changes)
    assert loaded.resolve("t1", "exchanged", "paper").epochs == 12  # row
    assert loaded.resolve("t1", "darts", "paper").epochs == 50  # catalogue
    assert loaded.resolve("t1", "darts", "reduced").epochs == 13  # profile
    assert loaded.resolve("t1", "exchanged", "reduced").epochs == 14  # method of the profile
    spec = loaded.resolve("t1", "exchanged", "paper")
    assert spec.alpha_init.name == "normal" and spec.alpha_init.scale == 0.01  # row, on the catalogue's block
    assert spec.weight_optimiser.lr == 3e-4 and spec.weight_optimiser.weight_decay == 5e-4  # method on ancestors


def test_who_can_run(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        (
            "        searched_on: cifar10\n",
            "        searched_on: cifar10\n        stop: {name: rank-stability, epochs: 2}\n",
        ),
    )
    assert loaded.why_not_run("t1", "darts") is None
    assert loaded.why_not_run("t1", "cdarts") == "method 'cdarts' (CDARTS) has no implementation yet"
    assert loaded.why_not_run("t2", "again") is None
    loaded = load(tmp_path, ("method: cdarts", "method: null"))
    assert loaded.why_not_run("t1", "cdarts") == "no code computes it yet"
    loaded = load(tmp_path, ("method: cdarts", "not_run: it takes a year\n        method: cdarts"))
    assert loaded.why_not_run("t1", "cdarts") == "it takes a year"
    with pytest.raises(HarnessError, match=r"no profile 'papr'; did you mean 'paper'\?$"):
        loaded.profile("papr")


def test_a_table_says_for_all_its_rows_why_nothing_is_run() -> None:
    loaded = load_suite(NB201.with_name("darts_pt.yaml"), load_catalogue())
    rows = loaded.suite.tables["darts-pt-t2"].rows
    answered = {row for row in rows if rows[row].answered_by}
    elsewhere = "rows of other tables are run for its numbers"
    assert {loaded.why_not_run("darts-pt-t2", row) for row in answered} == {elsewhere}
    reasons = {loaded.why_not_run("darts-pt-t2", row) for row in rows if row not in answered}
    assert reasons == {"it takes searches on the DARTS space and 600 epochs of training per network"}
    assert loaded.why_not_run("darts-pt-t4-nb201", "darts") is None


def test_facts_of_published_cells_come_from_the_nearest_block(tmp_path: Path) -> None:
    change = ('"92.97 ± 0.82"', '{value: "92.97 ± 0.82", n: 4, note: odd, band: {kind: exact}}')
    cells = {(c.row, c.column_name): c for c in published_cells(load(tmp_path, change).suite)}
    assert len(cells) == 6
    odd, even = cells["exchanged", "c10-test"], cells["exchanged", "c100-test"]
    assert (odd.n, odd.note, odd.band.kind) == (4, "odd", "exact")
    assert (even.n, even.note, even.band.kind) == (5, None, "within")
    assert (even.value.mean, even.value.std, even.value.decimals, even.index) == (69.35, 2.0, 2, 1)
    assert even.column.dataset == "cifar100" and even.path == ("tables", "t1", "rows", "exchanged", "values", 1)
    written = cells["again", "c10-test"].value  # 54.30 without quotes
    assert (written.text, written.mean, written.std, written.decimals) == ("54.30", 54.3, None, 2)


@pytest.fixture(scope="module")
def nb201() -> LoadedSuite:
    return load_suite(NB201, load_catalogue())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_suites_load(path: Path) -> None:
    loaded = load_suite(path, load_catalogue())
    assert loaded.suite.suite == path.stem
    for cell in published_cells(loaded.suite):
        assert cell.n is None or cell.n > 0


def test_nb201_states_every_printed_number(nb201: LoadedSuite) -> None:
    cells = list(published_cells(nb201.suite))
    assert Counter(cell.table for cell in cells) == {"single-darts-t1": 54, "delve-t1": 85, "delve-text-cost": 2}
    searches = [c for c in cells if c.column.metric == "search_seconds"]
    assert len(searches) == 7
    # Sums of all printed means and stds, taken from the papers' texts by another program.
    for table, sums in {"single-darts-t1": (3112.36, 66.12), "delve-t1": (4491.55, 87.94)}.items():
        values = [c.value for c in cells if c.table == table and c.column.metric == "accuracy"]
        assert sum(v.mean for v in values) == pytest.approx(sums[0], abs=1e-6)
        assert sum(v.std or 0.0 for v in values) == pytest.approx(sums[1], abs=1e-6)
    assert sum(c.value.mean for c in searches) == pytest.approx(132_518.76, abs=1e-6)


def test_nb201_numbers_that_appear_in_both_tables_agree(nb201: LoadedSuite) -> None:
    tables: dict[str, dict[tuple[str, str], tuple[float, float | None]]] = {}
    for cell in published_cells(nb201.suite):
        row = nb201.suite.tables[cell.table].rows[cell.row].method
        tables.setdefault(cell.table, {})[str(row), cell.column_name] = (cell.value.mean, cell.value.std)
    shared = tables["single-darts-t1"].keys() & tables["delve-t1"].keys()
    assert {method for method, _ in shared} == {"optimum", "rsps", "darts-v1", "gdas", "setn", "enas"}
    for key in shared:
        assert tables["single-darts-t1"][key] == tables["delve-t1"][key], key


def test_nb201_profiles(nb201: LoadedSuite) -> None:
    paper = nb201.resolve("single-darts-t1", "darts", "paper")
    assert (paper.epochs, paper.batch_size, paper.space.channels, paper.space.cells) == (50, 64, 16, 5)
    assert paper.data.counts(50_000) == (25_000, 25_000) and paper.data.image_size == 32
    single = nb201.resolve("single-darts-t1", "single-darts", "paper")
    assert single.data.counts(50_000) == (50_000, 50_000) and single.update.name == "joint"
    assert nb201.resolve("delve-t1", "ex-darts", "paper").batch_size == 256
    assert nb201.resolve("delve-t1", "darts-v1", "paper") == paper
    reduced = nb201.resolve("delve-t1", "ex-darts", "reduced")
    assert reduced.space.channels < paper.space.channels and reduced.data.image_size == 16


def test_a_suite_of_cited_numbers_needs_no_profiles(tmp_path: Path) -> None:
    no_profiles, no_claims, *nothing_to_run = without_searches()
    with pytest.raises(HarnessError, match=r":1: profiles: missing key 'profiles', without which no row can be run$"):
        load(tmp_path, no_profiles, no_claims)
    loaded = load(tmp_path, no_profiles, no_claims, *nothing_to_run)
    assert len(list(published_cells(loaded.suite))) == 6


def test_finding_suites(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "deep/c.yaml", "_base/shared.yaml", ".hidden/d.yaml", "_e.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(*names: str) -> list[str]:
        paths = find_suites([f"{tmp_path}/{name}" for name in names])
        return [path.relative_to(tmp_path).as_posix() for path in paths]

    assert found("") == ["a.yaml", "b.yaml", "deep/c.yaml"]
    assert found("b.yaml", "a.yaml", "b.yaml") == ["b.yaml", "a.yaml"]
    assert found("*.yaml") == ["a.yaml", "b.yaml"]
    assert found("**/*.yaml") == ["a.yaml", "b.yaml", "deep/c.yaml"]
    assert found("[b-z].yaml", "deep") == ["b.yaml", "deep/c.yaml"]
    assert found("_base/shared.yaml") == ["_base/shared.yaml"]  # asked for by name
    with pytest.raises(HarnessError, match=r"/aa.yaml: no suite; did you mean '.*/a.yaml'"):
        found("b.yaml", "aa.yaml")
    (tmp_path / "empty").mkdir()
    for name in ("empty", "x*.yaml"):
        with pytest.raises(HarnessError, match="no suite"):
            found(name)


def test_an_empty_glob_is_found_below_hidden_folders(tmp_path: Path) -> None:
    (tmp_path / ".work" / "_mine").mkdir(parents=True)
    (tmp_path / ".work" / "_mine" / "a.yaml").touch()
    assert len(find_suites([tmp_path / ".work" / "_mine"])) == 1
    assert len(find_suites([str(tmp_path / ".work" / "_mine" / "*.yaml")])) == 1


def test_a_profile_may_leave_methods_out_and_says_why(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        (
            "    methods:\n      ex-darts: {b",
            "    left_out: {ex-darts: it takes too long}\n    methods:\n      ex-darts: {b",
        ),
    )
    assert loaded.why_not_run("t1", "exchanged", "reduced") == "left out of the reduced profile: it takes too long"
    assert loaded.why_not_run("t1", "exchanged", "paper") is None
    assert loaded.why_not_run("t1", "darts", "reduced") is None
    for place in ("t1", "t1/darts"):
        left = load(
            tmp_path,
            ("    methods:\n      ex-darts: {b", f"    left_out: {{{place}: long}}\n    methods:\n      ex-darts: {{b"),
        )
        assert left.why_not_run("t1", "darts", "reduced") == "left out of the reduced profile: long"
        assert (left.why_not_run("t1", "exchanged", "reduced") is None) == (place == "t1/darts")
    with pytest.raises(HarnessError, match=r"left_out\.x: unknown method, table or row 'x'"):
        load(tmp_path, ("    methods:\n      ex-darts: {b", "    left_out: {x: why}\n    methods:\n      ex-darts: {b"))


def test_a_figure_needs_no_values(tmp_path: Path) -> None:
    silent = ("        values: [54.30]\n", "")
    assert load(tmp_path, ("number: T2", "number: F2"), silent).why_not_run("t2", "again") is None
    with pytest.raises(HarnessError, match=r"tables\.t2\.rows\.again: 0 values for 1 columns$"):
        load(tmp_path, silent)
