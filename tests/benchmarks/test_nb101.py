"""Look-ups in a NAS-Bench-101 table, what its file must be, and the real rows at hand."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from harness.benchmarks import nb101_file, nb101_genuine
from harness.benchmarks.nb101 import Nb101Table, locate_table, status
from harness.benchmarks.nb101_file import cell_of
from harness.benchmarks.nb101_import import import_official
from harness.benchmarks.nb101_spaces import DIGESTS, NEEDED, SIZES, graphs, member, spaces_of
from harness.data.sources import DataMissing
from harness.errors import HarnessError
from harness.spaces.oneshot import encoding
from harness.spaces.oneshot.encoding import OPS, Cell, module_hash, parse, to_string
from harness.spaces.registry import published
from tests.benchmarks import nb101_official as official
from tests.conftest import Project
from tests.hostile import at_most, is_one_line

CELLS = official.some_cells(60)
VALID = {"split": "valid", "epochs": 108}
# Isomorphic: two inner vertices side by side, in either order, without and with a loose end.
TWINS = (
    "maxpool3x3(0)+conv3x3-bn-relu(0)+output(1,2)",
    "conv3x3-bn-relu(0)+maxpool3x3(0)+output(1,2)",
    "maxpool3x3(0)+conv3x3-bn-relu(0)+conv1x1-bn-relu(0,1)+output(1,2)",
)

CHAIN = "+".join(f"maxpool3x3({node})" for node in range(5)) + "+output(5)"


EVERY = list({cell.hash: cell for cell in (*CELLS, official.of_cell(parse(TWINS[0])))}.values())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nb101")
    source = official.write(folder / "full.tfrecord", official.contents(EVERY, (4, 12, 36, 108)))
    import_official(source, folder / "nb101.parquet", folder / "nb101_oneshot.parquet")
    return folder / "nb101.parquet"


@pytest.fixture(scope="module")
def table(path: Path) -> Nb101Table:
    return Nb101Table.load(path)


def runs(cell: official.Cell, what: str, epochs: int) -> Any:
    return np.array([getattr(official.numbers_of(cell, epochs, repeat), what) for repeat in range(3)])


def test_every_number_by_hash_and_by_cell(table: Nb101Table) -> None:
    for cell in EVERY:
        text = to_string(cell_of(cell.matrix, cell.ops))
        for arch in (cell.hash, text, np.str_(text)):
            for split, epochs in product(("train", "valid", "test"), (108, 36, 12, 4)):
                percent = 100 * runs(cell, split, epochs)
                assert table.accuracy(arch, split=split, epochs=epochs) == percent.mean()
                assert table.std(arch, split=split, epochs=epochs) == percent.std(ddof=1)
                assert table.repeats(arch, split=split, epochs=epochs).tolist() == percent.tolist()
            assert table.train_seconds(arch, epochs=36) == runs(cell, "seconds", 36).mean()
            assert table.parameters(arch) == cell.parameters
    assert type(table.accuracy(text, **VALID)) is float and type(table.parameters(text)) is int


def test_many_give_an_array_of_their_shape(table: Nb101Table) -> None:
    hashes = np.array([cell.hash for cell in CELLS]).reshape(3, 20)
    wanted = np.array([(100 * runs(cell, "valid", 108)).mean() for cell in CELLS]).reshape(3, 20)
    for many in (hashes, hashes.astype(object)):
        assert np.array_equal(table.accuracy(many, **VALID), wanted)
    for flat in (hashes.ravel().tolist(), tuple(hashes.ravel().tolist())):
        assert np.array_equal(table.accuracy(flat, **VALID), wanted.ravel())
    assert table.repeats(hashes, **VALID).shape == (3, 20, 3)
    assert table.accuracy([], **VALID).shape == (0,)


def test_isomorphic_cells_and_loose_ends_are_one(table: Nb101Table) -> None:
    assert len(set(table.accuracy(TWINS, **VALID).tolist())) == 1
    assert len({official.of_cell(parse(text)).hash for text in TWINS[:2]}) == 1


def test_what_a_search_looks_up(table: Nb101Table) -> None:
    found = table.accuracies(list(TWINS))
    wanted = {f"cifar10/{split}/{epochs}" for split in ("valid", "test") for epochs in (108, 36, 12, 4)}
    assert set(found) == wanted
    one = official.of_cell(parse(TWINS[0]))
    assert found["cifar10/test/12"] == [(100 * runs(one, "test", 12)).mean()] * 3
    assert table.checksum == hashlib.sha256(Path(table._where).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("0" * 32, "cells, without '0{32}'"),
        (CHAIN, rf"cells, without '{re.escape(CHAIN)}' \(hash [0-9a-f]{{32}}\)"),
        ("conv1x1(0)+output(0,1)", "unknown operation 'conv1x1'; did you mean 'conv1x1-bn-relu'"),
        ("conv1x1-bn-relu(0)+output(0)+output(1)", "unknown operation 'output'"),
        (5, "an architecture must be a cell or a hash, not 5"),
        (None, "must be a cell or a hash, not None"),
    ],
)
def test_an_unknown_architecture_is_named(arch: Any, message: str, table: Nb101Table) -> None:
    for asked in (arch, [TWINS[0], arch]):
        with pytest.raises(HarnessError, match=message) as caught:
            table.accuracy(asked, **VALID)
        assert is_one_line(caught.value)


def test_other_splits_epochs_and_spaces_are_named(table: Nb101Table) -> None:
    with pytest.raises(HarnessError, match="NAS-Bench-101 has no split 'tests'; did you mean 'test'"):
        table.accuracy(TWINS[0], split="tests", epochs=108)
    with pytest.raises(HarnessError, match=r"no trainings of 200 epochs; valid: 108, 36, 12, 4"):
        table.accuracy(TWINS[0], split="test", epochs=200)
    with pytest.raises(HarnessError, match="no space 'oneshot-4'"):
        table.best("oneshot-4", **VALID)
    with pytest.raises(HarnessError, match=r"\d+ of the 2,685 cells of space 'oneshot-1'"):
        table.best("oneshot-1", **VALID)


def test_the_best_of_a_space(tmp_path: Path) -> None:
    cells = official.cells_of("oneshot-1")
    assert len(cells) == SIZES["oneshot-1"]
    source = official.write(tmp_path / "s1.tfrecord", official.contents(cells))
    import_official(source, tmp_path / "a.parquet", tmp_path / "b.parquet")
    table = Nb101Table.load(tmp_path / "b.parquet")
    values = np.array([100 * runs(cell, "test", 108) for cell in cells])
    assert table.best("oneshot-1", split="test", epochs=108) == values.mean(axis=1).max()
    assert table.best("oneshot-1", split="test", epochs=108, single=True) == values.max()
    assert set(table.of_space("oneshot-1")) == {cell.hash for cell in cells}
    assert f"2,685 of {nb101_file.SIZE:,} cells, 2,685 of the 66,111" in table.extent
    with pytest.raises(HarnessError, match="of the 7,773 cells of space 'oneshot-2'"):
        table.of_space("oneshot-2")
    space = published("oneshot-1")
    text = space.discretise(*_even(space))
    assert table.accuracy(text, split="test", epochs=108) > 0


def _even(space: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = {group.name: [[0.0] * group.shape[1]] * group.shape[0] for group in space.groups}
    return rows, {name: [-1] * len(weights) for name, weights in rows.items()}


@pytest.mark.parametrize("space", ["oneshot-1", "oneshot-2"])
def test_the_cells_that_a_space_needs(space: str) -> None:
    hashes = {module_hash(Cell(ops, g)) for g in graphs(space) for ops in product(OPS, repeat=len(g) - 1)}
    assert len(hashes) == SIZES[space]
    assert hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest() == DIGESTS[space]


def changed(name: str, change: Callable[[Any], Any]) -> Callable[[pa.Table], pa.Table]:
    """Return what changes one column."""

    def of(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, change(table[name]))

    return of


def reversed_rows(column: Any) -> Any:
    return column.take(list(range(len(column)))[::-1])


def put(value: Any, row: int = 2) -> Callable[[Any], Any]:
    def of(column: Any) -> Any:
        values = column.to_pylist()
        values[row] = value
        return pa.array(values)

    return of


WRONG_FILES: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "no column": (lambda t: t.drop_columns(["test_36_1"]), "no column 'test_36_1'"),
    "another column": (lambda t: t.append_column("tset_36_1", t["test_36_1"]), "unknown column 'tset_36_1'; did you"),
    "no epochs": (lambda t: t.select(t.column_names[:7]), "no column 'train_108_0'"),
    "no rows": (lambda t: t.slice(0, 0), "0 cells, expected 1 to 423,624"),
    "rows twice": (lambda t: pa.concat_tables([t.slice(0, 1), t]), "column 'hash' must rise strictly"),
    "other order": (lambda t: t.take(list(range(len(t)))[::-1]), "column 'hash' must rise strictly"),
    "no hash": (changed("hash", put("xyz")), "column 'hash' has what is no hash of 32 hexadecimal digits"),
    "a hash too long": (changed("hash", put("a" * 33)), "column 'hash' has text of more than 32 characters"),
    "a null": (changed("valid_12_0", put(None)), "column 'valid_12_0' has nulls"),
    "text": (changed("valid_12_0", lambda c: pa.array(["x"] * len(c))), "wrong type of column 'valid_12_0'"),
    "numbers for text": (changed("ops", lambda c: pa.array(range(len(c)))), "column 'ops' is not text"),
    "percent": (changed("valid_12_0", lambda c: pc.multiply(c, 100)), "column 'valid_12_0', row 0: .* out of range"),
    "nan": (changed("test_12_0", put(float("nan"))), "column 'test_12_0', row 2: nan is out of range"),
    "off the grid": (changed("test_12_0", put(0.50005)), "row 2: .*0.50005.* is no share of 9,984 images"),
    "no seconds": (changed("seconds_4_2", put(0.0)), "column 'seconds_4_2', row 2: 0.0 is out of range"),
    "other matrices": (changed("matrix", reversed_rows), "matrix and ops of cell|as many labels"),
    "other sizes": (changed("parameters", reversed_rows), "column 'parameters': wrong for .* of 6. cells: shuffled"),
    "other spaces": (changed("in_oneshot_2", lambda c: pc.invert(c)), "cell .* is in the spaces"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_is_no_table_is_named(name: str, path: Path, tmp_path: Path) -> None:
    change, message = WRONG_FILES[name]
    wrong = tmp_path / "nb101.parquet"
    pq.write_table(change(pq.read_table(path)), wrong)
    with pytest.raises(HarnessError, match=message) as caught:
        Nb101Table.load(wrong)
    assert is_one_line(caught.value) and str(wrong) in str(caught.value)


def test_a_small_file_cannot_ask_for_a_lot_of_memory(path: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "nb101.parquet"
    table = pq.read_table(path)
    pq.write_table(changed("ops", lambda c: pa.array(["x" * 2**22] * len(c)))(table), wrong)
    with at_most(60), pytest.raises(HarnessError, match="column 'ops' has text of more than 120 characters"):
        Nb101Table.load(wrong)


@pytest.mark.parametrize("end", [0, 4, 500, -4])
def test_a_cut_file_is_named(end: int, path: Path, tmp_path: Path) -> None:
    (tmp_path / "nb101.parquet").write_bytes(path.read_bytes()[:end])
    with pytest.raises(HarnessError, match="not a readable parquet file"):
        Nb101Table.load(tmp_path / "nb101.parquet")


def test_a_space_of_other_cells_is_no_space(table: Nb101Table, monkeypatch: pytest.MonkeyPatch) -> None:
    count = int(table._numbers[member("oneshot-2")].sum())
    for size in (count, count - 1):
        monkeypatch.setattr(nb101_genuine, "SIZES", {**SIZES, "oneshot-2": size})
        with pytest.raises(HarnessError, match=f"the {count} cells of space 'oneshot-2' are not those that it needs"):
            nb101_genuine.check(table.hashes, table._numbers, table.epochs)


def test_known_trainings_must_be_there(table: Nb101Table, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {cell.hash: round(runs(cell, "valid", 108)[1] * official.IMAGES) for cell in CELLS[:8]}
    for wrong, refused in ((4, False), (5, True)):
        anchors = {name: value + (place < wrong) for place, (name, value) in enumerate(known.items())}
        monkeypatch.setattr(nb101_genuine, "ANCHORS", anchors)
        if refused:
            with pytest.raises(HarnessError, match=r"but one training is known to have .* for 5 of 8"):
                nb101_genuine.check(table.hashes, table._numbers, table.epochs)
        else:
            nb101_genuine.check(table.hashes, table._numbers, table.epochs)


def test_where_it_lies(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"looked for nb101/nb101_oneshot\.parquet, .*nasbench_only108\.tfrecord"):
        locate_table(tmp_path)
    with pytest.raises(DataMissing, match="HARNESS_DATA is not set"):
        locate_table(None)
    (line,) = status(tmp_path)
    assert (line.name, line.state) == ("nb101", "missing") and "import it from the official" in line.note
    folder = tmp_path / "nb101"
    folder.mkdir()
    (folder / "nb101.parquet").write_bytes(path.read_bytes())
    assert locate_table(tmp_path) == folder / "nb101.parquet"
    (folder / "nb101_oneshot.parquet").write_bytes(path.with_name("nb101_oneshot.parquet").read_bytes())
    assert locate_table(tmp_path) == folder / "nb101_oneshot.parquet"
    whole, some = status(tmp_path)
    assert [whole.name, some.name] == ["nb101", "nb101 1Shot1"] and whole.count == len(EVERY) and whole.available
    assert f"{len(EVERY)} of 423,624 cells" in whole.note and "108 36 12 4 epochs" in whole.note
    (folder / "nb101.parquet").write_text("")
    assert [line.state for line in status(tmp_path)] == ["unusable", "at hand"]


def test_extracts_are_said_to_carry_no_verdict(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "nb101").mkdir()
    one = pa.table({"hash": ["0" * 32], "valid_108": [0.5]})
    pq.write_table(one, project.folder / "nb101" / "nb101_one_trial.parquet")
    (project.folder / "nb101" / "nb101_test_one_trial.parquet").write_text("no parquet")
    monkeypatch.setenv("HARNESS_DATA", str(project.folder))
    shown = project.cli("data", "status").out
    assert re.search(r"nb101 +missing .*NAS-Bench-101 table not found", shown)
    assert re.search(r"nb101_one_trial +at hand +1 .*one trial each: no verdict", shown)
    assert re.search(r"nb101_test_one_trial +unusable", shown)


def test_importing_it_takes_neither_torch_nor_pandas_nor_protobuf() -> None:
    heavy = ("torch", "pandas", "google.protobuf")
    code = f"import sys, harness.benchmarks.nb101; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def text_of(row: Any) -> encoding.Cell:
    return cell_of(row["matrix"], row["ops"])


@pytest.mark.realdata
def test_the_real_cells_that_the_spaces_need(real_root: Path) -> None:
    """Another hand's list of the 66,111: hashes, spaces, and of a part all else."""
    rows = pq.read_table(real_root / "nb101" / "nb1shot1_cells.parquet")
    assert len(rows) == NEEDED
    hashes = rows["hash"].to_pylist()
    for number, (space, digest) in enumerate(DIGESTS.items(), start=1):
        inside = sorted(h for h, there in zip(hashes, rows[f"in_space_{number}"].to_pylist(), strict=True) if there)
        assert len(inside) == SIZES[space]
        assert hashlib.sha256("\n".join(inside).encode()).hexdigest() == digest
    for place, row in enumerate(rows.to_pylist()):
        cell = text_of(row)
        assert spaces_of(cell) == {f"oneshot-{number}" for number in SIZES_BY_NUMBER if row[f"in_space_{number}"]}
        if place % 20 == 0:
            assert official.module_hash(row["matrix"], row["ops"]) == module_hash(cell) == row["hash"]
            assert nb101_genuine.parameters(cell) == row["parameters"]


