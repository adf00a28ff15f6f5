from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.benchmarks import nb201_file, nb201_genuine
from harness.benchmarks.nb201 import Nb201Table, locate_table, status
from harness.benchmarks.spec import DATASETS, EPOCHS, SPLITS
from harness.data.sources import DataMissing
from harness.errors import HarnessError
from harness.spaces.nb201 import encoding as nb201
from tests.spaces.nb201.codes import ALL

SOME = {3: 15624, 7: 0, 100: 777, 9000: 4242, 15624: 9999}  # index: code
C10 = {"dataset": "cifar10", "split": "valid", "epochs": 200}


def make_columns(codes: dict[int, int]) -> dict[str, list[Any]]:
    """A made-up table: every accuracy differs by row and column."""
    architectures = [ALL[code] for code in codes.values()]
    columns: dict[str, list[Any]] = {
        "index": list(codes),
        "arch_str": [nb201.to_string(architecture) for architecture in architectures],
        "trials": [2 + index % 2 for index in codes],
    }
    for number, name in enumerate(nb201_file.ACCURACIES):
        columns[name] = [10 + number + (code % 997) / 1000 for code in codes.values()]
    columns["cifar10_valid_std_200"] = [0.1 + code / 1e6 for code in codes.values()]
    for number, dataset in enumerate(DATASETS):
        columns[f"{dataset}_train_seconds_200"] = [1000.0 * (number + 1) + code for code in codes.values()]
        columns[f"{dataset}_params"] = [
            nb201.parameters(architecture, classes=(10, 100, 120)[number]) for architecture in architectures
        ]
    return columns


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    types = {"index": pa.int16(), "arch_str": pa.large_string(), "trials": pa.int8()}
    table = pa.table({name: pa.array(values, types.get(name)) for name, values in columns.items()})
    pq.write_table(table, path)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Nb201Table:
    return Nb201Table.load(write(tmp_path / "some.parquet", make_columns(SOME)), partial=True)


def test_every_column_by_every_kind_of_key(table: Nb201Table) -> None:
    columns = make_columns(SOME)
    for row, (index, text) in enumerate(zip(columns["index"], columns["arch_str"], strict=True)):
        for arch in (index, text, np.int64(index), np.str_(text)):
            for dataset in DATASETS:
                for split in ("valid", "test"):
                    for epochs in (12, 200):
                        expected = columns[f"{dataset}_{split}_{epochs}"][row]
                        assert table.accuracy(arch, dataset=dataset, split=split, epochs=epochs) == expected
                        assert table.accessor(dataset=dataset, split=split, epochs=epochs)(arch) == expected
                assert table.params(arch, dataset) == columns[f"{dataset}_params"][row]
                assert table.train_seconds(arch, dataset) == columns[f"{dataset}_train_seconds_200"][row]
            assert table.std(arch, **C10) == columns["cifar10_valid_std_200"][row]
            assert table.trials(arch) == columns["trials"][row]
            assert table.index(arch) == index


def test_one_gives_a_python_number(table: Nb201Table) -> None:
    assert type(table.accuracy(7, **C10)) is float
    assert type(table.params(7, "cifar10")) is int
    assert type(table.trials(7)) is int


def test_many_give_an_array_of_their_shape(table: Nb201Table) -> None:
    columns = make_columns(SOME)
    value = dict(zip(SOME, columns["cifar10_valid_200"], strict=True))
    text = dict(zip(SOME, columns["arch_str"], strict=True))
    indices = np.array([[7, 15624, 7], [3, 100, 9000]])
    expected = np.vectorize(value.get)(indices)
    strings = np.vectorize(text.get)(indices)
    for many in (indices, indices.astype(np.uint16), strings, strings.astype(object)):
        assert np.array_equal(table.accuracy(many, **C10), expected)
    for flat in (indices.ravel().tolist(), strings.ravel().tolist(), tuple(strings.ravel().tolist())):
        assert np.array_equal(table.accuracy(flat, **C10), expected.ravel())
    assert table.index(strings).tolist() == indices.tolist()
    assert len(table) == 5
    assert table.checksum == hashlib.sha256(Path(table._where).read_bytes()).hexdigest()


