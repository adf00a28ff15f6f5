"""Reading foreign pickles as data: plain containers, numbers and numpy arrays, nothing that runs code.

A pickle is a program. It may name any importable function and call it, set the state of what it made, and ask for
memory that the file does not fill. So the reader is Python's own in Python (`pickle._Unpickler`, about 0.7 us an
instruction; the one in C reserves memory for whatever place a pickle numbers), with four things changed: names lead to
functions of this module only; states are set on the arrays and dtypes that those made, after a check of every part
(numpy trusts the state of a dtype); tuples do not nest deeply (hashing one recurses in C); and copies are counted.
"""

from __future__ import annotations

import math
import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import IO, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.text import LONGEST, brief

PLAIN_KIND = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
# What may be copied in all. CIFAR-100's training images are 154 MB; the benchmark lists 15,625 architectures.
MOST_COPIED = {"bytes": 2**29, "entries": 2**18}
DEEPEST = 3  # tuples in tuples: an array's state has two

# What the unpickler raises on bytes that are cut short or no pickle at all (see the documentation of
# `pickle`).
BROKEN_PICKLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
# Where numpy's constructors live; they have moved between releases.
_HOMES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


def load_plain(file: IO[bytes], where: str, *, strings: Literal["bytes", "ASCII"], weights: bool = False) -> Any:
    """Unpickle ``file`` without running code; ``where`` names it in errors.

    ``strings``: how Python 2 byte strings are returned, as ``bytes`` or as ASCII text; ``weights``: read torch's
    tensors, whose numbers lie elsewhere, as None. Raises `HarnessError` for a pickle that asks for anything beyond
    what is admitted, and for one that is broken.
    """
    try:
        return _PlainUnpickler(file, strings, weights).load()
    except pickle.UnpicklingError as error:
        raise HarnessError(f"{where}: pickle refused: {error}") from error
    except BROKEN_PICKLE as error:
        raise HarnessError(f"{where}: pickle refused: it is broken ({type(error).__name__}: {error})") from error


