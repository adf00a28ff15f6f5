"""Records on disk: whole or absent, readable, and never passed over in silence."""

import json
import os
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data import locks
from harness.runner import store as store_module
from harness.runner.store import RecordError, Store, read_record, render, write_atomically
from tests.records import ID, a_record


def test_a_record_comes_back_as_it_went(tmp_path, make_record):
    record = make_record()
    path = Store(tmp_path).write(record)
    assert path == tmp_path / "reduced" / "darts-v1" / "digits" / f"s0-{ID}.json"
    assert read_record(path) == record


def test_floats_survive_to_the_last_bit(tmp_path, make_record):
    awkward = [0.1 + 0.2, 1e-300, 5e-324, 2**-1074 * 3, 0.20000000298023224]
    record = make_record(evaluations={"second": {f"digits/test/{i}": v for i, v in enumerate(awkward)}})
    back = read_record(Store(tmp_path).write(record))
    assert list(back.evaluations["second"].values()) == awkward


def test_text_is_plain_sorted_json_with_an_epoch_per_line(tmp_path, make_record):
    record = make_record()
    record.trajectory.mixing["cell"] = [[[0.2] * 5] * 6] * 9
    text = Store(tmp_path).write(record).read_text()
    assert text.endswith("}\n")
    data = json.loads(text)
    assert list(data) == sorted(data)
    assert sum(line.strip().startswith("[[0.2, ") for line in text.splitlines()) == 9


def test_equal_content_gives_equal_bytes():
    assert render({"b": 1, "a": {"d": [1.5, 2], "c": None}}) == render({"a": {"c": None, "d": [1.5, 2]}, "b": 1})


@pytest.mark.parametrize("value", [{}, [], {"a": []}, {"a": ["x" * 70, "y" * 70]}, {"k" * 60: {"l" * 60: ["ä\n"]}}])
def test_rendered_values_are_json(value):
    assert json.loads(render(value)) == value


def test_a_number_that_is_not_finite_is_refused_and_leaves_the_old_record(tmp_path, make_record):
    store = Store(tmp_path)
    path = store.write(make_record())
    with pytest.raises(ValueError):
        store.write(make_record(evaluations={"second": {"digits/test/200": float("nan")}}))
    assert read_record(path) == make_record()


def test_a_crash_before_the_file_is_in_place_leaves_the_old_one_whole(tmp_path, make_record, monkeypatch):
    store = Store(tmp_path)
    path = store.write(make_record())

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        store.write(make_record(evaluations={}))
    assert read_record(path) == make_record()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_crash_while_writing_leaves_nothing_in_the_place(tmp_path, monkeypatch):
    def crash(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError):
        write_atomically(tmp_path / "a.json", "{}")
    assert list(tmp_path.iterdir()) == []


def a_failure(make_record, **changes):
    return make_record(status="failed", error="x", trajectory=None, evaluations={}, **changes)


def test_a_failure_replaces_nothing_but_a_failure(tmp_path, make_record):
    store = Store(tmp_path)
    path = store.write(a_failure(make_record))
    assert read_record(path).error == "x"
    path.write_text("{")
    assert read_record(store.write(a_failure(make_record))).status == "failed"
    store.write(make_record())
    store.write(a_failure(make_record))
    assert read_record(path) == make_record()
    later = path.read_text().replace('"schema_version": 1', '"schema_version": 2')
    path.write_text(later)
    store.write(a_failure(make_record))
    assert path.read_text() == later


def test_a_failure_hides_no_record_of_another_methods_name(tmp_path, make_record):
    store = Store(tmp_path)
    path = store.write(make_record(method="darts-twin"))
    assert not store.write(a_failure(make_record)).exists()
    assert store.index() == {make_record().id: path}


def test_a_record_that_is_done_between_look_and_failure_stays(tmp_path, make_record, monkeypatch):
    """The writer that is done comes exactly then; it has to wait until the failure is in its place."""
    store, real = Store(tmp_path), store_module.write_atomically
    late = threading.Thread(target=lambda: store.write(make_record()))

    def write(path, text):
        if '"status": "failed"' in text:
            late.start()
            late.join(0.3)
        real(path, text)

    monkeypatch.setattr(store_module, "write_atomically", write)
    path = store.write(a_failure(make_record))
    late.join()
    assert read_record(path) == make_record()


