"""Whether the supernet computes by compiled kernels or by torch's operations."""

import pytest

from harness.spaces.nb201 import kernels


@pytest.fixture(params=["kernels", "torch"])
def form(request, monkeypatch):
    """Run a test in both forms."""
    if request.param == "torch":
        monkeypatch.setattr(kernels, "library", lambda: None)
    elif kernels.library() is None:
        pytest.skip("no compiler")
    return request.param


@pytest.fixture
def compiled():
    """Run a test only where there are kernels."""
    if kernels.library() is None:
        pytest.skip("no compiler")