class _PlainUnpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: IO[bytes], strings: str, weights: bool) -> None:
        super().__init__(file, encoding=strings)
        self._left = dict(MOST_COPIED)
        self._weights = weights
        self._admitted: dict[str, Callable[..., Any]] = {
            "numpy.dtype": _dtype,
            "numpy.ndarray": _array,
            **{f"{home}._reconstruct": _array for home in _HOMES},
            **{f"{home}.scalar": _scalar for home in _HOMES},
            **{f"{home}._frombuffer": _from_buffer for home in _HOMES},
            "collections.OrderedDict": self._ordered,
            "builtins.set": self._set,
            "__builtin__.set": self._set,
            "_codecs.encode": self._latin1,
            "__builtin__.bytes": _no_bytes,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for an admitted name."""
        full = f"{module}.{name}"
        if self._weights and (_STORAGE.fullmatch(full) or full in _TENSORS):
            return _nothing
        if full not in self._admitted:
            raise pickle.UnpicklingError(f"it asks for {full[:LONGEST]}; only containers and numpy arrays are admitted")
        return self._admitted[full]

    def persistent_load(self, pid: Any) -> None:
        """Return nothing for a tensor's numbers, which lie elsewhere in the file."""
        if not self._weights:
            raise pickle.UnpicklingError("it asks for something outside the pickle")

    def _spend(self, what: Literal["bytes", "entries"], number: int) -> None:
        """Count what is copied: a few bytes of pickle can ask for the same large copy again and again."""
        self._left[what] -= number
        if self._left[what] < 0:
            raise pickle.UnpicklingError("it asks for too much memory")

    def _ordered(self, pairs: Any = ()) -> OrderedDict[Any, Any]:
        self._spend("entries", len(pairs))
        return OrderedDict(pairs)

    def _set(self, values: Any = ()) -> set[Any]:
        self._spend("entries", len(values))
        return set(values)

    def _latin1(self, text: str, encoding: str) -> bytes:
        """Rebuild a byte string that was pickled under protocol 2; stands for ``codecs.encode``."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"byte string in encoding {brief(encoding)}")
        self._spend("bytes", len(text))
        return text.encode("latin1")

    def load_build(self) -> None:
        """Set the state of an array or dtype, once every part of it is known to be plain."""
        state, made = self.stack.pop(), self.stack[-1]
        if isinstance(made, np.dtype):
            made.__setstate__((3, _byte_order(state), None, None, None, -1, -1, 0))  # type: ignore[attr-defined]
        elif isinstance(made, np.ndarray):
            shape, dtype, columns_first, content = _array_state(state)
            self._spend("bytes", len(content))
            made.__setstate__((1, shape, dtype, columns_first, content))  # type: ignore[arg-type]
        else:
            raise pickle.UnpicklingError(f"it sets the state of {brief(type(made))}")

    def load_bytearray8(self) -> None:
        """Read bytes as far as there are any; Python's own reserves first what the pickle says."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))

    def append_tuple(self, values: Iterable[Any]) -> None:
        """Put a tuple on the stack."""
        made = tuple(values)
        if _depth(made, DEEPEST) > DEEPEST:
            raise pickle.UnpicklingError("its tuples are nested too deeply")
        self.append(made)

    def load_tuple(self) -> None:
        """Make a tuple of all since the mark."""
        self.append_tuple(self.pop_mark())

    def _load_short_tuple(self, length: int) -> None:
        values = self.stack[-length:]
        if len(values) < length:
            raise pickle.UnpicklingError("it is broken (a tuple of too few)")
        del self.stack[-length:]
        self.append_tuple(values)

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    dispatch[pickle.TUPLE[0]] = load_tuple
    dispatch[pickle.TUPLE1[0]] = lambda self: self._load_short_tuple(1)
    dispatch[pickle.TUPLE2[0]] = lambda self: self._load_short_tuple(2)
    dispatch[pickle.TUPLE3[0]] = lambda self: self._load_short_tuple(3)


_STORAGE = re.compile(r"torch\.\w+Storage")
_TENSORS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter")


def _nothing(*_: Any) -> None:
    """Stand for torch's storages and tensors."""


def _no_bytes() -> bytes:
    """Stand for ``bytes``, which old protocols call for an empty string."""
    return b""


def _depth(values: tuple[Any, ...], most: int) -> int:
    """Return how deeply tuples nest, looking no further than ``most`` + 1."""
    below = [_depth(value, most - 1) for value in values if type(value) is tuple] if most else []
    return 1 + max(below, default=0)


def _dtype(spec: str | bytes, align: bool = False, copy: bool = True) -> np.dtype[Any]:
    """Make a dtype of its own, whose state may be set; stands for ``numpy.dtype``."""
    text = spec.decode("latin1") if isinstance(spec, bytes) else spec
    if not isinstance(text, str) or not PLAIN_KIND.fullmatch(text) or align:
        raise pickle.UnpicklingError(f"it asks for the dtype {brief(spec)}; only plain numbers are admitted")
    return np.dtype(text, copy=True)


def _array(*_: Any) -> NDArray[np.uint8]:
    """Make an array that gets its content by its state; stands for ``_reconstruct`` and ``ndarray``."""
    return np.empty(0, np.uint8)


def _byte_order(state: Any) -> str:
    """Return the byte order, which is all that the state of a plain dtype may say."""
    version, order, *rest = state if type(state) is tuple and len(state) == 8 else (None, None)
    order = order.decode("latin1") if type(order) is bytes else order
    plain = type(version) is int and version == 3 and list(map(type, rest)) == _STATE_TYPES and rest == _STATE
    if not plain or type(order) is not str or order not in list("<>|="):
        raise pickle.UnpicklingError("it sets the state of a dtype that is no plain number")
    return order


_STATE = [None, None, None, -1, -1, 0]  # no parts, names, fields; size and alignment of its kind; no flags
_STATE_TYPES = list(map(type, _STATE))


def _array_state(state: Any) -> tuple[Any, np.dtype[Any], bool, bytes]:
    """Return shape, dtype, order and content of an array, which must fit each other."""
    parts: tuple[Any, ...] = state if type(state) is tuple and len(state) == 5 else (None,) * 5
    version, shape, dtype, columns_first, content = parts
    plain = (type(version), version) == (int, 1) and type(columns_first) in (bool, int) and _is_shape(shape)
    if not plain or not isinstance(dtype, np.dtype) or not isinstance(content, bytes):
        raise pickle.UnpicklingError("it sets the state of an array to something else")
    if math.prod(shape) * dtype.itemsize != len(content):
        raise pickle.UnpicklingError("it gives an array content of another size")
    return shape, dtype, bool(columns_first), content


def _is_shape(shape: Any) -> bool:
    return type(shape) is tuple and len(shape) <= 32 and all(type(n) is int and 0 <= n < 2**62 for n in shape)


def _scalar(dtype: np.dtype[Any], content: bytes) -> Any:
    """Make a numpy number; stands for ``scalar``."""
    if not isinstance(dtype, np.dtype) or type(content) is not bytes or len(content) != dtype.itemsize:
        raise pickle.UnpicklingError("it asks for a number that does not fit its dtype")
    return np.frombuffer(content, dtype)[0]


def _from_buffer(content: bytes | bytearray, dtype: np.dtype[Any], shape: Any, order: Any) -> NDArray[Any]:
    """Make an array over bytes of the pickle; stands for ``_frombuffer``."""
    fits = type(content) in (bytes, bytearray) and isinstance(dtype, np.dtype) and _is_shape(shape)
    if not fits or order not in ("C", "F"):
        raise pickle.UnpicklingError("it asks for an array that does not fit its content")
    array: NDArray[Any] = np.frombuffer(content, dtype).reshape(shape, order=order)
    return array
