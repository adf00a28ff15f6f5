"""The importer of NAS-Bench-101's official files, which another hand writes here."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.benchmarks import nb101_genuine, nb101_import
from harness.benchmarks.nb101 import Nb101Table
from harness.benchmarks.nb101_import import import_api, import_official
from harness.benchmarks.nb101_record import read_runs
from harness.benchmarks.nb101_spaces import spaces_of
from harness.errors import HarnessError
from harness.spaces.oneshot.encoding import to_string
from tests.benchmarks import nb101_official as official
from tests.benchmarks.nb101_official import Cell, Numbers
from tests.conftest import Project
from tests.hostile import at_most, is_one_line

CELLS = official.some_cells(1000)
FEW = CELLS[:8]
WHOLE, NEEDED = "nb101.parquet", "nb101_oneshot.parquet"


def needed(cell: Cell) -> bool:
    return bool(spaces_of(nb101_import.cell_of(cell.matrix, cell.ops)))


def import_into(folder: Path, source: Path) -> tuple[Nb101Table, Nb101Table]:
    import_official(source, folder / WHOLE, folder / NEEDED)
    return Nb101Table.load(folder / WHOLE), Nb101Table.load(folder / NEEDED)


def expected(cell: Cell, epochs: int, what: str) -> list[float]:
    return [getattr(official.numbers_of(cell, epochs, repeat), what) for repeat in range(3)]


def test_the_writer_is_right_about_checksum_and_wire_format() -> None:
    """Known values: of RFC 3720 (B.4), and of the Protocol Buffers documentation."""
    assert official.crc32c(b"123456789") == 0xE3069283
    assert official.crc32c(bytes(32)) == 0x8A9136AA
    assert official.varint(150) == b"\x96\x01" and official.text(2, b"testing") == b"\x12\x07testing"


def test_a_thousand_cells(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project.folder / "data"
    root.mkdir()
    monkeypatch.setenv("HARNESS_DATA", str(root))
    source = official.write(project.folder / "nasbench_only108.tfrecord", official.contents(CELLS))
    answer = project.cli("data", "import", source)
    count = sum(map(needed, CELLS))
    assert (answer.code, answer.err) == (0, "") and 0 < count < 1000
    assert f"nb101/{WHOLE}: 1,000 cells" in answer.out and f"nb101/{NEEDED}: {count} cells" in answer.out
    assert sorted(path.name for path in (root / "nb101").iterdir()) == [WHOLE, NEEDED]
    whole, some = (Nb101Table.load(root / "nb101" / name) for name in (WHOLE, NEEDED))
    assert (len(whole), len(some), whole.epochs) == (1000, count, (108,))
    hashes = [cell.hash for cell in CELLS]
    for split in ("train", "valid", "test"):
        wanted = 100 * np.array([expected(cell, 108, split) for cell in CELLS])
        assert np.array_equal(whole.repeats(hashes, split=split, epochs=108), wanted)
        assert np.array_equal(whole.accuracy(hashes, split=split, epochs=108), wanted.mean(axis=1))
    texts = [to_string(nb101_import.cell_of(cell.matrix, cell.ops)) for cell in CELLS]
    assert whole.parameters(hashes).tolist() == whole.parameters(texts).tolist() == [cell.parameters for cell in CELLS]
    seconds = np.array([expected(cell, 108, "seconds") for cell in CELLS]).mean(axis=1)
    assert np.array_equal(whole.train_seconds(hashes, epochs=108), seconds)
    assert set(some.hashes.astype(str)) == {cell.hash for cell in CELLS if needed(cell)}
    shown = project.cli("data", "status").out
    assert "1,000 of 423,624 cells" in shown and "not made of one of the official files" in shown


def test_all_lengths_of_training_in_any_order_of_records(tmp_path: Path) -> None:
    records = official.contents(FEW, (4, 12, 36, 108))
    drawn = random.Random(5).sample(range(len(records)), len(records))
    whole, some = import_into(tmp_path, official.write(tmp_path / "full.tfrecord", (records[i] for i in drawn)))
    assert whole.epochs == some.epochs == (108, 36, 12, 4)
    for cell in FEW:
        for epochs in whole.epochs:
            for split in ("train", "valid", "test"):
                found = whole.repeats(cell.hash, split=split, epochs=epochs)
                assert sorted(found) == sorted(100 * np.array(expected(cell, epochs, split)))
            order = [i % 3 for i in drawn if records[i] in [official.content(cell, epochs, r) for r in range(3)]]
            assert found.tolist() == [100 * expected(cell, epochs, "test")[repeat] for repeat in order]


def test_the_same_file_gives_the_same_tables_and_says_what_they_are_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = official.write(tmp_path / "some.tfrecord", official.contents(FEW))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    for name in "ab":
        (tmp_path / name).mkdir()
        import_into(tmp_path / name, source)
    assert (tmp_path / "a" / WHOLE).read_bytes() == (tmp_path / "b" / WHOLE).read_bytes()
    monkeypatch.setattr(nb101_genuine, "OFFICIAL", {digest: "nasbench_only108.tfrecord"})
    for name in (WHOLE, NEEDED):
        assert Nb101Table.load(tmp_path / "a" / name).source == "made of the official nasbench_only108.tfrecord"


def test_no_cell_of_the_spaces_leaves_no_second_file(tmp_path: Path) -> None:
    other = [cell for cell in CELLS if not needed(cell)][:3]
    source = official.write(tmp_path / "some.tfrecord", official.contents(other))
    assert import_official(source, tmp_path / WHOLE, tmp_path / NEEDED) == (3, 0)
    assert not (tmp_path / NEEDED).exists()


# What is wrong with a file, as a change of its records' bytes.
CELL, SECOND = FEW[0], FEW[1]
GOOD = official.contents(FEW)
FRAMED = [official.frame(one) for one in GOOD]
START = b"".join(FRAMED[:4])  # so that record 5 is the wrong one


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def lengthened(content: bytes, length: int) -> bytes:
    """Tell another length, with the right checksum of it."""
    told = struct.pack("<Q", length)
    return told + official.checksum(told) + content[12:]


def record(**changes: Any) -> bytes:
    """Return a framed record of the second cell with something changed."""
    final = official.numbers_of(SECOND, 108, 1)
    final = Numbers(*(changes.get(name, getattr(final, name)) for name in Numbers._fields))
    steps = [official.evaluation(0.0, final), official.evaluation(54.0, final)]
    steps.append(changes.get("last", official.evaluation(108.0, final)))
    message = official.metrics(changes.get("parameters", SECOND.parameters), steps) + changes.get("beside", b"")
    cell = changes.get("cell", SECOND)
    encoded = changes.get("encoded", base64.b64encode(changes.get("message", message)).decode())
    row = [
        changes.get("hash", cell.hash),
        changes.get("epochs", 108),
        changes.get("matrix", cell.matrix),
        cell.ops,
        encoded,
    ]
    return official.frame(json.dumps(changes.get("row", row)).encode())


FINAL = official.numbers_of(SECOND, 108, 1)
SIX = official.metrics(SECOND.parameters, [official.evaluation(0.0, FINAL)] * 6)
LONG_CELL = Cell(SECOND.hash, "0" * 10_000, SECOND.ops, 1)
ONE_VERTEX = Cell(SECOND.hash, "0", "input", 1)
LOWER = Cell(SECOND.hash, SECOND.matrix[::-1], SECOND.ops, 1)
WRONG: dict[str, tuple[bytes, str]] = {
    "crc of content": (flipped(FRAMED[4], 40), "record 5: wrong checksum of its content"),
    "crc itself": (flipped(FRAMED[4], len(FRAMED[4]) - 1), "record 5: wrong checksum of its content"),
    "crc of length": (flipped(FRAMED[4], 9), "record 5: wrong checksum of its length"),
    "length": (flipped(FRAMED[4], 0), "record 5: wrong checksum of its length"),
    "length with its crc": (lengthened(FRAMED[4], len(GOOD[4]) - 1), "record 5: wrong checksum of its content"),
    "a length beyond the file": (lengthened(FRAMED[4], 900_000), "record 5: cut short: the file ends within its 9"),
    "a huge length": (lengthened(FRAMED[4], 2**63 + 5), "record 5: 9,223,372,036,854,775,813 bytes are more than the"),
    "cut in the header": (FRAMED[4][:7], "record 5: cut short: the file ends within its length"),
    "cut in the content": (FRAMED[4][:-9], "record 5: cut short: the file ends within its"),
    "cut in the crc": (FRAMED[4][:-1], "record 5: cut short"),
    "no JSON": (official.frame(b'["'), "record 5: not JSON"),
    "no UTF-8": (official.frame(b"\xff\xfe[]"), "record 5: not JSON"),
    "nested JSON": (official.frame(b"[" * 500_000), "record 5: not JSON"),
    "long number": (official.frame(b"[" + b"9" * 5000 + b"]"), "record 5: not JSON"),
    "a list of four": (record(row=[1, 2, 3, 4]), "record 5: [1, 2, 3, 4] is not a list of five"),
    "a dict": (record(row={"a": 1}), "record 5: {'a': 1} is not a list of five"),
    "unknown field": (record(beside=official.varint(9 << 3) + b"\x01"), "record 5: unknown field 9 of ModelMetrics"),
    "unknown field inside": (
        record(last=official.evaluation(108.0, FINAL) + official.double(7, 1.0)), "unknown field 7 of EvaluationData"
    ),
    "known field of another type": (record(beside=official.double(2, 1.0)), "unknown field 2 of ModelMetrics"),
    "cut message": (record(message=official.metrics(1, [])[:-1]), "record 5: the metrics are no message"),
    "no message": (record(message=b"\xff" * 30), "record 5: the metrics are no message"),
    "empty message": (record(message=b""), "record 5: 0 evaluations, not three"),
    "six evaluations": (record(message=SIX), "record 5: 6 evaluations, not three"),
    "no accuracy": (record(last=official.double(1, 108.0) + official.double(2, 5.0)), "record 5: no train_accuracy"),
    "no base64": (record(encoded="!!!!"), "record 5: the metrics are no base64"),
    "other letters": (record(encoded="é" * 4), "record 5: the metrics are no base64"),
    "metrics no text": (record(encoded=5), "record 5: the metrics are 5, not text"),
    "hash no text": (record(hash=5), "record 5: the hash is 5, not 32 hexadecimal digits"),
    "a long hash": (record(hash="x" * 10**5), "not 32 hexadecimal digits"),
    "epochs": (record(epochs=200), "record 5: its last evaluation is of epoch 108.0, not of 200"),
    "epochs a truth": (record(epochs=True, last=official.evaluation(1.0, FINAL)), "record 5: the epochs are True, not"),
    "other epochs": (record(epochs=7, last=official.evaluation(7.0, FINAL)), "the epochs are 7, not one of 108, 36"),
    "epochs of text": (record(epochs="108"), "not of '108'"),
    "matrix no text": (record(matrix=[0, 1]), "record 5: matrix and labels are [0, 1] and"),
    "above 1": (record(test=1.5), "record 5: test_accuracy is 1.5, not within 0..1"),
    "below 0": (record(valid=-0.1), "record 5: validation_accuracy is -0.1, not within 0..1"),
    "nan": (record(train=float("nan")), "record 5: train_accuracy is nan, not within 0..1"),
    "endless time": (record(seconds=float("inf")), "record 5: training_time is inf, not within 0..1e+09"),
    "no time": (record(seconds=0.0), "record 5: training_time is 0.0, not within"),
    "no parameters": (record(parameters=0), "record 5: the number of parameters is 0"),
    "other parameters": (record(parameters=7), f"has 7 parameters, and {SECOND.parameters:,} in record 4"),
    "other matrix": (
        record(cell=Cell(SECOND.hash, CELL.matrix, CELL.ops, 1)),
        f"record 5: matrix or labels of cell {SECOND.hash} are not those of record 4",
    ),
    "another's hash": (
        record(hash="0" * 32), f"record 5: the hash of its matrix and labels is {SECOND.hash}, not {'0' * 32}"
    ),
    "a long matrix": (record(cell=LONG_CELL, hash="0" * 32), "is no square matrix of digits 0 and 1, 7 x 7 at most"),
    "other digits": (record(matrix="2" * 49, hash="0" * 32), "is no square matrix"),
    "one vertex": (record(cell=ONE_VERTEX, hash="0" * 32), "record 5: a matrix of"),
    "lower triangle": (record(cell=LOWER, hash="0" * 32), "the matrix must be zero on and below its diagonal"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_record_is_named_in_one_line_and_nothing_written(name: str, project: Project) -> None:
    wrong, message = WRONG[name]
    (project.folder / "bad.tfrecord").write_bytes(START + wrong)
    target = project.folder / "out"
    target.mkdir()
    (target / WHOLE).write_text("earlier")
    answer = project.cli("data", "import", "bad.tfrecord", f"out/{WHOLE}")
    assert answer.code == 2 and answer.out == ""
    assert answer.err.count("\n") == 1 and answer.err.startswith("error: bad.tfrecord: ") and message in answer.err
    assert [path.name for path in target.iterdir()] == [WHOLE] and (target / WHOLE).read_text() == "earlier"


TWICE = official.contents([CELL])
INCOMPLETE: dict[str, tuple[list[bytes], str]] = {
    "the same cell twice": (GOOD + TWICE, f"record 25: cell {CELL.hash} has more than 3 runs of 108 epochs"),
    "a run is missing": (
        GOOD[:4] + GOOD[5:], f"record 4: cell {SECOND.hash}, which begins here, has 2 runs of 108 epochs, not 3"
    ),
    "all runs of some epochs": (
        [*official.contents([CELL], (108, 4)), *official.contents([SECOND])],
        f"record 7: cell {SECOND.hash}, which begins here, has 0 runs of 4 epochs, not 3",
    ),
    "nothing": ([], "no record"),
}  # fmt: skip


@pytest.mark.parametrize("name", INCOMPLETE)
def test_an_incomplete_file_is_named_and_nothing_written(name: str, tmp_path: Path) -> None:
    records, message = INCOMPLETE[name]
    source = official.write(tmp_path / "bad.tfrecord", records)
    with pytest.raises(HarnessError) as caught:
        import_official(source, tmp_path / "out" / WHOLE, tmp_path / "out" / NEEDED)
    assert is_one_line(caught.value) and f"bad.tfrecord: {message}" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_only_the_finished_table_shows_is_named_too(tmp_path: Path) -> None:
    """A number that is no share of the images."""
    records = [record(valid=0.50005)[12:-4], *official.contents([SECOND])[1:]]
    source = official.write(tmp_path / "bad.tfrecord", records)
    with pytest.raises(HarnessError, match=r"bad\.tfrecord: column 'valid_108_0', row 0: .* no share of 9,984 images"):
        import_official(source, tmp_path / WHOLE, tmp_path / NEEDED)
    assert list(tmp_path.iterdir()) == [source]


def test_more_cells_than_the_benchmark_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nb101_import, "SIZE", 5)
    source = official.write(tmp_path / "bad.tfrecord", GOOD)
    with pytest.raises(HarnessError, match="record 16: more than 5 cells"):
        import_official(source, tmp_path / WHOLE, tmp_path / NEEDED)


def test_other_sources_and_targets_are_named(tmp_path: Path) -> None:
    good = official.write(tmp_path / "good.tfrecord", GOOD)
    (tmp_path / "file").write_text("in the way")
    for source, target, message in (
        (tmp_path / "no.tfrecord", tmp_path / WHOLE, r"no\.tfrecord: no such file"),
        (tmp_path, tmp_path / WHOLE, "no such file"),
        (good, tmp_path / "file" / WHOLE, "file.*: (Not a directory|File exists)"),
    ):
        with pytest.raises(HarnessError, match=message) as caught:
            import_official(source, target, target.with_name(NEEDED))
        assert is_one_line(caught.value)


class Endless(io.RawIOBase):
    """A file far larger than memory should be: the same records, again and again."""

    def __init__(self, records: Callable[[], Iterator[bytes]]) -> None:
        self.records, self.left, self.given = records(), b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.left = self.left or next(self.records, b"")
        count = min(len(buffer), len(self.left))
        buffer[:count], self.left = self.left[:count], self.left[count:]
        self.given += count
        return count


def test_a_file_is_streamed() -> None:
    """What passes through is some hundred megabytes, what is held at once some."""
    path = b"/" + b"x" * 700_000
    steps = [official.evaluation(epoch, FINAL, path if epoch == 54.0 else b"") for epoch in (0.0, 54.0, 108.0)]
    framed = official.frame(official.listed(SECOND, 108, official.metrics(SECOND.parameters, steps)))
    file = Endless(lambda: iter([framed] * 400))
    with at_most(16):
        count = sum(1 for _ in read_runs(io.BufferedReader(file)))
    assert count == 400 and file.given > 2**28


def test_what_is_kept_of_a_cell_is_small(tmp_path: Path) -> None:
    """All of the benchmark's 423,624 cells fit: what grows with them is some hundred bytes each."""
    source = official.write(tmp_path / "some.tfrecord", official.contents(CELLS[:300], (4, 12, 36, 108)))
    import_into(tmp_path, source)  # imports and caches
    with at_most(3):
        import_official(source, tmp_path / WHOLE, tmp_path / NEEDED)


