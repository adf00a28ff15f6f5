"""Whether supernets compute by compiled kernels or by torch's operations; ``space_kernels``: the module of a space."""

import pytest


@pytest.fixture(params=["kernels", "torch"])
def form(request, monkeypatch, space_kernels):
    """Run a test in both forms."""
    if request.param == "torch":
        monkeypatch.setattr(space_kernels, "library", lambda: None)
    elif space_kernels.library() is None:
        pytest.skip("no compiler")
    return request.param


@pytest.fixture
def compiled(space_kernels):
    """Run a test only where there are kernels."""
    if space_kernels.library() is None:
        pytest.skip("no compiler")
