from __future__ import annotations

import io
import os
import pickle
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.data.unpickle import load_plain
from harness.errors import HarnessError


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_arrays_and_scalars(protocol: int) -> None:
    value = {
        "list": [1, 2.5, None, True, "text", b"\x00\xffbytes"],
        ("tuple", 7): OrderedDict(a=1),
        "set": {1, 2},
        "scalar": np.float64(1.5),
        "ints": np.arange(6, dtype=np.int32).reshape(2, 3),
        "fortran": np.asfortranarray(np.ones((2, 3))),
    }
    result = load_plain(io.BytesIO(pickle.dumps(value, protocol=protocol)), "file", strings="ASCII")
    assert result.keys() == value.keys()
    for key, expected in value.items():
        assert type(result[key]) is type(expected)
        assert np.array_equal(result[key], expected) if isinstance(expected, np.ndarray) else result[key] == expected


class Call:
    """Unpickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        Call(eval, "open('ran', 'w')"),
        Call(os.system, "touch ran"),
        Call(getattr, [], "append"),
        Call(np.load, "ran"),
        [np.ones(2), Call(os.mkdir, "ran")],
        np.array([Call(os.mkdir, "ran")], dtype=object),
        {"x": torch.ones(2)},
        Counter("ab"),
        Path("ran"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_and_not_run(
    value: object, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HarnessError, match=r"^file: pickle refused: it asks for [^;]+; only") as caught:
        load_plain(io.BytesIO(pickle.dumps(value, protocol=protocol)), "file", strings="bytes")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_other_codecs_are_refused() -> None:
    content = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R."
    with pytest.raises(HarnessError, match="byte string in encoding 'rot13'"):
        load_plain(io.BytesIO(content), "file", strings="bytes")


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps([1, 2, 3])[:-3], b"\x80\x04]r.", b"cos\n", b"P1\n."])
def test_broken_pickles_are_refused(content: bytes) -> None:
    with pytest.raises(HarnessError, match=r"^file: pickle refused: "):
        load_plain(io.BytesIO(content), "file", strings="bytes")
