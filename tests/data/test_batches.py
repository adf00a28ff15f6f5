from __future__ import annotations

import pytest
import torch
from torch import Generator

from harness.data.batches import draw_with_replacement, epoch_batches


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_a_pass_sees_each_image_at_most_once(drop_last: bool, sizes: list[int]) -> None:
    batches = list(epoch_batches(10, 4, Generator().manual_seed(0), drop_last=drop_last))
    assert [len(batch) for batch in batches] == sizes
    seen = torch.cat(batches).tolist()
    assert len(set(seen)) == len(seen) and set(seen) <= set(range(10))
    assert seen != sorted(seen)


def test_full_batches_are_never_dropped() -> None:
    assert len(list(epoch_batches(8, 4, Generator().manual_seed(0), drop_last=True))) == 2


def test_passes_follow_the_generator_and_differ() -> None:
    first, again = Generator().manual_seed(3), Generator().manual_seed(3)
    passes = [torch.cat(list(epoch_batches(50, 8, first, drop_last=False))) for _ in range(2)]
    repeats = [torch.cat(list(epoch_batches(50, 8, again, drop_last=False))) for _ in range(2)]
    assert torch.equal(passes[0], repeats[0]) and torch.equal(passes[1], repeats[1])
    assert not torch.equal(passes[0], passes[1])


def test_drawing_with_replacement_repeats_and_is_uniform() -> None:
    draws = draw_with_replacement(10, 10_000, Generator().manual_seed(0))
    counts = torch.bincount(draws, minlength=10)
    assert len(counts) == 10
    assert (counts - 1000).abs().max() < 150  # 5 standard deviations
