"""Reading foreign pickles as data: plain containers, numbers and numpy arrays, nothing that runs code.

A pickle may name any importable function and have it called. `load_plain` admits only the few names that
numpy's own arrays, dtypes and scalars need, ordered dicts, sets, and the byte strings that Python 3 writes
for old protocols.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import IO, Any, Literal

import numpy as np

from harness.errors import HarnessError


def _latin1(text: str, encoding: str) -> bytes:
    """Rebuild a byte string that was pickled under protocol 2; stands in for ``codecs.encode``."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"byte string in encoding {encoding!r}")
    return text.encode("latin1")


# numpy's private constructors, taken from what its public objects reduce to: they have moved between
# releases.
_reconstruct = np.zeros(1).__reduce__()[0]
_from_buffer = np.zeros(1).__reduce_ex__(5)[0]
_scalar = np.float64(0).__reduce__()[0]

NUMPY_NAMES: dict[str, Any] = {
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "numpy._core.numeric._frombuffer": _from_buffer,
}
_ADMITTED: dict[str, Any] = NUMPY_NAMES | {
    "collections.OrderedDict": OrderedDict,
    "builtins.set": set,
    "__builtin__.set": set,
    "_codecs.encode": _latin1,
}

# What the unpickler raises on bytes that are cut short or no pickle at all (see the documentation of
# `pickle`).
BROKEN_PICKLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {full}; only containers and numpy arrays are admitted")
        return _ADMITTED[full]


def load_plain(file: IO[bytes], where: str, *, strings: Literal["bytes", "ASCII"]) -> Any:
    """Unpickle ``file`` without running code; ``where`` names it in errors.

    ``strings``: how Python 2 byte strings are returned, as ``bytes`` or as ASCII text. Raises `HarnessError`
    for a pickle that asks for anything beyond the admitted names, and for one that is broken.
    """
    try:
        return _PlainUnpickler(file, encoding=strings).load()
    except BROKEN_PICKLE as error:
        raise HarnessError(f"{where}: pickle refused: {error}") from error
