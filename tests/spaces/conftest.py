"""Whether supernets compute by compiled kernels or by torch's operations; ``space_kernels``: the module of a space."""

import pytest

from harness.spaces import native


@pytest.fixture(params=["kernels", "torch"])
def form(request, monkeypatch, space_kernels):
    """Run a test in both forms."""
    if request.param == "torch":
        monkeypatch.setattr(space_kernels, "library", lambda: None)
    else:
        _need(space_kernels)
    return request.param


@pytest.fixture
def compiled(space_kernels):
    """Run a test only where there are kernels."""
    _need(space_kernels)


def _need(space_kernels):
    if native.compiler() is None:
        pytest.skip("no compiler")
    assert space_kernels.library() is not None, "the kernels do not compile"
