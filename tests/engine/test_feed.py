"""Which images the two sides of a search see."""

import pytest
import torch

from harness.data.images import Dataset, ImageSet
from harness.engine.feed import Feed, select_images
from harness.engine.search import run_search
from harness.errors import HarnessError
from tests.engine.catalogued import tiny

CPU = torch.device("cpu")


def numbered(count, start):
    """Images whose every pixel is their own number."""
    pixels = torch.arange(start, start + count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    return ImageSet(pixels.contiguous(), torch.arange(count) % 2)


DATA = Dataset("numbered", 2, numbered(64, 0), numbered(21, 100), (110.0,) * 3, (60.0,) * 3, 0, "numbered")


def feed(**data):
    spec = tiny("gaea-bilevel", batch_size=16, data=data)
    streams = {"weight-batches": torch.Generator().manual_seed(1), "architecture-batches": torch.Generator()}
    return Feed(spec, DATA, CPU, streams)


@pytest.mark.parametrize(("asked", "got"), [(6, 6), (10, 10), (5000, 10)])
def test_the_architecture_may_learn_from_the_first_half_of_the_test_set(asked, got):
    there = feed(split="test", weight_images="all", architecture_images=asked)
    seen = there.images.images[:, 0, 0, 0]
    assert seen[there.weight_set].tolist() == list(range(64))
    assert seen[there.architecture_set].tolist() == list(range(100, 100 + got))
    assert there.images.labels[there.architecture_set].tolist() == [i % 2 for i in range(got)]
    for weights, architecture in there.batches():
        assert (seen[weights] < 64).all() and (seen[architecture] >= 100).all()


def test_halves_and_one_set_leave_the_test_set_alone():
    for split in ("halves", "shared"):
        images, _, _ = select_images(DATA, tiny("gaea-bilevel", data={"split": split}).data)
        assert (images.images < 64).all()


def test_the_test_set_needs_a_number_of_images():
    with pytest.raises(HarnessError, match="split 'test' needs a number of images"):
        tiny("gaea-bilevel", data={"split": "test", "architecture_images": "all"})


def test_a_search_runs_on_both_sets(tmp_path):
    spec = tiny("gaea-bilevel", epochs=1, batch_size=16, data={"split": "test", "architecture_images": 10})
    assert run_search(spec, DATA, 0, "cpu").trajectory.architecture_loss[1] is not None


def drawn(draw, epochs=200):
    there = feed(split="shared", weight_images=60, architecture_draw=draw)
    return [[batch.tolist() for _, batch in there.batches()] for _ in range(epochs)]


def test_the_first_batch_of_a_fresh_pass_has_no_image_twice_and_forgets_the_one_before():
    """GAEA-ERM: over an epoch of four batches a shuffled pass shows every image once; fresh first batches do not."""
    for epoch in drawn("pass"):
        assert sorted(image for batch in epoch for image in batch) == list(range(60))
    fresh = drawn("first-of-pass")
    assert all(len(set(batch)) == len(batch) == 16 for epoch in fresh for batch in epoch)
    assert all(len(epoch) == 4 and len({image for batch in epoch for image in batch}) < 60 for epoch in fresh)
    counts = torch.bincount(torch.tensor(fresh).flatten(), minlength=60).double()
    # 800 batches of 16 out of 60: each image 213 times, standard deviation sqrt(800 * 16/60 * 44/60) = 12.5
    assert (counts - 800 * 16 / 60).abs().max() < 4.5 * 12.5
    assert any(len(set(batch)) < 16 for epoch in drawn("with-replacement", 20) for batch in epoch)
