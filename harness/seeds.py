"""Seeds derive from names, so that adding a trial, a row or a stream changes no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_GLOBAL = threading.Lock()


def derive_seed(seed: int, purpose: str) -> int:
    """Turn a trial's seed and the name of a random stream into a 63-bit seed of that stream."""
    digest = blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@contextmanager
def global_stream(seed: int, devices: Sequence[torch.device] = ()) -> Iterator[None]:
    """Let what reads torch's global random stream, initialisers and some samplers, read one of ours.

    ``devices``: those whose streams are read beside the host's. The streams go on afterwards as if nothing was drawn;
    no other thread reads them meanwhile by this function.
    """
    import torch

    with _GLOBAL, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