class Api:
    """What an object of the official package answers."""

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = {cell.hash: cell for cell in cells}

    def hash_iterator(self) -> Any:
        return self.cells.keys()

    def get_metrics_from_hash(self, module_hash: str) -> Any:
        cell = self.cells[module_hash]
        size = len(cell.ops.split(","))
        matrix = np.array([int(digit) for digit in cell.matrix], dtype=np.int8).reshape(size, size)
        fixed = {"module_adjacency": matrix, "module_operations": cell.ops.split(",")}
        fixed["trainable_parameters"] = cell.parameters
        names = {"train": "train_accuracy", "valid": "validation_accuracy", "test": "test_accuracy"}
        names["seconds"] = "training_time"
        runs = [official.numbers_of(cell, 108, repeat)._asdict() for repeat in range(3)]
        return fixed, {108: [{f"final_{names[key]}": value for key, value in run.items()} for run in runs]}


def test_an_object_of_the_official_package_gives_the_same_numbers(tmp_path: Path) -> None:
    source = official.write(tmp_path / "some.tfrecord", official.contents(FEW))
    ours, _ = import_into(tmp_path, source)
    (tmp_path / "api").mkdir()
    assert import_api(Api(FEW), tmp_path / "api" / WHOLE, tmp_path / "api" / NEEDED) == (8, sum(map(needed, FEW)))
    theirs = Nb101Table.load(tmp_path / "api" / WHOLE)
    hashes = [cell.hash for cell in FEW]
    assert theirs.accuracies(hashes) == ours.accuracies(hashes)
    assert theirs.train_seconds(hashes, epochs=108).tolist() == ours.train_seconds(hashes, epochs=108).tolist()
    assert "not made of one of the official files" in theirs.source


