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
    for weights, architecture in there.batches(0):
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
    return [[batch.tolist() for _, batch in there.batches(0)] for _ in range(epochs)]


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


GROWING = {
    "name": "progressive-with-growing-batch", "batch_growth": 8, "start": 1, "interval": 1, "edges": "certainty",
    "operation": "magnitude", "none_allowed": False, "tuning_lr": None, "history": 0, "images": None,
}  # fmt: skip


def test_batches_grow_with_every_decision():
    """SGAS' code: 64, and 8 more a decision; here 16, and 8 more before epochs 1 to 6."""
    spec = tiny("sgas-1", batch_size=16, epochs=8, select=GROWING)
    streams = {"weight-batches": torch.Generator().manual_seed(1), "architecture-batches": torch.Generator()}
    there = Feed(spec, DATA, CPU, streams)
    weights = len(there.weight_set)
    for epoch in range(8):
        size = 16 + 8 * min(epoch, 6)
        sizes = [(len(first), len(second)) for first, second in there.batches(epoch)]
        assert len(sizes) == there.steps(epoch) == -(-weights // size)
        assert sum(first for first, _ in sizes) == weights
        assert sizes[0] == (min(size, weights), min(size, len(there.architecture_set)))


def test_a_search_whose_batches_grow_goes_on_where_it_was_stopped(tmp_path):
    spec = tiny("sgas-1", batch_size=16, epochs=8, select=GROWING)
    whole = run_search(spec, DATA, 3, "cpu")

    def kill(epoch, epochs):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_search(spec, DATA, 3, "cpu", tmp_path / "killed.pt", kill)
    resumed = run_search(spec, DATA, 3, "cpu", tmp_path / "killed.pt")
    assert resumed.resumed_from_epoch == 3 and resumed.trajectory == whole.trajectory
    constant = run_search(tiny("sgas-1", batch_size=16, epochs=8, select={"start": 1, "interval": 1}), DATA, 3, "cpu")
    assert constant.trajectory.weight_loss[:2] == whole.trajectory.weight_loss[:2]
    assert constant.trajectory.weight_loss[3] != whole.trajectory.weight_loss[3]


def test_more_images_of_the_weights_than_there_are_is_one_clear_error():
    part = {"name": "gradient-confusion", "batches": 2, "images": 33}
    spec = tiny("darts-v1", batch_size=16, diagnostics=[part], data={"weight_images": 32, "architecture_images": 32})
    with pytest.raises(HarnessError, match="33 images are to be measured on, but the weights have 32"):
        run_search(spec, DATA, 0, "cpu")
