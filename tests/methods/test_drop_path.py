"""Drop-path and cutout of R-DARTS: what is drawn, how often, and what becomes of the images."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from harness.data.augment import cut_out
from harness.methods.drop_path import DropPath, SkipDropout
from harness.methods.step import Step
from harness.spaces.registry import published

EPOCHS = 50


def part(probability: float = 0.6) -> DropPath:
    return DropPath(name="drop-path", probability=probability, cutout=4)


def moment(epoch: int, epochs: int = EPOCHS, seed: int = 0) -> Step:
    return Step(epoch, epochs, 0.0, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("epoch", [1, 20, 49])
def test_edges_are_dropped_more_and_more_and_the_mean_stays(epoch: int) -> None:
    factors = part().factors((15, 6, 400), moment(epoch))
    dropped = 0.6 * epoch / 49
    assert factors.shape == (15, 6, 400)
    kept = factors[factors > 0]
    assert torch.allclose(kept, torch.full_like(kept, 1 / (1 - dropped)))
    count = int((factors == 0).sum())
    assert stats.binomtest(count, factors.numel(), dropped).pvalue > 1e-3
    assert factors.mean().item() == pytest.approx(1, abs=4 * (dropped / (1 - dropped) / factors.numel()) ** 0.5)


def test_images_edges_and_cells_are_dropped_independently() -> None:
    kept = (part().factors((15, 6, 400), moment(40)) > 0).float()
    edges = torch.corrcoef(kept.flatten(0, 1)) - torch.eye(90)
    images = torch.corrcoef(kept[..., :90].flatten(0, 1).T) - torch.eye(90)
    assert edges.abs().max() < 0.25 and images.abs().max() < 0.55  # 400 and 90 draws: five deviations


def test_nothing_is_dropped_in_the_first_epoch_nor_cut_out() -> None:
    assert (part().factors((3, 6, 10), moment(0)) == 1).all()
    assert [part().cutout_probability(moment(epoch)) for epoch in (0, 49)] == [0, 1]
    assert part().cutout_probability(moment(7)) == pytest.approx(1 / 7)
    assert (part().factors((3, 6, 10), moment(0, epochs=1)) == 1).all()  # one epoch is the first


def test_draws_come_from_the_moments_stream() -> None:
    torch.manual_seed(0)
    first = part().factors((3, 6, 10), moment(30, seed=4))
    torch.manual_seed(1)
    assert torch.equal(first, part().factors((3, 6, 10), moment(30, seed=4)))
    assert not torch.equal(first, part().factors((3, 6, 10), moment(30, seed=5)))


# cutout -----------------------------------------------------------------------------------------------------


def holes(length: int, side: int, probability: float = 1.0, count: int = 4000) -> torch.Tensor:
    """Where images of ones were cut, [count, side, side]."""
    cut = cut_out(torch.ones(count, 3, side, side), length, probability, torch.Generator().manual_seed(0))
    assert ((cut == 0) | (cut == 1)).all()
    assert (cut[:, :1] == cut).all()  # the same in all channels
    return cut[:, 0] == 0


@pytest.mark.parametrize(("length", "side"), [(4, 10), (3, 10), (16, 32), (5, 8)])
def test_one_square_of_each_image_is_cut_and_its_part_outside_lost(length: int, side: int) -> None:
    seen = holes(length, side)
    corners = set()
    for hole in seen[:300]:
        rows, columns = hole.any(1).nonzero()[:, 0], hole.any(0).nonzero()[:, 0]
        (top, bottom), (left, right) = ((int(span[0]), int(span[-1])) for span in (rows, columns))
        assert hole[top : bottom + 1, left : right + 1].all() and int(hole.sum()) == len(rows) * len(columns)
        for low, high in ((top, bottom), (left, right)):
            size = high - low + 1
            assert size == length or (size < length and (low == 0 or high == side - 1))
            assert size >= min(side, length // 2)  # the centre is inside
        corners.add((top, left))
    assert len(corners) > 10


def test_the_centre_is_uniform_over_the_image() -> None:
    seen = holes(1, 6, count=9000)  # a square of one pixel is its centre
    assert (seen.flatten(1).sum(1) == 1).all()
    assert stats.chisquare(seen.flatten(1).sum(0).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_as_many_images_are_cut_as_asked(probability: float) -> None:
    count = int(holes(4, 10, probability).flatten(1).any(1).sum())
    assert stats.binomtest(count, 4000, probability).pvalue > 1e-3
    if probability in (0.0, 1.0):
        assert count == 4000 * probability


def test_the_images_that_were_given_stay() -> None:
    images = torch.ones(5, 3, 6, 6)
    cut_out(images, 4, 1.0, torch.Generator())
    assert (images == 1).all()


# dropout on skip connections ------------------------------------------------------------------------------


def test_the_rate_falls_and_starts_anew_where_alpha_begins_to_learn() -> None:
    """P-DARTS' code, of 25 epochs: rate (25 - e - 1) / 25 in the first ten, then rate exp(-0.2 (e - 10))."""
    skips = SkipDropout(name="skip-dropout", rate=0.4, linear_epochs=10, decay=0.2)
    rates = [skips.skip_dropout(moment(epoch, epochs=25)) for epoch in (0, 9, 10, 15, 24)]
    assert rates == pytest.approx([0.384, 0.24, 0.4, 0.1471518, 0.02432403])
    assert skips.factors((3, 6, 10), moment(3)) is None and skips.cutout_probability(moment(3)) == 0
    assert part().skip_dropout(moment(30)) == 0


def test_a_space_without_it_is_refused() -> None:
    skips = SkipDropout(name="skip-dropout", rate=0.4, linear_epochs=10, decay=0.2)
    skips.check({"space": published("s2")})
    with pytest.raises(ValueError, match="space 'nb201' has no dropout on skip connections"):
        skips.check({"space": published("nb201")})