def test_what_such_an_object_lacks_is_named(tmp_path: Path) -> None:
    api = Api(FEW)
    api.cells[CELL.hash] = CELL._replace(matrix=SECOND.matrix, ops=SECOND.ops)
    with pytest.raises(HarnessError, match=f"nasbench.api: cell '{CELL.hash}': the hash of its matrix and labels is"):
        import_api(api, tmp_path / WHOLE, tmp_path / NEEDED)
    api.get_metrics_from_hash = lambda module_hash: ({}, {})  # type: ignore[method-assign]
    with pytest.raises(HarnessError, match=r"nasbench.api: cell .*: not of the official layout: KeyError"):
        import_api(api, tmp_path / WHOLE, tmp_path / NEEDED)
    assert list(tmp_path.iterdir()) == []


def test_an_extract_of_an_earlier_table_does_not_stay(tmp_path: Path) -> None:
    """It would be looked up in before the new table."""
    some = official.contents([cell for cell in CELLS if needed(cell)][:3])
    import_into(tmp_path, official.write(tmp_path / "some.tfrecord", some))
    source = official.write(tmp_path / "others.tfrecord", official.contents([c for c in CELLS if not needed(c)][:3]))
    assert import_official(source, tmp_path / WHOLE, tmp_path / NEEDED) == (3, 0)
    assert not (tmp_path / NEEDED).exists() and len(Nb101Table.load(tmp_path / WHOLE)) == 3


def test_the_table_may_not_have_the_name_of_the_extract(project: Project) -> None:
    source = official.write(project.folder / "good.tfrecord", GOOD)
    answer = project.cli("data", "import", source, NEEDED)
    assert answer.code == 2 and answer.err.count("\n") == 1 and "is the name of the extract" in answer.err
    assert not (project.folder / NEEDED).exists()
