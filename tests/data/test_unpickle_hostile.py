"""Pickles that mean harm: what each of them does to a reader that trusts it is said beside it."""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.unpickle import load_plain
from harness.errors import HarnessError
from tests.data import layouts
from tests.hostile import at_most, damaged, repeatable


def load(content: bytes) -> Any:
    return load_plain(io.BytesIO(content), "file", strings="bytes")


def dtype(spec: bytes, state: bytes) -> bytes:
    """Return the opcodes of a dtype whose state is set."""
    return b"cnumpy\ndtype\nU" + bytes([len(spec)]) + spec + b"K\x00K\x01\x87R" + state + b"b"


def array(kind: bytes, raw: bytes) -> bytes:
    """Return the opcodes of an array of one entry."""
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return made + b"(K\x01K\x01\x85" + kind + b"\x89U" + bytes([len(raw)]) + raw + b"tb"


PLAIN_STATE = b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
AS_OBJECT = b"(K\x03U\x01|NU\x01x\x85}U\x01xcnumpy\ndtype\nU\x02O8K\x00K\x01\x87RK\x00\x86sK\x08K\x01K\x00t"
FORGED = {
    # bytes of the file taken for a pointer, which setting the entry follows: the process ends
    "object field without the flag": array(dtype(b"V8", AS_OBJECT), b"AAAAAAAA") + b"K\x00K\x05s",
    "flags of objects": array(dtype(b"u1", PLAIN_STATE.replace(b"K\x00t", b"K\x3ft")), b"A"),
    "flag of one reference": array(dtype(b"u1", PLAIN_STATE.replace(b"K\x00t", b"K\x01t")), b"A"),
    "another size": dtype(b"u1", PLAIN_STATE.replace(b"J\xff\xff\xff\xffJ", b"J\x00\x00\x00\x7fJ", 1)),
    "true for 3": dtype(b"u1", PLAIN_STATE.replace(b"K\x03", b"\x88")),
    "names": dtype(b"u1", PLAIN_STATE.replace(b"NNN", b"NU\x01x\x85N")),
    "parts": dtype(b"u1", PLAIN_STATE.replace(b"NNN", b"cnumpy\ndtype\nU\x02u1\x85RK\x02\x85\x86NN")),
    "metadata": dtype(b"u1", PLAIN_STATE[:-1].replace(b"K\x03", b"K\x04") + b"}t"),
    "no order": dtype(b"u1", PLAIN_STATE.replace(b"U\x01|", b"U\x00")),
    "short": dtype(b"u1", b"K\x03\x85"),
    "no tuple": dtype(b"u1", b"}"),
    "an aligned dtype": b"cnumpy\ndtype\nU\x02u1K\x01K\x01\x87R",
    "a dtype by its fields": b"cnumpy\ndtype\n}\x85R",
    "content too short": array(dtype(b"u8", PLAIN_STATE), b"AAAA"),
    "a state of a list": b"]K\x01b",
    "a state of a dict": b"}}U\x01xK\x01sb",
    # kept beyond this pickle: later ones in the process would meet a changed reader
    "a state of a name": b"c_codecs\nencode\nN}U\x0c__defaults__)s\x86b",
    "a state of a class": b"cnumpy\nndarray\nN}U\x0c__setstate__K\x01s\x86b",
    "a dict of its own": b"ccollections\nOrderedDict\n)R}U\x05itemsK\x01sb",
    "a persistent id": b"K\x01Q",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_states_are_refused(name: str) -> None:
    for start in (b"\x80\x02", b"\x80\x02}K\x07"):
        with pytest.raises(HarnessError, match=r"^file: pickle refused: it (sets the|asks for|gives an)"):
            load(start + FORGED[name] + b".")


def test_the_opcodes_that_the_forged_ones_vary_are_read() -> None:
    found = load(b"\x80\x02" + array(dtype(b"u2", PLAIN_STATE.replace(b"|", b">")), b"\x01\x02") + b".")
    assert found.tolist() == [0x102]


@pytest.mark.parametrize("kind", [">f8", "<i4", ">u2", "?", "f2"])
@pytest.mark.parametrize("protocol", range(6))
def test_every_plain_kind_in_both_byte_orders(kind: str, protocol: int) -> None:
    values = np.arange(6).astype(kind).reshape(2, 3)
    for array_ in (values, np.asfortranarray(values), values[:0]):
        found = load(pickle.dumps([array_, array_], protocol=protocol))
        assert all(np.array_equal(one, array_) for one in found)
        assert {one.dtype.newbyteorder("=") for one in found} == {values.dtype.newbyteorder("=")}


@pytest.mark.parametrize("kind", ["O", "c16", "M8[s]", "S3", "U3", "V2", "i4,f8", "g"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_other_kinds_are_refused(kind: str, protocol: int) -> None:
    with pytest.raises(HarnessError, match=r"it asks for the dtype \S+; only plain numbers"):
        load(pickle.dumps(np.zeros(2, kind), protocol=protocol))


LISTED = b"](" + b"".join(struct.pack("<cH", b"M", i) for i in range(20_000)) + b"eq\x00"
HUGE = {
    "a place far out in the memo": b"\x80\x02]r\x00\x00\x00\x01.",  # the reader in C reserves all places before it
    "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**28) + b"x.",
    "a byte array that is not there": b"\x80\x05\x96" + struct.pack("<Q", 2**28) + b"x.",
    "a frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 2**28) + b"N.",
    "an array of a size, without content": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n"
    b"cnumpy\nndarray\nJ\x00\x00\x00\x10\x85U\x01b\x87R.",
    "an array made directly": b"\x80\x02cnumpy\nndarray\nJ\x00\x00\x00\x10\x85\x85R.",
    "a list copied by every four bytes": b"\x80\x02"
    + LISTED
    + b"cbuiltins\nset\nq\x01"
    + b"h\x01h\x00\x85R" * 200
    + b".",
}


@pytest.mark.parametrize("name", HUGE)
def test_memory_is_bounded_by_what_the_file_holds(name: str) -> None:
    with at_most(60):
        try:
            load(HUGE[name])
        except HarnessError as error:
            assert "pickle refused" in str(error)


def test_tuples_too_deep_to_be_hashed_are_refused() -> None:
    """Python's hash of nested tuples recurses in C without a limit: as a key they end the process."""
    with pytest.raises(HarnessError, match="nested too deeply"):
        load(b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s.")


def test_deep_lists_are_only_data() -> None:
    found = load(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    assert isinstance(found, list)


OPCODES = [bytes([code]) for code in b"}])(t\x85\x86\x87Rbsuae012\x8f\x90\x91\x81\x92\x93\x94\x97\x98N\x88Qo"]
NUMBERS = [b"K\x00", b"K\x01", b"J\xff\xff\xff\x7f", b"I9\n", b"L1L\n", b"F1e999\n", b"\x82\x01", b"P1\n"]
PLACES = [b"q\x00", b"h\x00", b"q\x01", b"h\x01", b"r\xff\xff\xff\x7f", b"j\x01\x00\x00\x00"]
TEXTS = [b"U\x02u1", b"C\x02ab", b"S'a'\n", b"\x8c\x05numpy", b"\x8c\x05dtype"]
NAMES = [
    *(
        b"cnumpy\ndtype\n",
        b"cnumpy\nndarray\n",
        b"cbuiltins\nset\n",
        b"ccollections\nOrderedDict\n",
        b"inumpy\ndtype\n",
    ),
    *(b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\nscalar\n", b"c_codecs\nencode\n"),
    b"cnumpy.core.numeric\n_frombuffer\n",
]
WHOLE = [dtype(b"f8", PLAIN_STATE), array(dtype(b"u1", PLAIN_STATE), b"A"), PLAIN_STATE, AS_OBJECT]
PIECES = OPCODES + NUMBERS + PLACES + TEXTS + NAMES + WHOLE


@repeatable
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join) | st.binary(max_size=60), st.booleans())
def test_any_program_is_read_or_refused(program: bytes, stops: bool) -> None:
    check(b"\x80\x04" + program + b"." * stops)


@repeatable
@given(st.data(), st.sampled_from([None, 0, 2, 4, 5]))
def test_any_damage_to_a_batch_is_read_or_refused(data: st.DataObject, protocol: int | None) -> None:
    images = np.arange(2 * 12, dtype=np.uint8).reshape(2, 12)
    if protocol is None:
        content = layouts.python2_batch(np.tile(images, (1, 30)), b"labels", [1, 2])
    else:
        content = layouts.python3_batch(images, b"labels", [1, 2], protocol=protocol)
    check(data.draw(damaged(content)))


def check(content: bytes) -> None:
    with at_most(60):
        try:
            load(content)
        except HarnessError as error:
            assert str(error).startswith("file: pickle refused: ") and "\n" not in str(error)