def test_operation_codes(table: Nb201Table) -> None:
    ops = np.array([[ALL[code] for code in SOME.values()]], dtype=np.int8)
    assert table.index_of_ops(ops).tolist() == [list(SOME)]
    with pytest.raises(HarnessError, match="partial table, not all"):
        table.index_of_ops(np.zeros((2, 6), dtype=np.int64) + 1)
    for wrong in (np.full(6, 5), np.full(6, -1)):
        with pytest.raises(HarnessError, match=r"operation codes must be in 0\.\.4"):
            table.index_of_ops(wrong)
    for wrong in (np.zeros(5, dtype=np.int64), np.zeros(6)):
        with pytest.raises(HarnessError, match="operation codes must be integers"):
            table.index_of_ops(wrong)


ALL_SKIP = nb201.to_string((1,) * 6)


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        (-1, r"architecture index -1 is not in 0\.\.15624"),
        (15625, r"architecture index 15625 is not in 0\.\.15624"),
        (4, "partial table of 5, without architecture 4"),
        (ALL_SKIP, "partial table of 5, without architecture '.skip_connect"),
        (ALL_SKIP.replace("skip_connect~2", "skip_conect~2"), "unknown operation 'skip_conect'; did you mean 'skip_"),
        ("|none~0|", "1 groups"),
    ],
)
def test_an_unknown_architecture_is_named(arch: int | str, message: str, table: Nb201Table) -> None:
    read = table.accessor(**C10)
    for many in ([7, arch] if isinstance(arch, int) else [table.strings[1], arch], np.array([arch])):
        with pytest.raises(HarnessError, match=message):
            table.accuracy(many, **C10)
    for look_up in (read, lambda one: table.accuracy(one, **C10)):
        with pytest.raises(HarnessError, match=message) as caught:
            look_up(arch)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arch", [1.0, True, None, [1.5], [True], [], np.array([7.0]), [None, ALL_SKIP]])
def test_other_types_of_architecture_are_refused(arch: Any, table: Nb201Table) -> None:
    with pytest.raises(HarnessError, match="must be"):
        table.accuracy(arch, **C10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "cifar-10"}, "no dataset 'cifar-10'; did you mean 'cifar10'"),
        ({"dataset": "ImageNet16-120"}, "no dataset 'ImageNet16-120'; did you mean 'imagenet16_120'"),
        ({"dataset": "cifar10-valid"}, "no dataset 'cifar10-valid'"),
        ({"split": "train"}, "no split 'train'; valid: test, valid"),
        ({"split": "x-valid"}, "no split 'x-valid'; did you mean 'valid'"),
        ({"epochs": 100}, "no protocol of 100 epochs; valid: 12, 200"),
        ({"epochs": "200"}, "no protocol of '200' epochs; valid: 12, 200"),
    ],
)
def test_unknown_measures_get_the_nearest_names(change: dict[str, Any], message: str, table: Nb201Table) -> None:
    for look_up in (lambda **kw: table.accuracy(7, **kw), table.accessor, lambda **kw: table.std(7, **kw)):
        with pytest.raises(HarnessError, match=message):
            look_up(**(C10 | change))
    if "dataset" in change:
        for cost in (table.params, table.train_seconds):
            with pytest.raises(HarnessError, match=message):
                cost(7, change["dataset"])


def test_nothing_defaults(table: Nb201Table) -> None:
    for left_out in C10:
        some = {key: value for key, value in C10.items() if key != left_out}
        for look_up in (lambda **kw: table.accuracy(7, **kw), table.accessor):
            with pytest.raises(TypeError, match=left_out):
                look_up(**some)


def test_there_is_one_deviation(table: Nb201Table) -> None:
    for change in ({"dataset": "cifar100"}, {"split": "test"}, {"epochs": 12}):
        with pytest.raises(HarnessError, match="no standard deviation of"):
            table.std(7, **(C10 | change))


