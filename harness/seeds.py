"""Seeds derive from names, so that adding a trial, a row or a stream changes no other."""

from __future__ import annotations

from hashlib import blake2b


def derive_seed(seed: int, purpose: str) -> int:
    """Turn a trial's seed and the name of a random stream into a 63-bit seed of that stream."""
    digest = blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