@pytest.mark.realdata
def test_what_recorded_searches_chose_is_in_that_list_at_every_epoch(real_root: Path) -> None:
    rows = pq.read_table(real_root / "nb101" / "nb1shot1_cells.parquet")
    listed = {number: set(rows.filter(rows[f"in_space_{number}"])["hash"].to_pylist()) for number in SIZES_BY_NUMBER}
    seen = {number: 0 for number in SIZES_BY_NUMBER}
    for path in (Path(__file__).parents[2] / "results" / "reduced").rglob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        space = record["spec"].get("space")
        if not isinstance(space, dict) or space["name"] != "oneshot":
            continue
        for architecture in record["trajectory"]["architectures"]:
            seen[space["wiring"]] += 1
            assert module_hash(encoding.parse(architecture)) in listed[space["wiring"]], (path, architecture)
    assert min(seen.values()) >= 100


SIZES_BY_NUMBER = range(1, 4)


@pytest.mark.realdata
def test_the_real_rows_of_the_extract(real_root: Path) -> None:
    """Hashes and spaces are those of the matrices; sizes too, but 38 of another order of the same graph's vertices."""
    rows = pq.read_table(real_root / "nb101" / "nb101_one_trial.parquet")
    known = rows.filter(pc.is_valid(rows["matrix"])).to_pylist()
    assert len(known) == 4035
    wrong = 0
    for row in known:
        cell = text_of(row)
        assert module_hash(cell) == row["hash"]
        assert spaces_of(cell) == {f"oneshot-{number}" for number in SIZES_BY_NUMBER if row[f"in_space_{number}"]}
        wrong += nb101_genuine.parameters(cell) != row["parameters"]
    assert wrong == 38
    numbers = {name: np.array(rows[name].drop_null()) for name in ("valid_4", "valid_12", "valid_36", "valid_108")}
    nb101_genuine._check_grids(numbers)
    anchors = {row["hash"]: row["valid_108"] for row in rows.select(["hash", "valid_108"]).to_pylist()}
    for name, images in nb101_genuine.ANCHORS.items():
        assert round(anchors[name] * nb101_genuine.IMAGES) == images