def test_gaps_are_errors_where_asked_for(tmp_path: Path) -> None:
    columns = make_columns(SOME)
    columns["cifar100_test_12"][2] = float("nan")
    columns["trials"][1], columns["cifar10_valid_std_200"][1] = 1, float("nan")
    table = Nb201Table.load(write(tmp_path / "gaps.parquet", columns), partial=True)
    gap = {"dataset": "cifar100", "split": "test", "epochs": 12}
    assert table.accuracy([3, 7], **gap).tolist() == columns["cifar100_test_12"][:2]
    for arch in (100, [3, 100]):
        with pytest.raises(HarnessError, match="no cifar100_test_12 for some"):
            table.accuracy(arch, **gap)
    assert np.isnan(table.std(7, **C10))


def test_all_accuracies_are_those_that_all_of_the_architectures_have(tmp_path: Path) -> None:
    columns = make_columns(SOME)
    columns["cifar100_test_12"][2] = float("nan")
    table = Nb201Table.load(write(tmp_path / "gaps.parquet", columns), partial=True)
    keys = {f"{d}/{s}/{e}" for d in DATASETS for s in SPLITS for e in EPOCHS}
    without, having = table.accuracies(list(table.strings)), table.accuracies(table.strings[:2])
    assert (set(having), set(without)) == (keys, keys - {"cifar100/test/12"})
    assert having["cifar100/test/12"] == columns["cifar100_test_12"][:2]
    with pytest.raises(HarnessError, match="unknown"):
        table.accuracies(["|unknown|"])


def put(name: str, row: int, value: Any) -> Any:
    def change(columns: dict[str, list[Any]]) -> None:
        columns[name][row] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda columns: columns.pop("cifar100_test_12"), "no column 'cifar100_test_12'"),
        (lambda columns: columns.update(cifar10_test_20=[1.0] * 5), "unknown column 'cifar10_test_20'; did you mean"),
        (lambda columns: columns.update(cifar10_params=["many"] * 5), "wrong type of column"),
        (lambda columns: columns.update(cifar10_params=[73306.5] * 5), "wrong type of column"),
        (put("cifar10_test_200", 1, None), "column 'cifar10_test_200' has nulls"),
        (put("cifar10_test_200", 1, float("nan")), "column 'cifar10_test_200', row 1: nan is out of range"),
        (put("cifar10_test_200", 1, 100.5), "'cifar10_test_200', row 1: 100.5 is out of range"),
        (put("cifar10_test_12", 4, -0.5), "'cifar10_test_12', row 4: -0.5 is out of range"),
        (put("cifar10_valid_std_200", 0, float("nan")), "'cifar10_valid_std_200', row 0: nan is out of range"),
        (put("cifar100_train_seconds_200", 0, float("inf")), "'cifar100_train_seconds_200', row 0: inf"),
        (put("cifar100_params", 0, 0), "'cifar100_params', row 0: 0 is out of range"),
        (put("trials", 3, 0), "'trials', row 3: 0 is out of range"),
        (put("index", 1, 3), "column 'index' must rise strictly"),
        (put("index", 0, -1), "column 'index' must rise strictly"),
        (put("index", 4, 15625), "column 'index' must rise strictly"),
        (put("arch_str", 1, nb201.to_string(ALL[15624])), "column 'arch_str' repeats an architecture"),
        (put("arch_str", 1, "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|"), "unknown operation 'conv'"),
    ],
)
def test_a_wrong_file_is_named(change: Any, message: str, tmp_path: Path) -> None:
    columns = make_columns(SOME)
    change(columns)
    with pytest.raises(HarnessError, match=message):
        Nb201Table.load(write(tmp_path / "wrong.parquet", columns), partial=True)


def test_a_column_written_twice_is_named(tmp_path: Path) -> None:
    write(path := tmp_path / "twice.parquet", make_columns(SOME))
    table = pq.read_table(path)
    pq.write_table(table.append_column("trials", table["trials"]), path)
    with pytest.raises(HarnessError, match=r"twice\.parquet: more than one column 'trials'"):
        Nb201Table.load(path, partial=True)


