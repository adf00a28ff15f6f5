"""Seeds derive from names."""

from __future__ import annotations

from harness.seeds import derive_seed


def test_seeds_are_the_same_everywhere_and_for_ever() -> None:
    # `printf '0/weights' | b2sum -l 64` prints 76e392d5d9c410cd; the first 63 of its 64 bits count.
    assert derive_seed(0, "weights") == 0x76E392D5D9C410CD >> 1


def test_seeds_differ_by_seed_and_purpose() -> None:
    names = [(seed, purpose) for seed in range(100) for purpose in ("weights", "alpha", "data", "1/data")]
    seeds = {derive_seed(*name) for name in names}
    assert len(seeds) == len(names)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(1, "2/x") != derive_seed(12, "/x")