def test_the_package_for_torch_agrees_on_cells_and_hashes() -> None:
    """Its hash takes the matrix as numpy has it, while its cell keeps a tensor."""
    graph_util = pytest.importorskip("nasbench_pytorch.model.graph_util")
    model_spec = pytest.importorskip("nasbench_pytorch.model.model_spec")
    for cell in [*EVERY, *map(loose, EVERY)]:
        labels = cell.ops.split(",")
        matrix = np.array([int(digit) for digit in cell.matrix]).reshape(len(labels), len(labels))
        theirs = model_spec.ModelSpec(matrix, list(labels))
        ours = encoding.pruned(cell_of(cell.matrix, cell.ops))
        assert (theirs.matrix.tolist(), tuple(theirs.ops)) == (ours.matrix, ours.labels)
        numbers = [-1, *map(official.LABELS.index, theirs.ops[1:-1]), -2]
        assert graph_util.hash_module(theirs.matrix.numpy(), numbers) == module_hash(ours) == cell.hash


def loose(cell: official.Cell) -> official.Cell:
    """Return a cell with a vertex before the output that reads the input, and that nothing reads."""
    size = len(cell.ops.split(","))
    if size == encoding.VERTICES:
        return cell
    rows = [cell.matrix[size * row : size * (row + 1)] for row in range(size)]
    rows = [row[:-1] + str(int(not place)) + row[-1] for place, row in enumerate(rows)]
    rows.insert(size - 1, "0" * (size + 1))
    return cell._replace(matrix="".join(rows), ops=cell.ops.replace(",output", ",maxpool3x3,output"))