def test_fractions_are_named_also_for_some_architectures(tmp_path: Path) -> None:
    columns = make_columns(SOME)
    for name in nb201_file.ACCURACIES:
        columns[name] = [value / 100 for value in columns[name]]
    with pytest.raises(HarnessError, match=r"look like fractions, not percent: the best cifar10_test_200 is 0\.1"):
        Nb201Table.load(write(tmp_path / "fractions.parquet", columns), partial=True)


def test_a_small_file_may_not_ask_for_much_memory(tmp_path: Path) -> None:
    long = make_columns({code: code for code in range(200)}) | {"arch_str": ["x" * 1_000_000] * 200}
    many = {name: values * 1_000_000 for name, values in make_columns({3: 15624}).items()}
    for columns, message in ((long, "text of more than 200 characters"), (many, "1,000,000 architectures, expected")):
        path = write(tmp_path / "bomb.parquet", columns)
        assert path.stat().st_size < 200_000
        usual, counted = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
        pa.set_memory_pool(counted)
        try:
            with pytest.raises(HarnessError, match=message):
                Nb201Table.load(path, partial=True)
        finally:
            pa.set_memory_pool(usual)
        assert counted.max_memory() < 2**25


def test_the_status_says_whose_values_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for root in (None, tmp_path):
        assert (status(root).state, status(root).where) == ("missing", None)
        assert "looked for nb201/nb201.parquet" in status(root).note
    (tmp_path / "nb201.parquet").write_bytes(b"no parquet")
    assert (status(tmp_path).state, status(tmp_path).count) == ("unusable", None)
    assert "not a readable parquet file" in status(tmp_path).note
    columns = make_columns({code: code for code in range(nb201.SIZE)})
    path = write(tmp_path / "nb201.parquet", columns)
    order = hashlib.sha256("\n".join(columns["arch_str"]).encode()).hexdigest()
    monkeypatch.setattr(nb201_file, "OFFICIAL_ORDER", order)
    assert "architecture 1835" in status(tmp_path).note and not status(tmp_path).available
    monkeypatch.setattr(nb201_genuine, "check", lambda *_: None)
    line = status(tmp_path)
    assert (line.available, line.count, line.where) == (True, nb201.SIZE, path)
    assert line.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    assert re.search(r"values [0-9a-f]{16}: not those of a table known here", line.note)


def test_some_architectures_need_the_mark(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="5 architectures, expected 15,625"):
        Nb201Table.load(write(tmp_path / "some.parquet", make_columns(SOME)))
    with pytest.raises(HarnessError, match="0 architectures, expected 15,625"):
        Nb201Table.load(write(tmp_path / "none.parquet", make_columns({})), partial=True)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("text")
    for name in ("text.parquet", "absent.parquet"):
        with pytest.raises(HarnessError, match="not a readable parquet file"):
            Nb201Table.load(tmp_path / name)


def test_a_whole_table_must_be_in_the_official_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = make_columns({code: code for code in range(nb201.SIZE)})
    path = write(tmp_path / "whole.parquet", columns)
    for partial in (False, True):
        with pytest.raises(HarnessError, match="not in the benchmark's official order"):
            Nb201Table.load(path, partial=partial)
    order = hashlib.sha256("\n".join(columns["arch_str"]).encode()).hexdigest()
    monkeypatch.setattr(nb201_file, "OFFICIAL_ORDER", order)
    with pytest.raises(HarnessError, match=r"whole\.parquet: column 'cifar10_valid_200', architecture 1835: .*"):
        Nb201Table.load(path)
    monkeypatch.setattr(nb201_genuine, "check", lambda *_: None)
    table = Nb201Table.load(path)
    assert table.accuracy(np.arange(nb201.SIZE), **C10).tolist() == columns["cifar10_valid_200"]
    ops = np.array(list(ALL))
    assert np.array_equal(table.index_of_ops(ops), np.arange(nb201.SIZE))