def test_who_holds_the_lock_for_long_keeps_nobody_from_writing(tmp_path, make_record, monkeypatch):
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.05)
    with locks.locked(tmp_path / ".lock"):
        assert read_record(Store(tmp_path).write(make_record())) == make_record()


BROKEN = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "foreign": lambda text: '{"hello": 1}',
    "unknown key": lambda text: text.replace('"seed":', '"sead":'),
    "not JSON": lambda text: "\x00\x01",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_record_is_named_and_hides_no_other(tmp_path, make_record, kind):
    store = Store(tmp_path)
    good = store.write(make_record(id="00000000000000bb", seed=1))
    bad = store.write(make_record())
    bad.write_text(BROKEN[kind](bad.read_text()))
    with pytest.raises(RecordError) as caught:
        read_record(bad)
    assert str(caught.value).startswith(f"{bad}: not a record: ") and "\n" not in str(caught.value)
    assert caught.value.torn == (kind in ("cut off", "empty", "not JSON"))
    found = list(store.read_all())
    assert [type(one) for one in found].count(RecordError) == 1
    assert read_record(good) in found


def test_a_renamed_record_is_an_error(tmp_path, make_record):
    path = Store(tmp_path).write(make_record())
    renamed = path.rename(path.with_name(f"s1-{ID}.json"))
    with pytest.raises(RecordError, match="renamed"):
        read_record(renamed)


def test_an_unreadable_record_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"s0-aa\.json: No such file"):
        read_record(tmp_path / "s0-aa.json")


def test_ids_are_found_by_their_beginning(tmp_path, make_record):
    store = Store(tmp_path)
    a = store.write(make_record())
    b = store.write(make_record(id="00000000000000ab", seed=1, profile="paper"))
    assert store.index() == {ID: a, "00000000000000ab": b}
    c = store.write(make_record(id="00000000000000ac", seed=2))
    assert set(store.find("00000000000000a")) == {b, c}
    assert store.find("00000000000000ab") == [b]
    assert store.find("0a") == []


def test_what_is_no_record_is_told_apart(tmp_path, make_record):
    store = Store(tmp_path)
    store.write(make_record())
    write_atomically(tmp_path / ".claims" / "s0-00.json", "{}")
    (tmp_path / "notes.md").write_text("notes")
    (tmp_path / "reduced" / "summary.json").write_text("{}")
    assert store.strays() == [tmp_path / "reduced" / "summary.json"]
    assert len(list(store.read_all())) == 2


def test_an_absent_folder_is_an_empty_store(tmp_path):
    store = Store(tmp_path / "nowhere")
    assert (store.index(), store.strays(), store.clean()) == ({}, [], [])


def test_only_old_temporary_files_of_ours_are_cleaned(tmp_path):
    names = (".s0-aa.json.0f1e.tmp", "aa.pt.77.tmp", ".s0-bb.json.124.tmp", "mine.tmp")
    for name in names:
        (tmp_path / name).write_text("half")
    old = time.time() - 3600
    for name in ("aa.pt.77.tmp", ".s0-aa.json.0f1e.tmp", "mine.tmp"):
        os.utime(tmp_path / name, (old, old))
    Store(tmp_path).clean()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".s0-bb.json.124.tmp", "mine.tmp"]


@given(place=st.integers(0, 10**6), cut=st.integers(0, 40), inserted=st.binary(max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_done_to_its_bytes_a_record_is_read_or_named_in_a_line(tmp_path, place, cut, inserted):
    path = Store(tmp_path).write(a_record())
    content = path.read_bytes()
    place %= len(content)
    path.write_bytes(content[:place] + inserted + content[place + cut :])
    try:
        record = read_record(path)
    except RecordError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        assert not error.torn or not is_json(path.read_bytes())
    else:
        assert (record.seed, record.id) == (a_record().seed, a_record().id)


def is_json(content):
    try:
        json.loads(content)
    except ValueError:
        return False
    return True