def test_where_the_table_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"looked for nb201/nb201\.parquet, nb201\.parquet; import it"):
        locate_table(tmp_path)
    with pytest.raises(DataMissing, match="HARNESS_DATA is not set"):
        locate_table(None)
    (tmp_path / "nb201.parquet").touch()
    assert locate_table(tmp_path) == tmp_path / "nb201.parquet"


def test_look_ups_need_neither_torch_nor_pandas(tmp_path: Path) -> None:
    path = write(tmp_path / "some.parquet", make_columns(SOME))
    program = (
        "import sys; from pathlib import Path; from harness.benchmarks.nb201 import Nb201Table\n"
        f"table = Nb201Table.load(Path({str(path)!r}), partial=True)\n"
        "table.accuracy([3, 7], dataset='cifar10', split='test', epochs=200)\n"
        "print(sorted({'torch', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def real(real_root: Path) -> Nb201Table:
    return Nb201Table.load(locate_table(real_root))


@pytest.mark.realdata
class TestReal:
    # Test accuracies after 200 epochs of cifar10, cifar100, imagenet16_120, from an independent extract of the
    # benchmark (the public repository v-tao/nats-bench-landscape); operations in edge order.
    ANCHORS = (
        (1835, "ssssss", (54.297, 15.607, 16.322)),
        (9930, "333s33", (94.363, 73.513, 46.344)),
        (6111, "333s31", (94.373, 73.220, 46.711)),
        (857, "113s33", (93.987, 72.880, 47.311)),
        (13176, "ss3sss", (80.570, 47.933, 26.289)),
        (6730, "3s3snn", (86.590, 58.433, 28.189)),
        (1462, "333333", (93.760, 71.107, 41.444)),
        (138, "33n333", (93.673, 70.907, 41.022)),
        (11472, "3n3sns", (93.910, 70.890, 44.233)),
    )

    @pytest.mark.parametrize(("index", "letters", "accuracies"), ANCHORS)
    def test_anchors(self, index: int, letters: str, accuracies: tuple[float, ...], real: Nb201Table) -> None:
        ops = np.array(["ns13a".index(letter) for letter in letters])
        assert real.index_of_ops(ops) == index
        text = nb201.to_string(tuple(ops.tolist()))
        for arch in (index, text):
            found = [real.accuracy(arch, dataset=d, split="test", epochs=200) for d in DATASETS]
            assert found == pytest.approx(accuracies, abs=5e-4)

    def test_statistics_of_the_whole_table(self, real: Nb201Table) -> None:
        columns = [real.accuracy(real.indices, dataset=d, split="test", epochs=200) for d in DATASETS]
        assert [np.median(column) for column in columns] == pytest.approx([90.745, 65.287, 36.389], abs=5e-4)
        assert [column.argmax() for column in columns] == [6111, 9930, 857]
        assert [(columns[0] >= bound).sum() for bound in (92, 93, 94)] == [4903, 1446, 42]

    def test_recorded_sizes_differ_from_the_definition_by_one_convolution_in_150_rows(self, real: Nb201Table) -> None:
        architectures = [nb201.parse(text) for text in real.strings]
        for dataset, classes in zip(DATASETS, (10, 100, 120), strict=True):
            exact = [nb201.parameters(architecture, classes=classes) for architecture in architectures]
            difference = real.params(real.indices, dataset) - np.array(exact)
            assert np.count_nonzero(difference) == 150
            assert set(np.abs(difference).tolist()) == {0, 28_000, 243_040}  # nothing, one 1x1, one 3x3 edge

    def test_means_fall_on_the_grid_of_their_trials(self, real: Nb201Table) -> None:
        images = {"cifar10_valid": 25_000, "cifar10_test": 10_000, "cifar100_valid": 5000, "cifar100_test": 5000}
        images |= {"imagenet16_120_valid": 3000, "imagenet16_120_test": 3000}
        for name, count in images.items():
            dataset, _, split = name.rpartition("_")
            accuracy = real.accuracy(real.indices, dataset=dataset, split=split, epochs=200)
            correct = accuracy / 100 * count * real.trials(real.indices)
            assert np.abs(correct - correct.round()).max() < 0.01
